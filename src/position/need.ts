import type { TopicSelector } from '../replication/topic-names.js';
import type { OffsetSpan } from './offset-span.js';
import type { HandledRecord } from './fingerprint.js';

/** @internal What a consumer needs planned, and what it knows of its own progress on the source. */
export interface GroupNeed {
  readonly groupId: string;
  readonly selectors: readonly TopicSelector[];
  /** Next offset to handle on the source, for each physical partition of the source that this process handled. */
  readonly processed: readonly HandledPosition[];
  /** Partitions of the source that a member of this process has, and of which it is not known to have handled anything. */
  readonly untouched: readonly UntouchedPartition[];
  /** Where the group began on the source with the switch there, in each log, by the plan of this process; empty where it has made none. */
  readonly begunAt: readonly (PhysicalPartition & { readonly offset: bigint })[];
  /** Where this process stood on the clusters that it has left, in its last epoch on each. */
  readonly earlier: readonly { readonly cluster: string; readonly position: HandledPosition }[];
  /** What handlers of this process were given in earlier epochs. */
  readonly deliveredBefore: readonly EarlierDelivery[];
}

/** @internal In earlier epochs no handler of this process was given a record of this log at or above `below`. */
export interface EarlierDelivery {
  readonly cluster: string;
  readonly physicalTopic: string;
  readonly partition: number;
  readonly below: bigint;
}

/** @internal A log, by its name on its cluster. */
export interface PhysicalPartition {
  readonly physicalTopic: string;
  readonly partition: number;
}

/** @internal A log of the source of which a member of this process is not known to have handled anything. */
export interface UntouchedPartition extends PhysicalPartition {
  /** What the group had committed when the member got it, and since; undefined where it has no commit, or that is not known. */
  readonly committed?: bigint | undefined;
  /**
   * As in {@link HandledPosition}, of the whole group: 0 where nobody has handled anything of it. More than `committed` where records were
   * given to handlers under `autoCommit: false`, without a commit. Undefined where it is not known.
   */
  readonly deliveredBelow?: bigint | undefined;
  /** As in {@link HandledPosition}, below `committed`: the group's commit said so when the member got it. */
  readonly removed?: OffsetSpan | undefined;
}

/** @internal How far this process handled one log of the source. */
export interface HandledPosition extends PhysicalPartition {
  /** The processed prefix: everything below it was handled. */
  readonly offset: bigint;
  /**
   * No handler was given a record at or above it; at least `offset`. More than that where something is handled that is no
   * progress yet: a handler that still runs, a batch that was left early, records without a commit under
   * `autoCommit: false`, everything behind a seek back. Undefined where another member may have had the partition meanwhile.
   */
  readonly deliveredBelow: bigint | undefined;
  /**
   * Set where user code moved back and the position has not come as far again: what was committed up to here is older
   * than that, and void. Undefined otherwise.
   */
  readonly rewoundBelow: bigint | undefined;
  /**
   * This process has handled everything from here to `offset` itself, record by record, since it has the partition; undefined where it
   * was given none, or others have told of it.
   */
  readonly handledFrom: bigint | undefined;
  /** What the cluster has confirmed last of this member's commits; undefined where it has none yet. */
  readonly committed: bigint | undefined;
  /** When the member of this process had joined its group the last time, in wall-clock milliseconds since 1970; undefined where others have told of it. */
  readonly joinedAtWallMs?: number | undefined;
  /**
   * Records below `offset` that were *not* handled, all the same: retention had removed them on the source before the group came to them. The last is
   * the newest one of them; what lies between may be handled. Undefined where there are none.
   */
  readonly removed?: OffsetSpan | undefined;
  readonly recent: RecentlyHandled;
}

/** @internal The last handled records below a position. Answered when asked: most are asked for the few, once a second. */
export interface RecentlyHandled {
  /** As many as are remembered, in their order. */
  all(): readonly HandledRecord[];
  /** The last few, hashed. */
  few(): readonly HandledRecord[];
}
