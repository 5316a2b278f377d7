import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { consumeSlowly, fill, fillSlowly, missingOf, planOf, twice } from './support.js';

describe('the way home', () => {
  it('handles nothing again: neither what was handled there before, committed or not, nor what was handled as copies', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 400 });
      const failover = kafkaIn(memory);
      const handled = await consumeSlowly(memory, failover);
      await until(memory, 'some of it is handled on A', () => handled.length >= 100);
      memory.cluster('A').down();
      await failover.switchTo('B', { planned: false });
      const onA = new Set(handled);
      await until(memory, 'some of it is handled on B', () => handled.length >= 200);
      memory.cluster('A').up();
      await memory.clock.sleep(500);
      const outcome = await failover.switchTo('A');
      const onB = handled.length - onA.size;
      expect(onB).toBeGreaterThan(50);
      expect(planOf(outcome, 'orders')).toMatchObject({
        method: 'exact',
        offset: BigInt(onA.size + onB),
        maxRereadCount: 0n,
      });
      await until(memory, 'the rest is handled', () => missingOf(handled, 0, 400).length === 0);
      await memory.clock.sleep(1_000);
      expect(twice(handled)).toEqual([]);
      await failover.close();
    });
  });

  it('goes by the commit there where user code has moved back on the other cluster since', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 100);
      const failover = kafkaIn(memory);
      const handled: string[] = [];
      const consumer = await consume(failover, async ({ message }) => {
        await memory.clock.sleep(5);
        handled.push(String(message.value));
      });
      await until(memory, 'all is handled', () => handled.length === 100);
      await memory.clock.sleep(500);
      memory.cluster('A').down();
      await failover.switchTo('B', { planned: false });
      await memory.clock.sleep(1_000);
      memory.cluster('A').up();
      await memory.clock.sleep(500);
      handled.length = 0;
      consumer.seek({ topic: 'orders', partition: 0, offset: '-2' });
      await until(memory, 'some is handled again', () => handled.length >= 20);
      const outcome = await failover.switchTo('A');
      expect(planOf(outcome, 'orders')).toMatchObject({ method: 'own-commit' });
      await failover.close();
    });
  });

  it('leads to what had stayed behind: handled there before it was mirrored, or not', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 100 });
      const failover = kafkaIn(memory);
      const handled = await consumeSlowly(memory, failover);
      await until(memory, 'all is handled', () => handled.length === 100);
      await memory.clock.sleep(500);
      memory.mirror('A->B').pause();
      fill(memory, { from: 100, count: 60 });
      await until(memory, 'the tail is handled in part', () => handled.length === 140);
      memory.cluster('A').down();
      await failover.switchTo('B', { planned: false });
      await memory.clock.sleep(500);
      memory.cluster('A').up();
      await memory.clock.sleep(500);
      await failover.switchTo('A');
      await until(memory, 'the rest is handled', () => missingOf(handled, 0, 160).length === 0);
      await memory.clock.sleep(1_000);
      expect(twice(handled)).toEqual([]);
      await failover.close();
    });
  });

  it('skips nothing that was there before MirrorMaker began', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      memory.mirror('A->B').stop();
      fill(memory, { count: 50 });
      const failover = kafkaIn(memory);
      const handled = await consumeSlowly(memory, failover);
      await until(memory, 'some of it is handled', () => handled.length >= 20);
      memory.cluster('A').down();
      await failover.switchTo('B', { planned: false });
      memory.cluster('A').up();
      await memory.clock.sleep(200);
      await failover.switchTo('A', { planned: false });
      await until(memory, 'all of it is handled', () => missingOf(handled, 0, 50).length === 0);
      await failover.close();
    });
  });
});

describe('the way home of a group of two processes', () => {
  it('handles nothing again of a partition that the other one had on B before', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 4_000 });
      const [one, two] = [kafkaIn(memory), kafkaIn(memory)];
      const [first, second] = [await consumeSlowly(memory, one), await consumeSlowly(memory, two)];
      const all = (): readonly string[] => [...first, ...second];
      await until(memory, 'some of it is handled on A', () => all().length >= 100);
      const onA = all().length;
      const firstOnA = first.length;
      memory.cluster('A').down();
      await Promise.all([
        one.switchTo('B', { planned: false }),
        two.switchTo('B', { planned: false }),
      ]);
      await until(memory, 'some of it is handled on B', () => all().length >= onA + 100);
      const [owner, other] = first.length > firstOnA + 50 ? [one, two] : [two, one];
      const onB = all().length;
      await owner.close();
      await until(memory, 'the other one has handled some', () => all().length >= onB + 200);
      memory.cluster('A').up();
      await memory.clock.sleep(500);
      const outcome = await other.switchTo('A');
      expect(planOf(outcome, 'orders')).toMatchObject({ method: 'exact' });
      await until(memory, 'the rest is handled', () => missingOf(all(), 0, 4_000).length === 0);
      await memory.clock.sleep(1_000);
      expect(twice(all())).toEqual([]);
      await other.close();
    });
  });
});

