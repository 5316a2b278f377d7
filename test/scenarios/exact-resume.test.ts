import { describe, expect, it } from 'vitest';
import { manualStrategy } from '../../src/strategy/manual.js';
import { consume, consumeOrders, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { consumeSlowly, fill, missingOf, planOf, twice } from './support.js';

describe('a group that has committed nothing when its cluster dies', () => {
  it('goes on at the very next record', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      // In one go: MirrorMaker writes few syncs.
      fill(memory, { count: 500 });
      const failover = kafkaIn(memory);
      const handled = await consumeSlowly(memory, failover);
      await until(memory, 'half of it is handled', () => handled.length >= 250);
      memory.cluster('A').down();
      const outcome = await failover.switchTo('B', { planned: false });
      await until(memory, 'the rest is handled', () => missingOf(handled, 0, 500).length === 0);
      expect(planOf(outcome, 'A.orders')).toMatchObject({ method: 'exact', maxRereadCount: 0n });
      expect(twice(handled)).toEqual([]);
      await failover.close();
    });
  });

  it('handles what it had handled before it was mirrored once, also when its cluster comes back', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 100 });
      const failover = kafkaIn(memory);
      const handled = await consumeSlowly(memory, failover);
      await until(memory, 'all is handled', () => handled.length === 100);
      const mirror = memory.mirror('A->B');
      mirror.pause();
      fill(memory, { from: 100, count: 60 });
      await until(memory, 'the tail is handled in part', () => handled.length === 140);
      memory.cluster('A').down();
      const outcome = await failover.switchTo('B', { planned: false });
      const plan = planOf(outcome, 'A.orders');
      expect(plan).toMatchObject({ method: 'exact', offset: 100n });
      const isHandled = handled.length;
      expect(plan?.kind === 'resume' && plan.awaited.length).toBe(isHandled - 100);
      await until(
        memory,
        'B is consumed',
        () => failover.status().consumers[0]?.state === 'running',
      );
      memory.cluster('A').up();
      mirror.resume();
      await until(memory, 'the rest is handled', () => missingOf(handled, 0, 160).length === 0);
      expect(twice(handled)).toEqual([]);
      expect(failover.status().consumers[0]).toMatchObject({
        awaitedCount: 0,
        recognisedCount: isHandled - 100,
      });
      await failover.close();
    });
  });

  it('goes on at the right record in another process, where this one died with the cluster', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 500 });
      const before = kafkaIn(memory, { consumer: { progress: { everyMs: 100 } } });
      const handled = await consumeSlowly(memory, before);
      await until(memory, 'half of it is handled', () => handled.length >= 250);
      memory.cluster('A').down();
      // What it handles from now on nobody hears of.
      await before.close();
      const known = handled.length;
      const after = kafkaIn(memory, { strategy: manualStrategy({ initial: 'B' }) });
      const later = await consumeOrders(after);
      await until(
        memory,
        'the rest is handled',
        () => missingOf([...handled, ...later], 0, 500).length === 0,
      );
      // Of a tenth of a second, and what was under way.
      expect(known - 250).toBeLessThan(5);
      expect(twice([...handled, ...later]).length).toBeLessThanOrEqual(25);
      await after.close();
    });
  });
});

describe('records of a batch that were handled before they were mirrored', () => {
  it('are taken out of it', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 50 });
      const failover = kafkaIn(memory);
      const handled: string[] = [];
      const consumer = failover.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({
        eachBatch: async ({ batch }) => {
          for (const { value } of batch.messages) handled.push(String(value));
        },
      });
      await until(memory, 'all is handled', () => handled.length === 50);
      const mirror = memory.mirror('A->B');
      await memory.clock.sleep(1_000);
      mirror.pause();
      fill(memory, { from: 50, count: 20 });
      await until(memory, 'the tail is handled', () => handled.length === 70);
      memory.cluster('A').down();
      await failover.switchTo('B', { planned: false });
      memory.cluster('A').up();
      fill(memory, { from: 70, count: 10 });
      mirror.resume();
      await until(memory, 'the rest is handled', () => missingOf(handled, 0, 80).length === 0);
      expect(twice(handled)).toEqual([]);
      await failover.close();
    });
  });
});

describe('the standby', () => {
  it('is written to by nobody but for progress, in its own topic', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 20 });
      const failover = kafkaIn(memory);
      const written = new Set<string>();
      memory.cluster('B').onRequest(({ apiName, topics }) => {
        if (apiName === 'Produce') for (const topic of topics) written.add(topic);
        if (apiName === 'OffsetCommit' || apiName === 'JoinGroup') written.add(apiName);
      });
      const handled: string[] = [];
      await consume(failover, async ({ message }) => {
        handled.push(String(message.value));
      });
      await until(memory, 'it is written', () => written.size > 0);
      await memory.clock.sleep(5_000);
      expect([...written]).toEqual(['__kafkajs-failover.progress']);
      await failover.close();
    });
  });
});
