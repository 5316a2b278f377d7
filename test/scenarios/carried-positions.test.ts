import { describe, expect, it } from 'vitest';
import type { ConsumerFailoverOptions } from '../../src/options.js';
import { readCommitMetadata } from '../../src/position/commit-metadata.js';
import { manualStrategy } from '../../src/strategy/manual.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { MemoryMirrorOptions, MemoryWorld } from '../../src/testing/index.js';
import {
  consume,
  consumeOrders,
  kafkaIn,
  ordersWorld,
  until,
  write,
} from '../support/memory-service.js';
import { fill, missingOf, twice } from './support.js';

/** A sync for every 150th record, and nobody writes down where the group is. */
const MIRROR: MemoryMirrorOptions = { offsetLagMax: 150, offsetFlushIntervalMs: 600_000 };

function worldOf(mirror: MemoryMirrorOptions = {}): MemoryWorld {
  return ordersWorld({ mirror: { ...MIRROR, ...mirror } });
}

function serviceOn(
  memory: MemoryWorld,
  initial: 'A' | 'B',
  consumer: ConsumerFailoverOptions = {},
): FailoverKafka {
  const strategy = manualStrategy({ initial });
  return kafkaIn(memory, { strategy, consumer: { progress: false, ...consumer } });
}

/** A process handles r0 to r236 on A, and commits. */
async function workOnA(memory: MemoryWorld, consumer: ConsumerFailoverOptions = {}) {
  const kafka = serviceOn(memory, 'A', consumer);
  const handled = await consumeOrders(kafka);
  // The group is known to MirrorMaker before there is anything to checkpoint.
  await memory.clock.sleep(2_000);
  fill(memory, { count: 237 });
  await until(memory, 'all is handled', () => handled.length === 237);
  await memory.clock.sleep(3_000);
  return { kafka, handled };
}

/** The process is gone with A; another one begins on B, and has handled all that was there before it handles what is new. */
async function goOnWithoutA(memory: MemoryWorld, kafka: FailoverKafka, consumer = {}) {
  memory.cluster('A').down();
  await kafka.close();
  const after = serviceOn(memory, 'B', consumer);
  const handled = await consumeOrders(after);
  await until(memory, 'B is consumed', () => after.status().consumers[0]?.state === 'running');
  write(memory, 'B', ['new']);
  await until(memory, 'what is new is handled', () => handled.includes('new'));
  await memory.clock.sleep(2_000);
  return { after, handled: handled.filter((value) => value !== 'new') };
}

