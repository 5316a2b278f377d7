import { PartitionMap } from '../replication/partition-map.js';
import type { LedgerBatch, Segment } from './segment.js';
import type { Span } from './span.js';

/** @internal Of one partition: what was acknowledged in one generation, and is not known to be mirrored. */
export interface LedgerLog {
  /** Alias of the cluster that has acknowledged it. */
  readonly cluster: string;
  /** The activation in which it did. */
  readonly switchEpoch: number;
  /** In which the offsets of the partition only grow: a part of an activation, nearly always all of it. */
  readonly generation: number;
  /** An earlier life of the process was told so. */
  readonly isEarlier: boolean;
  readonly topic: string;
  readonly partition: number;
  /** What the ledger has: at most so much. */
  readonly kept: Span | undefined;
  /** What it has not, or no more: nobody knows whether it is mirrored. */
  readonly dropped: Span | undefined;
  /** Where the copy was found that counts last, on the other cluster: those of what is kept lie behind it. -1: none was found. */
  readonly copiedAt: bigint;
  /** By which that copy is known; undefined where there is none. */
  readonly copiedMark?: string | undefined;
}

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
  readonly #openFrom: (log: LedgerLog) => number;
  readonly #parts = new Map<Segment, PartitionMap<LedgerBatch[]>>();

  constructor(segments: readonly Segment[], openFrom: (log: LedgerLog) => number) {
    this.#segments = segments;
    this.#openFrom = openFrom;
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
    const from = this.#openFrom(log);
    const { generation, topic, partition } = log;
    return this.#segments
      .filter((one) => one.generation === generation && one.spans.get(topic, partition))
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
