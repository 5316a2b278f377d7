import { Buffer } from 'node:buffer';
import type { FoundCopy } from './copies.js';
import { PartitionMap } from '../replication/partition-map.js';
import { acknowledgedIn, goesBack, hasAcknowledged, type Answered } from './answered.js';
import type { Generation, KeptGeneration, LogState, SegmentWatcher } from './generation.js';
import { MemoryPool } from './memory-pool.js';
import { LedgerReader, type LedgerLog } from './ledger-reader.js';
import { Segment } from './segment.js';
import { above, joined, type Span } from './span.js';

/** Largest piece of memory that is taken at once, in bytes: what is kept grows, and is let go, in such steps. */
const SEGMENT_BYTES = 256 * 1024;
/** What is acknowledged next goes back behind nothing. */
const NOTHING_ACKNOWLEDGED = { highest: -1, highestAtMs: Number.POSITIVE_INFINITY };
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
  #generations = new Map<number, Generation>();
  #generation = 0;
  /** Generations of earlier lives have numbers below 0. */
  #restored = Number.MIN_SAFE_INTEGER;
  /** Of whom an earlier life has kept something that is lost: nobody knows what. */
  readonly #damaged = new Set<string>();
  #watcher: SegmentWatcher | undefined;
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

  /** Who keeps what is kept here where it outlives the process. */
  watch(watcher: SegmentWatcher): void {
    this.#watcher = watcher;
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
      const segment = this.#segmentFor(Segment.bytesOf(written));
      segment.write(written, note);
      this.#watcher?.written(segment);
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
    const generation = { cluster, switchEpoch, hasGoneBack, states, isCut: false };
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
    this.#letGo(segment, 'dropped');
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
      [...states.values()].flatMap(({ topic, partition, dropped, copiedAt, copiedMark }) => {
        const span = kept.get(generation)?.get(topic, partition);
        if (span === undefined && dropped === undefined) return [];
        const isEarlier = generation < 0;
        const log = { cluster, switchEpoch, generation, isEarlier, topic, partition };
        return [{ ...log, kept: span, dropped, copiedAt, copiedMark }];
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
   * @param found - it, and where on the other cluster.
   */
  mirroredThrough(
    log: LedgerLog,
    { offset, copiedAt, copiedMark }: Omit<FoundCopy, 'copiedMark'> & Partial<FoundCopy>,
  ): void {
    const state = this.#state(log.generation, log);
    if (state === undefined || offset < state.openFrom) return;
    state.openFrom = offset + 1;
    if (copiedAt > state.copiedAt) {
      state.copiedAt = copiedAt;
      state.copiedMark = copiedMark;
    }
    if (state.dropped !== undefined) state.dropped = above(offset, state.dropped);
  }

  /** Where the last copy was found, as it is known by now. */
  copiedNow(log: LedgerLog): Pick<LedgerLog, 'copiedAt' | 'copiedMark'> {
    return this.#state(log.generation, log) ?? log;
  }

  /** Gives back the memory of what is mirrored. */
  forgetMirrored(): void {
    const open: Segment[] = [];
    for (const segment of this.#segments) {
      if (this.#isOpen(segment)) open.push(segment);
      else this.#letGo(segment, 'mirrored');
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

  /** Who has acknowledged what is in a generation, and when. */
  originOf(number: number): Pick<Generation, 'cluster' | 'switchEpoch'> {
    const { cluster = '', switchEpoch = 0 } = this.#generations.get(number) ?? {};
    return { cluster, switchEpoch };
  }

  /** What is known beside the segments, by the number of the generation. */
  generations(): ReadonlyMap<number, KeptGeneration> {
    const kept = [...this.#generations].map(
      ([generation, { cluster, switchEpoch, states }]) =>
        [generation, { cluster, switchEpoch, logs: [...states.values()] }] as const,
    );
    return new Map(kept);
  }

  /** Takes up a generation that an earlier life of the process has left. @returns its number here. */
  restore({ cluster, switchEpoch, logs }: KeptGeneration): number {
    const states = new PartitionMap<LogState>();
    for (const log of logs) {
      states.set(log.topic, log.partition, { ...log, ...NOTHING_ACKNOWLEDGED });
    }
    // Where the copies of its other logs begin is not known: not behind those of this life.
    const generation = { cluster, switchEpoch, states, hasGoneBack: true, isCut: false };
    const number = this.#restored;
    this.#restored += 1;
    const all = [...this.#generations, [number, generation] as const];
    this.#generations = new Map(all.toSorted(([one], [other]) => one - other));
    return number;
  }

  /**
   * The same of a segment; before all that this life has. Where there is no room the oldest are let go, as ever.
   *
   * @param onRestored - called before anything is let go: it may be this one.
   * @throws what reading the entries throws.
   */
  restoreSegment(
    number: number,
    entries: readonly Buffer[],
    onRestored: (segment: Segment) => void,
  ): void {
    const generation = this.#generations.get(number);
    if (generation === undefined) throw new Error(`there is no generation ${number}`);
    // Nothing more is written to it: it takes what it needs.
    const memory = Buffer.allocUnsafeSlow(Segment.bytesOfEntries(entries));
    const segment = Segment.of(number, memory, entries);
    for (const { topic, partition } of segment.spans.values()) {
      this.#stateOf(generation, topic, partition);
    }
    const firstOfThisLife = this.#segments.findIndex((one) => one.generation > 0);
    const at = firstOfThisLife < 0 ? this.#segments.length : firstOfThisLife;
    this.#segments.splice(at, 0, segment);
    this.#bytes += memory.length;
    onRestored(segment);
    while (this.#segments.length > 1 && this.#bytes > this.maxBytes) this.#dropOldest();
  }

  /** The life that has left this generation has ended without a word: it may have had more. */
  cut(number: number): void {
    const generation = this.#generations.get(number);
    if (generation !== undefined) generation.isCut = true;
  }

  /** An earlier life had kept something of this cluster that is lost; `false`: that was told. */
  damaged(cluster: string, isDamaged = true): void {
    if (isDamaged) this.#damaged.add(cluster);
    else this.#damaged.delete(cluster);
  }

  isDamaged(cluster: string): boolean {
    return this.#damaged.has(cluster);
  }

  /** False where there may have been more than anybody knows: of an earlier life. */
  isWhole(cluster: string): boolean {
    const isCut = (one: Generation): boolean => one.isCut && one.cluster === cluster;
    return !this.isDamaged(cluster) && ![...this.#generations.values()].some(isCut);
  }

  #isOpen({ generation, spans }: Segment): boolean {
    for (const span of spans.values()) {
      if (span.last >= (this.#state(generation, span)?.openFrom ?? 0)) return true;
    }
    return false;
  }

  #letGo(segment: Segment, why: 'mirrored' | 'dropped'): void {
    const { memory } = segment;
    this.#bytes -= memory.length;
    this.#pool.give(memory);
    this.#watcher?.letGo(segment, why);
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
    let last: Pick<LogState, 'copiedAt' | 'copiedMark'> = { copiedAt: -1n };
    for (const earlier of hasGoneBack ? [] : this.#generations.values()) {
      const before = earlier.cluster === cluster ? earlier.states.get(topic, partition) : undefined;
      if (before !== undefined && before.copiedAt > last.copiedAt) last = before;
    }
    const { copiedAt, copiedMark } = last;
    const place = { topic, partition, copiedAt, copiedMark, dropped: undefined };
    const state = { ...place, openFrom: 0, ...NOTHING_ACKNOWLEDGED };
    states.set(topic, partition, state);
    return state;
  }
}

type TopicPartition = Pick<Span, 'topic' | 'partition'>;
