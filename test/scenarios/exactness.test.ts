import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { RecordCount } from '../../src/record-count.js';
import type { PartitionPrediction, SwitchMeasurement } from '../../src/switch/exactness.js';
import { formatSwitchReport } from '../../src/switch/format-report.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill, missingOf } from './support.js';

interface Handling {
  readonly value: string;
  readonly cluster: string;
  readonly atMs: number;
}

/** Consumes `orders`, a record every 5 ms unless told otherwise. */
async function consumeWith(
  memory: MemoryWorld,
  kafka: FailoverKafka,
  { everyMs = 5 }: { everyMs?: number } = {},
): Promise<Handling[]> {
  const handled: Handling[] = [];
  await consume(kafka, async ({ message, cluster }) => {
    handled.push({ value: String(message.value), cluster, atMs: memory.clock.nowMs() });
    await memory.clock.sleep(everyMs);
  });
  return handled;
}

function valuesOf(handled: readonly Handling[]): readonly string[] {
  return handled.map(({ value }) => value);
}

/** Handled on B although A had handled them. */
function twiceOf(handled: readonly Handling[]): readonly string[] {
  const onA = new Set(handled.filter(({ cluster }) => cluster === 'A').map(({ value }) => value));
  return handled
    .filter(({ cluster, value }) => cluster === 'B' && onA.has(value))
    .map(({ value }) => value);
}

function partitionOf<Partition extends PartitionPrediction>(
  report: { readonly groups: readonly { readonly partitions: readonly Partition[] }[] },
  physicalTopic: string,
): Partition {
  const found = report.groups
    .flatMap(({ partitions }) => partitions)
    .find((one) => one.physicalTopic === physicalTopic);
  if (found === undefined) throw new Error(`no ${physicalTopic}`);
  return found;
}

function measured(kafka: FailoverKafka): SwitchMeasurement {
  const { lastSwitch } = kafka.status();
  if (lastSwitch === undefined) throw new Error('no switch was measured');
  return lastSwitch;
}

const counted = (count: number): RecordCount => ({ kind: 'counted', count });

