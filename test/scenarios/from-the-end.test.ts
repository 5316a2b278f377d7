import type { EachMessageHandler } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill, missingOf, planOf } from './support.js';

const FROM_END = { fromBeginning: false };

describe('a new group that reads from the end, and has no commit yet', () => {
  it('gets what comes while it joins anew for a topic that appeared', async () => {
    const memory = ordersWorld({ isMirrored: false });
    const handled: string[] = [];
    await memory.run(async () => {
      fill(memory, { count: 10 });
      const failover = kafkaIn(memory, { consumer: { topicRefreshMs: 1_000 } });
      let resubscribedCount = 0;
      failover.on('consumer.resubscribed', () => {
        resubscribedCount += 1;
      });
      const handler: EachMessageHandler = async ({ message }) => {
        handled.push(String(message.value));
      };
      const consumer = await consume(failover, handler, FROM_END);
      consumer.on(consumer.events.REBALANCING, () => fill(memory, { from: 10, count: 3 }));
      memory.cluster('A').createTopic('B.orders', 1);
      await until(memory, 'it has joined anew', () => resubscribedCount > 0);
      fill(memory, { from: 13, count: 2 });
      await until(memory, 'nothing is skipped', () => missingOf(handled, 10, 15).length === 0);
      await failover.close();
    });
    expect(handled).toEqual(['r10', 'r11', 'r12', 'r13', 'r14']);
  });

  it('gets the record once more whose handler has failed, where it joins anew', async () => {
    const memory = ordersWorld({ isMirrored: false });
    const handled: string[] = [];
    await memory.run(async () => {
      fill(memory, { count: 10 });
      const failover = kafkaIn(memory, { consumer: { topicRefreshMs: 1_000 } });
      let failedCount = 0;
      const handler: EachMessageHandler = async ({ message }) => {
        if (failedCount === 0) {
          failedCount += 1;
          memory.cluster('A').createTopic('B.orders', 1);
          await memory.clock.sleep(2_000);
          throw new Error('of the service');
        }
        handled.push(String(message.value));
      };
      await consume(failover, handler, FROM_END);
      await memory.clock.sleep(500);
      fill(memory, { from: 10 });
      await until(memory, 'it is tried again', () => handled.includes('r10'));
      await failover.close();
    });
    expect(handled).toEqual(['r10']);
  });

  it.each([true, false])(
    'is not given the old records where a planned switch goes back (autoCommit: %s)',
    async (autoCommit) => {
      const memory = ordersWorld();
      const handled: string[] = [];
      await memory.run(async () => {
        fill(memory, { count: 10 });
        const failover = kafkaIn(memory, { switch: { translateMs: 2_000 } });
        const handler: EachMessageHandler = async ({ message }) => {
          handled.push(String(message.value));
        };
        await consume(failover, handler, { ...FROM_END, autoCommit });
        await memory.clock.sleep(2_000);
        failover.on('switch.phase-started', ({ phase }) => {
          if (phase !== 'translate') return;
          memory.cluster('B').down();
          fill(memory, { from: 10, count: 2 });
        });
        await expect(failover.switchTo('B')).rejects.toMatchObject({
          code: 'ERR_FAILOVER_SWITCH_ROLLED_BACK',
        });
        fill(memory, { from: 12 });
        await until(memory, 'the new ones are handled', () => handled.includes('r12'));
        await failover.close();
      });
      expect(handled).toEqual(['r10', 'r11', 'r12']);
    },
  );

  it('begins on the other cluster where it stood, after a planned switch', async () => {
    const memory = ordersWorld();
    const handled: string[] = [];
    await memory.run(async () => {
      fill(memory, { count: 10 });
      const failover = kafkaIn(memory);
      const handler: EachMessageHandler = async ({ message }) => {
        handled.push(String(message.value));
      };
      await consume(failover, handler, FROM_END);
      await memory.clock.sleep(2_000);
      const outcome = await failover.switchTo('B');
      expect(planOf(outcome, 'A.orders')).toMatchObject({ offset: 10n, method: 'exact' });
      fill(memory, { from: 10, count: 2 });
      await until(memory, 'the new ones are handled', () => handled.length >= 2);
      await failover.close();
    });
    expect(handled).toEqual(['r10', 'r11']);
  });
});
