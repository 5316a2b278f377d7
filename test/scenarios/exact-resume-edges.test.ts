import { describe, expect, it } from 'vitest';
import { manualStrategy } from '../../src/strategy/manual.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consume, consumeOrders, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill, fillSlowly, missingOf, planOf } from './support.js';

/** Records that look alike: one `send` of many, or timestamps that the user sets. */
function twins(memory: MemoryWorld, count: number): void {
  const records = Array.from({ length: count }, () => ({
    value: 'tick',
    timestampMs: 1_700_000_000_000,
  }));
  memory.cluster('A').append('orders', 0, records);
}

async function consumeTicks(
  memory: MemoryWorld,
  kafka: FailoverKafka,
  log: string[],
): Promise<void> {
  const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  await consumer.run({
    autoCommitThreshold: 1,
    eachMessage: async ({ message, cluster }) => {
      await memory.clock.sleep(20);
      log.push(`${cluster}${message.offset}`);
    },
  });
}

/** Of 40 records, of which A's handlers had the first ones. */
function missingOnB(log: readonly string[], onA: number): readonly number[] {
  const onB = new Set(log.filter((one) => one.startsWith('B')).map((one) => Number(one.slice(1))));
  return Array.from({ length: 40 - onA }, (_, index) => onA + index).filter((one) => !onB.has(one));
}

describe('progress that was written about a topic that is gone', () => {
  it('does not count for a process that begins on the other cluster', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 100);
      const first = kafkaIn(memory);
      const handled = await consumeOrders(first);
      await until(memory, 'all handled on A', () => handled.length === 100);
      await memory.clock.sleep(3_000);
      memory.cluster('A').down();
      await first.switchTo('B', { planned: false });
      await memory.clock.sleep(3_000);
      await first.close();
      expect(memory.cluster('B').commit('billing', 'A.orders', 0)?.offset).toBe(100n);
      // A is built anew, and MirrorMaker copies from it again.
      memory.cluster('A').deleteTopic('orders');
      memory.cluster('A').createTopic('orders', 1);
      memory.cluster('A').up();
      await memory.clock.sleep(3_000);
      await fillSlowly(memory, 100, 150);
      await memory.clock.sleep(3_000);
      expect(memory.cluster('B').range('A.orders', 0).high).toBe(250n);
      const second = kafkaIn(memory, { strategy: manualStrategy({ initial: 'B' }) });
      const later = await consumeOrders(second);
      await memory.clock.sleep(5_000);
      expect(missingOf([...handled, ...later], 0, 250)).toEqual([]);
      await second.close();
    });
  });
});

describe('records that are awaited', () => {
  it('of a member that lets another one handle them do not swallow twins later', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const log: string[] = [];
      const one = kafkaIn(memory);
      const two = kafkaIn(memory);
      await consumeTicks(memory, one, log);
      await memory.clock.sleep(2_000);
      await consumeTicks(memory, two, log);
      await memory.clock.sleep(3_000);
      memory.mirror('A->B').pause();
      twins(memory, 40);
      await until(memory, 'some are handled', () => log.length === 5);
      memory.cluster('A').down();
      await Promise.all([
        one.switchTo('B', { planned: false }),
        two.switchTo('B', { planned: false }),
      ]);
      await memory.clock.sleep(3_000);
      const onA = log.length;
      memory.cluster('A').up();
      memory.mirror('A->B').resume();
      await until(memory, 'some are handled on B', () => log.length >= onA + 8);
      const [owner, other] =
        (one.status().consumers[0]?.recognisedCount ?? 0) > 0 ? [one, two] : [two, one];
      await owner.close();
      await memory.clock.sleep(20_000);
      // 40 records, and each was handled somewhere: those of A are the first ones.
      const missing = missingOnB(log, onA);
      expect(missing).toEqual([]);
      await other.close();
    });
  });

  it('do not swallow twins where the search could not be done', async () => {
    const memory = ordersWorld({ mirror: { offsetLagMax: 3 } });
    await memory.run(async () => {
      const log: string[] = [];
      const one = kafkaIn(memory);
      await consumeTicks(memory, one, log);
      await memory.clock.sleep(2_000);
      for (let round = 0; round < 8; round += 1) {
        twins(memory, 5);
        await memory.clock.sleep(30);
      }
      await until(memory, 'some are handled', () => log.length === 20);
      memory.cluster('A').down();
      // The log's leader on B is slow for the time of the plan.
      const again = memory
        .cluster('B')
        .intercept(({ apiName, topics }) =>
          apiName === 'Fetch' && topics.includes('A.orders') ? { kind: 'hang' } : undefined,
        );
      one.on('switch.phase-started', ({ phase }) => {
        if (phase === 'open') again();
      });
      const outcome = await one.switchTo('B', { planned: false });
      const plan = planOf(outcome, 'A.orders');
      const onA = log.length;
      await memory.clock.sleep(20_000);
      const missing = missingOnB(log, onA);
      expect(plan).toMatchObject({ kind: 'resume', awaited: [] });
      expect(missing).toEqual([]);
      await one.close();
    });
  });

  it('are given where user code moves back over them', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 20 });
      const failover = kafkaIn(memory);
      const handled: string[] = [];
      const consumer = await consume(failover, async ({ message }) => {
        handled.push(String(message.value));
      });
      await until(memory, 'all handled', () => handled.length === 20);
      await memory.clock.sleep(1_000);
      memory.mirror('A->B').pause();
      fill(memory, { from: 20, count: 10 });
      await until(memory, 'tail handled', () => handled.length === 30);
      memory.cluster('A').down();
      await failover.switchTo('B', { planned: false });
      memory.cluster('A').up();
      memory.mirror('A->B').resume();
      await until(
        memory,
        'recognised',
        () => failover.status().consumers[0]?.recognisedCount === 10,
      );
      // The user rebuilds something from all records.
      handled.length = 0;
      consumer.seek({ topic: 'orders', partition: 0, offset: '-2' });
      await memory.clock.sleep(5_000);
      expect(missingOf(handled, 0, 30)).toEqual([]);
      await failover.close();
    });
  });
});

