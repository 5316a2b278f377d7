/** An operator's script: topics, configurations, groups and offsets. */
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ConfigResourceTypes,
  Kafka,
  KafkaJSAggregateError,
  ResourcePatternTypes,
  type Admin,
  type GroupOverview,
  type ITopicConfig,
  type SeekEntry,
} from 'kafkajs';
import { kafkaConfig } from './config.js';

const kafka = new Kafka(kafkaConfig);

export async function prepare(topics: readonly ITopicConfig[]): Promise<boolean> {
  const admin = kafka.admin({ retry: { retries: 3 } });
  await admin.connect();
  try {
    const created = await admin.createTopics({
      topics: [...topics],
      waitForLeaders: true,
      timeout: 5_000,
    });
    await admin.createPartitions({ topicPartitions: [{ topic: 'orders', count: 12 }] });
    await retain(admin, 'orders', 7 * 24 * 3_600_000);
    await admin.createAcls({
      acl: [
        {
          resourceType: AclResourceTypes.TOPIC,
          resourceName: 'orders',
          resourcePatternType: ResourcePatternTypes.LITERAL,
          principal: 'User:orders',
          host: '*',
          operation: AclOperationTypes.WRITE,
          permissionType: AclPermissionTypes.ALLOW,
        },
      ],
    });
    return created;
  } catch (error) {
    if (error instanceof KafkaJSAggregateError) console.error(error.errors);
    throw error;
  } finally {
    await admin.disconnect();
  }
}

async function retain(admin: Admin, topic: string, retentionMs: number): Promise<void> {
  const described = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: ['retention.ms'] }],
  });
  const current = described.resources[0]?.configEntries.find(
    ({ configName }) => configName === 'retention.ms',
  );
  if (current?.configValue === String(retentionMs)) return;
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: ConfigResourceTypes.TOPIC,
        name: topic,
        configEntries: [{ name: 'retention.ms', value: String(retentionMs) }],
      },
    ],
  });
}

export async function lag(groupId: string, topic: string): Promise<bigint> {
  const admin = kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const { clusterId, controller, brokers } = await admin.describeCluster();
  console.log(clusterId, controller, brokers.length, await admin.listTopics());
  await admin.disconnect();
  return (offsets?.partitions ?? []).reduce((sum, { partition, offset }) => {
    const end = ends.find((candidate) => candidate.partition === partition);
    return end === undefined ? sum : sum + BigInt(end.high) - BigInt(offset);
  }, 0n);
}

export async function rewind(groupId: string, topic: string, timestamp: number): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  const partitions: SeekEntry[] = await admin.fetchTopicOffsetsByTimestamp(topic, timestamp);
  await admin.setOffsets({ groupId, topic, partitions });
  const { groups }: { groups: GroupOverview[] } = await admin.listGroups();
  const { groups: details } = await admin.describeGroups(groups.map((group) => group.groupId));
  for (const { state, members } of details) console.log(state, members.length);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '-1' }] });
  await admin.disconnect();
}
