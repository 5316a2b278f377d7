import type { Admin, Kafka, Producer } from 'kafkajs';
import { onTestFinished } from 'vitest';
import { kafka } from '../../src/kafkajs.js';
import { waitFor } from '../../stack/index.js';
import type { Broker, Cluster } from '../../stack/index.js';
import { commit, createTopic } from './stack-support.js';

/** A client that gives up soon and does not try again: what it meets is what the proxy has done. */
export function impatient(brokers: readonly string[]): Kafka {
  return new kafka.Kafka({
    clientId: 'fault-proxy-test',
    brokers: [...brokers],
    logLevel: kafka.logLevel.NOTHING,
    connectionTimeout: 2000,
    requestTimeout: 2000,
    retry: { retries: 0 },
  });
}

export async function openProducer(client: Kafka): Promise<Producer> {
  const producer = client.producer();
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  return producer;
}

export async function openAdmin(client: Kafka): Promise<Admin> {
  const admin = client.admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  return admin;
}

export const send = (producer: Producer, topic: string, ...values: string[]) =>
  producer.send({ topic, messages: values.map((value) => ({ value })) });

/** The name of the protocol's error that kafkajs has wrapped. */
export function typeOf(failure: unknown): unknown {
  const cause = failure instanceof Error ? failure.cause : undefined;
  return cause instanceof Error && 'type' in cause ? cause.type : undefined;
}

export const clusterIdOf = async (admin: Admin): Promise<string> =>
  (await admin.describeCluster()).clusterId;

let topicCount = 0;

export async function newTopic(cluster: Cluster, options: Parameters<typeof createTopic>[2] = {}) {
  topicCount += 1;
  const topic = `topic-${topicCount}`;
  await createTopic(cluster, topic, options);
  return topic;
}

/** The broker makes the topic of groups when it is first asked for one, and has no coordinator until then. */
export async function makeGroups(cluster: Cluster): Promise<void> {
  const topic = await newTopic(cluster);
  await waitFor('the first commit', () => commit(cluster, 'first', topic, '0').then(() => true));
}

/** Where a group goes on in partition 0. */
export function committed(
  cluster: Cluster,
  groupId: string,
  topic: string,
): Promise<string | undefined> {
  return cluster.withAdmin(async (admin) => {
    await admin.fetchTopicMetadata({ topics: [topic] }); // kafkajs looks for coordinators among the brokers that it knows.
    const [found] = await admin.fetchOffsets({ groupId, topics: [topic] });
    return found?.partitions[0]?.offset;
  });
}

/** The node that leads partition 0. */
export async function leaderOf(
  servers: Cluster | Broker,
  topic: string,
): Promise<number | undefined> {
  const { topics } = await servers.withAdmin((admin) =>
    admin.fetchTopicMetadata({ topics: [topic] }),
  );
  return topics[0]?.partitions[0]?.leader;
}
