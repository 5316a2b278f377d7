import type { LogRange } from '../cluster/access.js';
import type { LogicalTopic, TopicSelector } from '../replication/topic-names.js';

/**
 * How a resume position was found. Each is a sound lower bound: everything below it was handled by the group.
 *
 * - `own-commit`: the group's own commit on the target.
 * - `checkpoint`: MirrorMaker's checkpoint for the group.
 * - `offset-sync`: the group's position on the source, translated through MirrorMaker's offset syncs.
 * - `earliest`, `latest`: nothing is known, and the option `consumer.onMissingPosition` says where to start.
 *
 * @public
 */
export type PositionMethod = 'own-commit' | 'checkpoint' | 'offset-sync' | 'earliest' | 'latest';

/**
 * Where one group resumes in one physical partition of the target, and why.
 *
 * @public
 */
export type PartitionPlan =
  | {
      readonly kind: 'resume';
      /** The original topic. */
      readonly topic: string;
      /** The topic on the target cluster. */
      readonly physicalTopic: string;
      readonly partition: number;
      /** The next record to handle. */
      readonly offset: bigint;
      readonly method: PositionMethod;
      /**
       * Upper bound of the records from `offset` on that the group may have handled already; undefined where it cannot
       * be known. Records are counted as offsets of the target's log.
       */
      readonly maxRereadCount: bigint | undefined;
      /** What is worth knowing, in words: a clamp, a missing checkpoint. */
      readonly notes: readonly string[];
    }
  | {
      readonly kind: 'unavailable';
      readonly topic: string;
      readonly physicalTopic: string;
      readonly partition: number;
      /** Why no sound position is known; the switch does not start this group (`consumer.onMissingPosition: 'fail'`). */
      readonly because: string;
    };

/**
 * Where a group resumes on the target cluster: one entry per physical partition.
 *
 * @public
 */
export interface GroupPlan {
  readonly groupId: string;
  /** Alias of the cluster that the plan is for. */
  readonly cluster: string;
  readonly topics: readonly LogicalTopic[];
  readonly partitions: readonly PartitionPlan[];
}

/** @internal What a consumer needs planned, and what it knows of its own progress on the source. */
export interface GroupNeed {
  readonly groupId: string;
  readonly selectors: readonly TopicSelector[];
  /** Next offset to handle on the source, for each physical partition of the source that this process handled. */
  readonly processed: readonly SourcePosition[];
}

/** @internal A processed prefix: everything below `offset` in this log of the source was handled. */
export interface SourcePosition {
  readonly physicalTopic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** @internal One sound lower bound for a target partition. */
export interface Bound {
  readonly method: PositionMethod;
  readonly offset: bigint;
  /** True where the bound is the position itself and not merely below it. */
  readonly exact: boolean;
}

/** @internal What an option says where no bound is known. */
export type MissingPosition = 'earliest' | 'latest' | 'fail';

/** @internal Facts of one target partition, gathered before the pure planning. */
export interface PartitionFacts {
  readonly topic: string;
  readonly physicalTopic: string;
  readonly partition: number;
  readonly range: LogRange;
  readonly bounds: readonly Bound[];
  /** Why bounds are missing (no mirror, no checkpoint), for the notes. */
  readonly notes: readonly string[];
}