describe('what a switch has cost', () => {
  it('is told once work goes on: what is not mirrored and not handled by its offsets, and how long work stood still', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const told: SwitchMeasurement[] = [];
      kafka.on('switch.measured', ({ measurement }) => told.push(measurement));
      const producer = kafka.producer();
      await producer.connect();
      const acknowledged: { cluster: string | undefined; atMs: number }[] = [];
      const send = async (from: number, count: number): Promise<void> => {
        for (let at = from; at < from + count; at += 10) {
          const messages = Array.from({ length: 10 }, (_, index) => ({ value: `r${at + index}` }));
          await producer.send({ topic: 'orders', messages });
          const cluster = kafka.status().producers[0]?.cluster;
          acknowledged.push({ cluster, atMs: memory.clock.nowMs() });
        }
      };
      const handled = await consumeWith(memory, kafka);
      await send(0, 100);
      await until(memory, 'all is handled', () => handled.length === 100);
      await memory.clock.sleep(1_000);
      memory.mirror('A->B').pause();
      await send(100, 60);
      await until(memory, 'the tail is handled in part', () => handled.length === 120);
      memory.cluster('A').down();
      const startedAtMs = memory.clock.nowMs();
      await kafka.switchTo('B', { planned: false });
      const onA = handled.filter(({ cluster }) => cluster === 'A').length;

      const early = measured(kafka);
      expect(early).toMatchObject({ from: 'A', to: 'B', planned: false, by: 'operator' });
      expect(told).toEqual([]);
      await send(200, 10);
      await until(memory, 'it is told', () => told.length > 0);
      const [report] = told;
      if (report === undefined) throw new Error('nothing was told');

      const copy = partitionOf(report, 'A.orders');
      expect(copy).toMatchObject({
        position: { kind: 'resume', offset: '100', method: 'exact' },
        predictedReread: counted(0),
        reread: counted(0),
        awaitedCount: onA - 100,
        unhandled: {
          records: { kind: 'atLeast', count: 160 - onA },
          range: { topic: 'orders', partition: 0, first: String(onA), last: '159' },
        },
      });
      expect(report.unmirrored).toEqual([
        {
          topic: 'orders',
          partition: 0,
          records: { kind: 'atLeast', count: 60 },
          mirroredEnd: '100',
          knownEnd: '160',
        },
      ]);
      expect(report.rpo.records).toEqual({ kind: 'atLeast', count: 60 });
      expect(report.rpo.heartbeat?.sentAgeMs).toBeGreaterThanOrEqual(0);

      const lastAck = acknowledged.filter(({ cluster }) => cluster === 'A').at(-1)?.atMs ?? 0;
      const firstAck = acknowledged.find(({ cluster }) => cluster === 'B')?.atMs ?? 0;
      expect(report.rto.producers).toMatchObject({ kind: 'measured' });
      if (report.rto.producers.kind !== 'measured') return;
      expect(report.rto.producers.durationMs).toBeCloseTo(firstAck - lastAck, -1);
      expect(report.rto.producers.lastMs).toBeCloseTo(lastAck - startedAtMs, -1);
      const lastHandled = handled.filter(({ cluster }) => cluster === 'A').at(-1)?.atMs ?? 0;
      const firstNew = handled.find(({ cluster }) => cluster === 'B')?.atMs ?? 0;
      expect(report.rto.consumers.kind).toBe('measured');
      if (report.rto.consumers.kind !== 'measured') return;
      // The clock is looked at once in 10 ms.
      expect(report.rto.consumers.durationMs).toBeGreaterThanOrEqual(firstNew - lastHandled);
      expect(report.rto.consumers.durationMs).toBeLessThanOrEqual(firstNew - lastHandled + 10);

      // What is named as not handled is handled once it appears, and nothing twice.
      memory.cluster('A').up();
      memory.mirror('A->B').resume();
      await until(
        memory,
        'the rest is handled',
        () => missingOf(valuesOf(handled), 0, 160).length === 0,
      );
      const later = handled.filter(({ cluster }) => cluster === 'B').map(({ value }) => value);
      const named = Array.from({ length: 160 - onA }, (_, index) => `r${onA + index}`);
      expect(later.filter((value) => named.includes(value))).toEqual(named);
      expect(twiceOf(handled)).toEqual([]);
      expect(told).toHaveLength(1);
      await kafka.close();
    });
  });

  it('counts what is really handled again, where the position is not exact', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      // In one go: MirrorMaker writes few syncs.
      fill(memory, { count: 500 });
      const kafka = kafkaIn(memory);
      const handled = await consumeWith(memory, kafka);
      await until(memory, 'half is handled', () => handled.length >= 250);
      // The copies cannot be read, so none is recognised.
      const allow = memory
        .cluster('B')
        .intercept(({ apiName, topics }) =>
          apiName === 'Fetch' && topics.includes('A.orders')
            ? { kind: 'refuse', errorCode: 29 }
            : undefined,
        );
      memory.cluster('A').down();
      await kafka.switchTo('B', { planned: false });
      expect(partitionOf(measured(kafka), 'A.orders').reread).toMatchObject({ kind: 'unknown' });
      allow();
      await until(
        memory,
        'the rest is handled',
        () => missingOf(valuesOf(handled), 0, 500).length === 0,
      );
      const { position, predictedReread, reread } = partitionOf(measured(kafka), 'A.orders');
      expect(position).toMatchObject({
        method: expect.stringMatching(/^(offset-sync|checkpoint)$/),
      });
      const twiceCount = twiceOf(handled).length;
      expect(twiceCount).toBeGreaterThan(10);
      expect(reread).toEqual(counted(twiceCount));
      expect(predictedReread.kind === 'atMost' && predictedReread.count).toBeGreaterThanOrEqual(
        twiceCount,
      );
      await kafka.close();
    });
  });

  it('says that it does not know where another process had the partition', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 300 });
      const noProgress = { consumer: { progress: false } } as const;
      const services = await Promise.all(
        [1, 2].map(async () => {
          const kafka = kafkaIn(memory, noProgress);
          return { kafka, handled: await consumeWith(memory, kafka) };
        }),
      );
      const all = (): readonly string[] => services.flatMap(({ handled }) => valuesOf(handled));
      await until(memory, 'some is handled', () => all().length >= 100);
      const hasPartition = ({ kafka }: { kafka: FailoverKafka }): boolean =>
        kafka.status().consumers[0]?.assignment['orders']?.length === 1;
      const owner = services.find(hasPartition);
      const other = services.find((one) => one !== owner);
      if (owner === undefined || other === undefined) throw new Error('nobody has the partition');
      memory.cluster('A').down();
      await owner.kafka.close();
      const before = other.handled.length;
      await other.kafka.switchTo('B', { planned: false });
      await until(memory, 'all is handled', () => missingOf(all(), 0, 300).length === 0);
      const { reread, predictedReread } = partitionOf(measured(other.kafka), 'A.orders');
      expect(predictedReread.kind).toBe('atMost');
      const givenCount = other.handled.length - before;
      // Perhaps all of them, perhaps none: it has handled nothing of them itself.
      expect(['unknown', 'atMost']).toContain(reread.kind);
      if (reread.kind === 'atMost') expect(reread.count).toBe(givenCount);
      expect(measured(other.kafka).rto.producers).toEqual({ kind: 'idle' });
      await other.kafka.close();
    });
  });

  it('has no re-read and no loss where the switch was planned; what was silent is not measured', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 50 });
      const kafka = kafkaIn(memory);
      const handled = await consumeWith(memory, kafka);
      await until(memory, 'all is handled', () => handled.length === 50);
      const told: SwitchMeasurement[] = [];
      kafka.on('switch.measured', ({ measurement }) => told.push(measurement));
      await kafka.switchTo('B');
      expect(measured(kafka).rto).toMatchObject({
        producers: { kind: 'idle' },
        consumers: { kind: 'open' },
      });
      await until(memory, 'a minute passes', () => told.length > 0, 61_000);
      const [report] = told;
      expect(report?.rto.consumers.kind).toBe('open');
      expect(report?.unmirrored).toMatchObject([
        { records: counted(0), mirroredEnd: '50', knownEnd: '50' },
      ]);
      expect(report && partitionOf(report, 'A.orders')).toMatchObject({
        predictedReread: counted(0),
        reread: counted(0),
        awaitedCount: 0,
        unhandled: { records: counted(0), range: undefined },
      });
      await kafka.close();
    });
  });

  it('is plain JSON, and can be read by people', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 50 });
      const kafka = kafkaIn(memory);
      await consumeWith(memory, kafka);
      await memory.clock.sleep(2_000);
      const { prediction } = await kafka.plan({ to: 'B' });
      await kafka.switchTo('B');
      for (const report of [prediction, measured(kafka)]) {
        expect(JSON.parse(JSON.stringify(report))).toEqual(report);
        expect(formatSwitchReport(report)).toContain('group billing');
      }
      await kafka.close();
    });
  });
});

