import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileSignal } from '../../src/signals/file.js';
import type { World } from '../../src/world.js';
import { findOnPath } from '../../stack/preflight.js';
import { makeSandbox } from '../stack/sandbox.js';
import { controlled } from '../support/controlled.js';
import { type FileHarness, fileContract } from './file-contract.js';
import { type Stage, absent, manualStage, realStage, value, watch } from './stage.js';

/** Lets a test act between a reading and its being heard. */
function hooked(world: World) {
  let between: (() => Promise<void>) | undefined;
  const hookedWorld: World = {
    ...world,
    async readText(path, options) {
      try {
        return await world.readText(path, options);
      } finally {
        const run = between;
        between = undefined;
        await run?.();
      }
    },
  };
  return {
    world: hookedWorld,
    afterNextRead(run: () => Promise<void>) {
      between = run;
    },
  };
}

async function memoryFile(): Promise<FileHarness> {
  const stage = manualStage();
  const { files } = stage.world;
  let isSpoilt = false;
  const spoilt: World = {
    ...stage.world,
    readText: (path, options) =>
      isSpoilt
        ? Promise.reject(new Error('EACCES: permission denied'))
        : stage.world.readText(path, options),
  };
  return {
    ...stage,
    ...hooked(spoilt),
    path: '/flag',
    async write(text) {
      isSpoilt = false;
      files.set('/flag', text.toString());
    },
    remove: async () => void files.delete('/flag'),
    async spoil() {
      isSpoilt = true;
    },
  };
}

/** Whatever stands there goes first, so the write is not of one piece. */
async function realFile(): Promise<FileHarness> {
  const stage = realStage();
  const { directory } = await makeSandbox();
  const path = join(directory, 'active');
  let isDirectory = false;
  const remove = (): Promise<void> => rm(path, { recursive: true, force: true });
  return {
    ...stage,
    ...hooked(stage.world),
    path,
    async write(text) {
      if (!isDirectory) {
        await writeFile(path, text);
        return;
      }
      // In one step, or the file would be missing for a moment, which is no failure.
      await writeFile(`${path}.new`, text);
      await rename(path, `${path}.old`);
      await rename(`${path}.new`, path);
      isDirectory = false;
    },
    remove,
    async spoil() {
      await mkdir(`${path}.d`);
      await rm(path);
      await rename(`${path}.d`, path);
      isDirectory = true;
    },
  };
}

fileContract('simulated files', memoryFile);
fileContract('real files', realFile);

interface RealFolder extends Stage {
  readonly folder: string;
  readonly path: string;
}

async function realFolder(): Promise<RealFolder> {
  const { directory } = await makeSandbox();
  return { ...realStage(), folder: directory, path: join(directory, 'active') };
}

/** A signal that looks often. */
const onPath = (path: string) => fileSignal({ path, pollMs: 100 });

