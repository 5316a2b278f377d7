import type { EachMessageHandler } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { consume, consumeOrders, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill, fillSlowly, limitOf, missingOf, planOf } from './support.js';

describe('a seek that kafkajs cannot commit, because the cluster is away for a moment', () => {
  it('is carried out when the cluster is back: kafkajs has forgotten it by then', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      await fillSlowly(memory, 0, 20);
      const handled: string[] = [];
      let joined = 0;
      const consumer = await consume(failover, async ({ message }) => {
        handled.push(String(message.value));
      });
      consumer.on(consumer.events.GROUP_JOIN, () => (joined += 1));
      await until(memory, 'all are handled', () => handled.length === 20);
      await memory.clock.sleep(500);
      let refusedCount = 0;
      const heal = memory.cluster('A').intercept(({ apiName }) => {
        if (apiName !== 'OffsetCommit') return undefined;
        refusedCount += 1;
        return { kind: 'reset' };
      });
      consumer.seek({ topic: 'orders', partition: 0, offset: '5' });
      await until(memory, 'it was tried', () => refusedCount > 0);
      heal();
      await until(memory, 'it goes on', () => handled.length > 20);
      expect(handled[20]).toBe('r5');
      expect(joined).toBe(0);
      await failover.close();
    });
  });
});

