import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ManagedProcess, readLog } from '../stack/process.js';
import { commandEnv, root, type Finished } from './run.js';

/**
 * Linux divides processors between sessions first (autogroup, sched(7)), and looks at `nice` only within one. The servers of the tests
 * stand in sessions of their own, so that the session of this command has to be nice, too. Elsewhere there is no such file.
 *
 * 10 is a tenth of what others get. With 19, a hundredth, a machine that is busy with something else lets a test run into its limit.
 */
const YIELDING = '(echo 10 > /proc/self/autogroup) 2>/dev/null; exec nice -n 10 "$@"';

/**
 * Runs a command of the repository behind everybody else who wants a processor. It cannot outlive this process. What it prints is
 * in `temp/<name>.log` meanwhile.
 */
export async function runBeside(
  name: string,
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const startedAtMs = performance.now();
  const logFile = join(root, 'temp', `${name}.log`);
  await rm(logFile, { force: true });
  const yielding = await ManagedProcess.start({
    name,
    command: '/bin/sh',
    args: ['-c', YIELDING, 'sh', command, ...args],
    env: commandEnv(env),
    cwd: root,
    logFile,
  });
  const { exitCode } = await yielding.ended;
  const seconds = (performance.now() - startedAtMs) / 1000;
  return { exitCode, output: await readLog(logFile), seconds };
}
