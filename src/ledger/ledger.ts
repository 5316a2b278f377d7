import type { ProduceAttempt } from '../cluster/produce-tap.js';
import { PartitionMap } from '../replication/partition-map.js';
import { MemoryPool } from './memory-pool.js';
import { LedgerReader, type LedgerLog } from './ledger-reader.js';
import { Segment } from './segment.js';
import { above, joined, type Span } from './span.js';

/** What is known of one log, beside what the segments hold. */
interface LogState {
  readonly topic: string;
  readonly partition: number;
  /** The first offset that is not known to be mirrored. */
  openFrom: number;
  copiedAt: bigint;
  dropped: Span | undefined;
  /** The highest offset that was acknowledged, and when, in wall-clock milliseconds. */
  highest: number;
  highestAtMs: number;
}

/**
 * In which the offsets of each partition only grow: a part of an activation, nearly always all of it. Where a log goes back (an unclean election, a topic that is made
 * anew) another one begins, and what is found of one says nothing of the others.
 */
interface Generation {
  readonly cluster: string;
  readonly switchEpoch: number;
  /** It began because a log had gone back, or seemed to: where its copies begin is not known then. */
  readonly hasGoneBack: boolean;
  readonly states: PartitionMap<LogState>;
}

/** Largest piece of memory that is taken at once, in bytes: what is kept grows, and is let go, in such steps. */
const SEGMENT_BYTES = 256 * 1024;
/** Least number of steps in which it does, whatever its bound. */
const MIN_SEGMENTS = 4;

