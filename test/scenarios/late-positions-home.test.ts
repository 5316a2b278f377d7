import { describe, expect, it } from 'vitest';
import { kafka as kafkajs } from '../../src/kafkajs.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consumeOrders, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fillSlowly, planOf } from './support.js';

/** A member of the group on B that handles nothing: a dead one of an earlier epoch, for example. */
async function strangerOnB(memory: MemoryWorld): Promise<{ disconnect(): Promise<void> }> {
  const bare = memory.createKafka('B', { logLevel: kafkajs.logLevel.NOTHING });
  const consumer = bare.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['A.orders'] });
  await consumer.run({ eachMessage: () => Promise.resolve() });
  consumer.pause([{ topic: 'A.orders' }]);
  return consumer;
}

describe('positions that a consumer seeks to, because the group had a member when it came', () => {
  it('are no seek of the user: on the way home it goes on behind what it has handled since', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const handled = await consumeOrders(kafka);
      await fillSlowly(memory, 0, 10);
      await until(memory, 'all is handled on A', () => handled.length === 10);
      const stranger = await strangerOnB(memory);
      const switching = kafka.switchTo('B', { planned: false });
      await memory.clock.sleep(200);
      await stranger.disconnect();
      await switching;
      await fillSlowly(memory, 10, 30);
      await until(memory, 'all is handled on B', () => handled.length === 40);
      const plan = planOf(await kafka.switchTo('A', { planned: true }), 'orders');
      expect(plan).toMatchObject({ offset: 40n, method: 'exact', maxRereadCount: 0n });
      await memory.clock.sleep(10_000);
      expect(handled).toHaveLength(40);
      await kafka.close();
    });
  });
});
