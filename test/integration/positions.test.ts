import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PartitionPlan } from '../../src/position/plan.js';
import type { SwitchReport } from '../../src/switch/report.js';
import type { SwitchMeasurement } from '../../src/switch/exactness.js';
import { deferred } from '../../src/deferred.js';
import { FailoverKafka } from '../../src/failover-kafka.js';
import { kafka } from '../../src/kafkajs.js';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import { createTopic } from './stack-support.js';

const PARTITIONS = 3;
const FIRST = 3_000;
const SECOND = 300;

let stack: Stack;
let failover: FailoverKafka;
/** Ids, as they were handled. */
const handled: string[] = [];

beforeAll(async () => {
  stack = await startStack({ name: 'positions' });
  for (const alias of ['A', 'B'] as const) {
    await createTopic(stack.clusters[alias], 'orders', { numPartitions: PARTITIONS });
  }
});

afterAll(async () => {
  await failover?.close();
  await stack?.stop();
});

function plain(cluster: 'A' | 'B') {
  const { brokers } = stack.clusters[cluster];
  return new kafka.Kafka({ clientId: 'test', brokers, logLevel: kafka.logLevel.NOTHING });
}

/**
 * Records with and without keys and values, whose ids are in a header, in transactions of a hundred; every fifth one is aborted, and its
 * records have no id.
 */
async function fill(cluster: 'A' | 'B', from: number, count: number): Promise<void> {
  const producer = plain(cluster).producer({
    transactionalId: `fill-${cluster}`,
    maxInFlightRequests: 1,
    idempotent: true,
  });
  await producer.connect();
  try {
    for (let at = from; at < from + count; at += 100) {
      const transaction = await producer.transaction();
      const isAborted = at % 500 === 400;
      const messages = Array.from({ length: 100 }, (_, index) => {
        const id = at + index;
        return {
          key: id % 3 === 0 ? null : `key-${id % 7}`,
          value: id % 5 === 0 ? null : `value-${id % 10}`,
          ...(isAborted ? {} : { headers: { id: String(id) } }),
        };
      });
      await transaction.send({ topic: 'orders', messages });
      await (isAborted ? transaction.abort() : transaction.commit());
    }
  } finally {
    await producer.disconnect();
  }
}

function idsOf(from: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => from + index)
    .filter((id) => id % 500 < 400)
    .map(String);
}

function missing(ids: readonly string[]): readonly string[] {
  const known = new Set(handled);
  return ids.filter((id) => !known.has(id));
}

function twice(): readonly string[] {
  return handled.filter((id, index) => handled.indexOf(id) !== index);
}

async function mirrored(cluster: 'A' | 'B', topic: string, count: number): Promise<void> {
  const admin = plain(cluster).admin();
  await admin.connect();
  try {
    await waitFor(
      `${count} records in ${topic} on ${cluster}`,
      async () => {
        const ends = await admin.fetchTopicOffsets(topic).catch(() => []);
        return ends.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
      },
      { until: (sum) => sum >= count, timeoutMs: 90_000 },
    );
  } finally {
    await admin.disconnect();
  }
}

/** The ids in a log, as often as they are there. */
async function idsIn(cluster: 'A' | 'B', topic: string): Promise<readonly string[]> {
  const ids: string[] = [];
  const client = plain(cluster);
  const open = new Map([...(await endsOf(cluster, topic))].filter(([, end]) => end > 0));
  const reader = client.consumer({ groupId: `reader-${cluster}-${topic}`, maxWaitTimeInMs: 100 });
  await reader.connect();
  try {
    await reader.subscribe({ topics: [topic], fromBeginning: true });
    await reader.run({
      eachBatch: async ({ batch }) => {
        for (const { headers } of batch.messages) {
          if (headers?.['id'] !== undefined) ids.push(String(headers['id']));
        }
        if (Number(batch.lastOffset()) + 1 >= (open.get(batch.partition) ?? 0)) {
          open.delete(batch.partition);
        }
      },
    });
    await waitFor('all of it is read', () => open.size, {
      until: (count) => count === 0,
      timeoutMs: 60_000,
    });
  } finally {
    await reader.disconnect();
  }
  return ids;
}

/**
 * Until B has everything that is on A, but for the marker that ends the last transaction, and the offset syncs say so: MirrorMaker
 * has ten of them under way at most, and writes the others a moment later.
 */
