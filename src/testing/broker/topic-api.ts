import { type ApiName, apiKeys, errorCodes, type ErrorCode } from '../protocol-codes.js';
import type { ConfigEntry, ConfigResource, Protocol } from '../protocol.js';
import type { Handlers } from './handlers.js';
import type { Topic, TopicStore } from './topic-store.js';

/** @internal What one cluster says about itself. */
export interface ClusterIdentity {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

type TopicApiName =
  | 'ApiVersions'
  | 'Metadata'
  | 'CreateTopics'
  | 'DeleteTopics'
  | 'CreatePartitions'
  | 'DeleteRecords'
  | 'DescribeConfigs'
  | 'AlterConfigs';

/** High enough that kafkajs takes its own newest version of each request, as it does against Kafka 4. */
const MAX_VERSION = 99;

const TOPIC_RESOURCE = 2;
const TOPIC_CONFIG_SOURCE = 1;
const DEFAULT_CONFIG_SOURCE = 5;

/** The settings that a topic answers with where it has none of its own: Kafka's defaults. */
const TOPIC_DEFAULTS: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'max.message.bytes': '1048588',
  'message.timestamp.type': 'CreateTime',
  'min.insync.replicas': '1',
  'retention.bytes': '-1',
  'retention.ms': '604800000',
};

/**
 * Topics, their settings, and what there is in the cluster at all.
 *
 * @internal
 */
export function topicApi(surroundings: {
  topics: TopicStore;
  identity: ClusterIdentity;
  defaultPartitionCount: number;
  autoCreateTopics: boolean;
}): Handlers<TopicApiName> {
  const { topics, identity, defaultPartitionCount } = surroundings;
  return {
    ApiVersions(_request, reply) {
      const apiVersions = Object.values(apiKeys).map((apiKey) => ({
        apiKey,
        minVersion: 0,
        maxVersion: MAX_VERSION,
      }));
      reply({ errorCode: errorCodes.NONE, apiVersions });
    },

    Metadata({ topics: names, allowAutoTopicCreation = true }, reply) {
      const mayCreate = surroundings.autoCreateTopics && allowAutoTopicCreation;
      const { nodeId, host, port, clusterId } = identity;
      reply({
        brokers: [{ nodeId, host, port, rack: null }],
        clusterId,
        controllerId: nodeId,
        topicMetadata:
          names.length === 0
            ? topics.all().map((topic) => describeTopic(topic, nodeId))
            : names.map((name) => {
                const topic = topics.get(name);
                if (topic !== undefined) return describeTopic(topic, nodeId);
                // As in KRaft: the topic is there from the next request on.
                if (mayCreate) topics.create(name, defaultPartitionCount);
                return unknownTopic(name, topics.refusalToCreate(name, 1));
              }),
      });
    },

    CreateTopics({ topics: asked, validateOnly = false }, reply) {
      reply({
        topicErrors: asked.map(({ topic, numPartitions = -1, configEntries = [] }) => {
          const count = numPartitions === -1 ? defaultPartitionCount : numPartitions;
          const config = Object.fromEntries(configEntries.map(({ name, value }) => [name, value]));
          const errorCode = validateOnly
            ? topics.refusalToCreate(topic, count)
            : topics.create(topic, count, config);
          return { topic, errorCode, errorMessage: null };
        }),
      });
    },

    DeleteTopics({ topics: names }, reply) {
      reply({
        topicErrors: names.map((topic) => ({ topic, errorCode: topics.delete(topic) })),
      });
    },

    CreatePartitions({ topicPartitions, validateOnly = false }, reply) {
      reply({
        topicErrors: topicPartitions.map(({ topic, count }) => ({
          topic,
          errorCode: validateOnly ? errorCodes.NONE : topics.grow(topic, count),
          errorMessage: null,
        })),
      });
    },

    DeleteRecords({ topics: asked }, reply) {
      reply({
        topics: asked.map(({ topic, partitions }) => ({
          topic,
          partitions: partitions.map(({ partition, offset }) => ({
            partition,
            ...trim(topics, topic, partition, Number(String(offset))),
          })),
        })),
      });
    },

    DescribeConfigs({ resources }, reply) {
      reply({
        resources: resources.map(({ type, name, configNames }) => {
          const topic = type === TOPIC_RESOURCE ? topics.get(name) : undefined;
          const entries = topic === undefined ? [] : configOf(topic);
          const isAsked = ({ configName }: ConfigEntry): boolean =>
            configNames === undefined ||
            configNames.length === 0 ||
            configNames.includes(configName);
          return { ...resourceOf(type, name, topic), configEntries: entries.filter(isAsked) };
        }),
      });
    },

    AlterConfigs({ resources, validateOnly = false }, reply) {
      reply({
        resources: resources.map(({ type, name, configEntries }) => {
          const topic = type === TOPIC_RESOURCE ? topics.get(name) : undefined;
          if (topic !== undefined && !validateOnly) replaceConfig(topic, configEntries);
          return resourceOf(type, name, topic);
        }),
      });
    },
  };
}