describe('the way home, where what was handled on the other cluster cannot be trusted', () => {
  /** `r0` to `r59` are there, the first of them are handled on A, then on B. Answers what was handled. */
  async function handledOnBoth(memory: MemoryWorld, failover: FailoverKafka): Promise<string[]> {
    await fillSlowly(memory, 0, 60);
    const handled = await consumeSlowly(memory, failover);
    await until(memory, 'some of it is handled on A', () => handled.length >= 20);
    memory.cluster('A').down();
    await failover.switchTo('B', { planned: false });
    await until(memory, 'the rest is handled on B', () => missingOf(handled, 0, 60).length === 0);
    await memory.clock.sleep(1_500);
    return handled;
  }

  it('handles what was written on A where its log was made anew while MirrorMaker goes on at its stored position', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      const handled = await handledOnBoth(memory, failover);
      memory.cluster('A').deleteTopic('orders');
      memory.cluster('A').createTopic('orders', 1);
      // More than there was: the first of them are below MirrorMaker's position, and are never copied.
      fill(memory, { from: 1_000, count: 100 });
      memory.cluster('A').up();
      await memory.clock.sleep(3_000);
      await failover.switchTo('A');
      await until(memory, 'all is handled', () => missingOf(handled, 1_000, 1_100).length === 0);
      await failover.close();
    });
  });

  it('handles what was written on A after it had lost the end of its log', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      const handled = await handledOnBoth(memory, failover);
      const A = memory.cluster('A');
      const commit = A.commit('billing', 'orders', 0);
      const kept = A.records('orders', 0)
        .slice(0, 40)
        .map(({ value, timestampMs }) => ({ value, timestampMs }));
      A.deleteTopic('orders');
      A.createTopic('orders', 1);
      A.append('orders', 0, kept);
      if (commit !== undefined) A.setCommit('billing', 'orders', 0, commit);
      fill(memory, { from: 1_000, count: 40 });
      memory.cluster('A').up();
      await memory.clock.sleep(3_000);
      await failover.switchTo('A');
      await until(memory, 'all is handled', () => missingOf(handled, 1_000, 1_040).length === 0);
      await failover.close();
    });
  });

  it('handles what retention had removed on B before the group came to it', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 60);
      const failover = kafkaIn(memory);
      const handled = await consumeSlowly(memory, failover);
      await until(memory, 'some of it is handled on A', () => handled.length >= 20);
      memory.cluster('A').down();
      memory.cluster('B').trim('A.orders', 0, 40n);
      await failover.switchTo('B', { planned: false });
      await until(memory, 'the rest is handled', () => missingOf(handled, 40, 60).length === 0);
      memory.cluster('A').up();
      await memory.clock.sleep(3_000);
      await failover.switchTo('A');
      await until(
        memory,
        'what B had lost is handled',
        () => missingOf(handled, 0, 60).length === 0,
      );
      await failover.close();
    });
  });

  it('begins where an operator has set the group on A back to', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      const handled = await handledOnBoth(memory, failover);
      memory.cluster('A').up();
      await memory.clock.sleep(1_000);
      memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 5n, metadata: '' });
      handled.length = 0;
      await failover.switchTo('A');
      await until(memory, 'all is handled again', () => missingOf(handled, 5, 60).length === 0);
      await failover.close();
    });
  });

  it('handles nothing again where MirrorMaker has crashed meanwhile, and has copied again', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      const handled = await handledOnBoth(memory, failover);
      memory.cluster('A').up();
      await memory.clock.sleep(1_000);
      memory.mirror('A->B').kill();
      memory.mirror('A->B').start();
      await fillSlowly(memory, 60, 20);
      await until(
        memory,
        'new ones are handled on B',
        () => missingOf(handled, 60, 80).length === 0,
      );
      await memory.clock.sleep(1_500);
      const known = handled.length;
      await failover.switchTo('A');
      await fillSlowly(memory, 80, 5);
      await until(
        memory,
        'new ones are handled on A',
        () => missingOf(handled, 80, 85).length === 0,
      );
      expect(handled.length - known).toBe(5);
      await failover.close();
    });
  });
});

/** Consumes `orders` as fast as `pace` says, which may change, and commits every so often. */
async function consumeAtPace(
  memory: MemoryWorld,
  failover: FailoverKafka,
  autoCommitInterval: number,
): Promise<{ handled: string[]; pace: { perRecordMs: number } }> {
  const handled: string[] = [];
  const pace = { perRecordMs: 1 };
  const consumer = failover.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  await consumer.run({
    autoCommitInterval,
    eachMessage: async ({ message }) => {
      await memory.clock.sleep(pace.perRecordMs);
      handled.push(String(message.value));
    },
  });
  return { handled, pace };
}

