import { randomUUID } from 'node:crypto';
import { kafka } from '../../src/kafkajs.js';
import { waitFor, type Cluster } from '../../stack/index.js';
import { createTopic } from './stack-support.js';

export const PARTITION_COUNT = 6;

/** Makes a topic on both clusters, and resolves when MirrorMaker carries it both ways. */
export async function createMirrored(
  topic: string,
  { A, B }: { readonly A: Cluster; readonly B: Cluster },
): Promise<void> {
  await Promise.all(
    [A, B].map((cluster) => createTopic(cluster, topic, { numPartitions: PARTITION_COUNT })),
  );
  const topicsOf = (cluster: Cluster) => cluster.withAdmin((admin) => admin.listTopics());
  await waitFor(
    'the mirrored topics',
    async () =>
      (await topicsOf(A)).includes(`B.${topic}`) && (await topicsOf(B)).includes(`A.${topic}`),
    { timeoutMs: 60_000 },
  );
}

/** The values in the logs of a topic, from their beginnings to where they end now. */
export async function readLog(cluster: Cluster, topic: string): Promise<readonly string[]> {
  const ends = await cluster.withAdmin((admin) => admin.fetchTopicOffsets(topic));
  const unread = new Map(
    ends
      .filter(({ low, high }) => low !== high)
      .map(({ partition, high }) => [partition, BigInt(high)]),
  );
  if (unread.size === 0) return [];
  const client = new kafka.Kafka({ brokers: cluster.brokers, logLevel: 0 });
  // An idle kafkajs consumer leaves only when its fetch comes back: after 5 s by default.
  const consumer = client.consumer({
    groupId: `console-consumer-${randomUUID()}`,
    maxWaitTimeInMs: 50,
  });
  const values: string[] = [];
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch: { partition, messages, lastOffset } }) => {
        values.push(...messages.map(({ value }) => String(value)));
        const end = unread.get(partition);
        if (end !== undefined && BigInt(messages.at(-1)?.offset ?? lastOffset()) + 1n >= end)
          unread.delete(partition);
      },
    });
    await waitFor(`all of ${topic}`, () => unread.size, {
      until: (size) => size === 0,
      timeoutMs: 60_000,
    });
  } finally {
    await consumer.disconnect();
  }
  return values;
}
