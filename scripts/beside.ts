import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ManagedProcess, readLog } from '../stack/process.js';
import { commandEnv, root, type Finished } from './run.js';

/**
 * Linux divides processors between sessions first (autogroup, sched(7)), and looks at `nice` only within one. The servers of the tests
 * stand in sessions of their own, so that the session of this command has to be nice, too. Elsewhere there is no such file.
 */
const YIELDING = '(echo 19 > /proc/self/autogroup) 2>/dev/null; exec nice -n 19 "$@"';

/**
 * Runs a command of the repository with what everybody else leaves of the processors. It cannot outlive this process. What it prints is
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
