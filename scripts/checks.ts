import { run, type Finished } from './run.js';

/** How one checker ended. */
export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
}

interface Checker {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

/** Two at a time: a small machine has two cores, and most checkers use one. */
const CONCURRENT_CHECKS = 2;

/** The others judge what it makes: declarations and the package. Its `tsc` also checks `src` by itself. */
const build: Checker = { name: 'build', command: ['tsx', 'scripts/build.ts'] };

/** Longest first, so that none of them is left over at the end. */
const checkers: readonly Checker[] = [
  { name: 'format', command: ['prettier', '--check', '--log-level', 'warn', '.'] },
  { name: 'api', command: ['tsx', 'scripts/api.ts'] },
  { name: 'package', command: ['tsx', 'scripts/package.ts'] },
  { name: 'types', command: ['tsc', '-p', 'tsconfig.json', '--pretty', 'false'] },
  { name: 'lint', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'unused', command: ['knip', '--no-progress'] },
];

/** Runs every checker, prints one line for each and the output of those that failed. */
export async function check(): Promise<readonly CheckResult[]> {
  console.log('== check');
  const results = [await runChecker(build)];
  const waiting = [...checkers];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      results.push(await runChecker(next));
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_CHECKS }, work));
  return results;
}

async function runChecker({ name, command: [program, ...args] }: Checker): Promise<CheckResult> {
  const finished = await run(program, args);
  const ok = finished.exitCode === 0;
  print(name, ok, finished);
  return { name, ok };
}

function print(name: string, ok: boolean, { output, seconds }: Finished): void {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(10)} ${seconds.toFixed(1)} s`);
  if (!ok) console.log(output.trimEnd().replaceAll(/^/gm, '     '));
}
