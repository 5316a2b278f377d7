/**
 * A process that owns a run directory and two children, one of them stopped, says which, and waits to be killed.
 * Arguments: the directory of runs.
 */
import { join } from 'node:path';
import { ManagedProcess } from '../../stack/process.js';
import { createRun, noteChild } from '../../stack/runs.js';

async function main(runs: string): Promise<void> {
  const run = await createRun(runs, 'test');
  const start = async (name: string): Promise<ManagedProcess> => {
    const process = await ManagedProcess.start({
      name,
      command: '/bin/sleep',
      args: ['600'],
      env: {},
      cwd: run.directory,
      logFile: join(run.logs, `${name}.log`),
    });
    await noteChild(run, name, process.pid);
    return process;
  };
  const [running, paused] = await Promise.all([start('running'), start('paused')]);
  await paused.pause();
  console.log(JSON.stringify({ directory: run.directory, pids: [running.pid, paused.pid] }));
}

main(process.argv[2] ?? '').catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
