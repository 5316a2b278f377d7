import type { FailoverKafka } from 'kafkajs-failover';
import { waitFor, type Stack } from '../../stack/index.js';
import type { HoldFigures } from './figures.js';

const RECORDS = 100_000;
const RECORDS_OF_A_SEND = 10;
const VALUE_BYTES = 200;

/** @internal What the process grows by while a switch does not end: the cluster that is gone to stands still. */
export async function measureHold(
  { clusters }: Stack,
  kafka: FailoverKafka,
  topic: string,
): Promise<HoldFigures> {
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value: 'first' }] });
  // It has said who it is: then it stands still.
  const paused = new Promise<void>((resolve, reject) => {
    kafka.on('cluster.fenced', () => void clusters.B.pause().then(resolve, reject));
  });
  const switching = kafka.switchTo('B', { planned: false, reason: 'bench' });
  await paused;
  await waitFor('a producer that holds', () => kafka.status().producers[0]?.state, {
    until: (state) => state === 'held',
  });
  const before = memoryUsed();
  const sends: Promise<unknown>[] = [];
  for (let index = 0; index < RECORDS / RECORDS_OF_A_SEND; index += 1) {
    // Each its own, as those of a service are.
    const messages = Array.from({ length: RECORDS_OF_A_SEND }, (_, at) => ({
      key: `key-${index}-${at}`,
      value: Buffer.alloc(VALUE_BYTES, at),
    }));
    sends.push(producer.send({ topic, messages }));
  }
  const { heldRecordCount = 0, heldBytes = 0 } = kafka.status().producers[0] ?? {};
  const bytes = memoryUsed() - before;
  clusters.B.resume();
  await switching;
  await Promise.all(sends);
  await producer.disconnect();
  return { records: heldRecordCount, bytes, heldBytes };
}

function memoryUsed(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