describe('a seek while kafkajs has records at hand that it has fetched before', () => {
  const topics = { orders: 2 };

  it('outlives a batch of before, which is given to the handler all the same', async () => {
    const memory = ordersWorld({ clusters: { A: { topics }, B: { topics } } });
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      const handled: string[] = [];
      let staleCount = 0;
      let hasSought = false;
      let isBusy = true;
      const consumer = failover.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({
        eachBatch: async ({ batch: { partition, messages }, isStale }) => {
          if (isStale()) {
            staleCount += 1;
            return;
          }
          handled.push(...messages.map(({ value }) => `${partition}:${String(value)}`));
          // One fetch brings what was written meanwhile, of both partitions.
          if (handled.includes('1:r5') && isBusy) {
            await memory.clock.sleep(50);
            isBusy = false;
          }
          if (!hasSought && partition === 1 && handled.includes('1:r6')) {
            hasSought = true;
            consumer.seek({ topic: 'orders', partition: 0, offset: '3' });
          }
        },
      });
      for (const partition of [0, 1]) fill(memory, { partition, from: 0, count: 5 });
      await until(memory, 'all are handled', () => handled.length === 10);
      await memory.clock.sleep(2_000);
      let commitCount = 0;
      memory.cluster('A').intercept(({ apiName }) => {
        if (!hasSought || apiName !== 'OffsetCommit') return undefined;
        commitCount += 1;
        // Those of the two batches come before that of the seek.
        return commitCount === 3 ? { kind: 'reset' } : undefined;
      });
      fill(memory, { partition: 1, from: 5, count: 1 });
      await until(memory, 'it is busy', () => handled.includes('1:r5'));
      fill(memory, { partition: 1, from: 6, count: 4 });
      fill(memory, { partition: 0, from: 5, count: 5 });
      await until(memory, 'it goes on', () => handled.includes('0:r9'));
      expect(staleCount).toBe(1);
      expect(commitCount).toBeGreaterThanOrEqual(4);
      const again = handled.filter((one) => one.startsWith('0:')).slice(5);
      expect(again).toEqual(['0:r3', '0:r4', '0:r5', '0:r6', '0:r7', '0:r8', '0:r9']);
      await failover.close();
    });
  });

  it('outlives the handler that commits the same offset itself', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      const handled: string[] = [];
      let hasSought = false;
      const consumer = failover.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({
        eachBatch: async ({ batch: { topic, partition, messages }, commitOffsetsIfNecessary }) => {
          for (const { value, offset } of messages) {
            if (String(value) === 'r7' && !hasSought) {
              consumer.seek({ topic, partition, offset });
              await commitOffsetsIfNecessary({
                topics: [{ topic, partitions: [{ partition, offset }] }],
              });
              hasSought = true;
              return;
            }
            handled.push(String(value));
          }
        },
      });
      fill(memory, { from: 0, count: 5 });
      await until(memory, 'the first are handled', () => handled.length === 5);
      await memory.clock.sleep(1_000);
      let commitCount = 0;
      memory.cluster('A').intercept(({ apiName }) => {
        if (!hasSought || apiName !== 'OffsetCommit') return undefined;
        commitCount += 1;
        // The first is kafkajs's own behind the batch, the second the seek's.
        return commitCount === 2 ? { kind: 'reset' } : undefined;
      });
      fill(memory, { from: 5, count: 5 });
      await until(memory, 'it goes on', () => handled.includes('r9'));
      expect(handled.slice(5)).toEqual(['r5', 'r6', 'r7', 'r8', 'r9']);
      expect(commitCount).toBeGreaterThanOrEqual(3);
      await failover.close();
    });
  });

  it.each([true, false])(
    'outlives a rebalance in which the member keeps the partition, while that is paused (autoCommit %s)',
    async (autoCommit) => {
      const memory = ordersWorld({ clusters: { A: { topics }, B: { topics } } });
      await memory.run(async () => {
        const failover = kafkaIn(memory);
        const handled: string[] = [];
        const member = async (name: string) => {
          const consumer = failover.consumer({
            groupId: 'billing',
            maxWaitTimeInMs: 100,
            heartbeatInterval: 300,
          });
          await consumer.connect();
          await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
          await consumer.run({
            autoCommit,
            eachMessage: async ({ message: { value, offset }, partition, topic }) => {
              handled.push(`${name} ${partition}:${String(value)}`);
              if (autoCommit) return;
              const next = String(BigInt(offset) + 1n);
              await consumer.commitOffsets([{ topic, partition, offset: next }]);
            },
          });
          return consumer;
        };
        const one = await member('one');
        for (const partition of [0, 1]) fill(memory, { partition, count: 10 });
        await until(memory, 'all are handled', () => handled.length === 20);
        await memory.clock.sleep(1_000);
        one.pause([{ topic: 'orders' }]);
        for (const partition of [0, 1]) one.seek({ topic: 'orders', partition, offset: '5' });
        await memory.clock.sleep(2_000);
        await member('two');
        const own = (): readonly number[] =>
          failover.status().consumers[0]?.assignment['orders'] ?? [];
        await until(memory, 'the other has one of them', () => own().length === 1);
        const [kept = -1] = own();
        one.resume([{ topic: 'orders' }]);
        for (const partition of [0, 1]) fill(memory, { partition, from: 10, count: 1 });
        const again = (): string[] =>
          handled.slice(20).filter((line) => line.startsWith(`one ${kept}:`));
        await until(memory, 'it goes on', () => again().includes(`one ${kept}:r10`));
        expect(again()).toEqual([5, 6, 7, 8, 9, 10].map((id) => `one ${kept}:r${id}`));
        await failover.close();
      });
    },
  );
});

