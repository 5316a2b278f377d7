import type { FailoverKafka, Kafka } from 'kafkajs-failover';
import { waitFor } from '../stack/index.js';

/** What the producer rounds wrote is some millions of records, and MirrorMaker shares the machine. */
const COPY_LIMIT_MS = 300_000;
const READ_LIMIT_MS = 120_000;
/** What was read longer ago is not followed. */
const FOLLOWED_MS = 2_000;

/** Waits until B has a copy of every record of these topics of A. @internal */
export async function untilCopied(
  source: Kafka,
  target: Kafka,
  topics: readonly string[],
): Promise<void> {
  const [from, to] = [source.admin(), target.admin()];
  await Promise.all([from.connect(), to.connect()]);
  for (const topic of topics) {
    const count = await countOf(from, topic);
    await waitFor(`${count} copies in A.${topic}`, () => countOf(to, `A.${topic}`), {
      until: (copied) => copied >= count,
      timeoutMs: COPY_LIMIT_MS,
      everyMs: 500,
    });
  }
  await Promise.all([from.disconnect(), to.disconnect()]);
}

async function countOf(admin: ReturnType<Kafka['admin']>, topic: string): Promise<number> {
  const partitions = await admin.fetchTopicOffsets(topic);
  return partitions.reduce((sum, { high }) => sum + Number(high), 0);
}

/**
 * Waits until all that MirrorMaker has written is read and followed, as in a service that has run for a while. A client must
 * be connected, and stay so: when the last one leaves, the mirrors are closed, and the next one reads them anew.
 *
 * @internal
 */
export async function untilMirrorsAreFollowed(kafka: FailoverKafka): Promise<void> {
  await waitFor(
    'mirrors that are read to their end and followed',
    async () => {
      // A plan waits for the mirror, and reading is quick while somebody waits.
      await kafka.plan({ to: 'B' });
      return kafka.status().mirrors.map(({ source, target, isComplete, ageMs }) => ({
        flow: `${source}->${target}`,
        isComplete,
        ageMs,
      }));
    },
    {
      until: (mirrors) =>
        mirrors.length === 2 &&
        mirrors.every(({ isComplete, ageMs = Infinity }) => isComplete && ageMs < FOLLOWED_MS),
      timeoutMs: READ_LIMIT_MS,
      everyMs: 200,
    },
  );
}
