import { contentHash, type HandledRecord, type RecordContent } from '../position/fingerprint.js';
import type { GroupPlan } from '../position/plan.js';
import { PartitionMap } from '../replication/partition-map.js';

/** After so many other records nothing is expected any more: the source has lost what was handled there. */
const MAX_STRANGERS = 10_000;

/**
 * Records of one log that the group handled on the other cluster before they were mirrored. MirrorMaker brings them when that cluster
 * is back, in their order, and they are not handled again.
 *
 * @internal
 */
export class AwaitedRecords {
  #expected: readonly HandledRecord[];
  /** Where the group goes on; undefined once the first record was looked at. */
  #from: bigint | undefined;
  /** Offsets here, of those that came: kafkajs delivers again what follows a failure. */
  readonly #recognised = new Set<string>();
  #recognisedCount = 0;
  #strangerCount = 0;

  /** @param from - where the group goes on. If it goes on elsewhere, somebody else has been at work: then nothing is expected. */
  constructor(expected: readonly HandledRecord[], from: bigint) {
    this.#expected = expected;
    this.#from = from;
  }

  /**
   * Nothing is recognised any more: another member may have had the partition, and these records; user code, or a reset by hand, has moved
   * back and wants them all; or the log is another one.
   */
  forget(): void {
    this.#expected = [];
    this.#recognised.clear();
  }

  /** In their order. */
  get expected(): readonly HandledRecord[] {
    return this.#expected;
  }

  get recognisedCount(): number {
    return this.#recognisedCount;
  }

  /** True for a record that was handled on the other cluster. To be asked in the order of the log. */
  recognises(record: RecordContent & { readonly offset: string }): boolean {
    if (this.#from !== undefined && BigInt(record.offset) !== this.#from) this.forget();
    this.#from = undefined;
    if (this.#recognised.has(record.offset)) return true;
    if (this.#expected.length === 0) return false;
    const { timestamp } = record;
    let hash: string | undefined;
    const index = this.#expected.findIndex((one) => {
      if (one.timestamp !== timestamp) return false;
      hash ??= contentHash(record);
      return one.hash === hash;
    });
    if (index < 0) {
      this.#strangerCount += 1;
      if (this.#strangerCount >= MAX_STRANGERS) this.#expected = [];
      return false;
    }
    this.#recognised.add(record.offset);
    this.#recognisedCount += 1;
    // MirrorMaker keeps the order: what stood before it will not come.
    this.#expected = this.#expected.slice(index + 1);
    return true;
  }
}

/** @internal The awaited records of a consumer, on each cluster. */
export class Awaited {
  readonly #clusters = new Map<string, PartitionMap<AwaitedRecords>>();
  /** Recognised by those of earlier plans. */
  #earlierCount = 0;

  /** Takes what a plan says; of earlier plans nothing stays in its partitions. */
  put({ cluster, partitions }: GroupPlan): void {
    const known = this.#clusters.get(cluster) ?? new PartitionMap<AwaitedRecords>();
    this.#clusters.set(cluster, known);
    for (const one of partitions) {
      const { physicalTopic, partition } = one;
      this.#earlierCount += known.get(physicalTopic, partition)?.recognisedCount ?? 0;
      known.delete(physicalTopic, partition);
      if (one.kind !== 'resume' || one.awaited.length === 0) continue;
      known.set(physicalTopic, partition, new AwaitedRecords(one.awaited, one.offset));
    }
  }

  /** An epoch begins on the cluster without a plan: nothing is known to come. */
  clear(cluster: string): void {
    for (const one of this.#clusters.get(cluster)?.values() ?? []) one.forget();
  }

  of(cluster: string, physicalTopic: string, partition: number): AwaitedRecords | undefined {
    return this.#clusters.get(cluster)?.get(physicalTopic, partition);
  }

  /** Records that came and were not handled again, and those that are still expected. */
  counts(): { readonly recognisedCount: number; readonly awaitedCount: number } {
    let recognisedCount = this.#earlierCount;
    let awaitedCount = 0;
    for (const partitions of this.#clusters.values()) {
      for (const one of partitions.values()) {
        recognisedCount += one.recognisedCount;
        awaitedCount += one.expected.length;
      }
    }
    return { recognisedCount, awaitedCount };
  }
}
