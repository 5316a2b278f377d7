import type { OffsetSyncsLocation } from '../replication/policy.js';

/**
 * How a simulated MirrorMaker 2 is set up. Names and defaults follow its properties, except that all intervals are one
 * second and every record has an offset sync where possible, as in a deployment made for failover.
 *
 * @public
 */
export interface MemoryMirrorOptions {
  /** Flows that copy records, for example `['A->B', 'B->A']`. Default: both directions between the first two clusters. */
  readonly flows?: readonly `${string}->${string}`[];
  /** Default `'default'`: `orders` of A is `A.orders` on B. With `'identity'` only one direction may copy a topic. */
  readonly policy?: 'default' | 'identity';
  /** `replication.policy.separator`. Default `'.'`. */
  readonly separator?: string;
  /** Milliseconds from a record's arrival on the source to its copy on the target. Default 10. */
  readonly copyLagMs?: number;
  /** `offset.lag.max`. Default 0: a sync for every record; MirrorMaker's own default is 100. */
  readonly offsetLagMax?: number;
  /** `offset-syncs.topic.location`. Default `'target'`; MirrorMaker's own default is `'source'`. */
  readonly offsetSyncsLocation?: OffsetSyncsLocation;
  /** `offset.flush.interval.ms`. Default 1000; MirrorMaker's own default is 60000. After a crash, what was copied since is copied again. */
  readonly offsetFlushIntervalMs?: number;
  /** `emit.checkpoints.interval.seconds`, in milliseconds. Default 1000; MirrorMaker's own default is 60000. */
  readonly emitCheckpointsIntervalMs?: number;
  /** `emit.heartbeats.interval.seconds`, in milliseconds. Default 1000. */
  readonly emitHeartbeatsIntervalMs?: number;
  /** `refresh.topics.interval.seconds`, in milliseconds. Default 1000; MirrorMaker's own default is 600000. */
  readonly refreshTopicsIntervalMs?: number;
  /** `refresh.groups.interval.seconds`, in milliseconds. Default 1000; MirrorMaker's own default is 600000. */
  readonly refreshGroupsIntervalMs?: number;
  /** `sync.group.offsets.enabled`. Default false. */
  readonly syncGroupOffsets?: boolean;
  /** `sync.group.offsets.interval.seconds`, in milliseconds. Default 1000; MirrorMaker's own default is 60000. */
  readonly syncGroupOffsetsIntervalMs?: number;
  /** The source consumer's `isolation.level`. Default `'read_uncommitted'`, as in MirrorMaker: aborted records are copied. */
  readonly isolationLevel?: 'read_uncommitted' | 'read_committed';
  /** `topics`: which topics are copied, by their name on the source. Default: all that are not internal. */
  readonly topics?: RegExp;
  /** `groups`: which groups get checkpoints. Default: all but `console-consumer-*`, `connect-*` and `__*`. */
  readonly groups?: RegExp;
}

/**
 * One flow of a simulated MirrorMaker 2: copies records, writes offset syncs, checkpoints and heartbeats by MirrorMaker's
 * rules into the internal topics of the memory clusters, in MirrorMaker's own binary format.
 *
 * While one of its clusters cannot be reached it waits, and goes on later.
 *
 * @public
 */
export interface MemoryMirror {
  /** Alias of the cluster that is mirrored from. */
  readonly source: string;
  /** Alias of the cluster that is mirrored to. */
  readonly target: string;
  /** Whether it copies. */
  readonly state: 'running' | 'paused' | 'stopped';
  /** Name on the target of a topic of the source. */
  remoteTopic(topic: string): string;
  /** Records on the source that it has not come to yet, in this topic of the source or over all mirrored topics. */
  pendingCount(topic?: string): number;
  /** Ends in order: what was copied is not copied again. */
  stop(): void;
  /** Ends like a crash: what was copied since the last flush of the source offsets is copied again after the start. */
  kill(): void;
  /** Starts again after {@link MemoryMirror.stop} or {@link MemoryMirror.kill}. */
  start(): void;
  /** Stops the process (SIGSTOP). */
  pause(): void;
  /** Continues it. */
  resume(): void;
  /** From now on a copy takes this long, in milliseconds. */
  setCopyLag(copyLagMs: number): void;
  /** The next records that are copied are written twice, as after a lost acknowledgement of the target. */
  loseNextAcknowledgement(): void;
}