describe('a handler that seeks back to try a record again', () => {
  it('gets it on the other cluster, where a planned switch comes before kafkajs has gone back', async () => {
    const memory = ordersWorld();
    const handled: string[] = [];
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      await memory.clock.sleep(2_000);
      await fillSlowly(memory, 0, 20);
      let hasFailed = false;
      const consumer = await consume(failover, async ({ topic, partition, message }) => {
        const value = String(message.value);
        if (value === 'r19' && !hasFailed) {
          hasFailed = true;
          // The switch begins meanwhile.
          await memory.clock.sleep(300);
          consumer.seek({ topic, partition, offset: message.offset });
          return;
        }
        handled.push(value);
      });
      await until(memory, 'the last record failed', () => hasFailed);
      const outcome = await failover.switchTo('B');
      expect(planOf(outcome, 'A.orders')).toMatchObject({ offset: 19n });
      await until(memory, 'it is tried again', () => handled.includes('r19'));
      await failover.close();
    });
    expect(missingOf(handled, 0, 20)).toEqual([]);
  });

  it('gets it on the other cluster, where MirrorMaker has made a checkpoint of what kafkajs committed meanwhile', async () => {
    const memory = ordersWorld({
      clusters: { A: { topics: { orders: 2 } }, B: { topics: { orders: 2 } } },
    });
    const handled: string[] = [];
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      const consumer = failover.consumer({ groupId: 'g', maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      let hasSought = false;
      await consumer.run({
        // kafkajs resolves the whole batch when this returns, and goes back only when the other partition's is done.
        eachBatch: async ({ batch: { topic, partition, messages }, heartbeat }) => {
          for (const message of messages) {
            if (partition === 0 && String(message.value) === 'r30' && !hasSought) {
              hasSought = true;
              consumer.seek({ topic, partition, offset: message.offset });
              return;
            }
            if (partition === 1) await memory.clock.sleep(100);
            else handled.push(String(message.value));
            await heartbeat();
          }
        },
      });
      fill(memory, { count: 60 });
      fill(memory, { count: 60, partition: 1 });
      await until(memory, 'the seek', () => hasSought);
      await memory.clock.sleep(3_000);
      expect(memory.cluster('A').commit('g', 'orders', 0)?.offset).toBe(60n);
      memory.cluster('A').down();
      await failover.switchTo('B', { planned: false });
      await until(memory, 'all are handled', () => missingOf(handled, 0, 60).length === 0);
      await failover.close();
    });
    expect(missingOf(handled, 0, 60)).toEqual([]);
  });

  it('gets it where the consumer joins anew for a topic that appeared', async () => {
    const memory = ordersWorld();
    const handled: string[] = [];
    let resubscribedCount = 0;
    await memory.run(async () => {
      fill(memory, { count: 20 });
      const failover = kafkaIn(memory, { consumer: { topicRefreshMs: 1_000 } });
      failover.on('consumer.resubscribed', () => {
        resubscribedCount += 1;
      });
      let hasFailed = false;
      const handler: EachMessageHandler = async ({ topic, partition, message }) => {
        const value = String(message.value);
        if (value === 'r19' && !hasFailed) {
          hasFailed = true;
          memory.cluster('A').createTopic('orders-eu', 1);
          await memory.clock.sleep(2_000);
          consumer.seek({ topic, partition, offset: message.offset });
          return;
        }
        handled.push(value);
      };
      const consumer = await consume(failover, handler, { topics: [/^orders/] });
      await until(memory, 'it is tried again', () => handled.includes('r19'));
      await failover.close();
    });
    expect(resubscribedCount).toBeGreaterThan(0);
    expect(missingOf(handled, 0, 20)).toEqual([]);
  });
});

describe('a seek back right after the start of a service', () => {
  it.each([false, true])(
    'is counted in what may be handled again: an earlier service had handled it (planned: %s)',
    async (planned) => {
      const memory = ordersWorld();
      await memory.run(async () => {
        await fillSlowly(memory, 0, 100);
        const first = kafkaIn(memory);
        const before = await consumeOrders(first);
        await until(memory, 'all is handled', () => before.length === 100);
        await memory.clock.sleep(3_000);
        await first.close();
        const second = kafkaIn(memory);
        const handled: string[] = [];
        const consumer = second.consumer({
          groupId: 'billing',
          maxWaitTimeInMs: 100,
          maxBytesPerPartition: 1,
        });
        await consumer.connect();
        await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
        await consumer.run({
          eachMessage: async ({ message, cluster }) => {
            if (cluster === 'A') await memory.clock.sleep(400);
            handled.push(`${cluster}${message.offset}`);
          },
        });
        consumer.seek({ topic: 'orders', physicalTopic: 'orders', partition: 0, offset: '0' });
        await until(memory, 'five are handled', () => handled.length === 5);
        if (!planned) memory.cluster('A').down();
        const plan = planOf(await second.switchTo('B', { planned }), 'A.orders');
        const onB = (): readonly string[] => handled.filter((one) => one.startsWith('B'));
        await until(memory, 'all is handled again', () => onB().length >= 94);
        await memory.clock.sleep(3_000);
        expect(onB().length).toBeLessThanOrEqual(limitOf(plan));
        await second.close();
      });
    },
  );
});
