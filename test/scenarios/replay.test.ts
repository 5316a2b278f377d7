import { describe, expect, it } from 'vitest';
import { REPLAY_HEADER, replayOrigin } from '../../src/index.js';
import { clustersOf, consume, hang, kafkaIn, until } from '../support/memory-service.js';
import {
  PARTITIONS,
  REPLAYS,
  announced,
  bringTail,
  expectEachOnce,
  loseA,
  noting,
  replayed,
  replaysIn,
  send,
  timesHandled,
  valuesOf,
  whyNot,
  withService,
} from './replay-support.js';

describe('what was acknowledged and is not mirrored, with `onUnmirrored: replay`', () => {
  it('is sent to the other cluster: its partition, its order, its time, its headers, and where it comes from', async () => {
    await withService(async (service) => {
      const { memory, reports } = service;
      const tail = await loseA(service, 9);
      await replayed(service);
      expect(reports).toMatchObject([
        { from: 'A', to: 'B', replayedCount: 9, mirroredCount: 0, notReplayedCount: 0 },
      ]);
      expect(valuesOf(replaysIn(memory, 'B')).toSorted()).toEqual(tail.toSorted());
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const originals = memory
          .cluster('A')
          .records('orders', partition)
          .filter(({ value }) => tail.includes(String(value)));
        const replays = memory.cluster('B').records('orders', partition);
        expect(
          replays.map(({ key, value, timestampMs, headers }) => ({
            ...{ key, value, timestampMs },
            own: headers.filter(([name]) => name !== REPLAY_HEADER),
            origin: replayOrigin({ headers: Object.fromEntries(headers) }),
          })),
        ).toEqual(
          originals.map(({ key, value, timestampMs, headers, offset }) => ({
            ...{ key, value, timestampMs },
            own: headers,
            origin: {
              cluster: 'A',
              topic: 'orders',
              partition,
              offset: String(offset),
              switchEpoch: 1,
            },
          })),
        );
      }
    });
  });

  it('is handled once, where the group had handled it before its cluster died, and the mirror brings it later', async () => {
    await withService(async (service) => {
      const tail = await loseA(service, 9);
      await until(
        service.memory,
        'all is handled',
        () => service.handled.length >= service.sentCount,
      );
      await replayed(service);
      await send(service, 6);
      await bringTail(service);
      expectEachOnce(service);
      expect(service.handled).toContain(`${tail[0]}@A`);
    });
  });

  it('is handled once, where the group had not come to it', async () => {
    await withService(async (service) => {
      const { memory } = service;
      await send(service, 10);
      await memory.clock.sleep(3_000);
      hang(memory.cluster('A'), 'Fetch');
      memory.mirror('A->B').pause();
      await memory.clock.sleep(1_000);
      const tail = await send(service, 9);
      memory.cluster('A').down();
      await service.kafka.switchTo('B', { planned: false });
      await replayed(service);
      await until(memory, 'it is handled', () => service.handled.includes(`${tail.at(-1)}@B`));
      for (const value of tail) expect(service.handled).toContain(`${value}@B`);
      await bringTail(service);
      expectEachOnce(service);
    });
  });

  it('is left to the mirror where that brings it before it is sent', async () => {
    await withService(async (service) => {
      const { memory, kafka, reports } = service;
      const isAnnounced = announced(memory);
      const tail = await loseA(service, 9);
      await isAnnounced;
      expect(kafka.status().ledger?.replay).toEqual({ kind: 'replaying', recordCount: 9 });
      await bringTail(service);
      await replayed(service);
      expect(reports).toMatchObject([{ replayedCount: 0, mirroredCount: 9, notReplayedCount: 0 }]);
      expect(replaysIn(memory, 'B')).toEqual([]);
      expect(tail.every((value) => timesHandled(service).get(value) === 1)).toBe(true);
    });
  });

  it('is handled once where the mirror brings it in the very moment in which it is sent', async () => {
    await withService(async (service) => {
      const { memory } = service;
      await send(service, 10);
      await memory.clock.sleep(3_000);
      hang(memory.cluster('A'), 'Fetch');
      memory.mirror('A->B').pause();
      await memory.clock.sleep(1_000);
      const tail = await send(service, 9);
      memory.cluster('A').down();
      await service.kafka.switchTo('B', { planned: false });
      await announced(memory);
      // The search before the sends finds nothing; the mirror is as quick as the replay.
      let hasCome = false;
      memory.cluster('B').intercept(({ apiName, clientId }) => {
        if (apiName !== 'Produce' || hasCome || clientId !== 'service') return undefined;
        hasCome = true;
        for (let partition = 0; partition < PARTITIONS; partition += 1) {
          const missing = memory
            .cluster('A')
            .records('orders', partition)
            .filter(({ value }) => tail.includes(String(value)))
            .map(({ key, value, headers, timestampMs }) => ({
              ...{ key, value, timestampMs, headers: Object.fromEntries(headers) },
            }));
          memory.cluster('B').append('A.orders', partition, missing);
        }
        return undefined;
      });
      await replayed(service);
      await memory.clock.sleep(5_000);
      expect(hasCome).toBe(true);
      expectEachOnce(service);
    });
  });

  it('is handled once by a group whose process begins when both are there', async () => {
    await withService(async (service) => {
      const { memory } = service;
      await loseA(service, 9);
      await replayed(service);
      await bringTail(service);
      const other = kafkaIn(memory, {
        producer: { onUnmirrored: 'replay' },
        clusters: {
          B: { brokers: [...memory.cluster('B').brokers] },
          A: { brokers: [...memory.cluster('A').brokers] },
        },
      });
      const handled: string[] = [];
      await consume(other, noting(handled), { groupId: 'audit' });
      await until(memory, 'all is read', () => handled.length >= service.sentCount);
      await memory.clock.sleep(3_000);
      const audit = { ...service, handled };
      expectEachOnce(audit);
      await other.close();
    });
  });

  it('is handled once by a group whose next process begins when the mirror has brought it', async () => {
    await withService(async (service) => {
      const { memory, kafka, handled } = service;
      await loseA(service, 9);
      await replayed(service);
      await until(memory, 'all is handled', () => handled.length >= service.sentCount);
      await kafka.close();
      await bringTail(service);
      memory
        .cluster('B')
        .intercept(({ apiName, topics }) =>
          apiName === 'Fetch' && topics.includes(REPLAYS)
            ? { kind: 'delay', delayMs: 500 }
            : undefined,
        );
      const { A, B } = clustersOf(memory);
      const next = kafkaIn(memory, {
        producer: { onUnmirrored: 'replay' },
        clusters: { B, A },
      });
      await consume(next, noting(handled));
      await memory.clock.sleep(5_000);
      expectEachOnce(service);
      await next.close();
    });
  });

  it('is handled once also where a consumer learns of the announcement a little later', async () => {
    await withService(async (service) => {
      const { memory } = service;
      const other = kafkaIn(memory, { producer: { onUnmirrored: 'replay' }, clientId: 'other' });
      const handled: string[] = [];
      await consume(other, noting(handled), { groupId: 'audit' });
      const late = memory
        .cluster('B')
        .intercept(({ apiName, topics, clientId }) =>
          apiName === 'Fetch' && topics.includes(REPLAYS) && clientId === 'other'
            ? { kind: 'hang' }
            : undefined,
        );
      hang(memory.cluster('A'), 'Fetch');
      await memory.clock.sleep(1_000);
      const tail = await loseA(service, 9);
      await other.switchTo('B', { planned: false });
      await announced(memory);
      await memory.clock.sleep(1_000);
      await bringTail(service);
      late();
      await replayed(service);
      await memory.clock.sleep(5_000);
      expect(tail.map((value) => timesHandled({ ...service, handled }).get(value))).toEqual(
        tail.map(() => 1),
      );
      await other.close();
    });
  });

  it('is counted, record by record, where several look the same to the millisecond', async () => {
    await withService(async (service) => {
      const { memory, producer, kafka, reports } = service;
      const same = { partition: 0, value: 'same', timestamp: '1000' };
      await producer.send({ topic: 'orders', messages: [same, same] });
      await memory.clock.sleep(12_000);
      memory.mirror('A->B').pause();
      await producer.send({ topic: 'orders', messages: [same, same, same] });
      await until(memory, 'all is handled', () => service.handled.length === 5);
      memory.cluster('A').down();
      await kafka.switchTo('B', { planned: false });
      await replayed(service);
      expect(reports).toMatchObject([{ replayedCount: 3 }]);
      await bringTail(service);
      const audit: string[] = [];
      await consume(kafka, noting(audit), { groupId: 'audit' });
      await until(memory, 'all is read', () => audit.length >= 5);
      await memory.clock.sleep(3_000);
      expect(audit).toEqual(Array.from({ length: 5 }, () => 'same@B'));
      expect(service.handled).toHaveLength(5);
    });
  });

  it('is counted so also where the first of them were mirrored in the last moment', async () => {
    await withService(async (service) => {
      const { memory, producer, kafka, reports } = service;
      const same = { partition: 0, value: 'same', timestamp: '1000' };
      await producer.send({ topic: 'orders', messages: [same, same] });
      await memory.clock.sleep(1_000);
      memory.mirror('A->B').pause();
      await producer.send({ topic: 'orders', messages: [same] });
      memory.cluster('A').down();
      await kafka.switchTo('B', { planned: false });
      await replayed(service);
      expect(reports).toMatchObject([{ replayedCount: 1, mirroredCount: 0, notReplayedCount: 0 }]);
    });
  });

  it('is found by content where topics keep their names', async () => {
    await withService(
      async (service) => {
        await loseA(service, 9);
        await replayed(service);
        expect(service.reports).toMatchObject([{ replayedCount: 9 }]);
        await bringTail(service);
        expectEachOnce(service);
      },
      { world: { mirror: { policy: 'identity', flows: ['A->B'] } } },
    );
  });

  it('is not replayed again by the next switch, nor is what was replayed', async () => {
    await withService(async (service) => {
      const { memory, kafka, reports } = service;
      await loseA(service, 9);
      await replayed(service);
      memory.mirror('B->A').pause();
      memory.cluster('A').up();
      await memory.clock.sleep(2_000);
      memory.cluster('B').down();
      await kafka.switchTo('A', { planned: false });
      await replayed(service, 2);
      expect(reports[1]).toMatchObject({ from: 'B', replayedCount: 0, notReplayedCount: 9 });
      expect(reports[1]?.logs.map(({ notReplayed }) => notReplayed[0]?.because)).toEqual(
        Array.from({ length: PARTITIONS }, () => 'they were replayed before'),
      );
      expect(replaysIn(memory, 'A')).toEqual([]);
      memory.cluster('B').up();
      await memory.clock.sleep(2_000);
      memory.cluster('A').down();
      await kafka.switchTo('B', { planned: false });
      await replayed(service, 3);
      expect(reports[2]).toMatchObject({ from: 'A', replayedCount: 0, notReplayedCount: 9 });
      expect(replaysIn(memory, 'B')).toHaveLength(9);
    });
  });

  it('stays on the way home: the group goes on behind it, and handles nothing of it again', async () => {
    await withService(async (service) => {
      const { memory, kafka } = service;
      await loseA(service, 9);
      await replayed(service);
      await send(service, 4);
      await bringTail(service);
      await memory.clock.sleep(5_000);
      await kafka.switchTo('A', { planned: true });
      await send(service, 4);
      await memory.clock.sleep(8_000);
      expectEachOnce(service);
    });
  });

  it('is not sent where the other cluster lacks its partition, and that is said', async () => {
    await withService(
      async (service) => {
        const { memory, reports } = service;
        await loseA(service, 8);
        await replayed(service);
        expect(reports).toMatchObject([{ replayedCount: 4, notReplayedCount: 4 }]);
        expect(reports[0]?.logs.find(({ partition }) => partition === 1)).toMatchObject({
          notReplayed: [{ because: 'cluster B has no partition 1 of orders' }],
        });
        expect(valuesOf(replaysIn(memory, 'B')).toSorted()).toHaveLength(4);
      },
      {
        world: {
          clusters: { A: { topics: { orders: PARTITIONS } }, B: { topics: { orders: 1 } } },
        },
      },
    );
  });

  it('is not sent to a compacted topic, where an older value would take the place of a newer one', async () => {
    const config = { 'cleanup.policy': 'compact' };
    const topics = { orders: { partitions: PARTITIONS, config } };
    await withService(
      async (service) => {
        const { memory, reports } = service;
        await loseA(service, 4);
        await replayed(service);
        expect(reports).toMatchObject([{ replayedCount: 0, notReplayedCount: 4 }]);
        expect(whyNot(reports[0])).toMatch(/orders is compacted on cluster B/);
        expect(replaysIn(memory, 'B')).toEqual([]);
      },
      { world: { clusters: { A: { topics }, B: { topics } } } },
    );
  });

  it('is sent in as many requests as it takes, headers and all', async () => {
    const config = { 'max.message.bytes': '600000' };
    const topics = { orders: { partitions: 1, config } };
    await withService(
      async (service) => {
        const { memory, producer, kafka, reports } = service;
        await memory.clock.sleep(1_000);
        memory.mirror('A->B').pause();
        const headers = { large: 'x'.repeat(20_000) };
        for (let count = 0; count < 60; count += 1) {
          await producer.send({ topic: 'orders', messages: [{ value: `v${count}`, headers }] });
        }
        memory.cluster('A').down();
        await kafka.switchTo('B', { planned: false });
        await replayed(service);
        expect(reports).toMatchObject([{ replayedCount: 60, notReplayedCount: 0 }]);
      },
      { world: { clusters: { A: { topics }, B: { topics } } } },
    );
  });

  it('is not sent anywhere where the cluster is left again before, and that is said', async () => {
    await withService(async (service) => {
      const { memory, kafka, reports } = service;
      await loseA(service, 9);
      await announced(memory);
      memory.cluster('A').up();
      await kafka.switchTo('A', { planned: false });
      await replayed(service);
      expect(reports[0]).toMatchObject({ replayedCount: 0, notReplayedCount: 9 });
      expect(whyNot(reports[0])).toMatch(/B was fenced/);
      await memory.clock.sleep(20_000);
      expect([...replaysIn(memory, 'A'), ...replaysIn(memory, 'B')]).toEqual([]);
    });
  });

  it('is not sent where nobody can be told of it, and that is said', async () => {
    await withService(async (service) => {
      const { memory, reports } = service;
      await memory.clock.sleep(1_000);
      memory.cluster('B').deleteTopic(REPLAYS);
      hang(memory.cluster('B'), 'CreateTopics');
      await loseA(service, 3);
      await replayed(service);
      expect(reports).toMatchObject([{ replayedCount: 0, notReplayedCount: 3 }]);
      expect(whyNot(reports[0])).toMatch(/by __kafkajs-failover.replays on cluster B/);
      expect(replaysIn(memory, 'B')).toEqual([]);
    });
  });

  it('is not sent where the cluster was left while it was searched, and that is said', async () => {
    await withService(async (service) => {
      const { memory, kafka, reports } = service;
      memory.mirror('A->B').pause();
      await send(service, 4);
      const goOn = hang(memory.cluster('B'), 'ListOffsets');
      await kafka.switchTo('B', { planned: false });
      await kafka.switchTo('A', { planned: false });
      goOn();
      await replayed(service);
      expect(reports).toMatchObject([
        { from: 'A', to: 'B', replayedCount: 0, notReplayedCount: 4 },
      ]);
      expect(whyNot(reports[0])).toBe('cluster B was left');
    });
  });

  it('is not replayed after a planned switch: the mirror brings what is late', async () => {
    const topics = { orders: PARTITIONS, log: 1 };
    await withService(
      async (service) => {
        const { memory, kafka, producer, reports } = service;
        let searchedCount = 0;
        kafka.on('unmirrored.searched', ({ report }) => {
          searchedCount += report.recordCount;
        });
        await send(service, 4);
        await memory.clock.sleep(2_000);
        memory.mirror('A->B').pause();
        await producer.send({ topic: 'log', messages: [{ value: 'nobody reads it' }] });
        await kafka.switchTo('B', { planned: true });
        await until(memory, 'it is missing', () => searchedCount === 1);
        await memory.clock.sleep(20_000);
        expect(reports).toEqual([]);
        expect(memory.cluster('B').records(REPLAYS, 0)).toEqual([]);
      },
      { world: { clusters: { A: { topics }, B: { topics } } } },
    );
  });
});
