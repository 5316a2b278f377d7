import type { KafkaMessage } from 'kafkajs';

/**
 * Where a log begins and ends: `low` is the first offset that can be read, `high` the next one to be written.
 *
 * @public
 */
export interface LogRange {
  /** The first offset that can be read. */
  readonly low: bigint;
  /** The next offset to be written. */
  readonly high: bigint;
}

/** @internal A group's committed offset: the next record to read. */
export interface Commit {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly metadata: string;
}

/** @internal A record as it was read, in kafkajs's shape. */
export interface FetchedRecord extends Pick<
  KafkaMessage,
  'key' | 'value' | 'timestamp' | 'attributes' | 'offset'
> {
  /** By name; a name that comes several times has a list of values. */
  readonly headers?: Readonly<Record<string, unknown>> | undefined;
  /** `timestampType` 1: the broker has given it its time (`LogAppendTime`). */
  readonly batchContext?: { readonly timestampType?: number };
}

/**
 * What one fetch brought: records as `read_committed` sees them. `nextOffset` is where the next fetch continues; it passes
 * what is not shown (control records, aborted records, emptied batches), so it may move although `records` is empty.
 *
 * @internal
 */
export interface FetchedRecords {
  readonly records: readonly FetchedRecord[];
  readonly nextOffset: bigint;
  readonly range: LogRange;
}

/**
 * What the library asks a cluster beside producing and consuming: metadata, offsets, commits of an idle group, records
 * read without a group. One implementation over kafkajs (`kafka-access.ts`, through the public `PartitionAssigner`
 * hook, which hands out `cluster`). Not fenced: it reads, and it commits only where the coordinator says so.
 * Every call may reject with a kafkajs error, judged by `health/failure.ts`.
 *
 * @internal
 */
export interface ClusterAccess {
  readonly alias: string;
  /** The id that the brokers agree on; learned anew at each call. */
  clusterId(): Promise<string>;
  /**
   * Every topic's name and partition count. On a cluster with many topics that is a large answer: one that was asked for up to
   * `maxAgeMs` ago will do. Default 0: it is asked for now.
   */
  topics(options?: { readonly maxAgeMs?: number }): Promise<ReadonlyMap<string, number>>;
  /**
   * First and next offset of each partition; undefined where the topic does not exist. By default `high` is the last stable
   * offset: what stands behind an open transaction is not in the log yet. With `read_uncommitted` it is.
   *
   * @param options.leadersMaxAgeMs - how old the knowledge of partitions and their leaders may be, in milliseconds; one that leads no more
   *   refuses, and is looked for anew. Default 0: it is asked for now.
   */
  ranges(
    topic: string,
    options?: {
      readonly isolation?: 'read_committed' | 'read_uncommitted';
      readonly leadersMaxAgeMs?: number;
    },
  ): Promise<ReadonlyMap<number, LogRange> | undefined>;
  /** The group's commits, on these topics or on all; partitions without one are absent. */
  committed(groupId: string, topics?: readonly string[]): Promise<readonly Commit[]>;
  /**
   * Commits for a group that has no members. Where a row names a partition that does not exist, the other rows are
   * stored all the same, and the call rejects.
   * @param options.signal - once it is aborted nothing is written any more, and the call rejects with its reason.
   * @returns `refused` where the group has live members (UNKNOWN_MEMBER_ID): nothing was stored then.
   */
  commitIdle(
    groupId: string,
    commits: readonly Commit[],
    options?: { readonly signal?: AbortSignal },
  ): Promise<'stored' | 'refused'>;
  /** Takes a member out of its group at once, so that the others need not wait for its session to expire. */
  leaveGroup(groupId: string, memberId: string): Promise<void>;
  /**
   * Reads from a partition without a group; waits at most `maxWaitMs` for the first record. Kafka answers the requests of
   * one connection one after another, so the waits of fetches that run side by side add up.
   * Rejects with OFFSET_OUT_OF_RANGE outside the log, and with UNKNOWN_TOPIC_OR_PARTITION where there is none. With `read_uncommitted`
   * records of aborted and open transactions come as well.
   */
  fetch(
    topic: string,
    partition: number,
    offset: bigint,
    options: {
      maxWaitMs: number;
      maxBytes?: number;
      isolation?: 'read_committed' | 'read_uncommitted';
    },
  ): Promise<FetchedRecords>;
  /** The offset of the first record that is not older than a time, in milliseconds since 1970; undefined where all are, or there is none. Open transactions count. */
  offsetOfTime(topic: string, partition: number, timestampMs: number): Promise<bigint | undefined>;
  /** Whether the topic's `cleanup.policy` has `compact`; remembered for the topics that were asked about last. */
  isCompacted(topic: string): Promise<boolean>;
  /** Drops every connection: what is asked next connects anew, to the brokers that the options name then. */
  renew(): void;
  /** Closes every connection. Idempotent. */
  close(): Promise<void>;
}