describe('a file signal on real files', () => {
  it('follows a mounted ConfigMap, whose ..data link is swapped in one step', async () => {
    const { folder, ...stage } = await realFolder();
    const path = join(folder, 'cluster');
    // As the kubelet's AtomicWriter does it: a directory for each version, ..data points to it, each key to ..data/key.
    const publish = async (version: string, text: string): Promise<void> => {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, 'cluster'), text);
      await symlink(version, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    };
    await publish('..2026_11_26_01', 'A');
    await symlink('..data/cluster', path);
    const heard = watch(stage, onPath(path));
    await heard.hears(value('A'));
    await publish('..2026_11_26_02', 'B');
    await rm(join(folder, '..2026_11_26_01'), { recursive: true });
    await heard.hears(value('B'));
    // The same text in a new version is nothing new.
    await publish('..2026_11_26_03', 'B');
    await heard.answers(3);
    // The key was removed from the map: its link points to nothing.
    await publish('..2026_11_26_04', '');
    await rm(join(folder, '..data', 'cluster'));
    await heard.hears(absent);
    expect(heard.readings).toEqual([value('A'), value('B'), absent]);
  });

  it('follows a file that is renamed into place', async () => {
    const { folder, path, ...stage } = await realFolder();
    await writeFile(path, 'A');
    const heard = watch(stage, onPath(path));
    await heard.hears(value('A'));
    await writeFile(join(folder, 'new'), 'B');
    await rename(join(folder, 'new'), path);
    await heard.hears(value('B'));
    expect(heard.readings).toEqual([value('A'), value('B')]);
  });

  it.each([
    ['a directory', (path: string) => mkdir(path), 'is no regular file'],
    [
      'a pipe that nobody writes to',
      async (path: string) =>
        void execFileSync((await findOnPath('mkfifo', process.env)) ?? '', [path]),
      'is no regular file',
    ],
    ['a link to itself', (path: string) => symlink('active', path), 'ELOOP'],
  ])('fails where %s stands in its place', async (_what, make, words) => {
    const { path, ...stage } = await realFolder();
    await make(path);
    const heard = watch(stage, onPath(path));
    expect(await heard.failure()).toContain(words);
    await rm(path, { recursive: true });
    await heard.hears(absent);
  });

  it('fails where a file stands in the place of its directory', async () => {
    const { path, ...stage } = await realFolder();
    await writeFile(path, 'A');
    expect(await watch(stage, onPath(join(path, 'cluster'))).failure()).toContain('ENOTDIR');
  });

  it('fails without the right to read, and recovers with it', async () => {
    const { folder, path, ...stage } = await realFolder();
    await writeFile(path, 'A');
    await chmod(path, 0o000);
    const restore = withoutPrivileges();
    try {
      const heard = watch(stage, onPath(path));
      expect(await heard.failure()).toContain('EACCES');
      restore();
      await chmod(path, 0o644);
      await heard.hears(value('A'));
    } finally {
      restore();
    }
    await chmod(folder, 0o700);
  });
});

/** Root may read everything: the process is somebody else's until `restore`. */
function withoutPrivileges(): () => void {
  const NOBODY = 65_534;
  if (process.geteuid?.() !== 0) return () => {};
  process.seteuid?.(NOBODY);
  const restore = (): void => process.seteuid?.(0);
  onTestFinished(restore);
  return restore;
}

describe('a file signal', () => {
  it('is named by its path', () => {
    expect(onPath('/etc/kafka/active').name).toBe('file /etc/kafka/active');
  });

  it('looks every pollMs, and reads a changed text again 100 ms later', async () => {
    const stage = manualStage();
    const { world } = stage;
    world.files.set('/flag', 'A');
    const heard = watch(stage, fileSignal({ path: '/flag' }));
    await world.advance(99);
    expect(heard.readings).toEqual([]);
    await world.advance(1);
    expect(heard.readings).toEqual([value('A')]);
    world.files.set('/flag', 'B');
    await world.advance(999);
    expect(heard.askedCount).toBe(2);
    await world.advance(1);
    expect(heard.askedCount).toBe(3);
    await world.advance(100);
    expect(heard.readings).toEqual([value('A'), value('B')]);
  });

  it('leaves no timer after its close', async () => {
    const stage = manualStage();
    const heard = watch(stage, fileSignal({ path: '/flag' }));
    await heard.hears(absent);
    heard.close();
    await stage.world.advance(0);
    expect(stage.world.timerCount).toBe(0);
  });

  it('says so where the file is written to all the time', async () => {
    const stage = manualStage();
    let version = 0;
    const world: World = { ...stage.world, readText: async () => String((version += 1)) };
    expect(await watch({ ...stage, world }, onPath('/flag')).failure()).toBe(
      'it is written to all the time',
    );
  });

  it('never reads a second time while a file system hangs, and says that it does', async () => {
    const stage = manualStage();
    const reads = [controlled<string | undefined>()];
    let readCount = 0;
    const world: World = {
      ...stage.world,
      readText: () => {
        readCount += 1;
        return reads.at(-1)?.promise ?? Promise.reject(new Error('no read'));
      },
    };
    const heard = watch({ ...stage, world }, onPath('/flag'));
    expect(await heard.failure()).toBe('the file system did not answer within 5000 ms');
    await stage.world.advance(600_000);
    expect(readCount).toBe(1);
    expect(heard.readings).toHaveLength(1);
    const [hanging] = reads;
    reads.push(controlled());
    hanging?.reject(new Error('EIO: it is gone'));
    reads.at(-1)?.resolve('B');
    await heard.hears(value('B'));
    expect(heard.readings.at(-2)).toEqual({ kind: 'failed', because: 'EIO: it is gone' });
  });
});
