import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ITopicConfig, KafkaMessage } from 'kafkajs';
import { ensureKafka } from '../../stack/jars.js';
import { waitFor } from '../../stack/index.js';
import type { Broker, Cluster } from '../../stack/index.js';
import { cacheDirectoryFrom } from '../../stack/paths.js';
import { findJava, kafkaVersionFrom } from '../../stack/preflight.js';
import { kafka } from '../../src/kafkajs.js';
import { makeSandbox } from '../stack/sandbox.js';

/** The repository's root. */
export const root = join(import.meta.dirname, '../..');

/** A cluster, or one of its nodes. */
type Servers = Pick<Broker | Cluster, 'brokers' | 'withAdmin'>;

function client(broker: Servers) {
  return new kafka.Kafka({
    clientId: 'stack-test',
    brokers: broker.brokers,
    logLevel: kafka.logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 500, retries: 20 },
  });
}

/** Creates a topic, of one partition unless told otherwise: a broker does not know at once what its controller has made. */
export async function createTopic(
  broker: Servers,
  topic: string,
  config: Omit<ITopicConfig, 'topic'> = {},
): Promise<void> {
  await broker.withAdmin((admin) =>
    admin.createTopics({
      topics: [{ topic, numPartitions: 1, ...config }],
      waitForLeaders: false,
    }),
  );
  await waitFor(`the leaders of ${topic}`, () =>
    broker.withAdmin(async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics.every(
        ({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0),
      );
    }),
  );
}

export async function produce(broker: Servers, topic: string, ...values: string[]): Promise<void> {
  const producer = client(broker).producer();
  await producer.connect();
  try {
    await producer.send({ topic, messages: values.map((value) => ({ value })) });
  } finally {
    await producer.disconnect();
  }
}

/** How many records a topic of one partition holds; -1 where there is no such topic. */
export function count(broker: Servers, topic: string): Promise<number> {
  return broker.withAdmin(async (admin) => {
    if (!(await admin.listTopics()).includes(topic)) return -1;
    const [partition] = await admin.fetchTopicOffsets(topic);
    return Number(partition?.high) - Number(partition?.low);
  });
}

/** The values of the topic from its start on, as many as asked for. */
export async function read(
  broker: Servers,
  topic: string,
  expectedCount: number,
): Promise<string[]> {
  // kafkajs refuses to subscribe to a topic that MM2 has not made yet.
  await waitFor(`${expectedCount} records in ${topic}`, () => count(broker, topic), {
    until: (held) => held >= expectedCount,
    timeoutMs: 60_000,
  });
  return (await readFirst(broker, topic, expectedCount)).map(({ value }) => String(value));
}

/** The records of a topic that exists, from its start on: as many as asked for, or a few more. */
async function readFirst(
  broker: Servers,
  topic: string,
  expectedCount: number,
): Promise<readonly KafkaMessage[]> {
  const groupId = `reader-${topic}-${Date.now()}`;
  // An idle kafkajs consumer leaves only when its fetch comes back: after 5 s by default.
  const consumer = client(broker).consumer({ groupId, maxWaitTimeInMs: 50 });
  const messages: KafkaMessage[] = [];
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ message }) => {
        messages.push(message);
      },
    });
    await waitFor(`${expectedCount} records of ${topic}`, () => messages, {
      until: ({ length }) => length >= expectedCount,
    });
  } finally {
    await consumer.disconnect();
  }
  return messages;
}

export async function commit(
  broker: Servers,
  groupId: string,
  topic: string,
  offset: string,
): Promise<void> {
  await broker.withAdmin((admin) =>
    admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset }] }),
  );
}

/** True when some checkpoint of the topic on this broker carries the group's name. */
export async function hasCheckpoint(
  broker: Servers,
  topic: string,
  groupId: string,
): Promise<boolean> {
  const held = await count(broker, topic);
  if (held <= 0) return false;
  return (await readFirst(broker, topic, held)).some(({ key }) => String(key).includes(groupId));
}

/** A cache of its own for runs, with the jars of the real one: what other stacks do is not seen in it. */
export async function makeCache(): Promise<NodeJS.ProcessEnv> {
  const version = kafkaVersionFrom(undefined, process.env);
  const { directory } = await makeSandbox();
  const cache = join(directory, 'cache');
  await mkdir(cache);
  const java = await findJava(version, process.env);
  const real = cacheDirectoryFrom(process.env);
  const { home } = await ensureKafka({ version, cacheDirectory: real, java, env: process.env });
  await symlink(home, join(cache, `kafka-${version}`));
  return { ...process.env, STACK_CACHE: cache };
}