describe('what a switch would cost', () => {
  it('is what the mirror has not brought, counted, and named where nobody has handled it', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      fill(memory, { count: 100 });
      const kafka = kafkaIn(memory);
      const handled = await consumeWith(memory, kafka);
      await until(memory, 'all is handled', () => handled.length === 100);
      await memory.clock.sleep(1_000);
      memory.mirror('A->B').pause();
      fill(memory, { from: 100, count: 60 });
      await until(memory, 'the tail is handled in part', () => handled.length >= 120);
      const { prediction } = await kafka.plan({ to: 'B' });
      const { awaitedCount, unhandled } = partitionOf(prediction, 'A.orders');
      expect(prediction.rpo.records).toEqual(counted(60));
      expect(awaitedCount).toBeGreaterThanOrEqual(19);
      expect(unhandled).toEqual({
        records: counted(60 - awaitedCount),
        range: { topic: 'orders', partition: 0, first: String(100 + awaitedCount), last: '159' },
      });
      await kafka.close();
    });
  });

  it('counts what a handler had been given on the source before, in an earlier stay there', async () => {
    const memory = ordersWorld({ mirror: { copyLagMs: 20_000 } });
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { switch: { handlersMs: 200 } });
      const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
      let fail: (error: Error) => void = () => {};
      const stuck = new Promise<void>((_, reject) => {
        fail = reject;
      });
      let callCount = 0;
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      fill(memory, { count: 20 });
      await consumer.run({
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch, resolveOffset }) => {
          callCount += 1;
          // It may have handled all that it was given, and has not said so.
          if (callCount === 1) return stuck;
          for (const { offset } of batch.messages.slice(0, 10)) resolveOffset(offset);
          consumer.pause([{ topic: 'orders' }]);
        },
      });
      await until(memory, 'it has all of them', () => callCount === 1);
      await kafka.switchTo('B', { planned: false });
      fail(new Error('not now'));
      // Nothing is mirrored yet.
      await kafka.switchTo('A', { planned: false });
      await until(memory, 'half of them are handled', () => callCount === 2);
      await memory.clock.sleep(60_000);
      const plan = await kafka.plan({ to: 'B' });
      const copies = plan.groups
        .flatMap(({ partitions }) => partitions)
        .find(({ physicalTopic }) => physicalTopic === 'A.orders');
      expect(copies).toMatchObject({ offset: 10n, maxRereadCount: 10n });
      await kafka.close();
    });
  });

  it('names what is missing, once', async () => {
    const memory = ordersWorld({
      clusters: { A: { topics: { orders: 2 } }, B: { topics: { orders: 1 } } },
      isMirrored: false,
    });
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      await consumeWith(memory, kafka);
      await memory.clock.sleep(2_000);
      const { prediction, warnings } = await kafka.plan({ to: 'B' });
      expect(prediction.missing).toEqual([
        { kind: 'no-heartbeat', source: 'A', target: 'B' },
        {
          kind: 'partition-count',
          cluster: 'B',
          topic: 'orders',
          count: 1,
          other: { cluster: 'A', topic: 'orders', count: 2 },
        },
        { kind: 'no-topic', cluster: 'B', topic: 'A.orders', copyOf: 'orders' },
      ]);
      const text = formatSwitchReport(prediction);
      for (const warning of warnings) expect(text.split(warning)).toHaveLength(2);
      await kafka.close();
    });
  });

  it('tells a want of rights from a want of a mirror', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      memory
        .cluster('B')
        .intercept(({ topics }) =>
          topics.includes('A.checkpoints.internal') ? { kind: 'refuse', errorCode: 29 } : undefined,
        );
      const kafka = kafkaIn(memory);
      await consumeWith(memory, kafka);
      await memory.clock.sleep(2_000);
      const { prediction, obstacles } = await kafka.plan({ to: 'B' });
      expect(prediction.missing).toMatchObject([{ kind: 'no-rights', source: 'A', target: 'B' }]);
      expect(prediction.obstacles).toEqual(obstacles);
      expect(prediction.rpo.records.kind).toBe('unknown');
      await kafka.close();
    });
  });
});
