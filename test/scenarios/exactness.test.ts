import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { RecordCount } from '../../src/record-count.js';
import type { PartitionPrediction, SwitchMeasurement } from '../../src/switch/exactness.js';
import { formatSwitchReport } from '../../src/switch/format-report.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill, fillSlowly, missingOf } from './support.js';

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
      await fillSlowly(memory, 0, 100);
      // The copies are not recognised at the switch: reading them is refused until it is over.
      const kafka = kafkaIn(memory);
      const handled: Handling[] = [];
      await consume(kafka, async ({ message, cluster }) => {
        handled.push({ value: String(message.value), cluster, atMs: memory.clock.nowMs() });
        await memory.clock.sleep(5);
      });
      await until(memory, 'half is handled', () => handled.length >= 50);
      const allow = memory
        .cluster('B')
        .intercept(({ apiName, topics }) =>
          apiName === 'Fetch' && topics.includes('A.orders')
            ? { kind: 'refuse', errorCode: 29 }
            : undefined,
        );
      const allowSyncs = memory
        .cluster('B')
        .intercept(({ apiName, topics }) =>
          apiName === 'Fetch' && topics.some((topic) => topic.includes('offset-syncs'))
            ? { kind: 'hang' }
            : undefined,
        );
      memory.cluster('A').down();
      await kafka.switchTo('B', { planned: false }).catch(() => {});
      allow();
      allowSyncs();
      await until(
        memory,
        'the rest is handled',
        () => missingOf(valuesOf(handled), 0, 100).length === 0,
      );
      const copy = partitionOf(measured(kafka), 'A.orders');
      console.log(JSON.stringify(copy), twiceOf(handled).length);
      console.log(formatSwitchReport(measured(kafka)));
      await kafka.close();
    });
  });
});
