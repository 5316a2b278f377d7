import { describe, expect, it } from 'vitest';
import { consume, consumeOrders, kafkaIn, ordersWorld, until } from '../support/memory-service.js';

describe('the topics of a planned switch', () => {
  it('are asked for four times at most: on a large cluster they are a large answer', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      await consumeOrders(kafka);
      await memory.clock.sleep(10_000);
      const asked: string[] = [];
      for (const cluster of memory.clusters) {
        cluster.onRequest(({ apiName, topics }) => {
          if (apiName === 'Metadata' && topics.length === 0) asked.push(cluster.alias);
        });
      }
      await kafka.switchTo('B');
      // `prepare` on both; `catch-up`, and then the plan, which the consumer begins with.
      expect(asked).toEqual(['A', 'B', 'A', 'B']);
      await kafka.close();
    });
  });

  it('have a position also where MirrorMaker adds a partition to the copy while they are waited for', async () => {
    const memory = ordersWorld({ mirror: { refreshTopicsIntervalMs: 10_000 } });
    await memory.run(async () => {
      await memory.clock.sleep(8_000);
      const setUp = kafkaIn(memory);
      const admin = setUp.admin();
      await admin.connect();
      await admin.createPartitions({ topicPartitions: [{ topic: 'orders', count: 2 }] });
      await setUp.close();
      const values = Array.from({ length: 100 }, (_, index) => ({ value: `${index}` }));
      memory.cluster('A').append('orders', 1, values);
      // The end is where records would be skipped.
      const kafka = kafkaIn(memory, { consumer: { onMissingPosition: 'latest' } });
      const handled = new Set<string>();
      await consume(kafka, async ({ message }) => {
        await memory.clock.sleep(50);
        handled.add(String(message.value));
      });
      await memory.clock.sleep(9_800 - memory.clock.nowMs());
      expect(handled.size).toBeLessThan(50);
      await kafka.switchTo('B');
      await until(memory, 'all are handled', () => handled.size === 100, 60_000);
      await kafka.close();
    });
  });

  it('are waited for, and named, also where they were made when the switch had begun', async () => {
    const memory = ordersWorld({ mirror: { refreshTopicsIntervalMs: 600_000 } });
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const overran: unknown[] = [];
      await memory.clock.sleep(1_000);
      await consume(kafka, async () => {}, { topics: [/^(orders|late)$/] });
      await memory.clock.sleep(3_000);
      kafka.on('switch.phase-overran', (event) => overran.push(event));
      kafka.on('switch.phase-started', ({ phase }) => {
        if (phase !== 'drain') return;
        memory.cluster('A').createTopic('late', 1);
        memory.cluster('A').append('late', 0, [{ value: 'x' }, { value: 'y' }]);
      });
      await kafka.switchTo('B');
      expect(JSON.stringify(overran)).toContain('2 of late-0');
      await kafka.close();
    });
  });
});
