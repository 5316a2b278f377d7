import type { Kafka } from 'kafkajs';
import type { FetchedRecord } from './access.js';

/**
 * What the library calls on kafkajs's own `Cluster`, which the public `PartitionAssigner` hook hands out. Public types
 * cover most of it; this list is the whole of it, and nothing else of kafkajs's inside is touched. Some of it is replaced: what commits (`consumer/coordinator-calls.ts`), what produces (`produce-tap.ts`),
 * and how answers are read (`answers.ts`).
 *
 * @internal
 */
export interface KafkaJsCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** Adds topics to those whose metadata is asked for, and asks at once. */
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  /** Asks for the metadata of the target topics, or of all topics where there is no target. */
  refreshMetadata(): Promise<void>;
  getNodeIds(): readonly (string | number)[];
  /** Connects the broker if need be. */
  findBroker(node: { nodeId: string | number }): Promise<KafkaJsBroker>;
  findGroupCoordinator(group: { groupId: string }): Promise<KafkaJsBroker>;
  /** The broker that makes topics, by the metadata that was read last. */
  findControllerBroker(): Promise<KafkaJsBroker>;
  /** What is asked for in each refresh. Not in kafkajs's types. */
  readonly targetTopics?: ReadonlySet<string>;
  /** Asks where the metadata is older than `metadataMaxAge`. */
  refreshMetadataIfNecessary(): Promise<void>;
  /** By the metadata that was read last; no partition where the topic is not in it. */
  findTopicPartitionMetadata(topic: string): readonly { readonly leader: number }[];
  /** Not in kafkajs's types; see {@link adaptAnswers}. Absent in a client that is not kafkajs's own. */
  readonly brokerPool?: { connectionPoolBuilder: KafkaJsConnectionPoolBuilder };
}

/** @internal What the library asks one broker. */
export interface KafkaJsBroker {
  /** Asks nothing of the cluster, changes nothing, and needs no rights. Not in kafkajs's types. */
  apiVersions(): Promise<unknown>;
  /** Its id in its cluster (`src/broker/index.js`). Not in kafkajs's types; undefined in a client that is not kafkajs's own. */
  readonly nodeId?: number | null | undefined;
  metadata(topics: readonly string[]): Promise<KafkaJsMetadata>;
  listOffsets(request: {
    isolationLevel: number;
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; timestamp: number }[];
    }[];
  }): Promise<{
    responses: readonly { partitions: readonly { partition: number; offset: string }[] }[];
  }>;
  fetch(request: {
    isolationLevel: number;
    maxWaitTime: number;
    minBytes: number;
    maxBytes: number;
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; fetchOffset: string; maxBytes: number }[];
    }[];
  }): Promise<{
    responses: readonly { topicName: string; partitions: readonly KafkaJsFetchedPartition[] }[];
  }>;
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; offset: string; metadata: string }[];
    }[];
  }): Promise<unknown>;
  /** No topics means: everything that the group has committed. */
  offsetFetch(request: { groupId: string; topics: readonly never[] }): Promise<{
    responses: readonly {
      topic: string;
      partitions: readonly { partition: number; offset: string; metadata: string | null }[];
    }[];
  }>;
  /**
   * With acks -1 the answer comes when every replica in sync has the records. A producer's id and sequence are given although
   * there is none (-1), as kafkajs's own producer does.
   */
  produce(request: {
    transactionalId?: string | undefined;
    acks: number;
    timeout: number;
    producerId: number;
    producerEpoch: number;
    topicData: readonly {
      topic: string;
      partitions: readonly {
        partition: number;
        firstSequence: number;
        messages: readonly { key: Buffer; value: Buffer | null; timestamp: number }[];
      }[];
    }[];
  }): Promise<unknown>;
  /** To be asked of the controller. `replicationFactor` -1 is the broker's default. */
  createTopics(request: {
    topics: readonly {
      topic: string;
      numPartitions: number;
      replicationFactor: number;
      configEntries: readonly { name: string; value: string }[];
    }[];
    timeout: number;
  }): Promise<unknown>;
  heartbeat(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
  }): Promise<unknown>;
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
  describeConfigs(request: {
    resources: readonly { type: number; name: string; configNames: readonly string[] }[];
  }): Promise<{
    resources: readonly {
      configEntries: readonly { configName: string; configValue: string | null }[];
    }[];
  }>;
}

/** @internal An answer to a Metadata request. */
export interface KafkaJsMetadata {
  readonly clusterId: string | null;
  readonly brokers: readonly { readonly host: string; readonly port: number }[];
  readonly topicMetadata: readonly {
    readonly topicErrorCode: number;
    readonly topic: string;
    readonly partitionMetadata: readonly {
      readonly partitionErrorCode: number;
      readonly partitionId: number;
      readonly leader: number;
    }[];
  }[];
  /** Throws kafkajs's own error for what is wrong with a topic; see {@link adaptAnswers}. */
  readonly insist?: (topic: string) => Promise<unknown>;
}

/** @internal One partition of a Fetch answer, at the versions that Kafka 1.0 and later speak. */
export interface KafkaJsFetchedPartition {
  readonly partition: number;
  readonly lastStableOffset: string;
  /** The log's start offset, under kafkajs's name for it. */
  readonly lastStartOffset: string;
  readonly abortedTransactions?: readonly { producerId: string; firstOffset: string }[] | null;
  readonly messages: readonly KafkaJsRawMessage[];
}