type Answered = Pick<ProduceAttempt, 'frame' | 'topics' | 'answer'> & {
  /** When it was encoded, in wall-clock milliseconds; undefined where that is not known. */
  readonly stampWallMs?: number | undefined;
};

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
  readonly #generations = new Map<number, Generation>();
  #generation = 0;
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
    return this.logs().length === 0;
  }

  /** Called after each request that was added. */
  onAdded(listener: () => void): void {
    this.#onAdded = listener;
  }

  /**
   * A broker has answered a request. The hot path.
   *
   * @param nowWallMs - wall-clock milliseconds.
   */
  add(cluster: string, switchEpoch: number, answered: Answered, nowWallMs: number): void {
    const { frame, topics, answer } = answered;
    // With `acks: 0` nobody has answered.
    if (answer === undefined || !hasAcknowledged(answer)) return;
    const request = { frame, topics, answer };
    let generation = this.#generationOf(cluster, switchEpoch);
    if (goesBack(generation.states, answered)) {
      generation = this.#beginGeneration(cluster, switchEpoch, { hasGoneBack: true });
    }
    const note = (topic: string, partition: number, first: number, count: number): LogState => {
      const state = this.#stateOf(generation, topic, partition);
      const last = first + count - 1;
      // Answers may come late: what lies below what was found is mirrored as well.
      if (last > state.highest) {
        state.highest = last;
        state.highestAtMs = nowWallMs;
      }
      return state;
    };
    if (frame === undefined) {
      // Its bytes are not known (a socket of an unknown kind): that there was something is.
      for (const span of acknowledgedIn(request)) {
        const { topic, partition, first, count } = span;
        const state = note(topic, partition, first, count);
        const left = above(state.openFrom - 1, span);
        if (left !== undefined) state.dropped = joined(state.dropped, left);
      }
    } else {
      const written = { topics, answer, frame };
      this.#segmentFor(Segment.bytesOf(written)).write(written, note);
    }
    this.#onAdded();
  }

  #generationOf(cluster: string, switchEpoch: number): Generation {
    const current = this.#generations.get(this.#generation);
    return current?.switchEpoch === switchEpoch
      ? current
      : this.#beginGeneration(cluster, switchEpoch);
  }

  #beginGeneration(
    cluster: string,
    switchEpoch: number,
    { hasGoneBack }: { readonly hasGoneBack: boolean } = { hasGoneBack: false },
  ): Generation {
    const states = new PartitionMap<LogState>();
    const generation = { cluster, switchEpoch, hasGoneBack, states };
    this.#generation += 1;
    this.#generations.set(this.#generation, generation);
    return generation;
  }

  #segmentFor(byteCount: number): Segment {
    const newest = this.#segments.at(-1);
    if (newest?.generation === this.#generation && newest.hasRoomFor(byteCount)) return newest;
    // One that is larger than all the room is kept all the same: there is nothing else to say of it.
    const size = this.#pool.sizeOf(byteCount);
    while (this.#segments.length > 0 && this.#bytes + size > this.maxBytes) this.#dropOldest();
    const segment = new Segment(this.#generation, this.#pool.take(byteCount));
    this.#segments.push(segment);
    this.#bytes += segment.memory.length;
    return segment;
  }

  #dropOldest(): void {
    const segment = this.#segments.shift();
    if (segment === undefined) return;
    this.#letGo(segment);
    for (const span of segment.spans.values()) {
      const state = this.#state(segment.generation, span);
      if (state === undefined) continue;
      const left = above(state.openFrom - 1, span);
      if (left !== undefined) state.dropped = joined(state.dropped, left);
    }
  }

  /** What is not known to be mirrored, partition by partition, the oldest generation first. */
  logs(): readonly LedgerLog[] {
    const kept = new Map<number, PartitionMap<Span>>();
    for (const { generation, spans } of this.#segments) {
      const logs = kept.get(generation) ?? new PartitionMap<Span>();
      kept.set(generation, logs);
      for (const span of spans.values()) {
        const left = above((this.#state(generation, span)?.openFrom ?? 0) - 1, span);
        const { topic, partition } = span;
        if (left !== undefined) {
          logs.set(topic, partition, joined(logs.get(topic, partition), left));
        }
      }
    }
    return [...this.#generations].flatMap(([generation, { cluster, switchEpoch, states }]) =>
      [...states.values()].flatMap(({ topic, partition, dropped, copiedAt }) => {
        const span = kept.get(generation)?.get(topic, partition);
        if (span === undefined && dropped === undefined) return [];
        const log = { cluster, switchEpoch, generation, topic, partition };
        return [{ ...log, kept: span, dropped, copiedAt }];
      }),
    );
  }

  /** Reads what is kept now. What it has read is good until `work` has ended. */
  async read<T>(work: (reader: LedgerReader) => Promise<T>): Promise<T> {
    const end = this.#pool.read();
    try {
      const openFrom = (log: LedgerLog): number => this.#state(log.generation, log)?.openFrom ?? 0;
      return await work(new LedgerReader([...this.#segments], openFrom));
    } finally {
      end();
    }
  }

  /**
   * The copy of the record at this offset was found on the other cluster. What is let go by that: {@link Ledger.forgetMirrored}.
   *
   * @param copiedAt - where, on the other cluster.
   */
  mirroredThrough(log: LedgerLog, offset: number, copiedAt: bigint): void {
    const state = this.#state(log.generation, log);
    if (state === undefined || offset < state.openFrom) return;
    state.openFrom = offset + 1;
    if (copiedAt > state.copiedAt) state.copiedAt = copiedAt;
    if (state.dropped !== undefined) state.dropped = above(offset, state.dropped);
  }

  /** {@link LedgerLog.copiedAt}, as it is known by now. */
  copiedAtNow(log: LedgerLog): bigint {
    return this.#state(log.generation, log)?.copiedAt ?? log.copiedAt;
  }

  /** Gives back the memory of what is mirrored. */
  forgetMirrored(): void {
    const open: Segment[] = [];
    for (const segment of this.#segments) {
      if (this.#isOpen(segment)) open.push(segment);
      else this.#letGo(segment);
    }
    this.#segments = open;
    this.#pool.shrink(open.length === 0);
    const inUse = new Set(open.map(({ generation }) => generation));
    for (const [generation, { states }] of this.#generations) {
      const isOver = generation !== this.#generation && !inUse.has(generation);
      const hasDropped = [...states.values()].some(({ dropped }) => dropped !== undefined);
      if (isOver && !hasDropped) this.#generations.delete(generation);
    }
  }

  #isOpen({ generation, spans }: Segment): boolean {
    for (const span of spans.values()) {
      if (span.last >= (this.#state(generation, span)?.openFrom ?? 0)) return true;
    }
    return false;
  }

  #letGo({ memory }: Segment): void {
    this.#bytes -= memory.length;
    this.#pool.give(memory);
  }

  #state(generation: number, { topic, partition }: TopicPartition): LogState | undefined {
    return this.#generations.get(generation)?.states.get(topic, partition);
  }

  #stateOf(
    { cluster, hasGoneBack, states }: Generation,
    topic: string,
    partition: number,
  ): LogState {
    const known = states.get(topic, partition);
    if (known !== undefined) return known;
    // What was found of earlier generations lies before what is acknowledged now.
    let copiedAt = -1n;
    for (const earlier of hasGoneBack ? [] : this.#generations.values()) {
      const before = earlier.cluster === cluster ? earlier.states.get(topic, partition) : undefined;
      if (before !== undefined && before.copiedAt > copiedAt) copiedAt = before.copiedAt;
    }
    const place = { topic, partition, copiedAt, dropped: undefined };
    const state = { ...place, openFrom: 0, highest: -1, highestAtMs: Number.POSITIVE_INFINITY };
    states.set(topic, partition, state);
    return state;
  }
}

type TopicPartition = Pick<Span, 'topic' | 'partition'>;

/** Whether a broker has taken some of it, and says where. */
function hasAcknowledged({ topics }: NonNullable<ProduceAttempt['answer']>): boolean {
  for (const { partitions } of topics) {
    for (const { errorCode, baseOffset } of partitions) {
      if (errorCode === 0 && baseOffset?.startsWith('-') === false) return true;
    }
  }
  return false;
}

/** What was acknowledged of a request, partition by partition. */
function acknowledgedIn({
  topics,
  answer,
}: Pick<Required<Answered>, 'topics' | 'answer'>): readonly Span[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.flatMap(({ partition, messages }) => {
      const one = answer?.topics
        .find(({ topicName }) => topicName === topic)
        ?.partitions.find((each) => each.partition === partition);
      const first = one?.errorCode === 0 ? Number(one.baseOffset ?? -1) : -1;
      const count = messages.length;
      return first < 0 || count === 0
        ? []
        : [{ topic, partition, first, last: first + count - 1, count }];
    }),
  );
}

/**
 * Whether a log has gone back, or may have: a request that was made after an answer has had one offset has a lower one. (Requests that are under way at the same time may be
 * answered in any order; and a broker that recognises an idempotent producer's batch tells its place of before.)
 */
function goesBack(states: Generation['states'], { answer, stampWallMs }: Answered): boolean {
  if (answer === undefined || stampWallMs === undefined) return false;
  for (const { topicName, partitions } of answer.topics) {
    for (const { partition, errorCode, baseOffset } of partitions) {
      const state = states.get(topicName, partition);
      if (state === undefined || errorCode !== 0) continue;
      const isLower = Number(baseOffset ?? Number.POSITIVE_INFINITY) <= state.highest;
      if (isLower && stampWallMs >= state.highestAtMs) return true;
    }
  }
  return false;
}
