import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { manualStrategy } from '../../src/strategy/manual.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consume, consumeOrders, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill, fillSlowly, missingOf, planOf, twice } from './support.js';

function setOnB(memory: MemoryWorld, offset: bigint): void {
  memory.cluster('B').setCommit('billing', 'A.orders', 0, { offset, metadata: '' });
}

function commitOnB(memory: MemoryWorld): bigint | undefined {
  return memory.cluster('B').commit('billing', 'A.orders', 0)?.offset;
}

function startedOnB(memory: MemoryWorld): FailoverKafka {
  return kafkaIn(memory, { strategy: manualStrategy({ initial: 'B' }) });
}

/** A service has handled them on A, was stopped, and A is dead. */
async function stoppedWithA(memory: MemoryWorld, count: number): Promise<void> {
  await fillSlowly(memory, 0, count);
  const first = kafkaIn(memory);
  const handled = await consumeOrders(first);
  await until(memory, 'all are handled on A', () => handled.length === count);
  await memory.clock.sleep(3_000);
  await first.close();
  memory.cluster('A').down();
}

describe('a group that an operator sets back on the standby, with its service stopped and the active cluster dead', () => {
  it.each([
    ['kafkajs says so', -2n, 'r0'],
    ["Kafka's tool says so", 0n, 'r0'],
    ['in the middle', 12n, 'r12'],
  ])('begins there: %s', async (_who, offset, first) => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await stoppedWithA(memory, 30);
      setOnB(memory, offset);
      const second = startedOnB(memory);
      const handled = await consumeOrders(second);
      await until(memory, 'it is handled again', () => handled.at(-1) === 'r29');
      expect(handled[0]).toBe(first);
      await second.close();
    });
  });

  it('begins there again, and goes on from where it came, when it restarts', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await stoppedWithA(memory, 60);
      setOnB(memory, 10n);
      let next = 10;
      // The second life is long enough for what was written about A to be past.
      for (const livesMs of [100, 15_000, 100]) {
        const again = startedOnB(memory);
        const handled: string[] = [];
        await consume(again, async ({ message }) => {
          await memory.clock.sleep(livesMs / 10);
          handled.push(String(message.value));
        });
        await until(memory, 'some are handled', () => handled.length >= 8);
        await again.close();
        expect(handled[0]).toBe(`r${next}`);
        next += handled.length;
      }
    });
  });

  it('is not taken for set where its commit is the one of an earlier stay', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 30);
      const first = kafkaIn(memory);
      const handled = await consumeOrders(first);
      await until(memory, 'all are handled on A', () => handled.length === 30);
      await first.switchTo('B');
      await memory.clock.sleep(2_000);
      await first.switchTo('A');
      await fillSlowly(memory, 30, 30);
      await until(memory, 'all are handled at home', () => handled.length === 60);
      await memory.clock.sleep(3_000);
      await first.close();
      memory.cluster('A').down();
      expect(commitOnB(memory)).toBeLessThan(60n);
      const second = startedOnB(memory);
      const again = await consumeOrders(second);
      memory.cluster('B').append('A.orders', 0, [{ value: 'new' }]);
      await until(memory, 'the new one is handled', () => again.includes('new'));
      expect(again).toEqual(['new']);
      await second.close();
    });
  });
});

/** Until then MirrorMaker's checkpoint is the one from before the group was set back, as with its default of a minute. */
const NEXT_CHECKPOINT_MS = 60_000;

