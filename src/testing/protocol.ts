/**
 * The Kafka protocol as far as kafkajs 2.2.4 speaks it: what its `Broker` hands to an encoder, and what its decoders make
 * of an answer at the versions that kafkajs and Kafka 4 agree on. Only the bytes in between are left out.
 */

/** @internal Offsets and ids arrive from kafkajs as a string, a number or its own Long. */
export type Int64 = string | number | { toString(): string };

/** @internal A record as it travels to a broker: bytes, as an encoder would have made them. */
export interface ProducedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: readonly (readonly [string, Buffer])[];
  readonly timestampMs: number;
}

interface PartitionError {
  partition: number;
  errorCode: number;
}

interface TopicPartitions<P> {
  topic: string;
  partitions: P[];
}

/** @internal */
export interface GroupMemberMetadata {
  memberId: string;
  groupInstanceId: string | null;
  memberMetadata: Buffer;
}

/** @internal A record as kafkajs's record decoder hands it out. */
export interface FetchedRecord {
  magicByte: number;
  attributes: number;
  timestamp: string;
  offset: string;
  key: Buffer | null;
  value: Buffer | null;
  headers: Record<string, Buffer | Buffer[]>;
  isControlRecord: boolean;
  batchContext: object;
}

/** @internal */
export interface FetchedPartition {
  partition: number;
  errorCode: number;
  highWatermark: string;
  lastStableOffset: string;
  lastStartOffset: string;
  abortedTransactions: { producerId: string; firstOffset: string }[];
  preferredReadReplica: number;
  messages: FetchedRecord[];
}

/** @internal */
export interface ConfigEntry {
  configName: string;
  configValue: string;
  readOnly: boolean;
  isDefault: boolean;
  configSource: number;
  isSensitive: boolean;
  configSynonyms: never[];
}

/** @internal How a request about the settings of one resource ended. */
export interface ConfigResource {
  errorCode: number;
  errorMessage: null;
  resourceType: number;
  resourceName: string;
}

interface Transactional {
  transactionalId: string;
  producerId: Int64;
  producerEpoch: number;
}

