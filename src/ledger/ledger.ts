import type { ProduceAttempt } from '../cluster/produce-tap.js';
import { PartitionMap } from '../replication/partition-map.js';
import { MemoryPool } from './memory-pool.js';
import { Segment, type LedgerBatch } from './segment.js';
import { above, joined, type Span } from './span.js';

/** @internal Of one partition: what was acknowledged in one activation, and is not known to be mirrored. */
export interface LedgerLog {
  /** Alias of the cluster that has acknowledged it. */
  readonly cluster: string;
  /** The activation in which it did. */
  readonly switchEpoch: number;
  readonly topic: string;
  readonly partition: number;
  /** What the ledger has: at most so much. */
  readonly kept: Span | undefined;
  /** What it has let go: nobody knows whether it is mirrored. */
  readonly dropped: Span | undefined;
}

/** What is known of one log, beside what the segments hold. */
interface LogState {
  readonly topic: string;
  readonly partition: number;
  /** The highest offset whose copy was found; -1: none was. */
  through: number;
  dropped: Span | undefined;
}

interface Epoch {
  readonly cluster: string;
  readonly states: PartitionMap<LogState>;
}

/** Largest piece of memory that is taken at once, in bytes: what is kept grows, and is let go, in such steps. */
const SEGMENT_BYTES = 256 * 1024;
/** Least number of steps in which it does, whatever its bound. */
const MIN_SEGMENTS = 4;

/**
 * What the clusters have acknowledged to this process's producers and MirrorMaker may not have copied yet. Bounded in bytes: the oldest is let go, and it is remembered
 * that there was something.
 *
 * MirrorMaker copies a log in its order, so one record that is found on the other cluster speaks for all before it.
 *
 * @internal
 */
export class Ledger {
  readonly maxBytes: number;
  readonly #pool: MemoryPool;
  /** The oldest first. */
  #segments: Segment[] = [];
  #bytes = 0;
  /** By activation. */
  readonly #epochs = new Map<number, Epoch>();
  #onAdded: () => void = () => {};

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
    this.#pool = new MemoryPool(
      Math.max(1, Math.min(SEGMENT_BYTES, Math.floor(maxBytes / MIN_SEGMENTS))),
    );
  }

  /** Memory that is taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** True where nothing is known that might not be mirrored. */
  get isEmpty(): boolean {
    return this.#segments.length === 0 && this.logs().length === 0;
  }

  /** Called after each request that was added. */
  onAdded(listener: () => void): void {
    this.#onAdded = listener;
  }

  /** A broker has answered a request. The hot path. */
  add(
    cluster: string,
    switchEpoch: number,
    { frame, topics, answer }: Pick<ProduceAttempt, 'frame' | 'topics' | 'answer'>,
  ): void {
    // Nobody knows what was written (a socket of an unknown kind), or nobody has answered (`acks: 0`).
    if (frame === undefined || answer === undefined || !hasAcknowledged(answer)) return;
    const request = { frame, topics, answer };
    const { states } = this.#epochOf(cluster, switchEpoch);
    const segment = this.#segmentFor(cluster, switchEpoch, Segment.bytesOf(request));
    segment.write(request, (topic, partition, baseOffset) => {
      const state = stateOf(states, topic, partition);
      // The log has gone back (an unclean election), or an answer has come late: what was found says nothing of this record.
      if (baseOffset <= state.through) state.through = baseOffset - 1;
    });
    this.#onAdded();
  }

  #segmentFor(cluster: string, switchEpoch: number, byteCount: number): Segment {
    const newest = this.#segments.at(-1);
    if (newest?.switchEpoch === switchEpoch && newest.hasRoomFor(byteCount)) return newest;
    // One that is larger than all the room is kept all the same: there is nothing else to say of it.
    const size = this.#pool.sizeOf(byteCount);
    while (this.#segments.length > 0 && this.#bytes + size > this.maxBytes) this.#dropOldest();
    const segment = new Segment(cluster, switchEpoch, this.#pool.take(byteCount));
    this.#segments.push(segment);
    this.#bytes += segment.memory.length;
    return segment;
  }

  #dropOldest(): void {
    const segment = this.#segments.shift();
    if (segment === undefined) return;
    this.#letGo(segment);
    for (const span of segment.spans.values()) {
      const state = this.#state(segment.switchEpoch, span);
      if (state === undefined) continue;
      const left = above(state.through, span);
      if (left !== undefined) state.dropped = joined(state.dropped, left);
    }
  }

  /** What is not known to be mirrored, partition by partition, the oldest activation first. */
  logs(): readonly LedgerLog[] {
    const kept = new Map<number, PartitionMap<Span>>();
    for (const { switchEpoch, spans } of this.#segments) {
      const logs = kept.get(switchEpoch) ?? new PartitionMap<Span>();
      kept.set(switchEpoch, logs);
      for (const span of spans.values()) {
        const left = above(this.#through(switchEpoch, span), span);
        const { topic, partition } = span;
        if (left !== undefined)
          logs.set(topic, partition, joined(logs.get(topic, partition), left));
      }
    }
    return [...this.#epochs].flatMap(([switchEpoch, { cluster, states }]) =>
      [...states.values()].flatMap(({ topic, partition, dropped }) => {
        const span = kept.get(switchEpoch)?.get(topic, partition);
        if (span === undefined && dropped === undefined) return [];
        return [{ cluster, switchEpoch, topic, partition, kept: span, dropped }];
      }),
    );
  }

  /** Reads what is kept now. What it has read is good until `work` has ended. */
  async read<T>(work: (reader: LedgerReader) => Promise<T>): Promise<T> {
    const end = this.#pool.read();
    try {
      const throughOf = (log: LedgerLog): number => this.#through(log.switchEpoch, log);
      return await work(new LedgerReader([...this.#segments], throughOf));
    } finally {
      end();
    }
  }

  /** The copy of the record at this offset was found on the other cluster. */
  mirroredThrough({ switchEpoch, topic, partition }: LedgerLog, offset: number): void {
    const state = this.#state(switchEpoch, { topic, partition });
    if (state === undefined || offset <= state.through) return;
    state.through = offset;
    if (state.dropped !== undefined) state.dropped = above(offset, state.dropped);
    const isMirrored = (segment: Segment): boolean => {
      for (const span of segment.spans.values()) {
        if (span.last > this.#through(segment.switchEpoch, span)) return false;
      }
      return true;
    };
    const mirrored = this.#segments.filter(isMirrored);
    if (mirrored.length === 0) return;
    this.#segments = this.#segments.filter((segment) => !mirrored.includes(segment));
    for (const segment of mirrored) this.#letGo(segment);
  }

  /** Memory that nobody has needed for a while is given back. */
  shrink(): void {
    this.#pool.shrink();
  }

  #letGo({ memory }: Segment): void {
    this.#bytes -= memory.length;
    this.#pool.give(memory);
  }

  #through(switchEpoch: number, place: Place): number {
    return this.#state(switchEpoch, place)?.through ?? -1;
  }

  #state(switchEpoch: number, { topic, partition }: Place): LogState | undefined {
    return this.#epochs.get(switchEpoch)?.states.get(topic, partition);
  }

  #epochOf(cluster: string, switchEpoch: number): Epoch {
    const known = this.#epochs.get(switchEpoch);
    if (known !== undefined) return known;
    const epoch = { cluster, states: new PartitionMap<LogState>() };
    this.#epochs.set(switchEpoch, epoch);
    return epoch;
  }
}

