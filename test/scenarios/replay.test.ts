import { describe, expect, it } from 'vitest';
import type { FailoverEachMessagePayload } from '../../src/consumer/types.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { REPLAY_HEADER, replayOrigin, type ReplayReport } from '../../src/index.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import type { FailoverKafkaProducer } from '../../src/producer/failover-producer.js';
import type { MemoryRecord, MemoryWorld, MemoryWorldOptions } from '../../src/testing/index.js';
import { afterSends, live } from './ledger-spool-support.js';
import {
  clustersOf,
  consume,
  hang,
  kafkaIn,
  ordersWorld,
  until,
} from '../support/memory-service.js';

const PARTITIONS = 2;
const REPLAYS = '__kafkajs-failover.replays';

interface Service {
  readonly memory: MemoryWorld;
  readonly kafka: FailoverKafka;
  readonly producer: FailoverKafkaProducer;
  readonly reports: ReplayReport[];
  /** What the group `billing` has handled: `v7@B`, in its order. */
  readonly handled: string[];
  sentCount: number;
}

interface Setting {
  readonly onUnmirrored?: 'report' | 'replay' | 'hold';
  readonly world?: MemoryWorldOptions;
  readonly config?: Partial<FailoverKafkaConfig>;
  /** The consumer reads nothing as long as it is false. */
  readonly mayHandle?: () => boolean;
}

/** A service that sends and consumes, on clusters that are mirrored. */
async function withService(
  work: (service: Service) => Promise<void>,
  { onUnmirrored = 'replay', world = {}, config = {} }: Setting = {},
): Promise<void> {
  const cluster = { topics: { orders: PARTITIONS } };
  const memory = ordersWorld({ clusters: { A: cluster, B: cluster }, ...world });
  await memory.run(async () => {
    const policy = world.mirror?.policy ?? 'default';
    const kafka = kafkaIn(memory, { producer: { onUnmirrored }, mirror: { policy }, ...config });
    const reports: ReplayReport[] = [];
    kafka.on('unmirrored.replayed', ({ report }) => reports.push(report));
    const handled: string[] = [];
    await consume(kafka, noting(handled));
    const producer = kafka.producer();
    await producer.connect();
    await work({ memory, kafka, producer, reports, handled, sentCount: 0 });
    await kafka.close();
  });
}

function noting(handled: string[]) {
  return ({ message, cluster }: FailoverEachMessagePayload): Promise<void> => {
    handled.push(`${String(message.value)}@${cluster}`);
    return Promise.resolve();
  };
}

async function send(service: Service, count: number): Promise<string[]> {
  const { memory, producer } = service;
  const values: string[] = [];
  for (let left = count; left > 0; left -= 1) {
    service.sentCount += 1;
    const value = `v${service.sentCount}`;
    values.push(value);
    const partition = service.sentCount % PARTITIONS;
    await producer.send({
      topic: 'orders',
      messages: [{ partition, key: 'k', value, headers: { h: 'own' } }],
    });
    await memory.clock.sleep(7);
  }
  return values;
}

/** A dies with a tail that is not mirrored. Answers its values. */
async function loseA(service: Service, count: number): Promise<string[]> {
  const { memory, kafka } = service;
  await send(service, 10);
  await memory.clock.sleep(3_000);
  memory.mirror('A->B').pause();
  const tail = await send(service, count);
  memory.cluster('A').down();
  await kafka.switchTo('B', { planned: false });
  return tail;
}

const replayed = ({ memory, reports }: Service, count = 1): Promise<void> =>
  until(memory, 'it is replayed', () => reports.length >= count, 60_000);

/** The records of a topic that have the header, over all partitions. */
function replaysIn(memory: MemoryWorld, cluster: string, topic = 'orders'): MemoryRecord[] {
  const length = memory.cluster(cluster).partitionCount(topic);
  return Array.from({ length }, (_, partition) => memory.cluster(cluster).records(topic, partition))
    .flat()
    .filter(({ headers }) => headers.some(([name]) => name === REPLAY_HEADER));
}