describe('a group whose process died with its cluster, and of which nothing is written down', () => {
  it('goes on behind the records that its last commit names, which the checkpoint brought along', async () => {
    const memory = worldOf();
    await memory.run(async () => {
      const { kafka } = await workOnA(memory);
      const { after, handled } = await goOnWithoutA(memory, kafka);
      expect(handled).toEqual([]);
      await after.close();
    });
  });

  it('skips nothing in a log that copies share with records born on B, and reads again from the sync', async () => {
    const memory = worldOf({ policy: 'identity', flows: ['A->B'] });
    await memory.run(async () => {
      const { kafka } = await workOnA(memory);
      memory.cluster('A').down();
      await kafka.close();
      write(memory, 'B', ['born on B']);
      const strategy = manualStrategy({ initial: 'B' });
      const mirror = { policy: 'identity' } as const;
      const after = kafkaIn(memory, { mirror, strategy, consumer: { progress: false } });
      const handled = await consumeOrders(after);
      await until(memory, 'it is handled', () => handled.includes('born on B'));
      expect(missingOf(handled, 160, 237)).toEqual([]);
      await after.close();
    });
  });

  it('reads again from the sync before its commit where commits name nothing', async () => {
    const memory = worldOf();
    await memory.run(async () => {
      const { kafka } = await workOnA(memory, { commitMetadata: false });
      expect(memory.cluster('A').commit('billing', 'orders', 0)).toEqual({
        offset: 237n,
        metadata: '',
      });
      const { after, handled } = await goOnWithoutA(memory, kafka);
      expect(handled.length).toBeGreaterThan(50);
      expect(missingOf(handled, 160, 237)).toEqual([]);
      await after.close();
    });
  });

  it('is told so in the plan: behind records that were recognised, and what lies behind may have been handled', async () => {
    const memory = worldOf();
    await memory.run(async () => {
      const { kafka } = await workOnA(memory);
      // Another process, which knows nothing of the group.
      const other = serviceOn(memory, 'A');
      await consumeOrders(other);
      await memory.clock.sleep(2_000);
      memory.cluster('A').down();
      const plan = await other.plan({ to: 'B' });
      const ofOrders = plan.groups
        .flatMap(({ partitions }) => partitions)
        .find(({ physicalTopic }) => physicalTopic === 'A.orders');
      expect(ofOrders).toMatchObject({ offset: 237n, method: 'fingerprint' });
      await other.close();
      await kafka.close();
    });
  });

  it('handles once what was handled and committed before it was mirrored, when A is back', async () => {
    const memory = worldOf({ offsetLagMax: 0 });
    await memory.run(async () => {
      const kafka = serviceOn(memory, 'A');
      const before: string[] = [];
      const consumer = await consume(
        kafka,
        async ({ message }) => {
          before.push(String(message.value));
        },
        { autoCommit: false },
      );
      await memory.clock.sleep(2_000);
      fill(memory, { count: 100 });
      await memory.clock.sleep(2_000);
      memory.mirror('A->B').setCopyLag(3_600_000);
      fill(memory, { from: 100, count: 3 });
      await until(memory, 'all is handled', () => before.length === 103);
      await consumer.commitOffsets([{ topic: 'orders', partition: 0, offset: '103' }]);
      await memory.clock.sleep(3_000);
      expect(memory.cluster('B').range('A.orders', 0).high).toBe(100n);
      const { after, handled } = await goOnWithoutA(memory, kafka);
      expect(handled).toEqual([]);
      memory.mirror('A->B').setCopyLag(10);
      memory.cluster('A').up();
      fill(memory, { from: 103, count: 5 });
      const isThere = (): boolean => after.status().consumers[0]?.recognisedCount === 3;
      await until(memory, 'they come, and are recognised', isThere, 7_200_000);
      await memory.clock.sleep(5_000);
      expect(memory.cluster('B').range('A.orders', 0).high).toBe(108n);
      await after.close();
    });
  });
});

