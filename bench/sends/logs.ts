import { Kafka, logLevel } from 'kafkajs-failover';
import { waitFor, type Cluster } from '../../stack/index.js';

/** @internal Everything in a topic: values, by `partition:offset`. None where it does not exist. */
export async function readAll(
  cluster: Cluster,
  topic: string,
): Promise<ReadonlyMap<string, string>> {
  const client = new Kafka({ brokers: [...cluster.brokers], logLevel: logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  const exists = (await admin.listTopics()).includes(topic);
  const ends = exists ? await admin.fetchTopicOffsets(topic) : [];
  await admin.disconnect();
  const total = ends.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
  const values = new Map<string, string>();
  if (total === 0) return values;
  const groupId = `bench-reader-${Math.random().toString(36).slice(2)}`;
  const consumer = client.consumer({ groupId, maxWaitTimeInMs: 100 });
  await consumer.connect();
  try {
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: ({ partition, message }) => {
        values.set(`${partition}:${message.offset}`, String(message.value));
        return Promise.resolve();
      },
    });
    await waitFor(`${total} records of ${topic}`, () => values.size, {
      until: (size) => size >= total,
      timeoutMs: 120_000,
    });
  } finally {
    await consumer.disconnect();
  }
  return values;
}
