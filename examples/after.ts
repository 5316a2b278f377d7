/**
 * The same service as in `before.ts`, on two clusters: it outlives the loss of one of them.
 *
 *   A_BROKERS=127.0.0.1:9092 B_BROKERS=127.0.0.1:9093 npx tsx examples/after.ts
 *
 * What is new: the import, and `clusters` in place of `brokers`.
 *
 * Its topics `orders` and `invoices` must exist, on both clusters.
 */
import { FailoverKafka as Kafka, type EachMessagePayload } from 'kafkajs-failover';
import { brokersOf, untilToldToStop } from './service.js';

const kafka = new Kafka({
  clientId: 'billing',
  clusters: { A: { brokers: brokersOf('A') }, B: { brokers: brokersOf('B') } },
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
