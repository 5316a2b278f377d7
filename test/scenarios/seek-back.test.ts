import type { EachMessageHandler } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill, fillSlowly, missingOf, planOf } from './support.js';

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