/** @internal Each request by kafkajs's name for it: what is asked, and what is answered. */
export interface Protocol {
  Produce: {
    request: {
      acks: number;
      transactionalId: string | null;
      producerId: Int64;
      producerEpoch: number;
      topicData: TopicPartitions<{
        partition: number;
        firstSequence: number;
        messages: readonly ProducedRecord[];
      }>[];
    };
    answer: {
      topics: {
        topicName: string;
        partitions: (PartitionError & {
          baseOffset: string;
          logAppendTime: string;
          logStartOffset: string;
        })[];
      }[];
    };
  };
  Fetch: {
    request: {
      maxWaitTime: number;
      minBytes: number;
      maxBytes: number;
      isolationLevel?: number;
      topics: TopicPartitions<{ partition: number; fetchOffset: Int64; maxBytes: number }>[];
    };
    answer: {
      errorCode: number;
      sessionId: number;
      responses: { topicName: string; partitions: FetchedPartition[] }[];
    };
  };
  ListOffsets: {
    request: {
      isolationLevel?: number;
      topics: TopicPartitions<{ partition: number; timestamp?: Int64 }>[];
    };
    answer: {
      responses: TopicPartitions<PartitionError & { timestamp: string; offset: string }>[];
    };
  };
  Metadata: {
    request: { topics: readonly string[]; allowAutoTopicCreation?: boolean };
    answer: {
      brokers: { nodeId: number; host: string; port: number; rack: null }[];
      clusterId: string;
      controllerId: number;
      topicMetadata: {
        topicErrorCode: number;
        topic: string;
        isInternal: boolean;
        partitionMetadata: {
          partitionErrorCode: number;
          partitionId: number;
          leader: number;
          replicas: number[];
          isr: number[];
          offlineReplicas: number[];
        }[];
      }[];
    };
  };
  OffsetCommit: {
    request: {
      groupId: string;
      groupGenerationId: number;
      memberId: string;
      topics: TopicPartitions<{ partition: number; offset: Int64; metadata?: string | null }>[];
    };
    answer: { responses: TopicPartitions<PartitionError>[] };
  };
  OffsetFetch: {
    request: { groupId: string; topics: TopicPartitions<{ partition: number }>[] };
    answer: {
      errorCode: number;
      responses: TopicPartitions<PartitionError & { offset: string; metadata: string }>[];
    };
  };
  GroupCoordinator: {
    request: { groupId: string; coordinatorType?: number };
    answer: {
      errorCode: number;
      errorMessage: null;
      coordinator: { nodeId: number; host: string; port: number };
    };
  };
  JoinGroup: {
    request: {
      groupId: string;
      sessionTimeout: number;
      rebalanceTimeout: number;
      memberId: string;
      protocolType: string;
      groupProtocols: { name: string; metadata: Buffer }[];
    };
    answer: {
      errorCode: number;
      generationId: number;
      groupProtocol: string;
      leaderId: string;
      memberId: string;
      members: GroupMemberMetadata[];
    };
  };
  Heartbeat: {
    request: { groupId: string; groupGenerationId: number; memberId: string };
    answer: { errorCode: number };
  };
  LeaveGroup: {
    request: { groupId: string; memberId: string };
    answer: {
      errorCode: number;
      members: { memberId: string; groupInstanceId: null; errorCode: number }[];
    };
  };
  SyncGroup: {
    request: {
      groupId: string;
      generationId: number;
      memberId: string;
      groupAssignment: { memberId: string; memberAssignment: Buffer }[];
    };
    answer: { errorCode: number; memberAssignment: Buffer };
  };
  DescribeGroups: {
    request: { groupIds: readonly string[] };
    answer: {
      groups: {
        errorCode: number;
        groupId: string;
        state: string;
        protocolType: string;
        protocol: string;
        members: {
          memberId: string;
          clientId: string;
          clientHost: string;
          memberMetadata: Buffer;
          memberAssignment: Buffer;
        }[];
      }[];
    };
  };
  ListGroups: {
    request: undefined;
    answer: { errorCode: number; groups: { groupId: string; protocolType: string }[] };
  };
  ApiVersions: {
    request: undefined;
    answer: {
      errorCode: number;
      apiVersions: { apiKey: number; minVersion: number; maxVersion: number }[];
    };
  };
  CreateTopics: {
    request: {
      topics: {
        topic: string;
        numPartitions?: number;
        configEntries?: { name: string; value: string }[];
      }[];
      validateOnly?: boolean;
    };
    answer: { topicErrors: { topic: string; errorCode: number; errorMessage: string | null }[] };
  };
  DeleteTopics: {
    request: { topics: readonly string[] };
    answer: { topicErrors: { topic: string; errorCode: number }[] };
  };
  DeleteRecords: {
    request: { topics: TopicPartitions<{ partition: number; offset: Int64 }>[] };
    answer: { topics: TopicPartitions<PartitionError & { lowWatermark: string }>[] };
  };
  InitProducerId: {
    request: { transactionalId?: string; transactionTimeout: number };
    answer: { errorCode: number; producerId: string; producerEpoch: number };
  };
  AddPartitionsToTxn: {
    request: Transactional & { topics: TopicPartitions<number>[] };
    answer: { errors: { topic: string; partitionErrors: PartitionError[] }[] };
  };
  AddOffsetsToTxn: {
    request: Transactional & { groupId: string };
    answer: { errorCode: number };
  };
  EndTxn: {
    request: Transactional & { transactionResult: boolean };
    answer: { errorCode: number };
  };
  TxnOffsetCommit: {
    request: Transactional & {
      groupId: string;
      topics: TopicPartitions<{ partition: number; offset: Int64; metadata?: string | null }>[];
    };
    answer: { topics: TopicPartitions<PartitionError>[] };
  };
  DescribeConfigs: {
    request: { resources: { type: number; name: string; configNames?: string[] }[] };
    answer: {
      resources: (ConfigResource & { configEntries: ConfigEntry[] })[];
    };
  };
  AlterConfigs: {
    request: {
      resources: {
        type: number;
        name: string;
        configEntries: { name: string; value: string }[];
      }[];
      validateOnly?: boolean;
    };
    answer: { resources: ConfigResource[] };
  };
  CreatePartitions: {
    request: { topicPartitions: { topic: string; count: number }[]; validateOnly?: boolean };
    answer: { topicErrors: { topic: string; errorCode: number; errorMessage: null }[] };
  };
  DeleteGroups: {
    request: readonly string[];
    answer: { results: { groupId: string; errorCode: number }[] };
  };
}
