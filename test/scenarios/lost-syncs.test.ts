import { describe, expect, it } from 'vitest';
import { consume, consumeOrders, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill, fillSlowly, limitOf, missingOf, overtakenOrders, planOf, twice } from './support.js';

/** Where MirrorMaker keeps its offset syncs by its own default: not where the library looks by its. */
const ELSEWHERE = { offsetSyncsLocation: 'source', offsetFlushIntervalMs: 60_000 } as const;

describe('where no offset sync of a log is to be found', () => {
  it.each(['emptied', 'elsewhere'] as const)(
    'a group goes back for what retention had taken on A (%s): its copies are there',
    async (kind) => {
      const memory = ordersWorld(kind === 'elsewhere' ? { mirror: ELSEWHERE } : {});
      await memory.run(async () => {
        const { failover, handled } = await overtakenOrders(memory);
        expect(missingOf(handled, 0, 60)).not.toEqual([]);
        const B = memory.cluster('B');
        if (kind === 'emptied') {
          memory.mirror('A->B').pause();
          B.deleteTopic('mm2-offset-syncs.A.internal');
          B.createTopic('mm2-offset-syncs.A.internal', 1);
        }
        await memory.clock.sleep(5_000);
        memory.cluster('A').down();
        await failover.switchTo('B', { planned: false });
        await until(memory, 'nothing is missing', () => missingOf(handled, 0, 60).length === 0);
        await failover.close();
      });
    },
  );

  it('second copies that MirrorMaker has made are counted in what may be handled again', async () => {
    const memory = ordersWorld({ mirror: ELSEWHERE });
    await memory.run(async () => {
      await fillSlowly(memory, 0, 150);
      const failover = kafkaIn(memory);
      const handled = await consumeOrders(failover);
      await until(memory, 'all is handled', () => handled.length === 150);
      const mirror = memory.mirror('A->B');
      mirror.kill();
      await memory.clock.sleep(1_000);
      mirror.start();
      await memory.clock.sleep(5_000);
      memory.cluster('A').down();
      const outcome = await failover.switchTo('B', { planned: false });
      await memory.clock.sleep(10_000);
      expect(twice(handled)).toHaveLength(150);
      expect(limitOf(planOf(outcome, 'A.orders'))).toBeGreaterThanOrEqual(150);
      await failover.close();
    });
  });
});

describe('a batch that MirrorMaker had to send twice, long before its next offset sync', () => {
  it.each([40, 95, 300])('is counted in what may be handled again (%d records)', async (size) => {
    const memory = ordersWorld({
      mirror: { offsetLagMax: 10_000, offsetFlushIntervalMs: 60_000 },
    });
    await memory.run(async () => {
      await fillSlowly(memory, 0, 3);
      const failover = kafkaIn(memory);
      const handled: string[] = [];
      const last = size - 7;
      let isStuck = true;
      await consume(failover, async ({ message, cluster }) => {
        while (cluster === 'A' && Number(message.offset) === last && isStuck)
          await memory.clock.sleep(10);
        handled.push(String(message.value));
      });
      memory.mirror('A->B').loseNextAcknowledgement();
      fill(memory, { from: 3, count: size });
      await until(memory, 'most is handled', () => handled.length === last);
      const copied = (): bigint => memory.cluster('B').range('A.orders', 0).high;
      await until(memory, 'both copies are there', () => copied() === BigInt(3 + 2 * size));
      memory.cluster('A').down();
      const switching = failover.switchTo('B', { planned: false });
      await memory.clock.sleep(1);
      isStuck = false;
      const plan = planOf(await switching, 'A.orders');
      await memory.clock.sleep(20_000);
      expect(twice(handled).length).toBeLessThanOrEqual(limitOf(plan));
      await failover.close();
    });
  });
});