describe('the metadata of a commit', () => {
  it('does not outlive a reset of the group by hand', async () => {
    const memory = worldOf();
    await memory.run(async () => {
      const { kafka } = await workOnA(memory);
      await kafka.close();
      memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 50n, metadata: '' });
      await memory.clock.sleep(3_000);
      const { after, handled } = await goOnWithoutA(memory, kafka);
      expect(missingOf(handled, 50, 237)).toEqual([]);
      await after.close();
    });
  });

  it('counts nowhere but beside its own offset, as where a tool keeps it in a reset', async () => {
    const memory = worldOf();
    await memory.run(async () => {
      const { kafka } = await workOnA(memory);
      await kafka.close();
      const metadata = memory.cluster('A').commit('billing', 'orders', 0)?.metadata ?? '';
      expect(readCommitMetadata(metadata)?.offset).toBe(237n);
      memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 50n, metadata });
      await memory.clock.sleep(3_000);
      const { after, handled } = await goOnWithoutA(memory, kafka);
      expect(missingOf(handled, 50, 237)).toEqual([]);
      await after.close();
    });
  });

  it('is followed by that of the place which user code has moved back to', async () => {
    const memory = worldOf();
    await memory.run(async () => {
      const kafka = serviceOn(memory, 'A');
      const before: string[] = [];
      let isStuck = false;
      const consumer = await consume(kafka, async ({ message }) => {
        if (isStuck && message.offset === '60') throw new Error('not now');
        before.push(String(message.value));
      });
      await memory.clock.sleep(2_000);
      fill(memory, { count: 237 });
      await until(memory, 'all is handled', () => before.length === 237);
      await memory.clock.sleep(3_000);
      isStuck = true;
      consumer.seek({ topic: 'orders', partition: 0, offset: '40' });
      await memory.clock.sleep(4_000);
      expect(memory.cluster('A').commit('billing', 'orders', 0)?.offset).toBe(60n);
      const { after, handled } = await goOnWithoutA(memory, kafka);
      expect(missingOf(handled, 60, 237)).toEqual([]);
      await after.close();
    });
  });

  it('changes nothing where MirrorMaker writes it, beside an offset of B, into the group there; and on the way home', async () => {
    const memory = worldOf({ syncGroupOffsets: true });
    await memory.run(async () => {
      const { kafka } = await workOnA(memory);
      await kafka.close();
      await memory.clock.sleep(5_000);
      const onB = memory.cluster('B').commit('billing', 'A.orders', 0);
      expect(readCommitMetadata(onB?.metadata ?? '')).toMatchObject({ cluster: 'A', offset: 237n });
      expect(onB?.offset).toBeLessThan(237n);
      const { after, handled } = await goOnWithoutA(memory, kafka);
      expect(handled).toEqual([]);
      memory.cluster('A').up();
      await memory.clock.sleep(5_000);
      await after.switchTo('A');
      fill(memory, { from: 237, count: 10 });
      await memory.clock.sleep(3_000);
      expect(after.status().active).toBe('A');
      await after.close();
    });
  });

  it('is that of the service where it gives one', async () => {
    const memory = worldOf();
    await memory.run(async () => {
      const kafka = serviceOn(memory, 'A');
      const before: string[] = [];
      const consumer = await consume(
        kafka,
        async ({ message }) => {
          before.push(String(message.value));
        },
        { autoCommit: false },
      );
      fill(memory, { count: 10 });
      await until(memory, 'all is handled', () => before.length === 10);
      const commit = async (offset: string, more = {}): Promise<string | undefined> => {
        await consumer.commitOffsets([{ topic: 'orders', partition: 0, offset, ...more }]);
        return memory.cluster('A').commit('billing', 'orders', 0)?.metadata;
      };
      expect(await commit('5', { metadata: 'event-4' })).toBe('event-4');
      expect(readCommitMetadata((await commit('6')) ?? '')).toMatchObject({ offset: 6n });
      expect(await commit('7', { metadata: '' })).toBe('');
      await kafka.close();
    });
  });

  it('is not in the event that kafkajs tells of a commit', async () => {
    const memory = worldOf();
    await memory.run(async () => {
      const kafka = serviceOn(memory, 'A');
      const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
      const told: unknown[] = [];
      consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
        told.push(payload.topics);
      });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({ eachMessage: async () => {} });
      fill(memory, { count: 3 });
      await until(memory, 'it is committed', () => told.length > 0);
      expect(told).toMatchObject([[{ topic: 'orders' }]]);
      expect(JSON.stringify(told)).not.toContain('metadata');
      expect(memory.cluster('A').commit('billing', 'orders', 0)?.metadata).toContain('failover');
      await kafka.close();
    });
  });
});

describe('records that look alike', () => {
  it('are all handled, where the last commit names some of them', async () => {
    const memory = worldOf();
    await memory.run(async () => {
      const kafka = serviceOn(memory, 'A');
      const before: string[] = [];
      await consume(kafka, async ({ message }) => {
        if (before.length === 200) throw new Error('not now');
        before.push(String(message.value));
      });
      await memory.clock.sleep(2_000);
      memory.cluster('A').append(
        'orders',
        0,
        Array.from({ length: 300 }, () => ({ value: 'tick', timestampMs: 5_000 })),
      );
      await until(memory, 'two thirds are handled', () => before.length === 200);
      await memory.clock.sleep(3_000);
      const { after, handled } = await goOnWithoutA(memory, kafka);
      expect(before.length + handled.length).toBeGreaterThanOrEqual(300);
      expect(twice(handled).length).toBeGreaterThan(0);
      await after.close();
    });
  });
});
