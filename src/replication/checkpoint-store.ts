import { compact, expand, type CompactOffset } from './compact-offset.js';
import { PartitionMap } from './partition-map.js';
import type { ReplicationPolicy } from './policy.js';
import type { CheckpointKey, CheckpointValue } from './records.js';

/** @internal The latest checkpoint of a group in one partition, and when MirrorMaker wrote it. */
export interface Checkpoint extends CheckpointValue {
  /**
   * Wall-clock milliseconds since 1970 of the checkpoint's record: when MirrorMaker looked at the group. An unchanged
   * position is not written again, so an old one may be up to date.
   */
  readonly recordedAtWallMs: number;
}

interface Stored {
  readonly upstream: CompactOffset;
  readonly downstream: CompactOffset;
  readonly metadata: string;
  readonly recordedAtWallMs: number;
}

/**
 * The latest checkpoints of one flow by group, topic of the *target* and partition, in memory. A later record replaces an
 * earlier one also where it goes back: MirrorMaker lets it do so only where the group itself was rewound.
 *
 * @internal
 */
export class CheckpointStore {
  readonly #groups = new Map<string, PartitionMap<Stored>>();
  readonly #source: string;
  readonly #policy: ReplicationPolicy;

  constructor({ source, policy }: { source: string; policy: ReplicationPolicy }) {
    this.#source = source;
    this.#policy = policy;
  }

  /** Groups that have a checkpoint. */
  get groupCount(): number {
    return this.#groups.size;
  }

  /**
   * Takes a checkpoint, unless its topic is not one that this flow writes: then what the record holds was never translated
   * (KAFKA-12635, MirrorMaker before 3.3.0), and it is not taken.
   */
  put(
    { group, topic, partition }: CheckpointKey,
    { upstreamOffset, downstreamOffset, metadata }: CheckpointValue,
    recordedAtWallMs: number,
  ): 'taken' | 'foreign-topic' {
    if (!this.#isOfThisFlow(topic)) return 'foreign-topic';
    let partitions = this.#groups.get(group);
    if (partitions === undefined) {
      partitions = new PartitionMap();
      this.#groups.set(group, partitions);
    }
    partitions.set(topic, partition, {
      upstream: compact(upstreamOffset),
      downstream: compact(downstreamOffset),
      metadata,
      recordedAtWallMs,
    });
    return 'taken';
  }

  /** A tombstone: the group's checkpoint in this partition is void. */
  delete({ group, topic, partition }: CheckpointKey): void {
    const partitions = this.#groups.get(group);
    partitions?.delete(topic, partition);
    if (partitions?.size === 0) this.#groups.delete(group);
  }

  get(group: string, topic: string, partition: number): Checkpoint | undefined {
    const stored = this.#groups.get(group)?.get(topic, partition);
    if (stored === undefined) return undefined;
    return {
      upstreamOffset: expand(stored.upstream),
      downstreamOffset: expand(stored.downstream),
      metadata: stored.metadata,
      recordedAtWallMs: stored.recordedAtWallMs,
    };
  }

  clear(): void {
    this.#groups.clear();
  }

  #isOfThisFlow(topic: string): boolean {
    const upstream = this.#policy.upstreamTopic(topic);
    return (
      upstream !== undefined && this.#policy.formatRemoteTopic(this.#source, upstream) === topic
    );
  }
}
