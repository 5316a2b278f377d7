import { describe, expect, it } from 'vitest';
import { encodeCheckpoint, encodeOffsetSync } from '../../src/replication/records.js';
import { kafka } from '../../src/kafkajs.js';
import { manualStrategy } from '../../src/strategy/manual.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consumeOrders, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill, fillSlowly, missingOf, planOf } from './support.js';

describe('an own commit beyond the end of the log', () => {
  it('is replaced before the group joins, however far the log has grown by then', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 30);
      // Of a log that was longer: truncated since, or written by MirrorMaker's group sync.
      memory.cluster('B').setCommit('billing', 'A.orders', 0, { offset: 50n, metadata: '' });
      const failover = kafkaIn(memory);
      const handled = await consumeOrders(failover);
      await until(memory, 'all are handled on A', () => handled.length === 30);
      await memory.clock.sleep(1_000);
      failover.on('switch.phase-started', ({ phase }) => {
        if (phase === 'open') fill(memory, { from: 30, count: 60 });
      });
      const outcome = await failover.switchTo('B', { planned: false });
      expect(planOf(outcome, 'A.orders')).toMatchObject({ offset: 30n, voidCommit: 50n });
      await until(memory, 'the rest is handled', () => missingOf(handled, 0, 90).length === 0);
      await failover.close();
    });
  });

  it('skips nothing on the way home to a cluster that has lost the tail of its log', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 80 });
      const failover = kafkaIn(memory);
      const producer = failover.producer();
      await producer.connect();
      const handled = await consumeOrders(failover);
      await until(memory, 'all are handled on A', () => handled.length === 80);
      await memory.clock.sleep(2_000);
      await failover.switchTo('B', { planned: false });
      await memory.clock.sleep(2_000);
      memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 100n, metadata: '' });
      const values = Array.from({ length: 40 }, (_, index) => `r${80 + index}`);
      failover.on('switch.phase-started', ({ phase }) => {
        // They go to A, before the consumer fetches there.
        if (phase === 'open') {
          for (const value of values)
            void producer.send({ topic: 'orders', messages: [{ value }] });
        }
      });
      await failover.switchTo('A');
      await until(
        memory,
        'the new ones are handled',
        () => missingOf(handled, 0, 120).length === 0,
      );
      await failover.close();
    });
  });
});

describe('a process that starts on B where its only checkpoint is in doubt', () => {
  /** A has died while MirrorMaker copied its first 50 records a second time; the checkpoint points among these copies. */
  function replayedTo(memory: MemoryWorld, log: string): void {
    const b = memory.cluster('B');
    const sync = (upstreamOffset: number, downstreamOffset: number): bigint =>
      b.append('mm2-offset-syncs.A.internal', 0, [
        encodeOffsetSync(
          { topic: 'orders', partition: 0 },
          {
            upstreamOffset: BigInt(upstreamOffset),
            downstreamOffset: BigInt(downstreamOffset),
          },
        ),
      ]);
    fill(memory, { cluster: 'B', topic: log, count: 100 });
    for (let offset = 0; offset < 100; offset += 1) sync(offset, offset);
    fill(memory, { cluster: 'B', topic: log, count: 50 });
    for (let offset = 0; offset < 50; offset += 1) sync(offset, 100 + offset);
    b.append('A.checkpoints.internal', 0, [
      encodeCheckpoint(
        { group: 'billing', topic: log, partition: 0 },
        { upstreamOffset: 80n, downstreamOffset: 150n, metadata: '' },
      ),
    ]);
    memory.cluster('A').down();
  }

  it.each([
    ['default', 'A.orders'],
    ['identity', 'orders'],
  ] as const)('does not take the group for a new one (%s policy)', async (policy, log) => {
    const internal = { 'A.checkpoints.internal': 1, 'mm2-offset-syncs.A.internal': 1 };
    const memory = ordersWorld({
      isMirrored: false,
      clusters: {
        A: { topics: { orders: 1 } },
        B: { topics: { orders: 1, [log]: 1, ...internal } },
      },
    });
    await memory.run(async () => {
      replayedTo(memory, log);
      // A producer that has switched before sends to B.
      if (policy === 'default') fill(memory, { cluster: 'B', from: 100, count: 5 });
      const failover = kafkaIn(memory, {
        strategy: manualStrategy({ initial: 'B' }),
        mirror: { policy },
      });
      let planCount = 0;
      failover.on('positions.planned', () => {
        planCount += 1;
      });
      const handled = await consumeOrders(failover, { fromBeginning: false });
      const end = policy === 'default' ? 105 : 100;
      await until(memory, 'nothing is skipped', () => missingOf(handled, 80, end).length === 0);
      expect(planCount).toBe(1);
      await failover.close();
    });
  });
});

