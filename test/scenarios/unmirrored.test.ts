import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { ReconciliationReport, UnmirroredReport } from '../../src/index.js';
import type { ProducerFailoverOptions } from '../../src/options-producer.js';
import type { FailoverKafkaProducer } from '../../src/producer/failover-producer.js';
import type { MemoryWorld, MemoryWorldOptions } from '../../src/testing/index.js';
import { hang, kafkaIn, ordersWorld, until } from '../support/memory-service.js';

const FILE = '/data/unmirrored.ndjson';
const PARTITIONS = 3;

interface Service {
  readonly memory: MemoryWorld;
  readonly kafka: FailoverKafka;
  readonly producer: FailoverKafkaProducer;
  readonly files: Map<string, string>;
  /** How many records it has sent. */
  sentCount: number;
  /** What was told of each switch. */
  readonly reports: UnmirroredReport[];
}

/** A service with one connected producer, on clusters that are mirrored. */
async function withService(
  work: (service: Service) => Promise<void>,
  options: ProducerFailoverOptions = {},
  world: MemoryWorldOptions = {},
): Promise<void> {
  const cluster = { topics: { orders: PARTITIONS } };
  const files = new Map<string, string>();
  const memory = ordersWorld({ clusters: { A: cluster, B: cluster }, files, ...world });
  await memory.run(async () => {
    const policy = world.mirror?.policy ?? 'default';
    const producerOptions = { unmirroredFile: FILE, ...options };
    const kafka = kafkaIn(memory, { producer: producerOptions, mirror: { policy } });
    const reports: UnmirroredReport[] = [];
    kafka.on('unmirrored.searched', ({ report }) => reports.push(report));
    const producer = kafka.producer();
    await producer.connect();
    await work({ memory, kafka, producer, files, reports, sentCount: 0 });
    await kafka.close();
  });
}

/** Sends so many records, and waits for each. */
async function send(service: Service, count: number): Promise<void> {
  const { memory, producer } = service;
  for (let left = count; left > 0; left -= 1) {
    service.sentCount += 1;
    const { sentCount } = service;
    const partition = sentCount % PARTITIONS;
    const headers = { h: `h${sentCount}` };
    await producer.send({
      topic: 'orders',
      messages: [{ partition, key: `k${sentCount}`, value: `v${sentCount}`, headers }],
    });
    await memory.clock.sleep(7);
  }
}

async function switchTo({ memory, kafka, reports }: Service, to: string, planned = false) {
  const before = reports.length;
  await kafka.switchTo(to, { planned });
  await until(memory, 'what is missing is known', () => reports.length > before, 200_000);
  return reports.at(-1);
}

/** `0: 3 5`: the offsets, by partition, of the records of `orders` on one cluster whose copies are not on the other one. */
function difference(memory: MemoryWorld, remoteTopic = 'A.orders', from = 'A', to = 'B'): string[] {
  return Array.from({ length: PARTITIONS }, (_, partition) => {
    const there = new Set(
      memory
        .cluster(to)
        .records(remoteTopic, partition)
        .map(({ value }) => String(value)),
    );
    const offsets = memory
      .cluster(from)
      .records('orders', partition)
      .filter(({ value }) => String(value).startsWith('v') && !there.has(String(value)))
      .map(({ offset }) => String(offset));
    return `${partition}: ${offsets.join(' ')}`;
  });
}

/** The same, as it was reported. */
const reported = (report: UnmirroredReport | undefined): string[] =>
  Array.from({ length: PARTITIONS }, (_, partition) => {
    const ranges = (report?.logs ?? [])
      .filter((log) => log.partition === partition)
      .flatMap((log) => log.ranges);
    const offsets = ranges.flatMap(({ first, last }) =>
      Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => Number(first) + index),
    );
    return `${partition}: ${offsets.join(' ')}`;
  });