function resourceOf(type: number, name: string, topic: Topic | undefined): ConfigResource {
  const isMissing = type === TOPIC_RESOURCE && topic === undefined;
  return {
    errorCode: isMissing ? errorCodes.UNKNOWN_TOPIC_OR_PARTITION : errorCodes.NONE,
    errorMessage: null,
    resourceType: type,
    resourceName: name,
  };
}

type TopicMetadata = Protocol['Metadata']['answer']['topicMetadata'][number];

function describeTopic({ name, partitions }: Topic, nodeId: number): TopicMetadata {
  return {
    topicErrorCode: errorCodes.NONE,
    topic: name,
    isInternal: isInternalName(name),
    partitionMetadata: partitions.map((_partition, partitionId) => ({
      partitionErrorCode: errorCodes.NONE,
      partitionId,
      leader: nodeId,
      replicas: [nodeId],
      isr: [nodeId],
      offlineReplicas: [],
    })),
  };
}

function unknownTopic(name: string, refusal: ErrorCode): TopicMetadata {
  const isInvalid = refusal === errorCodes.INVALID_TOPIC_EXCEPTION;
  return {
    topicErrorCode: isInvalid ? refusal : errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
    topic: name,
    isInternal: false,
    partitionMetadata: [],
  };
}

/** @internal Kafka's own topics. */
export function isInternalName(name: string): boolean {
  return name === '__consumer_offsets' || name === '__transaction_state';
}

function trim(
  topics: TopicStore,
  topic: string,
  partition: number,
  offset: number,
): { errorCode: number; lowWatermark: string } {
  const log = topics.partition(topic, partition)?.log;
  if (log === undefined) {
    return { errorCode: errorCodes.UNKNOWN_TOPIC_OR_PARTITION, lowWatermark: '-1' };
  }
  if (offset > log.nextOffset) {
    return { errorCode: errorCodes.OFFSET_OUT_OF_RANGE, lowWatermark: '-1' };
  }
  // -1 stands for the end.
  log.trim(offset === -1 ? log.nextOffset : offset);
  return { errorCode: errorCodes.NONE, lowWatermark: String(log.lowOffset) };
}

function configOf(topic: Topic): ConfigEntry[] {
  const names = new Set([...Object.keys(TOPIC_DEFAULTS), ...topic.config.keys()]);
  return [...names].map((configName) => {
    const own = topic.config.get(configName);
    return {
      configName,
      configValue: own ?? TOPIC_DEFAULTS[configName] ?? '',
      readOnly: false,
      isDefault: own === undefined,
      configSource: own === undefined ? DEFAULT_CONFIG_SOURCE : TOPIC_CONFIG_SOURCE,
      isSensitive: false,
      configSynonyms: [],
    };
  });
}

/** Not incremental: what is not named goes back to its default. */
function replaceConfig(topic: Topic, entries: readonly { name: string; value: string }[]): void {
  topic.config.clear();
  for (const { name, value } of entries) topic.config.set(name, value);
}

/** @internal Name of a request by its key on the wire. */
export function apiNameOf(apiKey: number): ApiName | undefined {
  // The keys of the record are its names.
  const names = Object.keys(apiKeys) as ApiName[];
  return names.find((name) => apiKeys[name] === apiKey);
}