describe('a topic that is made anew while the group reads it', () => {
  it('is handled to its end on the way home, where it was the copies on B: what was handled of the old ones says nothing', async () => {
    const memory = ordersWorld({ mirror: { offsetFlushIntervalMs: 600_000 } });
    await memory.run(async () => {
      await fillSlowly(memory, 0, 100);
      const failover = kafkaIn(memory);
      const { handled, pace } = await consumeAtPace(memory, failover, 3_000);
      await until(memory, 'all is handled on A', () => handled.length === 100);
      await memory.clock.sleep(4_000);
      await failover.switchTo('B');
      await memory.clock.sleep(2_000);
      memory.mirror('A->B').kill();
      memory.mirror('A->B').start();
      await until(memory, 'second copies are handled', () => handled.length === 200);
      await memory.clock.sleep(5_000);
      pace.perRecordMs = 40;
      memory.cluster('B').deleteTopic('A.orders');
      memory.cluster('B').createTopic('A.orders', 1);
      await memory.clock.sleep(3_000);
      await fillSlowly(memory, 100, 260);
      await failover.switchTo('A');
      await until(memory, 'all is handled', () => missingOf(handled, 0, 360).length === 0);
      await failover.close();
    });
  });

  it('is handled to its end on the way out, where it was the topic on A', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      await fillSlowly(memory, 0, 100);
      const failover = kafkaIn(memory);
      const { handled, pace } = await consumeAtPace(memory, failover, 3_000);
      await until(memory, 'all is handled', () => handled.length === 100);
      await memory.clock.sleep(5_000);
      pace.perRecordMs = 60;
      memory.cluster('A').deleteTopic('orders');
      memory.cluster('A').createTopic('orders', 1);
      await memory.clock.sleep(3_000);
      await fillSlowly(memory, 100, 150);
      await failover.switchTo('B');
      await until(memory, 'all is handled', () => missingOf(handled, 0, 250).length === 0);
      await failover.close();
    });
  });
});

describe('a topic of copies that is made anew before anybody comes to it', () => {
  it("is handled to its end, although MirrorMaker sets the group to its old checkpoint's place (KAFKA-19107)", async () => {
    const memory = ordersWorld({ mirror: { syncGroupOffsets: true } });
    await memory.run(async () => {
      await fillSlowly(memory, 0, 100);
      const failover = kafkaIn(memory);
      const { handled, pace } = await consumeAtPace(memory, failover, 1_000);
      await until(memory, 'all is handled on A', () => handled.length === 100);
      const commitOnB = (): bigint | undefined =>
        memory.cluster('B').commit('billing', 'A.orders', 0)?.offset;
      await until(memory, 'MirrorMaker has set the group on B', () => commitOnB() === 100n, 60_000);
      pace.perRecordMs = 100;
      memory.cluster('B').deleteTopic('A.orders');
      memory.cluster('B').createTopic('A.orders', 1);
      await fillSlowly(memory, 100, 160);
      memory.cluster('B').setCommit('billing', 'A.orders', 0, { offset: 100n, metadata: '' });
      expect(missingOf(handled, 100, 200).length).toBeGreaterThan(0);
      memory.cluster('A').down();
      const outcome = await failover.switchTo('B', { planned: false });
      const plan = planOf(outcome, 'A.orders');
      expect(plan).toMatchObject({ voidCommit: 100n });
      pace.perRecordMs = 1;
      await until(memory, 'all is handled', () => missingOf(handled, 0, 260).length === 0);
      await failover.close();
    });
  });
});

describe('a group that was put among second copies on B', () => {
  it('handles on A what it has not handled there: first copies below its place were never handled', async () => {
    // MirrorMaker writes the group's commits on B itself, also those that point among second copies.
    const memory = ordersWorld({
      mirror: { syncGroupOffsets: true, offsetFlushIntervalMs: 600_000 },
    });
    await memory.run(async () => {
      await fillSlowly(memory, 0, 100);
      const failover = kafkaIn(memory);
      const handled: string[] = [];
      let limit = 50;
      const resumes: (() => void)[] = [];
      const allow = (count: number): void => {
        limit = count;
        for (const resume of resumes.splice(0)) resume();
      };
      const consumer = failover.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({
        autoCommitInterval: 100,
        eachMessage: async ({ message, pause }) => {
          if (handled.length >= limit) {
            resumes.push(pause());
            throw new Error('not now');
          }
          await memory.clock.sleep(5);
          handled.push(String(message.value));
        },
      });
      await until(memory, 'half of it is handled on A', () => handled.length === 50);
      await memory.clock.sleep(500);
      memory.mirror('A->B').kill();
      memory.mirror('A->B').start();
      await memory.clock.sleep(5_000);
      limit = 60;
      await failover.switchTo('B');
      allow(60);
      await until(memory, 'some is handled on B', () => handled.length >= 60);
      await memory.clock.sleep(1_500);
      limit = 10_000;
      await failover.switchTo('A');
      allow(10_000);
      await until(memory, 'all is handled', () => {
        allow(10_000);
        return missingOf(handled, 0, 100).length === 0;
      });
      await failover.close();
    });
  });
});