async function untilMirrorSaysAll(): Promise<void> {
  const ends = await endsOf('A', 'orders');
  const behind = async (): Promise<readonly number[]> => {
    const { groups } = await failover.plan({ to: 'B' });
    const mirrored = new Map<number, number>();
    for (const one of groups.flatMap(({ partitions }) => partitions)) {
      if (one.kind !== 'resume' || one.physicalTopic !== 'A.orders') continue;
      const known = one.upstream?.mirrored;
      if (known !== undefined && known.kind !== 'unknown') {
        mirrored.set(one.partition, Number(known.end));
      }
    }
    return [...ends].flatMap(([partition, end]) =>
      (mirrored.get(partition) ?? 0) >= end - 1 ? [] : [partition],
    );
  };
  await waitFor('the offset syncs to name all of A', behind, {
    until: ({ length }) => length === 0,
    timeoutMs: 60_000,
  });
}

async function untilHandled(ids: readonly string[]): Promise<void> {
  await waitFor('all of it is handled', () => missing(ids).length, {
    until: (count) => count === 0,
    timeoutMs: 60_000,
  });
}

async function plansOf(
  to: string,
  planned: boolean,
): Promise<readonly (PartitionPlan & { kind: 'resume' })[]> {
  const outcome = await failover.switchTo(to, { planned });
  if (outcome.kind !== 'switched') throw new Error(`not switched: ${outcome.kind}`);
  return resumesOf(outcome.report);
}

/** The guarded way: every gate was open, and all is well there. */
async function cameHome(): Promise<SwitchReport> {
  const outcome = await failover.failback({ waitMs: 90_000 });
  if (outcome.kind !== 'done') throw new Error(`not gone home: ${outcome.kind}`);
  expect(outcome).toMatchObject({
    accepted: [],
    assessment: { isOpen: true, stranded: [] },
    validation: {
      isSound: true,
      checks: [
        { name: 'records', state: 'passed' },
        { name: 'canary', state: 'passed' },
      ],
      counts: [{ topic: 'orders', copy: 'B.orders' }],
    },
  });
  return outcome.report;
}

function resumesOf({ plans }: SwitchReport): readonly (PartitionPlan & { kind: 'resume' })[] {
  return plans.flatMap(({ partitions }) => partitions).filter((one) => one.kind === 'resume');
}

/** Next offset of each partition. */
async function endsOf(cluster: 'A' | 'B', topic: string): Promise<ReadonlyMap<number, number>> {
  const admin = plain(cluster).admin();
  await admin.connect();
  try {
    const ends = await admin.fetchTopicOffsets(topic);
    return new Map(ends.map(({ partition, high }) => [partition, Number(high)]));
  } finally {
    await admin.disconnect();
  }
}

function measured(): SwitchMeasurement {
  const { lastSwitch } = failover.status();
  if (lastSwitch === undefined) throw new Error('no switch was measured');
  return lastSwitch;
}

/** What the library says that the way to B has cost, and what was seen of it. */
function expectMeasured(endsOnA: ReadonlyMap<number, number>): void {
  const { groups, unmirrored, rto } = measured();
  const copies = groups
    .flatMap(({ partitions }) => partitions)
    .filter(({ physicalTopic }) => physicalTopic === 'A.orders');
  expect(copies.map(({ reread }) => reread)).toEqual(
    Array.from({ length: PARTITIONS }, () => ({ kind: 'counted', count: 0 })),
  );
  // Everything was mirrored, but for the marker that ends the last transaction.
  const mirrored = unmirrored.map(({ partition, mirroredEnd }) => [partition, Number(mirroredEnd)]);
  const expected = [...endsOnA].map(([partition, end]) => [partition, end - 1]);
  expect(mirrored).toHaveLength(PARTITIONS);
  expect(mirrored).toEqual(expect.arrayContaining(expected));
  expect(rto.consumers.kind).toBe('measured');
}

