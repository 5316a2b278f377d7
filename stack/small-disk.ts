import { execFile } from 'node:child_process';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { hasCode, messageOf } from './errors.js';

const run = promisify(execFile);

/** What is written at a time to fill a disk. */
const CHUNK_BYTES = 64 * 1024;

/**
 * A directory with little room, which can be filled: a file system in memory, mounted there. It takes root, and a machine that
 * allows it.
 *
 * @internal
 */
export class SmallDisk {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Mounts it over the directory, which is made where it is missing. A text says why that cannot be done here. */
  static async mount(directory: string, sizeBytes: number): Promise<SmallDisk | string> {
    if (process.getuid?.() !== 0) return 'mounting a small disk takes root';
    await mkdir(directory, { recursive: true });
    const size = `size=${sizeBytes}`;
    try {
      await run('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', directory]);
    } catch (error) {
      const lines = messageOf(error).split('\n');
      const said = lines.find((line) => line.startsWith('mount:')) ?? lines[0];
      return `a small disk cannot be mounted here: ${said}`;
    }
    return new SmallDisk(directory);
  }

  /** Takes all the room that is left. */
  async fill(): Promise<void> {
    const file = await open(this.#filler, 'w');
    const chunk = Buffer.alloc(CHUNK_BYTES);
    try {
      for (;;) await file.write(chunk);
    } catch (error) {
      if (!hasCode(error, 'ENOSPC')) throw error;
    } finally {
      await file.close();
    }
  }

  /** Gives it back. */
  async free(): Promise<void> {
    await rm(this.#filler, { force: true });
  }

  /** Its contents are gone. Who still has files open there keeps them until it ends. */
  async unmount(): Promise<void> {
    await run('umount', ['--lazy', this.directory]);
  }

  get #filler(): string {
    return join(this.directory, 'filler');
  }
}
