import type { Buffer } from 'node:buffer';
import { Cursor } from '../cluster/cursor.js';
import type { ProduceAttempt } from '../cluster/produce-tap.js';
import { producedBatches } from '../cluster/produced-frame.js';
import { readBatchHead } from '../cluster/record-batch.js';
import { PartitionMap } from '../replication/partition-map.js';
import type { Span } from './span.js';

/** @internal A Produce request that was written, and what a broker has answered to it. */
export type AnsweredRequest = Pick<ProduceAttempt, 'topics' | 'answer'> & {
  readonly frame: Buffer;
};

/** @internal Records that a cluster has acknowledged together, in one partition. */
export interface LedgerBatch {
  readonly topic: string;
  readonly partition: number;
  /** Offset of the first record. */
  readonly baseOffset: number;
  /** One record batch, as it was written: a view of the ledger. */
  readonly bytes: Buffer;
  /** Where the topic's time is the broker's: all of them have it, in milliseconds. */
  readonly appendTimeMs: number | undefined;
}

type GrowingSpan = { -readonly [Field in keyof Span]: Span[Field] };

/*
 * An entry, big-endian:
 *
 *   int32   length of all that follows
 *   int32   number of places
 *   places  one for each partition, in the order of the request: float64 base offset (-1: not acknowledged),
 *           float64 append time in milliseconds (-1: the records have their own)
 *   bytes   the request, as it was written to the socket
 */
const LENGTH_BYTES = 4;
const HEAD_BYTES = 8;
const PLACE_BYTES = 16;
const NONE = -1;

/**
 * Acknowledged requests of one generation of the ledger, one behind the other in one piece of memory: an entry costs a copy of its bytes and no object, so that the garbage collector
 * has nothing to do with what is kept for seconds. Never changed once it is written: views of it stay good.
 *
 * @internal
 */
export class Segment {
  /** That of the ledger in which its records were acknowledged. */
  readonly generation: number;
  /** What stands here, by partition. */
  readonly spans: PartitionMap<GrowingSpan> = new PartitionMap<GrowingSpan>();
  readonly memory: Buffer;
  #used = 0;

  constructor(generation: number, memory: Buffer) {
    this.generation = generation;
    this.memory = memory;
  }

  /**
   * One with entries that another life of the process has kept. There must be room.
   *
   * @throws what reading them throws: then nothing can be told of them.
   */
  static of(generation: number, memory: Buffer, entries: readonly Buffer[]): Segment {
    const segment = new Segment(generation, memory);
    for (const entry of entries) {
      memory.writeInt32BE(entry.length, segment.#used);
      entry.copy(memory, segment.#used + LENGTH_BYTES);
      segment.#used += LENGTH_BYTES + entry.length;
      for (const { topic, partition, baseOffset, bytes } of entryOf(entry)) {
        const head = readBatchHead(new Cursor(bytes), bytes.length);
        if (head === undefined) throw new RangeError('a batch is cut short');
        segment.#extend(topic, partition, baseOffset, head.lastOffsetDelta + 1);
      }
    }
    return segment;
  }

  /** Bytes that entries take which {@link Segment.entries} has given. */
  static bytesOfEntries(entries: readonly Buffer[]): number {
    return entries.reduce((sum, entry) => sum + LENGTH_BYTES + entry.length, 0);
  }

  /** Bytes that an entry takes. */
  static bytesOf({ topics, frame }: AnsweredRequest): number {
    let placeCount = 0;
    for (const { partitions } of topics) placeCount += partitions.length;
    return HEAD_BYTES + placeCount * PLACE_BYTES + frame.length;
  }

  /** Bytes that are written. */
  get used(): number {
    return this.#used;
  }

  hasRoomFor(byteCount: number): boolean {
    return this.#used + byteCount <= this.memory.length;
  }

  /**
   * The hot path. There must be room.
   *
   * @param onPlaced - told of each partition's part that was acknowledged.
   */
  write(
    { topics, answer, frame }: AnsweredRequest,
    onPlaced: (topic: string, partition: number, baseOffset: number, count: number) => void,
  ): void {
    const start = this.#used;
    const { memory } = this;
    let at = start + HEAD_BYTES;
    let placeCount = 0;
    for (const { topic, partitions } of topics) {
      const answered = answer?.topics.find(({ topicName }) => topicName === topic)?.partitions;
      for (const { partition, messages } of partitions) {
        const one = answered?.find((each) => each.partition === partition);
        // Refused, or the second copy of an idempotent producer's batch whose place the broker has forgotten.
        const base = one?.errorCode === 0 ? Number(one.baseOffset ?? NONE) : NONE;
        memory.writeDoubleBE(base, at);
        memory.writeDoubleBE(Number(one?.logAppendTime ?? NONE), at + 8);
        at += PLACE_BYTES;
        placeCount += 1;
        if (base < 0 || messages.length === 0) continue;
        this.#extend(topic, partition, base, messages.length);
        onPlaced(topic, partition, base, messages.length);
      }
    }
    frame.copy(memory, at);
    at += frame.length;
    memory.writeInt32BE(at - start - LENGTH_BYTES, start);
    memory.writeInt32BE(placeCount, start + LENGTH_BYTES);
    this.#used = at;
  }

  #extend(topic: string, partition: number, base: number, count: number): void {
    const last = base + count - 1;
    const span = this.spans.get(topic, partition);
    if (span === undefined) {
      this.spans.set(topic, partition, { topic, partition, first: base, last, count });
      return;
    }
    if (base < span.first) span.first = base;
    if (last > span.last) span.last = last;
    span.count += count;
  }

  /** What was acknowledged, in the order of the answers. */
  *batches(): Generator<LedgerBatch> {
    for (const entry of this.entries()) yield* entryOf(entry);
  }

  /**
   * The entries, without their lengths: views.
   *
   * @param from - how many bytes are left out, of whole entries.
   */
  *entries(from = 0): Generator<Buffer> {
    for (let at = from; at < this.#used;) {
      const end = at + LENGTH_BYTES + this.memory.readInt32BE(at);
      yield this.memory.subarray(at + LENGTH_BYTES, end);
      at = end;
    }
  }
}

function* entryOf(entry: Buffer): Generator<LedgerBatch> {
  const placeCount = entry.readInt32BE(0);
  const placesAt = HEAD_BYTES - LENGTH_BYTES;
  const frame = entry.subarray(placesAt + placeCount * PLACE_BYTES);
  for (const [index, { topic, partition, bytes }] of producedBatches(frame).entries()) {
    const placeAt = placesAt + index * PLACE_BYTES;
    const baseOffset = entry.readDoubleBE(placeAt);
    if (baseOffset < 0) continue;
    const appendTimeMs = entry.readDoubleBE(placeAt + 8);
    yield {
      topic,
      partition,
      baseOffset,
      bytes,
      appendTimeMs: appendTimeMs < 0 ? undefined : appendTimeMs,
    };
  }
}