it('is the very next record when A is killed in the middle of the work; and on the way home', async () => {
  await fill('A', 0, FIRST);
  const ids = idsOf(0, FIRST);
  await mirrored('B', 'A.orders', ids.length);
  failover = new FailoverKafka({
    clientId: 'positions',
    logLevel: kafka.logLevel.NOTHING,
    clusters: {
      A: { brokers: stack.clusters.A.brokers },
      B: { brokers: stack.clusters.B.brokers },
    },
    failback: { dwellMs: 0, canary: { topic: 'canary', timeoutMs: 60_000 } },
  });
  const consumer = failover.consumer({ groupId: 'handling', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  const mirrorSaysAll = deferred<void>();
  await consumer.run({
    // Nothing is committed before the switch.
    autoCommitInterval: 600_000,
    partitionsConsumedConcurrently: PARTITIONS,
    eachMessage: async ({ message }) => {
      await mirrorSaysAll.promise;
      await new Promise<void>((resolve) => {
        setTimeout(resolve, 1);
      });
      const id = message.headers?.['id'];
      if (id !== undefined) handled.push(String(id));
    },
  });
  await untilMirrorSaysAll();
  mirrorSaysAll.resolve();
  await waitFor('a third of it is handled', () => handled.length, {
    until: (count) => count >= ids.length / 3,
    timeoutMs: 60_000,
  });
  const ends = await endsOf('A', 'orders');
  await stack.clusters.A.kill();
  const away = await plansOf('B', false);
  expect(twice()).toEqual([]);
  expect(away.filter(({ physicalTopic }) => physicalTopic === 'A.orders')).toMatchObject(
    Array.from({ length: PARTITIONS }, () => ({ method: 'exact', maxRereadCount: 0n })),
  );
  await fill('B', FIRST, SECOND);
  await waitFor('two thirds of it are handled', () => handled.length, {
    until: (count) => count >= (ids.length * 2) / 3,
    timeoutMs: 60_000,
  });

  expect(twice()).toEqual([]);
  expectMeasured(ends);
  await expect(failover.failback()).rejects.toThrow(
    /nothing was touched: reachable: A does not answer/,
  );
  await stack.clusters.A.start();
  // It waits for the mirror by itself.
  const home = resumesOf(await cameHome());
  // What A had handled is recognised there, committed or not; what B has handled of it since is retraced.
  const retraced = home.filter(({ physicalTopic }) => physicalTopic === 'orders');
  expect(retraced).toMatchObject(Array.from({ length: PARTITIONS }, () => ({ method: 'exact' })));
  const all = [...ids, ...idsOf(FIRST, SECOND)];
  await untilHandled(all);
  expect(twice()).toEqual([]);
}, 240_000);

it('is found again and again, out and home, also where MirrorMaker is killed between', async () => {
  const rounds = [1, 2].map((round) => FIRST + round * 2_000);
  const all = [...idsOf(0, FIRST), ...idsOf(FIRST, SECOND)];
  const plans: (PartitionPlan & { kind: 'resume' })[] = [];
  for (const from of rounds) {
    await fill('A', from, SECOND);
    all.push(...idsOf(from, SECOND));
    plans.push(...(await plansOf('B', true)));
    await stack.mirror.kill();
    await stack.mirror.start();
    await fill('B', from + 1_000, SECOND);
    all.push(...idsOf(from + 1_000, SECOND));
    await fill('A', from + 1_500, 100);
    all.push(...idsOf(from + 1_500, 100));
    plans.push(...(await plansOf('A', true)));
  }
  await untilHandled(all);
  // MirrorMaker copies again what it had copied shortly before it was killed: that is there twice. What comes twice besides was predicted.
  const copies = [...(await idsIn('B', 'A.orders')), ...(await idsIn('A', 'B.orders'))];
  const counts = new Map<string, number>();
  for (const id of copies) counts.set(id, (counts.get(id) ?? 0) + 1);
  const again = twice().filter((id) => (counts.get(id) ?? 0) < 2);
  const predicted = plans.map(({ maxRereadCount }) => Number(maxRereadCount));
  expect(again.length).toBeLessThanOrEqual(predicted.reduce((sum, one) => sum + one, 0));
}, 240_000);

it('tells what was acknowledged and is not mirrored, by its offsets, when A is killed again', async () => {
  const LOST = 50;
  await untilMirrorSaysAll();
  await stack.mirror.flow('A->B').kill();
  const producer = failover.producer();
  await producer.connect();
  const messages = Array.from({ length: LOST }, (_, index) => ({
    value: 'last words',
    headers: { id: `lost-${index}` },
    partition: 0,
  }));
  const [acknowledged] = await producer.send({ topic: 'orders', messages });
  const firstLost = Number(acknowledged?.baseOffset);
  await waitFor('it is handled', () => handled.includes(`lost-${LOST - 1}`), {
    until: (isHandled) => isHandled,
    timeoutMs: 60_000,
  });
  await stack.clusters.A.kill();
  await plansOf('B', false);
  const log = measured().unmirrored.find(
    ({ topic, partition }) => topic === 'orders' && partition === 0,
  );
  // The marker before them is an offset without a record.
  expect(log).toEqual({
    topic: 'orders',
    partition: 0,
    records: { kind: 'atLeast', count: LOST + 1 },
    mirroredEnd: String(firstLost - 1),
    knownEnd: String(firstLost + LOST),
  });
  const partition = measured()
    .groups.flatMap(({ partitions }) => partitions)
    .find((one) => one.physicalTopic === 'A.orders' && one.partition === 0);
  expect(partition).toMatchObject({
    awaitedCount: LOST,
    unhandled: { records: { kind: 'atLeast', count: 0 }, range: undefined },
  });
  await producer.send({
    topic: 'orders',
    messages: [{ value: 'first words', headers: { id: 'new' } }],
  });
  await waitFor('work goes on', () => measured().rto.consumers.kind, {
    until: (kind) => kind === 'measured',
    timeoutMs: 60_000,
  });
  expect(measured().rto.producers.kind).toBe('measured');
  await producer.disconnect();
}, 240_000);