describe('what was acknowledged and is not mirrored', () => {
  it('is named after an unplanned switch, record by record: in the report, by event and in a file', async () => {
    await withService(async (service) => {
      const { memory, kafka, files } = service;
      await send(service, 40);
      await memory.clock.sleep(2_000);
      memory.mirror('A->B').pause();
      await send(service, 11);
      const report = await switchTo(service, 'B');
      expect(reported(report)).toEqual(difference(memory));
      expect(report).toMatchObject({
        from: 'A',
        to: 'B',
        recordCount: 11,
        isComplete: true,
        file: FILE,
      });
      expect(kafka.status().lastSwitch).toMatchObject({ unmirroredRecords: { recordCount: 11 } });
      const lines = (files.get(FILE) ?? '')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(lines).toHaveLength(11);
      for (const { partition, offset, timestamp, key, value, headers } of lines) {
        const there = memory
          .cluster('A')
          .records('orders', partition)
          .find((one) => String(one.offset) === offset);
        const text = (bytes: string): string => Buffer.from(bytes, 'base64').toString();
        expect(String(there?.timestampMs)).toBe(timestamp);
        expect([text(key), text(value)]).toEqual([String(there?.key), String(there?.value)]);
        expect(headers).toEqual([
          ['h', Buffer.from(`h${text(value).slice(1)}`).toString('base64')],
        ]);
      }
    });
  });

  it('is nothing where all is there, and no file is written', async () => {
    await withService(async (service) => {
      await send(service, 20);
      const report = await switchTo(service, 'B', true);
      expect(report).toMatchObject({ recordCount: 0, isComplete: true, logs: [], file: undefined });
      expect(service.files.has(FILE)).toBe(false);
    });
  });

  it('is only what this process has sent, whatever others write beside it', async () => {
    await withService(async (service) => {
      const { memory } = service;
      const others = (): void => {
        for (let partition = 0; partition < PARTITIONS; partition += 1) {
          memory.cluster('A').append('orders', partition, [{ value: 'theirs' }]);
        }
      };
      for (let turn = 0; turn < 10; turn += 1) {
        await send(service, 2);
        others();
      }
      await memory.clock.sleep(500);
      memory.mirror('A->B').pause();
      for (let turn = 0; turn < 10; turn += 1) {
        await send(service, 1);
        others();
      }
      const report = await switchTo(service, 'B');
      expect(reported(report)).toEqual(difference(memory));
      expect(report?.recordCount).toBe(10);
    });
  });

  it('is found by identity also where topics keep their names, beside what is born there', async () => {
    await withService(
      async (service) => {
        const { memory } = service;
        await send(service, 20);
        memory.cluster('B').append('orders', 0, [{ value: 'born on B' }]);
        await memory.clock.sleep(2_000);
        memory.mirror('A->B').pause();
        await send(service, 7);
        const report = await switchTo(service, 'B');
        expect(reported(report)).toEqual(difference(memory, 'orders'));
        expect(report?.recordCount).toBe(7);
      },
      {},
      { mirror: { policy: 'identity', flows: ['A->B'] } },
    );
  });

  it('is told for each switch, of the cluster that was left', async () => {
    await withService(async (service) => {
      const { memory } = service;
      await send(service, 6);
      await memory.clock.sleep(500);
      memory.mirror('A->B').pause();
      await send(service, 4);
      expect((await switchTo(service, 'B'))?.recordCount).toBe(4);
      await send(service, 6);
      await memory.clock.sleep(500);
      memory.mirror('B->A').pause();
      await send(service, 3);
      const home = await switchTo(service, 'A');
      expect(reported(home)).toEqual(difference(memory, 'B.orders', 'B', 'A'));
      expect(home).toMatchObject({ from: 'B', to: 'A', recordCount: 3 });
      await send(service, 5);
      // What was not there the first time, and what was sent since.
      const again = await switchTo(service, 'B');
      expect(again?.recordCount).toBe(4 + 5);
      expect(again?.logs.map(({ switchEpoch }) => switchEpoch)).toContain(1);
      expect(
        reported(again)
          .map((text) => text.split(' ').length)
          .reduce((a, b) => a + b),
      ).toBe(9 + PARTITIONS);
    });
  });

  it('is not known of what the ledger had no room for', async () => {
    await withService(
      async (service) => {
        service.memory.mirror('A->B').pause();
        await send(service, 30);
        const report = await switchTo(service, 'B');
        expect(report?.isComplete).toBe(false);
        const unknown = (report?.logs ?? []).map((one) => one.unknown?.maxCount ?? 0);
        expect(unknown.reduce((a, b) => a + b) + (report?.recordCount ?? 0)).toBe(30);
        expect(report?.recordCount).toBeGreaterThan(0);
      },
      { ledgerMaxBytes: 3_000 },
    );
  });

  it('is not known where the other cluster does not let anybody read, and that is said after a while', async () => {
    await withService(async (service) => {
      const { memory } = service;
      memory.mirror('A->B').pause();
      await send(service, 3);
      hang(memory.cluster('B'), 'Fetch', 'ListOffsets');
      const report = await switchTo(service, 'B');
      expect(report).toMatchObject({ recordCount: 0, isComplete: false });
      expect(report?.logs.map((one) => one.unknown?.maxCount)).toEqual([1, 1, 1]);
    });
  });

  it('is everything where nothing mirrors the topic', async () => {
    await withService(
      async (service) => {
        await send(service, 5);
        expect(await switchTo(service, 'B')).toMatchObject({ recordCount: 5, isComplete: true });
      },
      {},
      { mirror: { flows: [] } },
    );
  });

  it('is known of a record that looks the same as one whose copy was found before', async () => {
    await withService(async (service) => {
      const { memory, producer } = service;
      const again = {
        topic: 'orders',
        messages: [{ partition: 0, value: 'same', timestamp: '5' }],
      };
      await producer.send(again);
      await memory.clock.sleep(12_000);
      expect(service.kafka.status().ledger?.bytes).toBe(0);
      memory.mirror('A->B').pause();
      await producer.send(again);
      expect(await switchTo(service, 'B')).toMatchObject({
        recordCount: 1,
        logs: [{ partition: 0, ranges: [{ first: '1', last: '1' }] }],
      });
    });
  });

  it('is known of records of one content in a topic whose time is that of the broker', async () => {
    const topics = {
      orders: { partitions: 1, config: { 'message.timestamp.type': 'LogAppendTime' } },
    };
    await withService(
      async (service) => {
        const { memory, producer } = service;
        const again = { topic: 'orders', messages: [{ value: 'OK' }] };
        for (let count = 0; count < 3; count += 1) {
          await producer.send(again);
          await memory.clock.sleep(1_000);
        }
        await memory.clock.sleep(12_000);
        expect(service.kafka.status().ledger?.bytes).toBe(0);
        memory.mirror('A->B').pause();
        await producer.send(again);
        expect(await switchTo(service, 'B')).toMatchObject({ recordCount: 1, isComplete: true });
      },
      {},
      { clusters: { A: { topics }, B: { topics } } },
    );
  });

  it('is known of a topic that was made anew under the work, beside what it held before', async () => {
    await withService(async (service) => {
      const { memory } = service;
      await send(service, 30);
      await memory.clock.sleep(500);
      memory.mirror('A->B').pause();
      memory.cluster('A').deleteTopic('orders');
      memory.cluster('A').createTopic('orders', PARTITIONS);
      await memory.clock.sleep(100);
      await send(service, 9);
      const report = await switchTo(service, 'B');
      expect(report).toMatchObject({ recordCount: 9, isComplete: true });
    });
  });

  it('is not what stands in a remote topic that was made anew, however short that is', async () => {
    await withService(async (service) => {
      const { memory, producer } = service;
      const sendOne = (value: string): Promise<unknown> =>
        producer.send({ topic: 'orders', messages: [{ partition: 0, value }] });
      await sendOne('first');
      await memory.clock.sleep(12_000);
      expect(service.kafka.status().ledger?.bytes).toBe(0);
      memory.cluster('B').deleteTopic('A.orders');
      await memory.clock.sleep(3_000);
      await sendOne('second');
      await until(
        memory,
        'it is mirrored',
        () => memory.mirror('A->B').pendingCount('orders') === 0,
      );
      const copies = memory.cluster('B').records('A.orders', 0);
      expect(copies.map(({ offset, value }) => `${offset} ${String(value)}`)).toEqual(['0 second']);
      expect(await switchTo(service, 'B')).toMatchObject({ recordCount: 0, isComplete: true });
    });
  });

  it('is said to be unknown where something behind it is mirrored, and it is not', async () => {
    await withService(async (service) => {
      const { memory } = service;
      await send(service, 9);
      await memory.clock.sleep(500);
      // Somebody copies the last records only.
      memory.mirror('A->B').pause();
      await send(service, 9);
      const cluster = memory.cluster('A');
      for (let partition = 0; partition < PARTITIONS; partition += 1) {
        const last = cluster.records('orders', partition).at(-1);
        memory.cluster('B').append('A.orders', partition, [
          {
            key: String(last?.key),
            value: String(last?.value),
            headers: { h: `h${String(last?.value).slice(1)}` },
            timestampMs: last?.timestampMs ?? 0,
          },
        ]);
      }
      const report = await switchTo(service, 'B');
      expect(report).toMatchObject({ recordCount: 0, isComplete: false });
      const unknown = (report?.logs ?? []).map((one) => one.unknown?.maxCount ?? 0);
      expect(unknown.reduce((a, b) => a + b)).toBe(9 - PARTITIONS);
    });
  });

  it('is told when a client connects again, where none was in use after the switch', async () => {
    await withService(async (service) => {
      const { memory, kafka, producer, reports } = service;
      memory.mirror('A->B').pause();
      await send(service, 5);
      await producer.disconnect();
      await kafka.switchTo('B', { planned: false });
      await memory.clock.sleep(60_000);
      expect(reports).toEqual([]);
      await producer.connect();
      await until(memory, 'what is missing is known', () => reports.length > 0);
      expect(reports).toMatchObject([{ from: 'A', recordCount: 5, isComplete: true }]);
    });
  });

  it('is told all the same where its file cannot be written', async () => {
    await withService(
      async (service) => {
        const { memory, kafka } = service;
        const failures: string[] = [];
        kafka.on('unmirrored.file-failed', ({ path, because }) =>
          failures.push(`${path}: ${because}`),
        );
        memory.mirror('A->B').pause();
        await send(service, 3);
        expect(await switchTo(service, 'B')).toMatchObject({ recordCount: 3, file: undefined });
        expect(failures).toEqual([`${FILE}: there are no files in this world (${FILE})`]);
      },
      {},
      { files: undefined as unknown as Map<string, string> },
    );
  });
});

