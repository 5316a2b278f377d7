import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin, Kafka } from 'kafkajs-failover';

/** A topic on both clusters, mirrored. */
export interface MirroredTopic {
  readonly topic: string;
  readonly partitionCount: number;
  /** Default policy: made on both, mirrored both ways. Identity: made on A, MirrorMaker makes it on B. */
  readonly policy: 'default' | 'identity';
}

const MIRRORED_WITHIN_MS = 60_000;

/**
 * Makes a topic before a service needs it, and waits until MirrorMaker mirrors it. The library makes no topics: on a
 * standby they would be made by accident, with the wrong settings.
 *
 * @param kafka - a plain client of each cluster.
 */
export async function createMirroredTopic(
  kafka: Readonly<Record<'A' | 'B', Kafka>>,
  { topic, partitionCount, policy }: MirroredTopic,
): Promise<void> {
  const topics = [{ topic, numPartitions: partitionCount, replicationFactor: 1 }];
  const wanted =
    policy === 'identity'
      ? ([['B', topic]] as const)
      : ([
          ['A', `B.${topic}`],
          ['B', `A.${topic}`],
        ] as const);
  // kafkajs waits for leaders at once, and rejects where a broker does not know yet what its controller has made. The wait
  // for the mirror below takes longer than that.
  const request = { topics, waitForLeaders: false };
  await withAdmin(kafka.A, (admin) => admin.createTopics(request));
  if (policy === 'default') await withAdmin(kafka.B, (admin) => admin.createTopics(request));
  for (const [alias, name] of wanted) {
    await withAdmin(kafka[alias], (admin) => untilExists(admin, name, alias));
  }
}

/** Runs `work` with an admin of its own, which is disconnected afterwards. */
export async function withAdmin<T>(kafka: Kafka, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

async function untilExists(admin: Admin, topic: string, alias: string): Promise<void> {
  const deadlineAtMs = performance.now() + MIRRORED_WITHIN_MS;
  while (!(await admin.listTopics()).includes(topic)) {
    if (performance.now() > deadlineAtMs) {
      throw new Error(
        `MirrorMaker has not made ${topic} on cluster ${alias} within ${MIRRORED_WITHIN_MS} ms: does it run?`,
      );
    }
    await sleep(100);
  }
}