describe('a group that an operator sets back on the active cluster, and that MirrorMaker has not looked at since', () => {
  /** The service has handled r0 to r59 on A, is stopped, is set back to r20, starts again, and handles a few. */
  async function setBackOnA(memory: MemoryWorld, consumer = {}) {
    fill(memory, { count: 60 });
    const first = kafkaIn(memory, { consumer });
    const before = await consumeOrders(first);
    await until(memory, 'all are handled', () => before.length === 60);
    const isSeen = (): boolean => memory.cluster('B').range('A.checkpoints.internal', 0).high > 0n;
    await until(memory, 'MirrorMaker has seen it', isSeen, 3 * NEXT_CHECKPOINT_MS);
    await first.close();
    memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 20n, metadata: '' });
    const second = kafkaIn(memory, { consumer });
    const handled: string[] = [];
    await consume(second, async ({ message }) => {
      await memory.clock.sleep(300);
      handled.push(String(message.value));
    });
    await until(memory, 'some are handled again', () => handled.length === 10);
    return { second, handled };
  }
  const worldOf = (): MemoryWorld =>
    ordersWorld({ mirror: { emitCheckpointsIntervalMs: NEXT_CHECKPOINT_MS } });

  it.each([true, false])('goes on from there in a switch that is planned: %s', async (planned) => {
    const memory = worldOf();
    await memory.run(async () => {
      // Nothing but its own memory, and A where that answers, tells.
      const { second, handled } = await setBackOnA(memory, { progress: false });
      if (!planned) memory.cluster('A').down();
      const outcome = await second.switchTo('B', { planned });
      const plan = planOf(outcome, 'A.orders');
      if (plan?.kind !== 'resume') throw new Error('there is no place');
      expect(plan.notes.join()).toMatch(
        /checkpoint 60 -> \d+ does not count: the group was set back/,
      );
      expect(plan.offset).toBeLessThan(40n);
      await until(memory, 'all are handled again', () => handled.at(-1) === 'r59', 60_000);
      expect(missingOf(handled, 20, 60)).toEqual([]);
      // All of them had been handled before somebody wanted them again.
      expect(plan.maxRereadCount).toBe(60n - plan.offset);
      await second.close();
    });
  });

  it('goes on from there where its process dies with A', async () => {
    const memory = worldOf();
    await memory.run(async () => {
      const { second, handled } = await setBackOnA(memory);
      memory.cluster('A').down();
      await second.close();
      const third = startedOnB(memory);
      const after = await consumeOrders(third);
      await until(memory, 'all are handled again', () => after.at(-1) === 'r59', 60_000);
      expect(missingOf([...handled, ...after], 20, 60)).toEqual([]);
      await third.close();
    });
  });

  it('is where it was before as soon as it has come as far again', async () => {
    const memory = worldOf();
    await memory.run(async () => {
      const { second } = await setBackOnA(memory, { progress: false });
      const isSeen = (): boolean =>
        memory.cluster('A').commit('billing', 'orders', 0)?.offset === 60n;
      await until(memory, 'it has come as far again', isSeen);
      const plan = await second.plan({ to: 'B' });
      const copies = plan.groups
        .flatMap(({ partitions }) => partitions)
        .find(({ physicalTopic }) => physicalTopic === 'A.orders');
      expect(copies).toMatchObject({ offset: 60n });
      await second.close();
    });
  });
});

describe('a group that MirrorMaker sets back before it has joined (KAFKA-19794)', () => {
  it('skips nothing, and the measurement says what was handled again', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 30);
      const failover = kafkaIn(memory);
      const handled = await consumeOrders(failover);
      await until(memory, 'all are handled on A', () => handled.length === 30);
      await memory.clock.sleep(2_000);
      // It had found the group empty, or unknown, before the switch has committed.
      const end = memory.cluster('B').intercept(({ apiName }) => {
        if (apiName === 'JoinGroup') setOnB(memory, 10n);
        return undefined;
      });
      const outcome = await failover.switchTo('B', { planned: false });
      end();
      expect(planOf(outcome, 'A.orders')).toMatchObject({ offset: 30n, maxRereadCount: 0n });
      await fillSlowly(memory, 30, 10);
      await until(memory, 'the rest is handled', () => missingOf(handled, 0, 40).length === 0);
      const partitions = failover.status().lastSwitch?.groups.flatMap((one) => one.partitions);
      const copies = partitions?.find(({ physicalTopic }) => physicalTopic === 'A.orders');
      expect(copies?.reread).toEqual({ kind: 'counted', count: twice(handled).length });
      await failover.close();
    });
  });
});
