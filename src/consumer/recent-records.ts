import type { KafkaMessage } from 'kafkajs';
import { LazyFingerprint, type HandledRecord } from '../position/fingerprint.js';
import type { RecentlyHandled } from '../position/plan.js';

/** Records that are remembered of a partition; a power of two. More than MirrorMaker is behind, as a rule. */
const CAPACITY = 128;
const MASK = CAPACITY - 1;

/** What stays of a partition that rests, and is written down of one that works: so many records, and so many bytes to hash. */
const SETTLED_COUNT = 8;
const SETTLED_BYTES = 65_536;

/**
 * The records that one partition's handlers were given last. Written for every message, so it keeps what kafkajs gave and
 * hashes nothing, until somebody asks for a few. Whoever asks from time to time makes it let go of the contents of a partition that
 * rests.
 *
 * @internal
 */
export class RecentRecords {
  readonly #ring: (KafkaMessage | undefined)[] = Array.from({ length: CAPACITY });
  #next = 0;
  /** The batch that was given last: its handler may stop anywhere in it. */
  #batch: readonly KafkaMessage[] = [];
  /** Older than all of these. */
  #settled: readonly HandledRecord[] = [];
  #isNew = false;

  add(message: KafkaMessage): void {
    this.#ring[this.#next & MASK] = message;
    this.#next += 1;
    this.#isNew = true;
  }

  addBatch(messages: readonly KafkaMessage[]): void {
    for (const message of this.#batch.slice(-CAPACITY)) this.add(message);
    this.#batch = messages;
    this.#isNew = true;
  }

  /** Those below a position: the group has handled them. */
  below(position: bigint): RecentlyHandled {
    const few = (): readonly HandledRecord[] => {
      this.#settle(position);
      return this.#fewBelow(position);
    };
    return { all: () => this.#below(position), few };
  }

  #below(position: bigint): readonly HandledRecord[] {
    const records = new Map<bigint, HandledRecord>();
    for (const one of this.#settled) if (one.offset < position) records.set(one.offset, one);
    for (const message of [...this.#ring, ...this.#batch]) {
      const offset = message === undefined ? position : BigInt(message.offset);
      if (message !== undefined && offset < position) {
        records.set(offset, new LazyFingerprint(offset, message));
      }
    }
    return [...records.values()]
      .toSorted((a, b) => (a.offset < b.offset ? -1 : 1))
      .slice(-CAPACITY);
  }

  /** Always one, where there is one. */
  #fewBelow(position: bigint): readonly HandledRecord[] {
    const newest: HandledRecord[] = [];
    let bytes = 0;
    for (const one of this.#below(position).slice(-SETTLED_COUNT).toReversed()) {
      bytes += one instanceof LazyFingerprint ? one.bytes : 0;
      if (bytes > SETTLED_BYTES && newest.length > 0) break;
      newest.push({ offset: one.offset, timestamp: one.timestamp, hash: one.hash });
    }
    return newest.toReversed();
  }

  /** Where everything was handled, and nothing was given since the last time, the contents are replaced by their hashes. */
  #settle(position: bigint): void {
    const { length } = this.#ring;
    const newest = this.#batch.at(-1) ?? this.#ring[(this.#next + length - 1) & MASK];
    const isResting = !this.#isNew && newest !== undefined && BigInt(newest.offset) < position;
    this.#isNew = false;
    if (!isResting) return;
    this.#settled = this.#fewBelow(position);
    this.#dropContents();
  }

  /** Nothing that was handled here says where the group is now. */
  clear(): void {
    this.#settled = [];
    this.#dropContents();
  }

  #dropContents(): void {
    this.#ring.fill(undefined);
    this.#batch = [];
  }
}
