import type { LogRange } from '../cluster/access.js';
import type { ClusterState, Interceptor, ObservedRequest } from './broker/faults.js';
import type { ApiName } from './protocol-codes.js';

/** @public How a memory cluster is set up. */
export interface MemoryClusterOptions {
  /**
   * Addresses (`host:port`) of the cluster, as its clients name them. All lead to its one broker. Default:
   * `<alias>.memory:9092`, in lower case.
   */
  readonly brokers?: readonly string[];
  /** Default: `memory-<alias>`. */
  readonly clusterId?: string;
  /** Topics that exist from the start, with their partition count. */
  readonly topics?: Readonly<Record<string, number | MemoryTopicOptions>>;
  /** Kafka's `auto.create.topics.enable`. Default false. */
  readonly autoCreateTopics?: boolean;
  /** Kafka's `num.partitions`. Default 1. */
  readonly defaultPartitionCount?: number;
  /** Kafka's `group.initial.rebalance.delay.ms`, in milliseconds. Default 0; Kafka's own default is 3000. */
  readonly initialRebalanceDelayMs?: number;
  /** Kafka's `group.min.session.timeout.ms`, in milliseconds. Default 6000, as in Kafka. */
  readonly minSessionTimeoutMs?: number;
  /**
   * Milliseconds after a restart in which the coordinator reads its log, and answers requests of groups with
   * NOT_COORDINATOR_FOR_GROUP at first, and with GROUP_LOAD_IN_PROGRESS then. Default 100.
   */
  readonly coordinatorLoadMs?: number;
  /**
   * Milliseconds from the acknowledged end of a transaction to its markers. Until then its producer is answered with
   * CONCURRENT_TRANSACTIONS. Default 0.5: sooner than the producer can ask.
   */
  readonly transactionMarkersMs?: number;
  /** Milliseconds that bytes travel in one direction. Default 0.5. */
  readonly latencyMs?: number;
}

/** @public How a topic is set up. */
export interface MemoryTopicOptions {
  /** How many partitions it has. */
  readonly partitions: number;
  /** Topic settings by Kafka's names. `message.timestamp.type` and `max.message.bytes` have an effect. */
  readonly config?: Readonly<Record<string, string>>;
}

/** @public A record to be written straight into a log. */
export interface MemoryMessage {
  /** Default: none. */
  readonly key?: string | Buffer | null;
  /** Null is a tombstone. */
  readonly value: string | Buffer | null;
  /** Default: none. */
  readonly headers?: Readonly<Record<string, string | Buffer>>;
  /** Milliseconds since 1970. Default: the world's wall clock. */
  readonly timestampMs?: number;
}

/** @public A record as it lies in a log. */
export interface MemoryRecord {
  /** Where it lies in its partition. */
  readonly offset: bigint;
  /** The bytes as they were written. */
  readonly key: Buffer | null;
  /** The bytes as they were written; null is a tombstone. */
  readonly value: Buffer | null;
  /** In order; a name may occur more than once. */
  readonly headers: readonly (readonly [string, Buffer])[];
  /** Milliseconds since 1970. */
  readonly timestampMs: number;
  /** Set on the marker that ends a transaction. No handler sees it. */
  readonly marker: 'commit' | 'abort' | undefined;
  /** Written in a transaction that was aborted: only readers of uncommitted records see it. */
  readonly isAborted: boolean;
}

/** @public What a group has committed for a partition. */
export interface MemoryCommit {
  /** The next record to read. */
  readonly offset: bigint;
  /** What was stored with it. */
  readonly metadata: string;
}

/** @public A consumer group as its coordinator sees it. */
export interface MemoryGroup {
  /** Kafka's name of the group's state. */
  readonly state: 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable';
  /** Counts the rebalances. */
  readonly generation: number;
  /** Who is in it. */
  readonly members: readonly {
    readonly memberId: string;
    readonly clientId: string;
    /** Partitions by topic; empty while the group rebalances. */
    readonly assignment: Readonly<Record<string, readonly number[]>>;
  }[];
}