/** @internal A record as kafkajs's decoder makes it, control records and aborted ones included. */
export interface KafkaJsRawMessage extends FetchedRecord {
  readonly isControlRecord?: boolean;
  readonly batchContext?: {
    readonly firstOffset?: string;
    readonly lastOffsetDelta?: number;
    readonly producerId?: string;
    readonly inTransaction?: boolean;
    readonly timestampType?: number;
  };
}

/** @internal */
export interface KafkaJsConnectionPoolBuilder {
  build(destination?: unknown): Promise<KafkaJsConnectionPool>;
}

/** @internal The connections to one broker. */
export interface KafkaJsConnectionPool {
  send(protocolRequest: KafkaJsProtocolRequest): Promise<unknown>;
  readonly host: string;
  readonly port: number;
  /** All requests but Fetch go through the first one. `correlationId` is that of its next request. */
  readonly pool: readonly { readonly correlationId: number }[];
}

/** @internal One request, and how its answer is read. */
export interface KafkaJsProtocolRequest {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    /** Called once its correlation id is taken, and in the same moment (`src/protocol/request.js`). */
    encode: () => Promise<unknown>;
    /** What would have been written, where the testing kit writes something else. */
    readonly realFrame?: Buffer;
  };
  readonly response: KafkaJsResponse;
}

/** @internal */
export interface KafkaJsResponse {
  decode(bytes: Buffer): Promise<unknown>;
  /** Throws the error that the decoded answer holds, or answers with it. */
  parse(decoded: unknown): Promise<unknown>;
}

/** The throwaway consumer's group; it is never joined. */
const GROUP_ID = '__kafkajs-failover';

/** Descriptions of the symbols under which a kafkajs `Kafka` keeps the offsets, and makes clusters (`src/index.js`). */
const OFFSETS = 'private:Kafka:offsets';
const CREATE_CLUSTER = 'private:Kafka:createCluster';

/**
 * Makes two kafkajs clients one in what their producers and consumers tell each other: the offsets that a transaction has
 * sent (`Cluster.markOffsetAsCommitted`). A consumer of the same `Kafka` does not commit these by itself; one of another
 * `Kafka` would, also where the transaction is aborted. Does nothing to a client that is not built like kafkajs's.
 *
 * @internal
 */
export function shareSentOffsets(from: Kafka, to: Kafka): void {
  const key = privateKey(from, OFFSETS);
  if (key !== undefined) Reflect.set(to, key, Reflect.get(from, key));
}

function privateKey(kafka: Kafka, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(kafka).find(({ description }) => description === name);
}

/**
 * Makes a client, and obtains the `Cluster` that it works with: kafkajs hands out a consumer's, but not a producer's. Undefined where the
 * client is not built like kafkajs's.
 *
 * @internal
 */
export function withItsCluster<T>(
  kafka: Kafka,
  make: () => T,
): { readonly made: T; readonly cluster: KafkaJsCluster | undefined } {
  const key = privateKey(kafka, CREATE_CLUSTER);
  const create: unknown = key === undefined ? undefined : Reflect.get(kafka, key);
  if (key === undefined || typeof create !== 'function')
    return { made: make(), cluster: undefined };
  let cluster: KafkaJsCluster | undefined;
  Reflect.set(kafka, key, (...args: unknown[]): unknown => {
    const made: unknown = Reflect.apply(create, kafka, args);
    // kafkajs's types name a part of it; the list above is what is used.
    cluster = made as KafkaJsCluster;
    return made;
  });
  try {
    const made = make();
    return { made, cluster };
  } finally {
    Reflect.set(kafka, key, create);
  }
}

/**
 * Obtains kafkajs's `Cluster` of a client, through a consumer that is never run: its partition assigner is given the
 * cluster when it is made.
 *
 * @internal
 */
export function clusterOf(kafka: Kafka): KafkaJsCluster {
  let cluster: unknown;
  kafka.consumer({
    groupId: GROUP_ID,
    allowAutoTopicCreation: false,
    partitionAssigners: [
      (config) => {
        cluster = config.cluster;
        return {
          name: GROUP_ID,
          version: 1,
          assign: () => Promise.resolve([]),
          protocol: () => ({ name: GROUP_ID, metadata: Buffer.alloc(0) }),
        };
      },
    ],
  });
  if (cluster === undefined) throw new TypeError('kafkajs made a consumer without its assigner');
  // kafkajs's types name a part of it; the list above is what is used.
  return cluster as KafkaJsCluster;
}

/**
 * Puts other requests in the place of those that a cluster's clients send, or the same ones with something around them. Does nothing to a
 * client that is not built like kafkajs's.
 *
 * @param changeOn - called for each new pool of connections; what it returns is called in the same moment in which kafkajs sends.
 * @internal
 */
export function aroundRequests(
  { brokerPool }: KafkaJsCluster,
  changeOn: (
    connections: KafkaJsConnectionPool,
  ) => (asked: KafkaJsProtocolRequest) => KafkaJsProtocolRequest,
): void {
  const builder = brokerPool?.connectionPoolBuilder;
  if (brokerPool === undefined || builder === undefined) return;
  brokerPool.connectionPoolBuilder = {
    async build(destination) {
      const connections = await builder.build(destination);
      const send = connections.send.bind(connections);
      const change = changeOn(connections);
      connections.send = (asked) => send(change(asked));
      return connections;
    },
  };
}
