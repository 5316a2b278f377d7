import type { Kafka } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { kafka } from '../../src/kafkajs.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill } from './support.js';

const TOPICS = { topics: { orders: 1, invoices: 1 } };

const clients: Record<string, (memory: MemoryWorld) => Pick<Kafka, 'producer' | 'consumer'>> = {
  'bare kafkajs': (memory) =>
    memory.world.createKafka({
      brokers: [...memory.cluster('A').brokers],
      logLevel: kafka.logLevel.NOTHING,
    }),
  FailoverKafka: (memory) => kafkaIn(memory),
};

describe.each(Object.keys(clients))('%s', (name) => {
  it('commits no offsets by itself that a transaction has sent, and leaves them out of the uncommitted ones', async () => {
    const memory = ordersWorld({ clusters: { A: TOPICS, B: TOPICS } });
    await memory.run(async () => {
      const client = clients[name]?.(memory);
      if (client === undefined) throw new Error('no client');
      const producer = client.producer({ transactionalId: 't', maxInFlightRequests: 1 });
      await producer.connect();
      fill(memory, { count: 5 });
      const uncommittedCounts: number[] = [];
      const consumer = client.consumer({
        groupId: 'g',
        maxWaitTimeInMs: 100,
        retry: { retries: 0, restartOnFailure: () => Promise.resolve(false) },
      });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({
        eachBatch: async ({ batch, resolveOffset, uncommittedOffsets }) => {
          const transaction = await producer.transaction();
          for (const { offset } of batch.messages) resolveOffset(offset);
          await transaction.send({ topic: 'invoices', messages: [{ value: 'x' }] });
          const { topics } = uncommittedOffsets();
          await transaction.sendOffsets({ consumerGroupId: 'g', topics });
          uncommittedCounts.push(uncommittedOffsets().topics.length);
          await transaction.abort();
          throw new Error('the transaction was aborted');
        },
      });
      await until(memory, 'the transaction', () => uncommittedCounts.length > 0);
      await memory.clock.sleep(3_000);
      expect(uncommittedCounts).toEqual([0]);
      expect(memory.cluster('A').commit('g', 'orders', 0)).toBeUndefined();
      await consumer.disconnect();
      await producer.disconnect();
    });
  });
});
