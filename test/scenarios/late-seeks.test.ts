import { describe, expect, it } from 'vitest';
import { kafka } from '../../src/kafkajs.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill } from './support.js';

const PARTITIONS = [0, 1, 2, 3];

function fillAll(
  memory: MemoryWorld,
  { from = 0, count = 1, cluster = 'A', topic = 'orders' },
): void {
  for (const partition of PARTITIONS) fill(memory, { cluster, topic, partition, from, count });
}

/** Another instance of the service that is on B already: kafkajs alone. */
async function other(memory: MemoryWorld, handled: string[]) {
  const brokers = [...memory.cluster('B').brokers];
  const bare = memory.world.createKafka({ brokers, logLevel: kafka.logLevel.NOTHING });
  const consumer = bare.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['A.orders', 'orders'], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ topic, partition, message }) => {
      handled.push(`${topic}-${partition} ${String(message.value)}`);
    },
  });
  return consumer;
}

describe('positions that were sought because the group had members', () => {
  it('are not gone back to when a partition that moved on at once comes back later', async () => {
    const topics = { orders: PARTITIONS.length };
    const memory = ordersWorld({ clusters: { A: { topics }, B: { topics } } });
    const handled: string[] = [];
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      // kafkajs waits that long in its first fetch, for all is paused then, and so long it keeps a seek.
      const consumer = failover.consumer({ groupId: 'billing', maxWaitTimeInMs: 2_000 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ partition, message, physicalTopic }) => {
          handled.push(`${physicalTopic}-${partition} ${String(message.value)}`);
        },
      });
      for (let from = 0; from < 5; from += 1) {
        fillAll(memory, { from });
        await memory.clock.sleep(20);
      }
      await until(memory, 'all are handled on A', () => handled.length === 20);
      await memory.clock.sleep(2_000);
      const first = await other(memory, handled);
      first.pause([{ topic: 'A.orders' }]);
      await failover.switchTo('B', { planned: false });
      const own = (): readonly number[] =>
        failover.status().consumers[0]?.assignment['orders'] ?? [];
      const before = own();
      const second = await other(memory, handled);
      await memory.clock.sleep(5_000);
      const moved = before.filter((partition) => !own().includes(partition));
      expect(moved.length).toBeGreaterThan(0);
      handled.length = 0;
      fillAll(memory, { cluster: 'B', topic: 'A.orders', from: 5, count: 20 });
      const ofMoved = (): string[] =>
        handled.filter((one) =>
          moved.some((partition) => one.startsWith(`A.orders-${partition} `)),
        );
      await until(memory, 'they are handled there', () => ofMoved().length === 20 * moved.length);
      await memory.clock.sleep(1_000);
      await second.disconnect();
      await first.disconnect();
      await until(memory, 'the partitions are back', () => own().length === PARTITIONS.length);
      await memory.clock.sleep(6_000);
      expect(ofMoved()).toHaveLength(20 * moved.length);
      await failover.close();
    });
  });

  it('are those of a consumer as well that is run meanwhile in the same process: it knows less by itself', async () => {
    const topics = { orders: PARTITIONS.length };
    const memory = ordersWorld({
      clusters: { A: { topics }, B: { topics } },
      // Nothing but what this process remembers names the place.
      mirror: { emitCheckpointsIntervalMs: 600_000, offsetLagMax: 1_000 },
    });
    await memory.run(async () => {
      const handled: string[] = [];
      const failover = kafkaIn(memory, { consumer: { progress: false } });
      const run = () =>
        consume(failover, async ({ message, partition }) => {
          handled.push(`${partition} ${String(message.value)}`);
        });
      await run();
      for (let from = 0; from < 5; from += 1) {
        fillAll(memory, { from });
        await memory.clock.sleep(20);
      }
      await until(memory, 'all are handled on A', () => handled.length === 20);
      await memory.clock.sleep(2_000);
      const stranger = await other(memory, []);
      stranger.pause([{ topic: 'A.orders' }]);
      await failover.switchTo('B', { planned: false });
      await run();
      await memory.clock.sleep(2_000);
      await stranger.disconnect();
      fillAll(memory, { cluster: 'B', topic: 'orders', from: 5 });
      await until(memory, 'what came later is handled', () => handled.length >= 24);
      await memory.clock.sleep(20_000);
      expect(handled).toHaveLength(24);
      await failover.close();
    });
  });
});
