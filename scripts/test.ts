/**
 * Everything that proves the library, and one last line: `N passed, N failed, N skipped`.
 *
 * A part is the static check, one vitest project, or seeds of the simulation; a checker and a seed count as one test. Nothing is
 * retried. What was skipped is named with its reason. A part without tests is a failure, not a success.
 *
 * One part runs after the other, but for the simulation, which stands beside the integration tests: they wait for real servers much of
 * the time. Its own time is virtual, so it may be slow, and stands behind them for a processor.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CORPUS_SEED_COUNT } from '../test/simulation/corpus.js';
import { runBeside } from './beside.js';
import { check } from './checks.js';
import { readCommandLine } from './command-line.js';
import type { Counts } from './count-reporter.js';
import { root, run } from './run.js';

/** Behind the fixed corpus, which the project `simulation` goes through. */
const FIRST_SEED = CORPUS_SEED_COUNT + 1;
const SEED_COUNT = 220;

const usage = `npm test: everything that proves the library, some 20 minutes on two cores, the first time some more. It takes no options; its parts are
  npm run check              everything static
  npm run test:unit          seconds, without Java; npm run test:unit -- test/options.test.ts is one file
  npm run test:sim           seeds of the simulation
  npm run test:package       the packed package in plain Node and in Jest
  npm run test:integration   on real clusters (npm run doctor says what they need)`;

/** A line of the report. */
interface Part {
  readonly name: string;
  readonly counts: Counts;
}

async function main(): Promise<void> {
  readCommandLine({ name: 'npm test', usage, options: {} });
  await mkdir(join(root, 'temp'), { recursive: true });
  const parts = [await runCheck(), await runProject('unit')];
  const [packaged] = await Promise.all([runProject('package'), fetchServers()]);
  const [integration, simulation] = await Promise.all([runProject('integration'), runSimulation()]);
  process.stdout.write(simulation.output);
  report([...parts, packaged, integration, ...simulation.parts]);
}

/**
 * The servers of the integration tests: before these, not within, for the first time Consul is built, which takes longer than a test
 * may. What could not be had fails there, with the reason.
 */
async function fetchServers(): Promise<void> {
  await run('npm', ['run', '--silent', 'stack', '--', 'fetch', '--all'], { show: true });
}

async function runCheck(): Promise<Part> {
  const results = await check();
  const passed = results.filter((result) => result.ok).length;
  return { name: 'check', counts: { passed, failed: results.length - passed, skipped: [] } };
}

async function runProject(name: 'unit' | 'package' | 'integration'): Promise<Part> {
  console.log(`\n== ${name}`);
  const countsFile = await noCounts(name);
  const { exitCode } = await run('vitest', vitestArgs(name), {
    show: true,
    env: { COUNTS_FILE: countsFile },
  });
  return { name, counts: await readCounts(countsFile, exitCode) };
}

/** What it prints is for when the tests beside it have ended. One worker: the tests beside it have a processor at any time. */
async function runSimulation(): Promise<{ parts: readonly Part[]; output: string }> {
  const name = 'simulation';
  const countsFile = await noCounts(name);
  const args = [...vitestArgs(name), '--maxWorkers', '1'];
  const corpus = await runBeside(name, 'vitest', args, { COUNTS_FILE: countsFile });
  const seeds = await runSeeds();
  const last = FIRST_SEED + SEED_COUNT - 1;
  return {
    parts: [{ name, counts: await readCounts(countsFile, corpus.exitCode) }, seeds.part],
    output: `\n== simulation\n${corpus.output}\n== seeds ${FIRST_SEED} to ${last}\n${seeds.output}`,
  };
}

function vitestArgs(project: string): readonly string[] {
  const reporters = ['--reporter=default', '--reporter=./scripts/count-reporter.ts'];
  return ['run', '--project', project, ...reporters];
}

/** Where a project's counts will be; those of an earlier run are gone. */
async function noCounts(project: string): Promise<string> {
  const file = join(root, 'temp', `counts-${project}.json`);
  await rm(file, { force: true });
  return file;
}

async function readCounts(file: string, exitCode: number): Promise<Counts> {
  if (!existsSync(file)) return { passed: 0, failed: 1, skipped: [] };
  const counts = JSON.parse(await readFile(file, 'utf8')) as Counts;
  const none = counts.passed + counts.failed + counts.skipped.length === 0;
  const unexplained = none || (exitCode !== 0 && counts.failed === 0);
  return unexplained ? { ...counts, failed: counts.failed + 1 } : counts;
}

/** The simulation itself: each seed is a test, every fiftieth is run twice. `npm run test:sim -- --seeds 2000` goes further. */
async function runSeeds(): Promise<{ part: Part; output: string }> {
  const range = ['--from', String(FIRST_SEED), '--seeds', String(SEED_COUNT), '--workers', '1'];
  const command = ['run', '--silent', 'test:sim', '--', ...range];
  const { exitCode, output } = await runBeside('seeds', 'npm', command);
  const closing = /^(\d+) passed, (\d+) failed$/m.exec(output);
  const passed = Number(closing?.[1] ?? 0);
  const failed = Number(closing?.[2] ?? 0);
  const unexplained = passed + failed === 0 || (exitCode !== 0 && failed === 0);
  const counts = { passed, failed: unexplained ? failed + 1 : failed, skipped: [] };
  return { part: { name: 'seeds', counts }, output };
}

function report(parts: readonly Part[]): void {
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
