/** Consume, transform, produce: offsets and records in one transaction. */
import {
  Kafka,
  KafkaJSNonRetriableError,
  type EachBatchPayload,
  type Offsets,
  type Transaction,
} from 'kafkajs';
import { kafkaConfig } from './config.js';

const kafka = new Kafka(kafkaConfig);
const groupId = 'enrich';
const producer = kafka.producer({
  transactionalId: 'enrich-1',
  idempotent: true,
  maxInFlightRequests: 1,
});
const consumer = kafka.consumer({ groupId, readUncommitted: false, sessionTimeout: 20_000 });

export async function run(): Promise<void> {
  await Promise.all([producer.connect(), consumer.connect()]);
  await consumer.subscribe({ topic: 'orders', fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: 3,
    eachBatch: enrich,
  });
}

async function enrich(payload: EachBatchPayload): Promise<void> {
  const { batch, resolveOffset, heartbeat, isRunning, isStale, uncommittedOffsets } = payload;
  for (const message of batch.messages) {
    if (!isRunning() || isStale()) return;
    const transaction: Transaction = await producer.transaction();
    try {
      await transaction.send({
        topic: 'orders-enriched',
        messages: [{ key: message.key, value: message.value, headers: { seen: 'yes' } }],
      });
      const offset = (BigInt(message.offset) + 1n).toString();
      const offsets: Offsets = {
        topics: [{ topic: batch.topic, partitions: [{ partition: batch.partition, offset }] }],
      };
      await transaction.sendOffsets({ consumerGroupId: groupId, ...offsets });
      await transaction.commit();
      resolveOffset(message.offset);
    } catch (error) {
      if (transaction.isActive()) await transaction.abort();
      if (error instanceof KafkaJSNonRetriableError) throw error;
      consumer.seek({ topic: batch.topic, partition: batch.partition, offset: message.offset });
      return;
    }
    await heartbeat();
  }
  console.log(batch.highWatermark, batch.offsetLag(), uncommittedOffsets().topics.length);
}

export async function pauseFor(delayMs: number): Promise<void> {
  const topics = [{ topic: 'orders', partitions: [0, 1] }];
  consumer.pause(topics);
  console.log(consumer.paused());
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  consumer.resume(topics);
  const { state, members } = await consumer.describeGroup();
  console.log(state, members.length);
}
