import { randomUUID } from 'node:crypto';
import { replayOrigin, type Admin, type Kafka } from 'kafkajs-failover';
import { waitFor } from '../../stack/wait.js';
import { withAdmin } from '../topics.js';
import type { GroupCommit, LoggedRecord } from './tally.js';

const READ_WITHIN_MS = 30_000;

/** How many records each of the topics holds; 0 for one that does not exist. */
export async function countRecords(kafka: Kafka, topics: readonly string[]): Promise<number> {
  const ends = await ask(kafka, 'where the topics end', (admin) => endOffsets(admin, topics));
  return ends.reduce((sum, { low, high }) => sum + Number(high - low), 0);
}

/** Reads topics from their beginning to their end with a plain kafkajs consumer of a group of its own. */
export async function readRecords(
  kafka: Kafka,
  { cluster, topics }: { cluster: string; topics: readonly string[] },
): Promise<readonly LoggedRecord[]> {
  const ends = await ask(kafka, `where the topics end on ${cluster}`, (admin) =>
    endOffsets(admin, topics),
  );
  const unread = new Map(
    ends
      .filter(({ low, high }) => high > low)
      .map(({ topic, partition, high }) => [`${topic}/${partition}`, high]),
  );
  const records: LoggedRecord[] = [];
  if (unread.size === 0) return records;
  const consumer = kafka.consumer({ groupId: `demo-reader-${randomUUID()}`, maxWaitTimeInMs: 100 });
  try {
    await consumer.connect();
    await consumer.subscribe({
      topics: [...new Set(ends.map(({ topic }) => topic))],
      fromBeginning: true,
    });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`cluster ${cluster} could not be read back within ${READ_WITHIN_MS} ms`));
      }, READ_WITHIN_MS);
      consumer
        .run({
          autoCommit: false,
          eachBatch: async ({ batch }) => {
            const { topic, partition, messages } = batch;
            for (const message of messages) {
              const { offset, seq } = parse(message.offset, message.value);
              const isReplay = replayOrigin(message) !== undefined;
              records.push({ cluster, topic, partition, offset, seq, isReplay });
            }
            const end = unread.get(`${topic}/${partition}`);
            if (end !== undefined && BigInt(batch.lastOffset()) + 1n >= end) {
              unread.delete(`${topic}/${partition}`);
            }
            if (unread.size > 0) return;
            clearTimeout(timer);
            resolve();
          },
        })
        .catch(reject);
    });
  } finally {
    await consumer.disconnect();
  }
  return records;
}

/** The group's committed positions on these topics. */
export async function readCommits(
  kafka: Kafka,
  { cluster, topics, groupId }: { cluster: string; topics: readonly string[]; groupId: string },
): Promise<readonly GroupCommit[]> {
  return ask(kafka, `the commits of ${groupId} on ${cluster}`, async (admin) => {
    const existing = await existingTopics(admin, topics);
    if (existing.length === 0) return [];
    const answers = await admin.fetchOffsets({ groupId, topics: existing });
    return answers.flatMap(({ topic, partitions }) =>
      partitions
        .map(({ partition, offset }) => ({ cluster, topic, partition, offset: BigInt(offset) }))
        .filter(({ offset }) => offset >= 0n),
    );
  });
}

/**
 * Asks again, each time anew, until there is an answer: a broker that was killed and started again may lose its leadership
 * for a moment on a busy machine, and kafkajs's admin gives up at the first such error.
 */
function ask<T>(kafka: Kafka, what: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  return waitFor(what, () => withAdmin(kafka, work), {
    until: () => true,
    timeoutMs: READ_WITHIN_MS,
    everyMs: 200,
  });
}

async function endOffsets(
  admin: Admin,
  topics: readonly string[],
): Promise<readonly { topic: string; partition: number; low: bigint; high: bigint }[]> {
  const existing = await existingTopics(admin, topics);
  const answers = await Promise.all(
    existing.map(async (topic) => {
      const partitions = await admin.fetchTopicOffsets(topic);
      return partitions.map(({ partition, low, high }) => ({
        topic,
        partition,
        low: BigInt(low),
        high: BigInt(high),
      }));
    }),
  );
  return answers.flat();
}

async function existingTopics(admin: Admin, topics: readonly string[]): Promise<string[]> {
  const all = new Set(await admin.listTopics());
  return topics.filter((topic) => all.has(topic));
}

function parse(offset: string, value: Buffer | null): { offset: bigint; seq: number } {
  const order = JSON.parse(String(value)) as { seq: number };
  return { offset: BigInt(offset), seq: order.seq };
}