describe('a cluster that comes back', () => {
  /** A dies with records that are not mirrored. */
  async function leaveDeadA(service: Service, count: number): Promise<ReconciliationReport[]> {
    const { memory, kafka } = service;
    const reports: ReconciliationReport[] = [];
    kafka.on('unmirrored.reconciled', ({ report }) => reports.push(report));
    await send(service, 9);
    await memory.clock.sleep(500);
    memory.mirror('A->B').pause();
    await send(service, count);
    memory.cluster('A').down();
    expect((await switchTo(service, 'B'))?.recordCount).toBe(count);
    await memory.clock.sleep(30_000);
    expect(reports).toEqual([]);
    return reports;
  }

  it('is asked what it still has, once; what the mirror brings then is forgotten', async () => {
    await withService(async (service) => {
      const { memory, kafka } = service;
      const reports = await leaveDeadA(service, 7);
      memory.cluster('A').up();
      await until(memory, 'it was asked', () => reports.length > 0, 60_000);
      expect(reports).toMatchObject([{ cluster: 'A', presentCount: 7, lostCount: 0 }]);
      const offsets = reports.flatMap(({ logs }) =>
        logs.map(({ partition, present }) => [
          partition,
          ...present.map(({ first, last }) => [first, last]),
        ]),
      );
      expect(offsets).toHaveLength(PARTITIONS);
      expect(
        difference(memory)
          .map((text) => text.split(' ').slice(1).length)
          .reduce((a, b) => a + b),
      ).toBe(7);
      memory.mirror('A->B').resume();
      await until(memory, 'it is forgotten', () => kafka.status().ledger?.bytes === 0, 60_000);
      expect(reports).toHaveLength(1);
    });
  });

  it('is known to have lost what it does not have any more', async () => {
    await withService(async (service) => {
      const { memory } = service;
      const reports = await leaveDeadA(service, 7);
      const cluster = memory.cluster('A');
      // Its disk was lost: the topic is there, and begins anew with records of somebody else.
      cluster.up();
      cluster.deleteTopic('orders');
      cluster.createTopic('orders', PARTITIONS);
      cluster.append(
        'orders',
        0,
        Array.from({ length: 50 }, () => ({ value: 'theirs' })),
      );
      await until(memory, 'it was asked', () => reports.length > 0, 60_000);
      expect(reports).toMatchObject([{ cluster: 'A', presentCount: 0, lostCount: 7 }]);
    });
  });
});

