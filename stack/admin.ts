import type { Admin } from 'kafkajs';
import { kafka } from '../src/kafkajs.js';

/**
 * Runs `work` with a connected kafkajs admin client, which is disconnected afterwards. It does not retry: whoever waits
 * for something asks again.
 *
 * @internal
 */
export async function withAdmin<T>(
  brokers: readonly string[],
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const client = new kafka.Kafka({
    clientId: 'stack',
    brokers: [...brokers],
    logLevel: kafka.logLevel.NOTHING,
    connectionTimeout: 1000,
    requestTimeout: 5000,
    retry: { retries: 0 },
  });
  const admin = client.admin();
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

/** @internal True when a broker behind one of these addresses answers. */
export function answers(brokers: readonly string[]): Promise<boolean> {
  return withAdmin(brokers, (admin) => admin.listTopics()).then(
    () => true,
    () => false,
  );
}
