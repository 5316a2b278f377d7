import { constants } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import type { AppendFile, ReadTextOptions } from './world.js';

/**
 * The text of a file, or undefined where it does not exist.
 *
 * @internal
 */
export async function readTextFile(
  path: string,
  { maxBytes }: ReadTextOptions = {},
): Promise<string | undefined> {
  return unlessMissing(
    maxBytes === undefined ? readFile(path, 'utf8') : readAtMost(path, maxBytes),
  );
}

/** @internal The bytes of a file, or undefined where it does not exist. */
export function readBytesOf(path: string): Promise<Buffer | undefined> {
  return unlessMissing(readFile(path));
}

async function unlessMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

async function readAtMost(path: string, maxBytes: number): Promise<string> {
  // Opened without waiting: a pipe that nobody writes to would keep one of Node's four file threads for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error(`${path} is no regular file`);
    const bytes = await fill(file, maxBytes + 1);
    if (bytes.length > maxBytes) throw new Error(`${path} holds more than ${maxBytes} bytes`);
    return bytes.toString('utf8');
  } finally {
    await file.close();
  }
}

/** The first bytes of a file: as many as asked for, or as there are. */
async function fill(file: FileHandle, count: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(count);
  let length = 0;
  while (length < count) {
    const { bytesRead } = await file.read(buffer, length, count - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return buffer.subarray(0, length);
}

/**
 * Replaces a file at once and whole: the new text is on the disk before the name points to it.
 *
 * @internal
 */
export async function replaceTextFile(path: string, text: string): Promise<void> {
  const beside = `${path}.${process.pid}.new`;
  try {
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw error;
  }
}

/** @internal Opens a file to write at its end; makes it where it does not exist. */
export async function appendToFile(path: string): Promise<AppendFile> {
  const file = await open(path, 'a', 0o600);
  return {
    // Goes on where the system has written a part only.
    write: (bytes) => file.appendFile(bytes),
    sync: () => file.datasync(),
    close: () => file.close(),
  };
}

/** @internal The names of the regular files of a folder. */
export async function filesIn(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** @internal Removes a file, if it is there. */
export function removeFile(path: string): Promise<void> {
  return rm(path, { force: true });
}
