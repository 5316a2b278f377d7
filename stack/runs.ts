import { randomBytes } from 'node:crypto';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StackError, explainDisk, hasCode } from './errors.js';
import { identify, isAlive, killIfSame } from './identity.js';
import type { ProcessIdentity } from './identity.js';

/** @internal The directory of one running stack, and what is written down in it for whoever cleans up after a crash. */
export interface Run {
  id: string;
  directory: string;
  /** Logs of every process lie here. */
  logs: string;
}

/** @internal A run as found on disk. */
export interface FoundRun extends Run {
  /** What it was started for: the command line calls its own `stack`. */
  name: string;
  owner: ProcessIdentity;
}

/** A run directory that is still being made has this prefix, and gets its name by an atomic rename. */
const unborn = '.new-';
const abandonedAfterMs = 10 * 60_000;

/** @internal Makes a run directory that belongs to this process. */
export async function createRun(runs: string, name: string): Promise<Run> {
  const owner = identify(process.pid);
  if (owner === undefined)
    throw new StackError('This process could not be found in the process table.');
  const id = `${new Date().toISOString().replace(/[:.]/g, '-')}-${randomBytes(3).toString('hex')}`;
  const draft = join(runs, unborn + id);
  const directory = join(runs, id);
  const logs = join(directory, 'logs');
  try {
    for (const folder of ['children', 'logs', 'tmp'])
      await mkdir(join(draft, folder), { recursive: true });
    await writeFile(join(draft, 'owner.json'), JSON.stringify({ name, owner }));
    await rename(draft, directory);
  } catch (error) {
    throw explainDisk(error, runs);
  }
  return { id, directory, logs };
}

/** @internal Notes a child, so that the next start can kill it where its supervisor could not. */
export async function noteChild(run: Run, name: string, pid: number): Promise<void> {
  const child = identify(pid);
  if (child === undefined) return; // It has ended already.
  await writeFile(join(run.directory, 'children', `${name}.json`), JSON.stringify(child));
}

/** @internal The runs whose owner lives, of this and of other processes. */
export async function liveRuns(runs: string): Promise<FoundRun[]> {
  return (await findRuns(runs)).filter((run) => isAlive(run.owner));
}

/**
 * Removes what crashed runs left: living children are killed, directories deleted. Two sweeps at once are harmless.
 *
 * @returns the ids of the runs that were removed.
 * @internal
 */
export async function sweepRuns(runs: string): Promise<string[]> {
  await sweepDrafts(runs);
  const crashed = (await findRuns(runs)).filter((run) => !isAlive(run.owner));
  for (const run of crashed) {
    for (const child of await children(run)) killIfSame(child);
    await removeDirectory(run.directory);
  }
  return crashed.map((run) => run.id);
}

/** @internal Deletes a directory whose last writers may still be dying. */
export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
}

/** @internal Every run directory with an owner, living or not. */
export async function findRuns(runs: string): Promise<FoundRun[]> {
  const ids = (await list(runs)).filter((id) => !id.startsWith(unborn));
  const found: FoundRun[] = [];
  for (const id of ids) {
    const directory = join(runs, id);
    const note = await readJson<{ name: string; owner: ProcessIdentity }>(
      join(directory, 'owner.json'),
    );
    if (note !== undefined) found.push({ id, directory, logs: join(directory, 'logs'), ...note });
  }
  return found;
}

async function children(run: FoundRun): Promise<ProcessIdentity[]> {
  const folder = join(run.directory, 'children');
  const notes = await Promise.all(
    (await list(folder)).map((file) => readJson<ProcessIdentity>(join(folder, file))),
  );
  return notes.filter((note) => note !== undefined);
}

/** A directory without an owner is one that a start was making, or a sweep removing, when it was killed. */
async function sweepDrafts(runs: string): Promise<void> {
  for (const id of await list(runs)) {
    const directory = join(runs, id);
    const isOwned = (await readJson(join(directory, 'owner.json'))) !== undefined;
    if (isOwned && !id.startsWith(unborn)) continue;
    const age = await stat(directory).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    );
    if (age > abandonedAfterMs) await removeDirectory(directory);
  }
}

async function list(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw explainDisk(error, directory);
  }
}

/** Undefined where the file is missing or half written: whoever wrote it was killed then. */
async function readJson<T>(file: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
