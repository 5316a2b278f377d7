import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { identify, isAlive, killIfSame, stateLetter } from '../../stack/identity.js';
import { ManagedProcess } from '../../stack/process.js';
import { createRun, liveRuns, sweepRuns } from '../../stack/runs.js';
import { waitFor } from '../../stack/wait.js';
import { makeSandbox } from './sandbox.js';

async function start(script: string): Promise<{ process: ManagedProcess; logFile: string }> {
  const { directory } = await makeSandbox();
  const logFile = join(directory, 'log');
  const child = await ManagedProcess.start({
    name: 'Test',
    command: '/bin/sh',
    args: ['-c', script],
    env: { PATH: '/usr/bin:/bin' },
    cwd: directory,
    logFile,
  });
  onTestFinished(() => child.kill());
  return { process: child, logFile };
}

async function makeRuns(): Promise<string> {
  const runs = join((await makeSandbox()).directory, 'runs');
  await mkdir(runs);
  return runs;
}

/** Another process with children of its own, see owner.ts. */
async function startOwner(
  runs: string,
): Promise<{ owner: ChildProcess; directory: string; pids: number[] }> {
  const file = join(import.meta.dirname, 'owner.ts');
  const owner = spawn(process.execPath, ['--import', 'tsx', file, runs], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void owner.kill('SIGKILL'));
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  return { owner, ...(JSON.parse(line.toString()) as { directory: string; pids: number[] }) };
}

const isGone = (pid: number): boolean => identify(pid) === undefined;

describe('ManagedProcess', () => {
  it('knows the process id, keeps what is said and reports the exit code', async () => {
    const { process, logFile } = await start('echo $$; echo oops >&2; exit 3');
    expect(await process.ended).toEqual({ kind: 'ended', exitCode: 3, how: 'exit code 3' });
    expect(process.state.kind).toBe('ended');
    expect(await readFile(logFile, 'utf8')).toBe(`${process.pid}\noops\n`);
  });

  it('kills with -9, and is idle about one that has ended', async () => {
    const { process } = await start('trap "" TERM; exec sleep 600');
    await process.kill();
    expect(process.state).toEqual({ kind: 'ended', exitCode: 137, how: 'SIGKILL' });
    await Promise.all([process.kill(), process.stop(), process.pause()]);
    process.resume();
    expect(process.state.kind).toBe('ended');
  });

  it.runIf(process.platform === 'linux')(
    'pauses until the system shows it stopped, and resumes',
    async () => {
      const { process } = await start('exec sleep 600');
      await process.pause();
      expect(process.state.kind).toBe('paused');
      expect(stateLetter(process.pid)).toBe('T');
      process.resume();
      expect(process.state.kind).toBe('running');
      await waitFor('the process to run again', () => stateLetter(process.pid), {
        until: (letter) => letter === 'S',
      });
    },
  );

  it('stops in order, a paused one too, and kills what does not listen', async () => {
    const { process: polite, logFile } = await start(
      'trap "exit 7" TERM; echo ready; while :; do sleep 0.05; done',
    );
    await waitFor('the trap to be set', () => readFile(logFile, 'utf8').catch(() => ''), {
      until: (log) => log.includes('ready'),
    });
    await polite.pause();
    await polite.stop();
    expect(polite.state).toMatchObject({ exitCode: 7 });
    const { process: deaf, logFile: deafLog } = await start(
      'trap "" TERM; echo ready; while :; do sleep 0.05; done',
    );
    await waitFor('its trap to be set', () => readFile(deafLog, 'utf8').catch(() => ''), {
      until: (log) => log.includes('ready'),
    });
    await deaf.stop({ graceMs: 100 });
    expect(deaf.state).toMatchObject({ how: 'SIGKILL' });
  });

  it('fails in one sentence where its log cannot be written', async () => {
    const options = { name: 'Broker A', command: '/bin/true', args: [], env: {}, cwd: '/' };
    const starting = ManagedProcess.start({ ...options, cwd: '/nowhere', logFile: '/tmp/x' });
    await expect(starting).rejects.toThrow(/^Broker A could not be started \(/);
  });
});

describe('children', () => {
  it('die with their owner when it is killed with -9, a stopped one too; the next start removes what it left', async () => {
    const runs = await makeRuns();
    const { owner, directory, pids } = await startOwner(runs);
    expect(pids.map(isGone)).toEqual([false, false]);
    expect((await liveRuns(runs)).map((run) => run.directory)).toEqual([directory]);
    expect(await sweepRuns(runs)).toEqual([]);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await waitFor('both children to be gone', () => pids.map(isGone), {
      until: (gone) => gone.every(Boolean),
      timeoutMs: 5000,
    });
    expect(existsSync(directory)).toBe(true);
    expect(await sweepRuns(runs)).toHaveLength(1);
    expect(existsSync(directory)).toBe(false);
  });
});

describe('sweepRuns', () => {
  it('kills a noted child that still lives, and nobody who has only inherited its id', async () => {
    const runs = await makeRuns();
    const run = await createRun(runs, 'test');
    const { process: orphan } = await start('exec sleep 600');
    const { process: stranger } = await start('exec sleep 600');
    const note = (name: string, value: unknown): Promise<void> =>
      writeFile(join(run.directory, name), JSON.stringify(value));
    await note('children/orphan.json', identify(orphan.pid));
    await note('children/stranger.json', { ...identify(stranger.pid), startedAs: 'before it' });
    await writeFile(join(run.directory, 'children', 'cut.json'), '{"pid":');
    await note('owner.json', {
      name: 'test',
      owner: { ...identify(process.pid), startedAs: 'before us' },
    });
    expect(await sweepRuns(runs)).toEqual([run.id]);
    expect((await orphan.ended).how).toBe('SIGKILL');
    expect(stranger.state.kind).toBe('running');
    expect(await readdir(runs)).toEqual([]);
  });

  it('leaves a run alone that another start is just making, and removes an old one without an owner', async () => {
    const runs = await makeRuns();
    for (const name of ['.new-young', '.new-old', 'half-removed-old'])
      await mkdir(join(runs, name));
    const longAgo = new Date(Date.now() - 3_600_000);
    for (const name of ['.new-old', 'half-removed-old'])
      await utimes(join(runs, name), longAgo, longAgo);
    await sweepRuns(runs);
    expect(await readdir(runs)).toEqual(['.new-young']);
  });
});

describe('identity', () => {
  it('tells this process from one that had its id before', () => {
    const self = identify(process.pid);
    expect(self).toBeDefined();
    if (self === undefined) return;
    expect(isAlive(self)).toBe(true);
    expect(isAlive({ ...self, startedAs: 'another time' })).toBe(false);
    expect(killIfSame({ ...self, startedAs: 'another time' })).toBe(false);
  });

  it.runIf(process.platform === 'linux')('takes a process of another container for living', () => {
    const self = identify(process.pid);
    const boot = self?.host.split(' ')[0] ?? '';
    const foreign = { pid: 1, host: `${boot} pid:[1]`, startedAs: '1' };
    expect(isAlive(foreign)).toBe(true);
    expect(killIfSame(foreign)).toBe(false);
    expect(isAlive({ ...foreign, host: 'another-boot pid:[1]' })).toBe(false);
  });
});
