import { randomUUID } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs-failover';
import { WaitTimeoutError, type Cluster } from '../../stack/index.js';
import { within } from '../within.js';
import type { Evidence } from './judge.js';
import { isLast, type Leg } from './workload.js';

const READ_LIMIT_MS = 120_000;

/**
 * The ids in a topic, as often as they are there, in the order of their partitions: read with a plain kafkajs consumer from its beginning
 * to the record that ends each partition on that way.
 */
async function readIds(
  kafka: Kafka,
  topic: string,
  { partitions, leg }: { partitions: number; leg: Leg },
): Promise<readonly string[]> {
  const consumer = kafka.consumer({
    groupId: `bench-reader-${randomUUID()}`,
    maxWaitTimeInMs: 50,
    // As MirrorMaker reads by default: of a transaction that was open when A was killed, which A then aborts, ordinary records come
    // to the other cluster. (Those of transactions that the workload itself aborts have no id.)
    readUncommitted: true,
  });
  const ids: string[] = [];
  const last = new Set<number>();
  let finish = (): void => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch: { partition, messages } }) => {
        for (const { headers } of messages) {
          const id = headers?.['id'];
          if (id === undefined) continue;
          if (isLast(String(id), leg)) last.add(partition);
          else if (!isLast(String(id))) ids.push(String(id));
        }
        if (last.size === partitions) finish();
        return Promise.resolve();
      },
    });
    await within(READ_LIMIT_MS, `the last record of each partition of ${topic}`, finished);
  } finally {
    await consumer.disconnect();
  }
  return ids;
}

/** A plain client, which waits for a broker that comes back. @internal */
export function plainKafka({ brokers }: Pick<Cluster, 'brokers'>): Kafka {
  const retry = { initialRetryTime: 100, retries: 10 };
  return new Kafka({ clientId: 'bench', logLevel: logLevel.NOTHING, brokers, retry });
}

/** What does not come within its time was skipped, perhaps: the judge will say. @internal */
export async function unlessInVain(
  say: (words: string) => void,
  wait: Promise<void>,
): Promise<void> {
  await wait.catch((error: unknown) => {
    if (!(error instanceof WaitTimeoutError)) throw error;
    say(`  ${error.message}`);
  });
}

/** What lies in the logs of a topic on both clusters. @internal */
export async function readLogs(
  kafka: Readonly<Record<'A' | 'B', Kafka>>,
  topic: string,
  end: { partitions: number; leg: Leg },
): Promise<Pick<Evidence, 'born' | 'bornOnA' | 'copied'>> {
  const [bornOnA, bornOnB, copied] = await Promise.all([
    readIds(kafka.A, topic, end),
    readIds(kafka.B, topic, end),
    readIds(kafka.B, `A.${topic}`, end),
  ]);
  return { born: [...bornOnA, ...bornOnB], bornOnA, copied };
}
