/**
 * Everything that proves the library, and one last line: `N passed, N failed, N skipped`.
 *
 * A part is the static check, one vitest project, or seeds of the simulation; a checker and a seed count as one test. Nothing is
 * retried. What was skipped is named with its reason. A part without tests is a failure, not a success.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CORPUS_SEED_COUNT } from '../test/simulation/corpus.js';
import { check } from './checks.js';
import { readCommandLine } from './command-line.js';
import type { Counts } from './count-reporter.js';
import { root, run } from './run.js';

/** vitest projects in the order of their price, with the folder that holds their tests. */
const projects = [
  { name: 'unit', folder: 'test' },
  { name: 'simulation', folder: 'test/simulation' },
  { name: 'package', folder: 'test/package' },
  { name: 'integration', folder: 'test/integration' },
] as const;

/** Behind the fixed corpus, which the project `simulation` goes through. About a minute and a half on two cores. */
const FIRST_SEED = CORPUS_SEED_COUNT + 1;
const SEED_COUNT = 100;

const usage = `npm test: everything that proves the library, some 20 minutes on two cores, the first time some more. It takes no options; its parts are
  npm run check              everything static
  npm run test:unit          seconds, without Java; npm run test:unit -- test/options.test.ts is one file
  npm run test:sim           seeds of the simulation
  npm run test:package       the packed package in plain Node and in Jest
  npm run test:integration   on real clusters (npm run doctor says what they need)`;

async function main(): Promise<void> {
  readCommandLine({ name: 'npm test', usage, options: {} });
  await mkdir(join(root, 'temp'), { recursive: true });
  const parts: { name: string; counts: Counts }[] = [];
  parts.push({ name: 'check', counts: await runCheck() });
  for (const project of projects) {
    if (!existsSync(join(root, project.folder))) continue;
    if (project.name === 'integration') await fetchServers();
    parts.push({ name: project.name, counts: await runProject(project.name) });
    if (project.name === 'simulation') parts.push({ name: 'seeds', counts: await runSeeds() });
  }
  report(parts);
}

/**
 * Before the tests that need them, not within: the first time Consul is built, which takes longer than a test may. What could not
 * be had fails there, with the reason.
 */
async function fetchServers(): Promise<void> {
  console.log('\n== servers');
  await run('npm', ['run', '--silent', 'stack', '--', 'fetch', '--all'], { show: true });
}

async function runCheck(): Promise<Counts> {
  const results = await check();
  const passed = results.filter((result) => result.ok).length;
  return { passed, failed: results.length - passed, skipped: [] };
}

async function runProject(name: string): Promise<Counts> {
  const file = join(root, 'temp', `counts-${name}.json`);
  await rm(file, { force: true });
  console.log(`\n== ${name}`);
  const { exitCode } = await run(
    'vitest',
    ['run', '--project', name, '--reporter=default', '--reporter=./scripts/count-reporter.ts'],
    { show: true, env: { COUNTS_FILE: file } },
  );
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: [] };
  const counts = JSON.parse(await readFile(file, 'utf8')) as Counts;
  const none = counts.passed + counts.failed + counts.skipped.length === 0;
  const unexplained = none || (exitCode !== 0 && counts.failed === 0);
  return unexplained ? { ...counts, failed: counts.failed + 1 } : counts;
}

/** The simulation itself: each seed is a test, every tenth is run twice. `npm run test:sim -- --seeds 2000` goes further. */
async function runSeeds(): Promise<Counts> {
  console.log(`\n== seeds ${FIRST_SEED} to ${FIRST_SEED + SEED_COUNT - 1}`);
  const range = ['--from', String(FIRST_SEED), '--seeds', String(SEED_COUNT)];
  const command = ['run', '--silent', 'test:sim', '--', ...range];
  const { exitCode, output } = await run('npm', command, { show: true });
  const closing = /^(\d+) passed, (\d+) failed$/m.exec(output);
  const passed = Number(closing?.[1] ?? 0);
  const failed = Number(closing?.[2] ?? 0);
  const unexplained = passed + failed === 0 || (exitCode !== 0 && failed === 0);
  return { passed, failed: unexplained ? failed + 1 : failed, skipped: [] };
}

function report(parts: readonly { name: string; counts: Counts }[]): void {
  const total = { passed: 0, failed: 0, skipped: 0 };
  console.log('\n== all');
  for (const { name, counts } of parts) {
    console.log(`${name.padEnd(12)} ${line(counts.passed, counts.failed, counts.skipped.length)}`);
    for (const skip of counts.skipped) console.log(`  skipped: ${skip.name}: ${skip.reason}`);
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped.length;
  }
  console.log(line(total.passed, total.failed, total.skipped));
  if (total.failed > 0) process.exitCode = 1;
}

function line(passed: number, failed: number, skipped: number): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

main().catch((error: unknown) => {
  console.error(error);
  console.log(line(0, 1, 0));
  process.exitCode = 1;
});