/** Whether a broker has taken some of it, and says where. */
function hasAcknowledged({ topics }: NonNullable<ProduceAttempt['answer']>): boolean {
  for (const { partitions } of topics) {
    for (const { errorCode, baseOffset } of partitions) {
      if (errorCode === 0 && baseOffset?.startsWith('-') === false) return true;
    }
  }
  return false;
}

function stateOf(states: Epoch['states'], topic: string, partition: number): LogState {
  const known = states.get(topic, partition);
  if (known !== undefined) return known;
  const state: LogState = { topic, partition, through: -1, dropped: undefined };
  states.set(topic, partition, state);
  return state;
}

type Place = Pick<Span, 'topic' | 'partition'>;

/** @internal A batch, and from which offset on it is not known to be mirrored. */
export interface OpenBatch extends LedgerBatch {
  readonly from: number;
}

/**
 * Reads the ledger as it was when the reading began; each segment is taken apart once.
 *
 * @internal
 */
export class LedgerReader {
  readonly #segments: readonly Segment[];
  readonly #throughOf: (log: LedgerLog) => number;
  readonly #parts = new Map<Segment, PartitionMap<LedgerBatch[]>>();

  constructor(segments: readonly Segment[], throughOf: (log: LedgerLog) => number) {
    this.#segments = segments;
    this.#throughOf = throughOf;
  }

  /**
   * The batches of a log that are not known to be mirrored, in its order.
   *
   * @param segments - of which segments. Default: of all.
   */
  batches(
    log: LedgerLog,
    { newest, oldest }: { readonly newest?: number; readonly oldest?: number } = {},
  ): readonly OpenBatch[] {
    const from = this.#throughOf(log) + 1;
    const { switchEpoch, topic, partition } = log;
    return this.#segments
      .filter(
        (one) => one.switchEpoch === switchEpoch && one.spans.get(topic, partition) !== undefined,
      )
      .slice(newest === undefined ? 0 : -newest, oldest)
      .flatMap((segment) => this.#apart(segment).get(topic, partition) ?? [])
      .map((batch) => ({ ...batch, from }))
      .toSorted((a, b) => a.baseOffset - b.baseOffset);
  }

  #apart(segment: Segment): PartitionMap<LedgerBatch[]> {
    const known = this.#parts.get(segment);
    if (known !== undefined) return known;
    const parts = new PartitionMap<LedgerBatch[]>();
    for (const batch of segment.batches()) {
      const { topic, partition } = batch;
      const batches = parts.get(topic, partition) ?? [];
      parts.set(topic, partition, batches);
      batches.push(batch);
    }
    this.#parts.set(segment, parts);
    return parts;
  }
}
