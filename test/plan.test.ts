import { describe, expect, it } from 'vitest';
import {
  clustersOf,
  consumeOrders,
  kafkaIn,
  ordersWorld,
  write,
} from './support/memory-service.js';

describe('plan()', () => {
  it('says where each group would resume, and writes nothing', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      await consumeOrders(kafka);
      write(memory, 'A', ['a1', 'a2']);
      await memory.clock.sleep(3_000);
      const written: (string | undefined)[] = [];
      memory.cluster('B').onRequest(({ apiName }) => written.push(apiName));
      expect(await kafka.plan({ to: 'B' })).toMatchObject({
        from: 'A',
        to: 'B',
        obstacles: [],
        warnings: [],
        groups: [
          {
            groupId: 'billing',
            cluster: 'B',
            partitions: [{ physicalTopic: 'orders' }, { physicalTopic: 'A.orders', offset: 2n }],
          },
        ],
      });
      expect(written).not.toContain('OffsetCommit');
      await kafka.close();
    });
  });

  it('leaves no connection behind in a process without clients', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      expect(await kafka.plan({ to: 'B' })).toMatchObject({ obstacles: [], groups: [] });
      await memory.clock.sleep(1_000);
      expect(memory.cluster('A').connectionCount + memory.cluster('B').connectionCount).toBe(0);
      await kafka.close();
    });
  });

  it('warns of partitions for which no position is known, and says what becomes of them', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      await consumeOrders(kafka);
      memory.mirror('B->A').pause();
      write(memory, 'B', ['b1', 'b2']);
      await memory.clock.sleep(3_000);
      const { warnings } = await kafka.plan({ to: 'B' });
      expect(warnings).toEqual([
        'group billing: in 1 of 2 partitions on B no position is known, read from the start: orders[0]',
      ]);
      await kafka.close();
    });
  });

  it('does not blame the target where the source is too slow to tell its topics', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { switch: { prepareMs: 500 } });
      await consumeOrders(kafka);
      await memory.clock.sleep(3_000);
      memory.cluster('A').freeze();
      const { obstacles } = await kafka.plan({ to: 'B' });
      expect(obstacles.join()).not.toContain('did not answer');
      memory.cluster('A').thaw();
      await kafka.close();
    });
  });

  it('names a target that is down as an obstacle, in time, and makes no plan', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      await consumeOrders(kafka);
      memory.cluster('B').down();
      const startedAtMs = memory.clock.nowMs();
      const plan = await kafka.plan({ to: 'B' });
      expect(plan.obstacles).toEqual([expect.stringContaining('cluster B d')]);
      expect(plan.groups).toEqual([]);
      expect(memory.clock.nowMs() - startedAtMs).toBeLessThanOrEqual(5_000);
      await kafka.close();
    });
  });

  it('names a target that is frozen as an obstacle when switch.prepareMs has passed', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { switch: { prepareMs: 700 } });
      await consumeOrders(kafka);
      memory.cluster('B').freeze();
      const startedAtMs = memory.clock.nowMs();
      expect(await kafka.plan({ to: 'B' })).toMatchObject({
        obstacles: ['cluster B did not answer within 700 ms (switch.prepareMs)'],
        groups: [],
      });
      expect(memory.clock.nowMs() - startedAtMs).toBe(700);
      await kafka.close();
    });
  });

  it('names a wrong cluster as an obstacle', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, {
        clusters: clustersOf(memory, { B: { clusterId: 'another' } }),
      });
      await consumeOrders(kafka);
      const plan = await kafka.plan({ to: 'B' });
      expect(plan.obstacles).toEqual([expect.stringContaining('another')]);
      expect(plan.groups).toEqual([]);
      await kafka.close();
    });
  });

  it('plans all the same where only the mirror is an obstacle', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      memory
        .cluster('B')
        .intercept(({ topics }) =>
          topics.includes('A.checkpoints.internal') ? { kind: 'refuse', errorCode: 29 } : undefined,
        );
      const kafka = kafkaIn(memory);
      await consumeOrders(kafka);
      write(memory, 'A', ['a1', 'a2']);
      await memory.clock.sleep(3_000);
      const plan = await kafka.plan({ to: 'B' });
      expect(plan.obstacles).toEqual([
        expect.stringContaining("MirrorMaker's records of A->B could not be read to their end"),
      ]);
      expect(plan.groups).toMatchObject([{ groupId: 'billing' }]);
      await kafka.close();
    });
  });

  it.each([
    ['never answers', { kind: 'hang' }, 'were not found within 900 ms (switch.translateMs)'],
    ['is refused', { kind: 'refuse', errorCode: 29 }, 'could not be found'],
  ] as const)(
    'names positions that cannot be found as an obstacle: the question %s',
    async (_what, interception, obstacle) => {
      const memory = ordersWorld();
      await memory.run(async () => {
        const kafka = kafkaIn(memory, { switch: { translateMs: 900 } });
        await consumeOrders(kafka);
        await memory.clock.sleep(3_000);
        memory
          .cluster('B')
          .intercept(({ topics, apiName }) =>
            apiName === 'ListOffsets' && topics.includes('A.orders') ? interception : undefined,
          );
        write(memory, 'A', ['a1']);
        await memory.clock.sleep(1_000);
        const plan = await kafka.plan({ to: 'B' });
        expect(plan.obstacles).toEqual([expect.stringContaining(`positions on B ${obstacle}`)]);
        expect(plan.groups).toEqual([]);
        await kafka.close();
      });
    },
  );

  it('answers that a cluster is the active one already, instead of planning from a cluster to itself', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      await consumeOrders(kafka);
      expect(await kafka.plan({ to: 'A' })).toEqual({
        from: 'A',
        to: 'A',
        obstacles: ['A is the active cluster already'],
        warnings: [],
        groups: [],
        prediction: expect.objectContaining({ kind: 'predicted', groups: [], unmirrored: [] }),
      });
      await kafka.close();
    });
  });

  it('ends with the library', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      await consumeOrders(kafka);
      memory.cluster('B').freeze();
      const planning = expect(kafka.plan({ to: 'B' })).rejects.toMatchObject({
        code: 'ERR_FAILOVER_CLOSED',
      });
      await kafka.close();
      await planning;
    });
  });
});