const valuesOf = (records: readonly MemoryRecord[]): string[] =>
  records.map(({ value }) => String(value));

const timesHandled = ({ handled }: Service): Map<string, number> => {
  const times = new Map<string, number>();
  for (const one of handled) {
    const [value = ''] = one.split('@');
    times.set(value, (times.get(value) ?? 0) + 1);
  }
  return times;
};

/** Every record that was sent was handled, once. */
function expectEachOnce(service: Service): void {
  const times = timesHandled(service);
  const sent = Array.from({ length: service.sentCount }, (_, index) => `v${index + 1}`);
  expect(sent.map((value) => `${value}: ${times.get(value) ?? 0}`)).toEqual(
    sent.map((value) => `${value}: 1`),
  );
}

/** The mirror goes on, and brings A's tail. */
async function bringTail({ memory }: Service): Promise<void> {
  memory.cluster('A').up();
  memory.mirror('A->B').resume();
  await until(
    memory,
    'A is mirrored',
    () => memory.mirror('A->B').pendingCount('orders') === 0,
    60_000,
  );
  await memory.clock.sleep(5_000);
}

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
      const announced = until(memory, 'it is announced', () =>
        valuesOf(memory.cluster('B').records(REPLAYS, 0)).some((text) =>
          text.includes('announced'),
        ),
      );
      const tail = await loseA(service, 9);
      await announced;
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
      await until(memory, 'it is announced', () =>
        valuesOf(memory.cluster('B').records(REPLAYS, 0)).some((text) =>
          text.includes('announced'),
        ),
      );
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
      const { memory, kafka } = service;
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
      await until(
        memory,
        'it is announced',
        () => kafka.status().ledger?.replay.kind === 'replaying',
      );
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
      expect(reports[1]?.logs.map(({ because }) => because)).toEqual(
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
          because: 'cluster B has no partition 1 of orders',
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

  it('is not sent anywhere where the cluster is left again before, and that is said', async () => {
    await withService(async (service) => {
      const { memory, kafka, reports } = service;
      await loseA(service, 9);
      await until(
        memory,
        'it is announced',
        () => kafka.status().ledger?.replay.kind === 'replaying',
      );
      memory.cluster('A').up();
      await kafka.switchTo('A', { planned: false });
      await replayed(service);
      expect(reports[0]).toMatchObject({ replayedCount: 0, notReplayedCount: 9 });
      expect(reports[0]?.logs[0]?.because).toMatch(/B was fenced/);
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
      expect(reports[0]?.logs[0]?.because).toMatch(/by __kafkajs-failover.replays on cluster B/);
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
      expect(reports[0]?.logs[0]?.because).toBe('cluster B was left');
    });
  });

  it('is nothing after a planned switch: the mirror brings what is late', async () => {
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

describe('what was acknowledged and is not mirrored, with `onUnmirrored: hold`', () => {
  it('waits for an order, and is replayed then', async () => {
    await withService(
      async (service) => {
        const { memory, kafka, reports } = service;
        expect(await kafka.replayUnmirrored()).toBeUndefined();
        await loseA(service, 9);
        await memory.clock.sleep(60_000);
        expect(kafka.status().ledger?.replay).toEqual({ kind: 'held', recordCount: 9 });
        expect(replaysIn(memory, 'B')).toEqual([]);
        const [one, other] = await Promise.all([
          kafka.replayUnmirrored(),
          kafka.replayUnmirrored(),
        ]);
        expect(one).toMatchObject({ replayedCount: 9 });
        expect(other).toEqual(one);
        expect(reports).toEqual([one]);
        expect(replaysIn(memory, 'B')).toHaveLength(9);
        expect(kafka.status().ledger?.replay).toEqual({ kind: 'none', recordCount: 0 });
        expect(await kafka.replayUnmirrored()).toBeUndefined();
      },
      { onUnmirrored: 'hold' },
    );
  });

  it('can be ordered by who hears of it', async () => {
    await withService(
      async (service) => {
        const { memory, kafka } = service;
        kafka.on('unmirrored.searched', () => kafka.replayUnmirrored());
        await loseA(service, 5);
        await replayed(service);
        expect(replaysIn(memory, 'B')).toHaveLength(5);
      },
      { onUnmirrored: 'hold' },
    );
  });

  it('is kept, whatever is sent meanwhile', async () => {
    await withService(
      async (service) => {
        const { memory, kafka } = service;
        const tail = await loseA(service, 9);
        memory.mirror('B->A').pause();
        for (let turn = 0; turn < 40; turn += 1) await send(service, 5);
        expect(await kafka.replayUnmirrored()).toMatchObject({ replayedCount: 9 });
        expect(valuesOf(replaysIn(memory, 'B')).toSorted()).toEqual(tail.toSorted());
      },
      {
        onUnmirrored: 'hold',
        config: { producer: { onUnmirrored: 'hold', ledgerMaxBytes: 8_000 } },
      },
    );
  });

  it('is let go when the cluster is left', async () => {
    await withService(
      async (service) => {
        const { memory, kafka, reports } = service;
        await loseA(service, 9);
        await until(memory, 'it is held', () => kafka.status().ledger?.replay.kind === 'held');
        memory.cluster('A').up();
        await kafka.switchTo('A', { planned: false });
        await replayed(service);
        expect(reports[0]).toMatchObject({ replayedCount: 0, notReplayedCount: 9 });
        expect(await kafka.replayUnmirrored()).toBeUndefined();
      },
      { onUnmirrored: 'hold' },
    );
  });
});

describe('what an earlier life of the process had sent', () => {
  const replaying = { producer: { onUnmirrored: 'replay' } } as const;

  it('is replayed where the process begins on the other cluster, by the files that it has left', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      memory.cluster('A').down();
      const next = await live(memory, disk, { ...replaying, active: 'B' });
      await until(memory, 'it is replayed', () => replaysIn(memory, 'B').length === 3);
      expect(valuesOf(replaysIn(memory, 'B'))).toEqual(['lost0', 'lost1', 'lost2']);
      await next.kafka.close();
    }, replaying);
  });

  it('is not replayed a second time by the next life', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      memory.cluster('A').down();
      const second = await live(memory, disk, { ...replaying, active: 'B' });
      await until(memory, 'it is replayed', () => replaysIn(memory, 'B').length === 3);
      await memory.clock.sleep(1_000);
      await second.kafka.close();
      // It reads slowly what was said of replays.
      memory
        .cluster('B')
        .intercept(({ apiName, topics }) =>
          apiName === 'Fetch' && topics.includes(REPLAYS)
            ? { kind: 'delay', delayMs: 3_000 }
            : undefined,
        );
      const third = await live(memory, disk, { ...replaying, active: 'B' });
      const reports: ReplayReport[] = [];
      third.kafka.on('unmirrored.replayed', ({ report }) => reports.push(report));
      await until(memory, 'it was looked at', () => reports.length > 0);
      expect(reports).toMatchObject([{ replayedCount: 0, notReplayedCount: 3 }]);
      await memory.clock.sleep(10_000);
      expect(replaysIn(memory, 'B')).toHaveLength(3);
      await third.kafka.close();
    }, replaying);
  });
});

describe('what was acknowledged and is not mirrored, without a word', () => {
  it('is told and not replayed, and an order for it is refused', async () => {
    await withService(
      async (service) => {
        const { memory, kafka } = service;
        await loseA(service, 3);
        await memory.clock.sleep(30_000);
        expect(service.reports).toEqual([]);
        expect(memory.cluster('B').partitionCount(REPLAYS)).toBe(0);
        await expect(kafka.replayUnmirrored()).rejects.toMatchObject({
          code: 'ERR_FAILOVER_OPTIONS',
          message: expect.stringContaining("set it to 'hold'"),
        });
      },
      { onUnmirrored: 'report' },
    );
  });
});
