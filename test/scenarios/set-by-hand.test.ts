import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { manualStrategy } from '../../src/strategy/manual.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consume, consumeOrders, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fillSlowly, missingOf, planOf, twice } from './support.js';

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
