/**
 * A service as it is today: writes an invoice for each order. Plain kafkajs, one cluster.
 *
 *   A_BROKERS=127.0.0.1:9092 npx tsx examples/before.ts
 *
 * `after.ts` is the same service on two clusters: compare the two files.
 *
 * Its topics `orders` and `invoices` must exist.
 */
import { Kafka, type EachMessagePayload } from 'kafkajs';
import { brokersOf, untilToldToStop } from './service.js';

const kafka = new Kafka({
  clientId: 'billing',
  brokers: brokersOf('A'),
});
const producer = kafka.producer();
const consumer = kafka.consumer({ groupId: 'billing' });

async function start(): Promise<void> {
  await producer.connect();
  await consumer.connect();
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  await consumer.run({ eachMessage: bill });
}

async function bill({ message }: EachMessagePayload): Promise<void> {
  await producer.send({
    topic: 'invoices',
    messages: [{ key: message.key, value: `invoice for ${String(message.value)}` }],
  });
}

async function stop(): Promise<void> {
  await consumer.disconnect();
  await producer.disconnect();
}

void untilToldToStop({ start, stop });
