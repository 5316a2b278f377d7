import type { KafkaMessage } from 'kafkajs';
import { LazyFingerprint, type HandledRecord } from '../position/fingerprint.js';
import type { RecentlyHandled } from '../position/plan.js';

/** Records that are remembered of a partition; a power of two. More than MirrorMaker is behind, as a rule. */
const CAPACITY = 128;
const MASK = CAPACITY - 1;

/** So many are written down, and so many bytes are hashed for it at once; larger records are not recognised from there. */
const FEW = 8;
const HASHED_BYTES = 65_536;

/**
 * The records that one partition's handlers were given last. Written for every message, so it keeps what kafkajs gave and
 * hashes nothing. Whoever asks for a few from time to time makes it let go of contents: kafkajs's buffers are views of whole
 * Fetch answers.
 *
 * @internal
 */
export class RecentRecords {
  readonly #ring: (KafkaMessage | undefined)[] = Array.from({ length: CAPACITY });
  #next = 0;
  /** As it was when a few were asked for. */
  #askedAt = 0;
  /** The batch that was given last: its handler may stop anywhere in it. */
  #batch: readonly KafkaMessage[] = [];
  /** Hashed, in their order; older than all of these. */
  #hashed: readonly HandledRecord[] = [];

  add(message: KafkaMessage): void {
    this.#ring[this.#next & MASK] = message;
    this.#next += 1;
  }

  addBatch(messages: readonly KafkaMessage[]): void {
    for (const message of this.#batch.slice(-CAPACITY)) this.add(message);
    this.#batch = messages;
  }

  /** Those below a position: the group has handled them. */
  below(position: bigint): RecentlyHandled {
    return { all: () => this.#below(position, CAPACITY), few: () => this.#few(position) };
  }

  /** Nothing that was handled here says where the group is now. */
  clear(): void {
    this.#hashed = [];
    this.#ring.fill(undefined);
    this.#batch = [];
  }

  /** The newest `count` of them, in their order. */
  #below(position: bigint, count: number): readonly HandledRecord[] {
    const records = new Map<bigint, HandledRecord>();
    const take = (message: KafkaMessage | undefined): void => {
      if (message === undefined) return;
      const offset = BigInt(message.offset);
      if (offset < position && !records.has(offset)) {
        records.set(offset, new LazyFingerprint(offset, message));
      }
    };
    for (let at = this.#batch.length - 1; at >= 0 && records.size < count; at -= 1) {
      take(this.#batch[at]);
    }
    for (let back = 1; back <= CAPACITY; back += 1) take(this.#ring[(this.#next - back) & MASK]);
    for (const one of this.#hashed) {
      if (one.offset < position && !records.has(one.offset)) records.set(one.offset, one);
    }
    return [...records.values()].toSorted((a, b) => (a.offset < b.offset ? -1 : 1)).slice(-count);
  }

  #few(position: bigint): readonly HandledRecord[] {
    this.#settle(position);
    return this.#below(position, FEW).filter(isSmall).map(hashed);
  }

  /**
   * Replaces the contents of what was handled by hashes, where it is not much; of a busy partition they are replaced by the next ones soon
   * enough. What was not handled yet stays: a record that fails may be given again and again, and does not push out what is hashed.
   */
  #settle(position: bigint): void {
    const isBusy = this.#next - this.#askedAt >= CAPACITY || this.#batch.length > CAPACITY;
    this.#askedAt = this.#next;
    const open = this.#newestFrom(position);
    if (isBusy || open.length === this.#heldCount()) return;
    const known: HandledRecord[] = [];
    let bytes = 0;
    for (const one of this.#below(position, CAPACITY).toReversed()) {
      bytes += one instanceof LazyFingerprint ? one.bytes : 0;
      const isTooMuch = bytes > HASHED_BYTES;
      // A large one is kept as it is.
      if (known.length === 0 || !isTooMuch) known.push(isTooMuch ? one : hashed(one));
      if (isTooMuch) break;
    }
    this.clear();
    this.#hashed = known.toReversed();
    for (const message of open) this.add(message);
    this.#askedAt = this.#next;
  }

  #heldCount(): number {
    return this.#batch.length + this.#ring.filter((one) => one !== undefined).length;
  }

  /** What was given and is not handled, each once. */
  #newestFrom(position: bigint): readonly KafkaMessage[] {
    const open = new Map<string, KafkaMessage>();
    for (let back = CAPACITY; back > 0; back -= 1) {
      const message = this.#ring[(this.#next - back) & MASK];
      if (message !== undefined && BigInt(message.offset) >= position)
        open.set(message.offset, message);
    }
    for (const message of this.#batch) {
      if (BigInt(message.offset) >= position) open.set(message.offset, message);
    }
    return [...open.values()];
  }
}

function isSmall(one: HandledRecord): boolean {
  return !(one instanceof LazyFingerprint) || one.bytes <= HASHED_BYTES;
}

function hashed({ offset, timestamp, hash }: HandledRecord): HandledRecord {
  return { offset, timestamp, hash };
}