describe('the ledger of a service', () => {
  it('is short while the mirror works, whatever was sent, and begins anew with the next send', async () => {
    await withService(async (service) => {
      const { memory, kafka } = service;
      for (let turn = 0; turn < 3; turn += 1) {
        await send(service, 300);
        expect(kafka.status().ledger?.bytes).toBeGreaterThan(0);
        await until(memory, 'it is empty', () => kafka.status().ledger?.bytes === 0, 20_000);
      }
    });
  });

  it('is no longer than it may be while nothing is mirrored', async () => {
    const maxBytes = 50_000;
    await withService(
      async (service) => {
        service.memory.mirror('A->B').pause();
        for (let turn = 0; turn < 10; turn += 1) {
          await send(service, 50);
          expect(service.kafka.status().ledger?.bytes).toBeLessThanOrEqual(maxBytes);
        }
      },
      { ledgerMaxBytes: maxBytes },
    );
  });

  it('forgets also where others write so much that its own records are never the last ones', async () => {
    const maxBytes = 60_000;
    await withService(
      async (service) => {
        const { memory, kafka } = service;
        let mostBytes = 0;
        for (let turn = 0; turn < 60; turn += 1) {
          await send(service, 6);
          for (let partition = 0; partition < PARTITIONS; partition += 1) {
            const theirs = Array.from({ length: 100 }, () => ({ value: 'theirs' }));
            memory.cluster('A').append('orders', partition, theirs);
          }
          await memory.clock.sleep(300);
          mostBytes = Math.max(mostBytes, kafka.status().ledger?.bytes ?? 0);
        }
        expect(mostBytes).toBeGreaterThanOrEqual(maxBytes / 2);
        expect(mostBytes).toBeLessThan(maxBytes);
        const report = await switchTo(service, 'B', true);
        expect(report).toMatchObject({ recordCount: 0, isComplete: true });
      },
      { ledgerMaxBytes: maxBytes },
    );
  });

  it('survives a standby that is away for a time', async () => {
    await withService(async (service) => {
      const { memory, kafka } = service;
      memory.cluster('B').down();
      await send(service, 50);
      await memory.clock.sleep(60_000);
      expect(kafka.status().ledger?.bytes).toBeGreaterThan(0);
      memory.cluster('B').up();
      await until(memory, 'it is empty', () => kafka.status().ledger?.bytes === 0, 120_000);
    });
  });

  it('is not there where nobody wants it', async () => {
    await withService(
      async (service) => {
        const { memory, kafka, reports } = service;
        service.memory.mirror('A->B').pause();
        await send(service, 5);
        await kafka.switchTo('B', { planned: false });
        await memory.clock.sleep(200_000);
        expect([reports, kafka.status().ledger]).toEqual([[], undefined]);
        expect(kafka.status().lastSwitch?.unmirroredRecords).toBe(undefined);
      },
      { ledgerMaxBytes: 0 },
    );
  });

  it('is looked after again when a client connects again, although nothing more is sent', async () => {
    await withService(async (service) => {
      const { memory, kafka, producer } = service;
      memory.mirror('A->B').pause();
      await send(service, 5);
      await producer.disconnect();
      memory.mirror('A->B').resume();
      await memory.clock.sleep(5_000);
      await producer.connect();
      await until(memory, 'it is empty', () => kafka.status().ledger?.bytes === 0, 20_000);
    });
  });

  it('lets the process end: nothing is asked once the last client is gone', async () => {
    await withService(async (service) => {
      const { memory, producer } = service;
      service.memory.mirror('A->B').pause();
      await send(service, 5);
      await memory.clock.sleep(8_000);
      await producer.disconnect();
      await memory.clock.sleep(5_000);
      expect(memory.cluster('B').connectionCount).toBe(0);
    });
  });
});