/** @public Bytes that a client has handed to its socket. They may never arrive. */
export interface ObservedWrite {
  /** Monotonic milliseconds of the world's clock. */
  readonly atMs: number;
  /** kafkajs's name of the request; undefined for bytes that are none. */
  readonly apiName: ApiName | undefined;
}

/**
 * A Kafka cluster in memory: one broker that real kafkajs clients talk to, with everything that can go wrong with it, and
 * with its logs and groups open to a test.
 *
 * Faults add up until they are taken back, and all may be changed at any time.
 *
 * @public
 */
export interface MemoryCluster {
  /** The cluster's MirrorMaker alias. */
  readonly alias: string;
  /** The id that its brokers give. */
  readonly clusterId: string;
  /** Addresses for kafkajs's `brokers`. */
  readonly brokers: readonly string[];
  /** What has been done to it. */
  readonly state: ClusterState;
  /** Connections that clients hold open. */
  readonly connectionCount: number;

  /** Kills the process (kill -9): connections break, new ones are refused. Logs and commits stay. */
  down(): void;
  /** The process runs again after {@link MemoryCluster.down} or {@link MemoryCluster.refuse}, or is continued. */
  up(): void;
  /** Stops the process (SIGSTOP): connections are accepted, nothing is answered. */
  freeze(): void;
  /** Continues a stopped process (SIGCONT): what was written meanwhile is processed. */
  thaw(): void;
  /** Refuses new connections; those that exist go on. Taken back by {@link MemoryCluster.up}. */
  refuse(): void;
  /** Every answer takes `byMs` milliseconds longer. 0 takes it back. */
  slow(byMs: number): void;
  /** Cuts the network to the cluster: nothing arrives, in either direction, and nothing is refused. */
  blackhole(): void;
  /** Restores the network. What was sent meanwhile arrives now, as TCP sends again. */
  heal(): void;
  /** The next such request is processed, and its answer is lost. Default: Produce. */
  loseNextAcknowledgement(apiName?: ApiName): void;
  /** Loses answers at random, with a probability of `rate`. Default: of Produce. 0 takes it back. */
  loseAcknowledgements(rate: number, apiName?: ApiName): void;
  /** Decides about single requests. The first interceptor with an opinion wins. Returns the way to remove it. */
  intercept(interceptor: Interceptor): () => void;

  /**
   * Calls `listener` for every request that the broker takes up: for one that hangs when it goes on. Returns the way to
   * stop it.
   */
  onRequest(listener: (request: ObservedRequest) => void): () => void;
  /** Calls `listener` for everything that a client writes to a socket of this cluster, as it is written. */
  onWrite(listener: (write: ObservedWrite) => void): () => void;

  /** Makes a topic. @throws Error - where the name is taken or not allowed. */
  createTopic(name: string, options: number | MemoryTopicOptions): void;
  /** Deletes a topic, its records and what groups have committed for it. Created again, it starts at 0. */
  deleteTopic(name: string): void;
  /** Every topic but Kafka's own, in order of creation. */
  topicNames(): readonly string[];
  /** 0 where there is no such topic. */
  partitionCount(topic: string): number;
  /** Writes records without a client. Returns the offset of the first. */
  append(topic: string, partition: number, messages: readonly MemoryMessage[]): bigint;
  /** All records of a partition, markers and aborted ones included. */
  records(topic: string, partition: number): readonly MemoryRecord[];
  /** Where the partition begins and ends. */
  range(topic: string, partition: number): LogRange;
  /** Retention: what lies below `offset` is gone. */
  trim(topic: string, partition: number, offset: bigint): void;
  /** Compaction: of each key only the newest record stays. */
  compact(topic: string, partition: number): void;

  /** What a group has committed; undefined where nothing. */
  commit(groupId: string, topic: string, partition: number): MemoryCommit | undefined;
  /** Sets a commit as an administrator would, whatever the group does. */
  setCommit(groupId: string, topic: string, partition: number, commit: MemoryCommit): void;
  /** Undefined where the coordinator knows no such group. */
  group(groupId: string): MemoryGroup | undefined;
  /** Takes a member out of its group, as if its session had expired. */
  expel(groupId: string, memberId: string): void;
}
