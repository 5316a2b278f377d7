import type { Kafka } from 'kafkajs';
import { waitFor } from '../stack/index.js';

/** @internal Makes topics, and waits for their leaders. */
export async function createTopics(
  kafka: Kafka,
  topics: readonly string[],
  numPartitions: number,
): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  const wanted = topics.map((topic) => ({ topic, numPartitions }));
  // kafkajs would wait for leaders at once, and reject where the broker does not know yet what its controller has made.
  await admin.createTopics({ topics: wanted, waitForLeaders: false });
  await waitFor(
    'the leaders of the topics',
    () => admin.fetchTopicMetadata({ topics: [...topics] }),
    {
      until: ({ topics: known }) =>
        known.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0)),
    },
  );
  await admin.disconnect();
}

/** @internal MirrorMaker knows the topics that are switched with. */
export async function untilTopicsExist(kafka: Kafka, topics: readonly string[]): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await waitFor('the mirrored topics', () => admin.listTopics(), {
    until: (names) => topics.every((topic) => names.includes(topic)),
    timeoutMs: 60_000,
  });
  await admin.disconnect();
}