describe('a commit behind an open transaction', () => {
  it('is no void one: a group that reads uncommitted goes on from it', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 20 });
      const brokers = [...memory.cluster('A').brokers];
      const bare = memory.world.createKafka({ brokers, logLevel: kafka.logLevel.NOTHING });
      const producer = bare.producer({ transactionalId: 't', transactionTimeout: 600_000 });
      await producer.connect();
      const transaction = await producer.transaction();
      await transaction.send({ topic: 'orders', messages: [{ value: 'open' }] });
      fill(memory, { from: 20, count: 5 });
      const runs: string[][] = [];
      for (const expectedCount of [26, 0]) {
        const handled: string[] = [];
        runs.push(handled);
        const failover = kafkaIn(memory);
        const consumer = failover.consumer({
          groupId: 'billing',
          maxWaitTimeInMs: 100,
          readUncommitted: true,
        });
        await consumer.connect();
        await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
        await consumer.run({
          eachMessage: async ({ message }) => {
            handled.push(String(message.value));
          },
        });
        await until(memory, 'all are handled', () => handled.length >= expectedCount);
        await memory.clock.sleep(3_000);
        await failover.close();
      }
      expect(runs.map(({ length }) => length)).toEqual([26, 0]);
      expect(memory.cluster('A').commit('billing', 'orders', 0)?.offset).toBe(26n);
      await transaction.abort();
      await producer.disconnect();
    });
  });
});

describe('positions that are put in place', () => {
  it('are not written any more once the cluster is fenced', async () => {
    const memory = ordersWorld();
    const late: string[] = [];
    await memory.run(async () => {
      fill(memory, { count: 20 });
      const failover = kafkaIn(memory, {
        switch: { openMs: 500 },
        // Written on the standby, beside all sessions.
        consumer: { progress: false },
      });
      const handled = await consumeOrders(failover);
      await until(memory, 'all are handled on A', () => handled.length === 20);
      await memory.clock.sleep(2_000);
      const b = memory.cluster('B');
      let isFenced = false;
      failover.on('cluster.fenced', ({ cluster }) => {
        if (cluster === 'B') isFenced = true;
      });
      b.onWrite(({ apiName }) => {
        if (isFenced && (apiName === 'Produce' || apiName === 'OffsetCommit')) late.push(apiName);
      });
      let askedCount: number | undefined;
      failover.on('switch.phase-started', ({ phase }) => {
        if (phase === 'open') askedCount ??= 0;
      });
      // What the group has committed: the answer takes longer than the phase, and less than a request may.
      b.intercept(({ apiName }) => {
        if (apiName !== 'OffsetFetch' || askedCount === undefined) return undefined;
        askedCount += 1;
        return askedCount === 1 ? { kind: 'delay', delayMs: 3_000 } : undefined;
      });
      await failover.switchTo('B', { planned: false });
      await failover.switchTo('A', { planned: false });
      await memory.clock.sleep(8_000);
      expect(askedCount).toBeGreaterThanOrEqual(1);
      await failover.close();
    });
    expect(late).toEqual([]);
  });

  it('are there for the other topics where one was deleted meanwhile', async () => {
    const topics = { orders: 1, audit: 1 };
    const memory = ordersWorld({ clusters: { A: { topics }, B: { topics } } });
    await memory.run(async () => {
      fill(memory, { count: 20 });
      const failover = kafkaIn(memory);
      const handled = await consumeOrders(failover, { topics: ['orders', 'audit'] });
      await until(memory, 'all are handled on A', () => handled.length === 20);
      await memory.clock.sleep(2_000);
      failover.on('switch.phase-started', ({ phase }) => {
        if (phase === 'open') memory.cluster('B').deleteTopic('audit');
      });
      await failover.switchTo('B', { planned: false });
      fill(memory, { cluster: 'B', from: 20, count: 5 });
      await until(memory, 'orders is read', () => missingOf(handled, 0, 25).length === 0);
      await failover.close();
    });
  });
});
