import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { hasCode } from './errors.js';
import { identify, isAlive } from './identity.js';
import type { ProcessIdentity } from './identity.js';

/** @internal Options of {@link withLock}. */
export interface LockOptions {
  signal?: AbortSignal | undefined;
  /** Called once, when somebody else holds the lock. */
  onWait?: (holder: ProcessIdentity) => void;
}

/**
 * Runs `work` while no other process does, told by a file that names its holder. The lock of a dead holder is taken
 * over.
 *
 * It saves double work; correctness never rests on it: two processes that find the same dead holder in the same
 * instant may both get in, so `work` puts its result in place by an atomic rename.
 *
 * @internal
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  { signal, onWait }: LockOptions = {},
): Promise<T> {
  const own = JSON.stringify(identify(process.pid));
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  let waited = false;
  await writeFile(draft, own);
  try {
    for (;;) {
      signal?.throwIfAborted();
      if (await tryLink(draft, file)) break;
      const holder = await readHolder(file);
      if (holder === undefined || !isAlive(holder)) {
        await rename(file, `${draft}.dead`).catch(() => {});
        await rm(`${draft}.dead`, { force: true });
        continue;
      }
      if (!waited) onWait?.(holder);
      waited = true;
      await sleep(100);
    }
    try {
      return await work();
    } finally {
      await rm(file, { force: true });
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** `link` makes the lock with its content in one step, or fails: nobody sees a lock without a name in it. */
async function tryLink(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

async function readHolder(file: string): Promise<ProcessIdentity | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ProcessIdentity;
  } catch {
    return undefined;
  }
}
