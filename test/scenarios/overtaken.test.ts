import { describe, expect, it } from 'vitest';
import { manualStrategy } from '../../src/strategy/manual.js';
import { consume, consumeOrders, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import {
  consumeWithPause,
  fillSlowly,
  missingOf,
  overtakenOrders,
  planOf,
  twice,
} from './support.js';

describe('a group that retention on the active cluster was quicker than', () => {
  it('handles the copies of what it had lost, after the switch, and says so', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const told: unknown[] = [];
      kafka.on('consumer.overtaken', (event) => told.push(event));
      const { failover, handled } = await overtakenOrders(memory, { kafka });
      const lost = missingOf(handled, 0, 60);
      const log = { topic: 'orders', physicalTopic: 'orders', partition: 0 };
      const { first, last } = { first: BigInt(40 - lost.length), last: 39n };
      expect(lost.length).toBeGreaterThan(0);
      expect(told).toMatchObject([{ cluster: 'A', groupId: 'billing', ...log, first, last }]);
      await memory.clock.sleep(2_000);
      const outcome = await failover.switchTo('B', { planned: false });
      const plan = planOf(outcome, 'A.orders');
      expect(plan).toMatchObject({ offset: first });
      expect(plan?.kind === 'resume' && plan.notes.join()).toMatch(
        `orders ${first} to 39 were removed on A before the group had handled them`,
      );
      await until(memory, 'nothing is missing', () => missingOf(handled, 0, 60).length === 0);
      // What it had handled behind the gap comes again, and no more than was said.
      await until(memory, 'all has come', () => twice(handled).includes('r59'));
      const maxRereadCount = plan?.kind === 'resume' ? plan.maxRereadCount : undefined;
      expect(BigInt(twice(handled).length)).toBeLessThanOrEqual(maxRereadCount ?? -1n);
      await failover.close();
    });
  });

  it('finds them where its process has died together with the cluster', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const { failover, handled } = await overtakenOrders(memory);
      // MirrorMaker has seen the commits that were made behind the gap.
      await memory.clock.sleep(10_000);
      memory.cluster('A').down();
      const second = kafkaIn(memory, { strategy: manualStrategy({ initial: 'B' }) });
      const again = await consumeOrders(second);
      await until(memory, 'nothing is missing', () => {
        return missingOf([...handled, ...again], 0, 60).length === 0;
      });
      await Promise.all([failover.close(), second.close()]);
    });
  });

  it.each([{ progress: { everyMs: 1_000 } }, { progress: false as const }])(
    'finds them after its service was restarted, by the commits of the group (%j)',
    async (consumerOptions) => {
      const memory = ordersWorld();
      await memory.run(async () => {
        const config = { consumer: consumerOptions };
        const { failover, handled } = await overtakenOrders(memory, {
          kafka: kafkaIn(memory, config),
        });
        await memory.clock.sleep(2_000);
        await failover.close();
        const second = kafkaIn(memory, config);
        const again = await consumeOrders(second);
        await fillSlowly(memory, 60, 5);
        await until(memory, 'new ones are handled', () => again.includes('r64'));
        await memory.clock.sleep(10_000);
        memory.cluster('A').down();
        await second.close();
        const third = kafkaIn(memory, {
          ...config,
          strategy: manualStrategy({ initial: 'B' }),
        });
        const onB = await consumeOrders(third);
        await until(memory, 'nothing is missing', () => {
          return missingOf([...handled, ...again, ...onB], 0, 65).length === 0;
        });
        await third.close();
      });
    },
  );

  it('finds them where a member has got the partition since and handled nothing of it, by the commit with which it began', async () => {
    const memory = ordersWorld({ mirror: { emitCheckpointsIntervalMs: 3_600_000 } });
    await memory.run(async () => {
      const config = { consumer: { progress: false as const } };
      const { failover, handled } = await overtakenOrders(memory, {
        kafka: kafkaIn(memory, config),
      });
      await failover.close();
      const second = kafkaIn(memory, config);
      const again = await consumeOrders(second);
      await memory.clock.sleep(5_000);
      expect(again).toEqual([]);
      memory.cluster('A').down();
      await second.switchTo('B', { planned: false });
      await until(memory, 'nothing is missing', () => {
        return missingOf([...handled, ...again], 0, 60).length === 0;
      });
      await second.close();
    });
  });

  it("finds them where MirrorMaker has set the group on B behind them, by a checkpoint of the group's place", async () => {
    const memory = ordersWorld({ mirror: { syncGroupOffsets: true } });
    await memory.run(async () => {
      const { failover, handled } = await overtakenOrders(memory);
      const commitOnB = (): bigint =>
        memory.cluster('B').commit('billing', 'A.orders', 0)?.offset ?? 0n;
      await until(memory, 'MirrorMaker has set it', () => commitOnB() > 40n, 60_000);
      await failover.switchTo('B', { planned: false });
      await until(memory, 'nothing is missing', () => missingOf(handled, 0, 60).length === 0);
      await failover.close();
    });
  });

  it('does not after its group was set by hand', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const { failover } = await overtakenOrders(memory);
      await memory.clock.sleep(2_000);
      await failover.close();
      memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 55n, metadata: '' });
      const second = kafkaIn(memory);
      const again = await consumeOrders(second);
      await until(memory, 'it begins there', () => again.includes('r59'));
      await memory.clock.sleep(2_000);
      expect(again[0]).toBe('r55');
      const outcome = await second.switchTo('B', { planned: false });
      expect(planOf(outcome, 'A.orders')).toMatchObject({ offset: 60n });
      await second.close();
    });
  });

  it('does not go back where the copies are gone as well, and says that they are', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const { failover, handled } = await overtakenOrders(memory);
      await memory.clock.sleep(2_000);
      memory.cluster('B').trim('A.orders', 0, 50n);
      const outcome = await failover.switchTo('B', { planned: false });
      const plan = planOf(outcome, 'A.orders');
      expect(plan).toMatchObject({ offset: 60n, method: 'exact' });
      expect(plan?.kind === 'resume' && plan.notes.join()).toMatch('not in this log any more');
      await fillSlowly(memory, 60, 5);
      await until(memory, 'new ones are handled', () => handled.includes('r64'));
      expect(twice(handled)).toEqual([]);
      await failover.close();
    });
  });

  it('goes back to what is left of them, and names the rest', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const { failover, handled } = await overtakenOrders(memory);
      const lost = missingOf(handled, 0, 60);
      memory.cluster('B').trim('A.orders', 0, 38n);
      const outcome = await failover.switchTo('B', { planned: false });
      const plan = planOf(outcome, 'A.orders');
      expect(plan?.upstream?.gone).toEqual({ first: BigInt(40 - lost.length), last: 37n });
      await until(memory, 'the rest is handled', () => missingOf(handled, 38, 60).length === 0);
      await failover.close();
    });
  });

  it('goes back when it was behind already when it began', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 60);
      memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 10n, metadata: '' });
      memory.cluster('A').trim('orders', 0, 40n);
      const failover = kafkaIn(memory);
      const handled = await consumeOrders(failover);
      await until(memory, 'what is left is handled', () => handled.includes('r59'));
      expect(handled[0]).toBe('r40');
      await failover.switchTo('B');
      await until(memory, 'nothing is missing', () => missingOf(handled, 10, 60).length === 0);
      expect(missingOf(handled, 0, 10)).toHaveLength(10);
      await failover.close();
    });
  });

  it('goes back where the group had no commit yet: it had begun at the beginning as it was then', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      const handled: string[] = [];
      const consumer = await consume(failover, async ({ message }) => {
        handled.push(String(message.value));
      });
      consumer.pause([{ topic: 'orders' }]);
      await memory.clock.sleep(1_000);
      await fillSlowly(memory, 0, 60);
      memory.cluster('A').trim('orders', 0, 40n);
      consumer.resume([{ topic: 'orders' }]);
      await until(memory, 'what is left is handled', () => handled.includes('r59'));
      expect(handled[0]).toBe('r40');
      await failover.switchTo('B');
      await until(memory, 'nothing is missing', () => missingOf(handled, 0, 60).length === 0);
      await failover.close();
    });
  });

  it('does not where user code has moved since: it has decided', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 60);
      memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 10n, metadata: '' });
      memory.cluster('A').trim('orders', 0, 40n);
      const failover = kafkaIn(memory);
      const handled: string[] = [];
      const consumer = await consume(failover, async ({ message }) => {
        handled.push(String(message.value));
      });
      await until(memory, 'what is left is handled', () => handled.includes('r59'));
      consumer.seek({ topic: 'orders', partition: 0, offset: '50' });
      await until(memory, 'it comes again', () => twice(handled).includes('r59'));
      const outcome = await failover.switchTo('B');
      expect(planOf(outcome, 'A.orders')).toMatchObject({ offset: 60n });
      await failover.close();
    });
  });

  it('does not where a group that reads from the end was sent to the end: its user has chosen that', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 60);
      memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 10n, metadata: '' });
      memory.cluster('A').trim('orders', 0, 40n);
      const failover = kafkaIn(memory);
      const handled = await consumeOrders(failover, { fromBeginning: false });
      await memory.clock.sleep(3_000);
      await fillSlowly(memory, 60, 5);
      await until(memory, 'new ones are handled', () => handled.includes('r64'));
      const outcome = await failover.switchTo('B');
      expect(planOf(outcome, 'A.orders')).toMatchObject({ offset: 65n });
      await failover.close();
    });
  });

  it('handles each once on the way home', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const { failover, handled } = await overtakenOrders(memory);
      await failover.switchTo('B', { planned: false });
      await until(memory, 'nothing is missing', () => missingOf(handled, 0, 60).length === 0);
      await until(memory, 'all has come', () => twice(handled).includes('r59'));
      handled.length = 0;
      await memory.clock.sleep(1_000);
      await failover.switchTo('A');
      await fillSlowly(memory, 60, 5);
      await until(memory, 'new ones are handled', () => handled.includes('r64'));
      expect(handled).toEqual(['r60', 'r61', 'r62', 'r63', 'r64']);
      await failover.close();
    });
  });

  it('goes back once more where it had left B before they were all handled', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const { failover, handled } = await overtakenOrders(memory);
      const lost = missingOf(handled, 0, 60);
      await failover.switchTo('B', { planned: false });
      await until(memory, 'one of them is handled', () => handled.includes(lost[0] ?? ''));
      await failover.switchTo('A', { planned: false });
      expect(missingOf(handled, 0, 60).length).toBeGreaterThan(0);
      await fillSlowly(memory, 60, 5);
      await until(memory, 'new ones are handled', () => handled.includes('r64'));
      await memory.clock.sleep(2_000);
      await failover.switchTo('B', { planned: false });
      await until(memory, 'nothing is missing', () => missingOf(handled, 0, 65).length === 0);
      await failover.close();
    });
  });

  it('goes back for what retention on A has taken while it was on B, and had not handled it there', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 60);
      const kafka = kafkaIn(memory);
      const { handled, release } = await consumeWithPause(kafka);
      await until(memory, 'twenty are handled on A', () => handled.length === 20);
      await kafka.switchTo('B', { planned: false });
      memory.cluster('A').trim('orders', 0, 40n);
      const home = await kafka.switchTo('A', { planned: false });
      expect(planOf(home, 'orders')).toMatchObject({ offset: 40n });
      const plan = planOf(home, 'orders');
      const removed = plan?.kind === 'resume' ? plan.removed : undefined;
      expect(removed).toEqual({ first: 19n, last: 39n });
      release();
      await fillSlowly(memory, 60, 5);
      await until(memory, 'new ones are handled', () => handled.includes('r64'));
      expect(missingOf(handled, 0, 65).length).toBeGreaterThan(0);
      await kafka.switchTo('B', { planned: false });
      await until(memory, 'nothing is missing', () => missingOf(handled, 0, 65).length === 0);
      await kafka.close();
    });
  });

  it('goes back once more where MirrorMaker has set the group on B behind them while it was on its way home', async () => {
    const memory = ordersWorld({
      mirror: { syncGroupOffsets: true, syncGroupOffsetsIntervalMs: 200 },
    });
    await memory.run(async () => {
      await fillSlowly(memory, 0, 60);
      memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 10n, metadata: '' });
      memory.cluster('A').trim('orders', 0, 40n);
      const kafka = kafkaIn(memory);
      const handled: string[] = [];
      await consume(kafka, async ({ message, cluster }) => {
        if (cluster === 'B') await memory.clock.sleep(100);
        handled.push(String(message.value));
      });
      await until(memory, 'what is left is handled', () => handled.includes('r59'));
      await memory.clock.sleep(5_000);
      await kafka.switchTo('B', { planned: false });
      await until(memory, 'some of them are handled', () => handled.includes('r14'));
      // The switch waits for this record, and the group on B has no members meanwhile.
      memory.mirror('B->A').setCopyLag(3_500);
      memory.cluster('B').append('orders', 0, [{ value: 'b1' }]);
      const home = await kafka.switchTo('A');
      expect(memory.cluster('B').commit('billing', 'A.orders', 0)?.offset).toBe(60n);
      expect(planOf(home, 'orders')).toMatchObject({ removed: { first: 10n, last: 39n } });
      await memory.clock.sleep(3_000);
      await kafka.switchTo('B', { planned: false });
      await until(memory, 'nothing is missing', () => missingOf(handled, 10, 60).length === 0);
      await kafka.close();
    });
  });

  it('is given them once: not again at a later switch, after they were handled on B', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const { failover, handled } = await overtakenOrders(memory);
      await failover.switchTo('B', { planned: false });
      await until(memory, 'all has come', () => twice(handled).includes('r59'));
      await memory.clock.sleep(2_000);
      await failover.switchTo('A');
      handled.length = 0;
      await fillSlowly(memory, 60, 5);
      await until(memory, 'new ones are handled', () => handled.includes('r64'));
      await memory.clock.sleep(2_000);
      await failover.switchTo('B', { planned: false });
      await fillSlowly(memory, 65, 5);
      await until(memory, 'newer ones are handled', () => handled.includes('r69'));
      expect(twice(handled)).toEqual([]);
      expect(handled[0]).toBe('r60');
      await failover.close();
    });
  });

  it.each(['earliest', 'latest', 'fail'] as const)(
    'goes home to its own commit under the Identity policy, where only A is copied and retention was quicker on B (onMissingPosition %s)',
    async (onMissingPosition) => {
      const memory = ordersWorld({ mirror: { policy: 'identity', flows: ['A->B'] } });
      await memory.run(async () => {
        const kafka = kafkaIn(memory, {
          mirror: { policy: 'identity' },
          consumer: { onMissingPosition },
        });
        await fillSlowly(memory, 0, 60);
        const { handled, release } = await consumeWithPause(kafka);
        await until(memory, 'twenty are handled on A', () => handled.length === 20);
        await memory.clock.sleep(3_000);
        memory.cluster('B').trim('orders', 0, 40n);
        const away = await kafka.switchTo('B', { planned: false });
        expect(planOf(away, 'orders')).toMatchObject({ removed: { first: 19n, last: 39n } });
        release();
        await until(memory, 'what is left is handled', () => handled.includes('r59'));
        await memory.clock.sleep(3_000);
        const home = await kafka.switchTo('A', { planned: false });
        expect(planOf(home, 'orders')).toMatchObject({ offset: 19n, method: 'own-commit' });
        await until(memory, 'nothing is missing', () => missingOf(handled, 0, 60).length === 0);
        await kafka.close();
      });
    },
  );

  it('goes back under the Identity policy, too', async () => {
    const memory = ordersWorld({
      mirror: { policy: 'identity', flows: ['A->B'] },
    });
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { mirror: { policy: 'identity' } });
      const { failover, handled } = await overtakenOrders(memory, { kafka });
      expect(missingOf(handled, 0, 60).length).toBeGreaterThan(0);
      memory.cluster('A').down();
      await failover.switchTo('B', { planned: false });
      await until(memory, 'nothing is missing', () => missingOf(handled, 0, 60).length === 0);
      await failover.close();
    });
  });
});