describe('user code that has moved back, in a group of two processes', () => {
  it('is obeyed, also where the other process is quicker', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 100);
      const one = kafkaIn(memory);
      const log: string[] = [];
      let isSlow = false;
      const consumer = one.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({
        autoCommitThreshold: 1,
        eachMessage: async ({ message }) => {
          if (isSlow) await memory.clock.sleep(50);
          log.push(String(message.value));
        },
      });
      await until(memory, 'all', () => log.length === 100);
      const two = kafkaIn(memory);
      const other = await consumeOrders(two);
      await memory.clock.sleep(4_000);
      // Whoever has it now.
      const base = other.length;
      isSlow = true;
      log.length = 0;
      consumer.seek({ topic: 'orders', partition: 0, offset: '0' });
      await memory.clock.sleep(600);
      memory.cluster('A').down();
      const first = two.switchTo('B', { planned: false });
      await memory.clock.sleep(5);
      await Promise.all([first, one.switchTo('B', { planned: false })]);
      await memory.clock.sleep(20_000);
      expect(log.length).toBeGreaterThan(0);
      expect(missingOf([...log, ...other.slice(base)], 0, 100)).toEqual([]);
      await one.close();
      await two.close();
    });
  });
});

describe('user code that moves back before anything was delivered', () => {
  it('is obeyed when the cluster dies: what the group had committed before is void', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 100);
      const before = kafkaIn(memory);
      const handled = await consumeOrders(before);
      await until(memory, 'all is handled', () => handled.length === 100);
      await memory.clock.sleep(2_000);
      await before.close();
      const after = kafkaIn(memory);
      const again: string[] = [];
      const consumer = await consume(after, async ({ message }) => {
        await memory.clock.sleep(20);
        again.push(String(message.value));
      });
      consumer.seek({ topic: 'orders', partition: 0, offset: '-2' });
      await until(memory, 'some is handled again', () => again.length >= 20);
      memory.cluster('A').down();
      await after.switchTo('B', { planned: false });
      await until(memory, 'all is handled again', () => missingOf(again, 0, 100).length === 0);
      await after.close();
    });
  });
});

describe('records that were handled on A and not mirrored', () => {
  it('are not taken for new ones at the same offsets, once they have come and the remote topic was made anew', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 100 });
      const failover = kafkaIn(memory);
      const handled = await consumeOrders(failover);
      await until(memory, 'all is handled', () => handled.length === 100);
      const mirror = memory.mirror('A->B');
      mirror.pause();
      fill(memory, { from: 100, count: 40 });
      await until(memory, 'the tail is handled', () => handled.length === 140);
      const { A, B } = { A: memory.cluster('A'), B: memory.cluster('B') };
      A.down();
      await failover.switchTo('B', { planned: false });
      await memory.clock.sleep(3_000);
      A.up();
      mirror.resume();
      const recognised = (): number =>
        failover.status().consumers[0]?.recognisedCount ?? Number.NaN;
      await until(memory, 'the tail is recognised', () => recognised() === 40);
      await memory.clock.sleep(3_000);
      B.deleteTopic('A.orders');
      B.createTopic('A.orders', 1);
      await memory.clock.sleep(500);
      for (let from = 140; from < 280; from += 10) {
        fill(memory, { from, count: 10 });
        await memory.clock.sleep(500);
      }
      await until(memory, 'nothing is missing', () => missingOf(handled, 0, 280).length === 0);
      await failover.close();
    });
  });

  it('are not awaited in a remote topic that was made anew behind them: what looks like them there is new', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 95);
      twins(memory, 5);
      const handled: string[] = [];
      const failover = kafkaIn(memory);
      let isStuck = true;
      await consume(failover, async ({ message, cluster }) => {
        const isLast = cluster === 'A' && message.offset === '98';
        while (isLast && isStuck) await memory.clock.sleep(50);
        if (isLast) throw new Error('not handled');
        handled.push(`${cluster}${message.offset}`);
      });
      await until(memory, '97 is handled', () => handled.includes('A97'));
      await memory.clock.sleep(3_000);
      const B = memory.cluster('B');
      memory.mirror('A->B').pause();
      B.deleteTopic('A.orders');
      B.createTopic('A.orders', 1);
      twins(memory, 5);
      memory.mirror('A->B').resume();
      await until(memory, 'new copies', () => B.range('A.orders', 0).high === 5n);
      memory.cluster('A').down();
      const switching = failover.switchTo('B', { planned: false });
      await memory.clock.sleep(10);
      isStuck = false;
      await switching;
      const onB = (): readonly string[] => handled.filter((one) => one.startsWith('B'));
      await until(memory, 'all of them are handled', () => onB().length === 5);
      await failover.close();
    });
  });
});
