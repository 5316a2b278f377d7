import { Buffer } from 'node:buffer';
import type { AppendFile, World } from '../world.js';
import { Segment } from './segment.js';
import { endOfFile, framed, startOfFile, type SpoolHead } from './spool-format.js';

/** When the disk is told to have what was written. */
export type SpoolFsync = 'always' | 'interval' | 'never';

const NO_SEGMENT = new Segment(Number.NaN, Buffer.alloc(0));

/**
 * The file of one segment. One call at a time; what cannot be done rejects, and nothing is written to it any more.
 *
 * @internal
 */
export class SpoolFile {
  readonly path: string;
  /** Bytes on the disk. */
  bytes = 0;
  /** True where it does not have what the segment has, and never will. */
  isBroken = false;
  #segment: Segment;
  readonly #world: World;
  readonly #head: SpoolHead;
  #handle: AppendFile | undefined;
  /** Bytes of the segment that are written. */
  #written = 0;
  #isEnded = false;
  #isSynced = true;

  constructor(world: World, path: string, segment: Segment, head: SpoolHead) {
    this.#world = world;
    this.path = path;
    this.#segment = segment;
    this.#head = head;
  }

  /** One that an earlier life has written, and that is in memory now. */
  static restored(
    world: World,
    path: string,
    segment: Segment,
    { head, bytes }: { readonly head: SpoolHead; readonly bytes: number },
  ): SpoolFile {
    const file = new SpoolFile(world, path, segment, head);
    file.bytes = bytes;
    file.#written = segment.used;
    file.#isEnded = true;
    return file;
  }

  get segment(): Segment {
    return this.#segment;
  }

  /** It is not kept any more, and is to be removed: nothing holds on to its memory, however long that takes. */
  letGo(): void {
    this.#segment = NO_SEGMENT;
  }

  get hasMore(): boolean {
    return !this.isBroken && this.#written < this.segment.used;
  }

  /** True where nobody knows that it has all. */
  get isOpen(): boolean {
    return !this.isBroken && !this.#isEnded;
  }

  get isToSync(): boolean {
    return !this.isBroken && !this.#isSynced;
  }

  /** Writes what has come since. */
  async write(fsync: SpoolFsync): Promise<void> {
    const { segment } = this;
    const to = segment.used;
    const frames = framed([...segment.entries(this.#written)]);
    this.#isEnded = false;
    await this.#append(frames, fsync);
    this.#written = to;
  }

  /** Says that it has all that was acknowledged, and lets go of it where it is not to be synced later. */
  async end(fsync: SpoolFsync): Promise<void> {
    await this.#append(endOfFile(), fsync);
    this.#isEnded = true;
    if (fsync !== 'interval') await this.close();
  }

  async sync(): Promise<void> {
    await this.#do(async () => this.#handle?.sync());
    this.#isSynced = true;
    if (this.#isEnded) await this.close();
  }

  async close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  /** The segment is not kept any more. */
  async remove(): Promise<void> {
    // There is nothing to be lost by it.
    await this.close().catch(() => {});
    await this.#world.removeFile(this.path);
    this.bytes = 0;
  }

  async #append(bytes: Uint8Array, fsync: SpoolFsync): Promise<void> {
    await this.#do(async () => {
      this.#handle ??= await this.#world.appendTo(this.path);
      const start = this.bytes === 0 ? startOfFile(this.#head) : new Uint8Array();
      await this.#handle.write(start.length === 0 ? bytes : Buffer.concat([start, bytes]));
      this.bytes += start.length + bytes.length;
      this.#isSynced = false;
    });
    if (fsync === 'always') await this.sync();
    if (fsync === 'never') this.#isSynced = true;
  }

  async #do(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.isBroken = true;
      await this.close().catch(() => {});
      throw error;
    }
  }
}
