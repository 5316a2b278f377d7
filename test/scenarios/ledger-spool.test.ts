import { describe, expect, it } from 'vitest';
import { memoryFiles } from '../../src/testing/memory-files.js';
import { ordersWorld, until } from '../support/memory-service.js';
import {
  afterSends,
  asItIs,
  damage,
  emptyDisk,
  live,
  named,
  segmentFiles,
  send,
  slowly,
  told,
  values,
} from './ledger-spool-support.js';

describe('a service that is started again', () => {
  it('names on the other cluster what its earlier life had sent and nobody has mirrored', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      memory.cluster('A').down();
      const next = await live(memory, disk, { active: 'B' });
      const report = await told(memory, next);
      expect(named(memory, report)).toEqual(['lost0', 'lost1', 'lost2']);
      expect(report).toMatchObject({ from: 'A', to: 'B', recordCount: 3, isComplete: true });
      await memory.clock.sleep(20_000);
      expect(next.reports).toHaveLength(1);
      expect(next.failures).toEqual([]);
      await next.kafka.close();
    });
  });

  it('names the same after a kill -9, and says that there may be more', async () => {
    await afterSends(async ({ memory, disk }) => {
      const next = await live(memory, asItIs(disk), { active: 'B' });
      const report = await told(memory, next);
      expect(named(memory, report)).toEqual(['lost0', 'lost1', 'lost2']);
      expect(report.isComplete).toBe(false);
      await next.kafka.close();
    });
  });

  it('names it after its next switch, where it is started on the same cluster', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      const next = await live(memory, disk);
      await send(memory, next, ['new']);
      await memory.clock.sleep(10_000);
      expect(next.reports).toEqual([]);
      await next.kafka.switchTo('B', { planned: false });
      const report = await told(memory, next);
      expect(named(memory, report)).toEqual(['lost0', 'lost1', 'lost2', 'new']);
      expect(report.isComplete).toBe(true);
      await next.kafka.close();
    });
  });

  it('knows it also the second time', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      const second = await live(memory, disk);
      await send(memory, second, ['new']);
      await second.kafka.close();
      const third = await live(memory, disk, { active: 'B' });
      expect(named(memory, await told(memory, third))).toEqual(['lost0', 'lost1', 'lost2', 'new']);
      await third.kafka.close();
    });
  });

  it('is told what the cluster that was left still has, when that answers', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      memory.cluster('A').down();
      const next = await live(memory, disk, { active: 'B' });
      await told(memory, next);
      expect(next.reconciled).toEqual([]);
      memory.cluster('A').up();
      await until(memory, 'it is asked', () => next.reconciled.length > 0);
      expect(next.reconciled).toMatchObject([{ cluster: 'A', presentCount: 3, lostCount: 0 }]);
      await next.kafka.close();
    });
  });

  it('is told the same of each activation, also where both lives count them alike', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      const next = await live(memory, disk, { active: 'B' });
      await until(memory, 'A is asked', () => next.reconciled.length === 1);
      memory.mirror('B->A').pause();
      await send(memory, next, ['new']);
      await next.kafka.switchTo('A', { planned: false });
      await until(memory, 'B is asked', () => next.reconciled.length === 2);
      expect(next.reconciled).toMatchObject([
        { cluster: 'A', presentCount: 3 },
        { cluster: 'B', presentCount: 1 },
      ]);
      await next.kafka.close();
    });
  });

  it('waits for what its earlier life has left before it tells of a switch, and takes nothing up twice', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      const next = await live(memory, disk, {
        world: { listFiles: slowly(memory, memoryFiles(disk.bytes).listFiles) },
      });
      await send(memory, next, ['new']);
      await next.kafka.switchTo('B', { planned: false });
      await memory.clock.sleep(3_000);
      expect(next.reports).toEqual([]);
      expect(named(memory, await told(memory, next))).toEqual(['lost0', 'lost1', 'lost2', 'new']);
      await memory.clock.sleep(20_000);
      expect(next.reports).toHaveLength(1);
      await next.kafka.close();
    });
  });

  it('does not forget what it has not taken up yet when it dies', async () => {
    const producer = { ledgerMaxBytes: 1_200 };
    await afterSends(
      async ({ memory, disk, life }) => {
        await send(memory, life, values('more', 30));
        await life.kafka.close();
        const next = await live(memory, disk, {
          producer,
          world: { listFiles: slowly(memory, memoryFiles(disk.bytes).listFiles) },
        });
        await send(memory, next, values('new', 20));
        await memory.clock.sleep(2_000);
        const last = await live(memory, asItIs(disk), { active: 'B' });
        const report = await told(memory, last);
        const unknown = report.logs.map((log) => log.unknown?.maxCount ?? 0);
        expect(unknown.reduce((a, b) => a + b)).toBeGreaterThan(20);
        await last.kafka.close();
        await next.kafka.close();
      },
      { producer },
    );
  });

  it('tells it also where nobody was there any more when it was taken up', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      damage(disk, () => new Uint8Array());
      const next = await live(memory, disk, {
        active: 'B',
        world: { listFiles: slowly(memory, memoryFiles(disk.bytes).listFiles) },
      });
      await next.producer.disconnect();
      await memory.clock.sleep(10_000);
      expect(next.reports).toEqual([]);
      await next.producer.connect();
      expect(await told(memory, next)).toMatchObject({ from: 'A', isComplete: false });
      await next.kafka.close();
    });
  });

  it('tells it once where it switches at once', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      const next = await live(memory, disk);
      await next.kafka.switchTo('B', { planned: false });
      expect(named(memory, await told(memory, next))).toEqual(['lost0', 'lost1', 'lost2']);
      await memory.clock.sleep(20_000);
      expect(next.reports).toHaveLength(1);
      await next.kafka.close();
    });
  });

  it('takes up many small files without taking a whole piece of memory for each', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      for (const value of values('life', 4)) {
        const one = await live(memory, disk);
        await send(memory, one, [value]);
        await one.kafka.close();
      }
      const next = await live(memory, disk, { active: 'B' });
      expect((await told(memory, next)).recordCount).toBe(7);
      expect(next.kafka.status().ledger?.bytes).toBeLessThan(5_000);
      await next.kafka.close();
    });
  });

  it('forgets what is mirrored by now, and removes its files', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      expect(segmentFiles(disk)).toHaveLength(1);
      memory.mirror('A->B').resume();
      await memory.clock.sleep(5_000);
      const next = await live(memory, disk);
      await until(memory, 'it is empty', () => segmentFiles(disk).length === 0);
      expect(next.kafka.status().ledger).toMatchObject({ bytes: 0, spoolBytes: 0 });
      await next.kafka.switchTo('B');
      expect(await told(memory, next)).toMatchObject({ recordCount: 0, isComplete: true });
      await next.kafka.close();
    });
  });

  it('does not take the copies of records that are forgotten for those of records that look the same', async () => {
    const topics = {
      orders: { partitions: 1, config: { 'message.timestamp.type': 'LogAppendTime' } },
    };
    const memory = ordersWorld({ clusters: { A: { topics }, B: { topics } } });
    const disk = emptyDisk();
    await memory.run(async () => {
      const first = await live(memory, disk);
      await send(memory, first, ['same', 'same']);
      await memory.clock.sleep(12_000);
      expect(segmentFiles(disk)).toEqual([]);
      memory.mirror('A->B').pause();
      await send(memory, first, ['same']);
      await first.kafka.close();
      const next = await live(memory, disk, { active: 'B' });
      const report = await told(memory, next);
      expect(report).toMatchObject({ recordCount: 1, isComplete: true });
      expect(report.logs).toMatchObject([{ ranges: [{ first: '2', last: '2' }] }]);
      await next.kafka.close();
    });
  });

  it('says that it does not know what its earlier life had no room for', async () => {
    const producer = { ledgerMaxBytes: 1_200 };
    await afterSends(
      async ({ memory, disk, life }) => {
        await send(memory, life, values('more', 30));
        await life.kafka.close();
        const next = await live(memory, disk, { active: 'B', producer });
        const report = await told(memory, next);
        expect(report.isComplete).toBe(false);
        const unknown = report.logs.map((log) => log.unknown?.maxCount ?? 0);
        expect(unknown.reduce((a, b) => a + b) + report.recordCount).toBe(33);
        await next.kafka.close();
      },
      { producer },
    );
  });

  it('takes up no more than it has room for: the newest, and counts the rest as let go', async () => {
    await afterSends(
      async ({ memory, disk, life }) => {
        await send(memory, life, values('more', 30));
        await life.kafka.close();
        const fileCount = segmentFiles(disk).length;
        const producer = { ledgerMaxBytes: 2_000 };
        const next = await live(memory, disk, { active: 'B', producer });
        const report = await told(memory, next);
        expect(report.isComplete).toBe(false);
        expect(named(memory, report).at(-1)).toBe('more29');
        const unknown = report.logs.map((log) => log.unknown?.maxCount ?? 0);
        expect(unknown.reduce((a, b) => a + b) + report.recordCount).toBe(33);
        expect(next.kafka.status().ledger?.bytes).toBeLessThanOrEqual(2_000);
        await until(memory, 'there is room', () => segmentFiles(disk).length < fileCount);
        await next.kafka.close();
      },
      { producer: { ledgerMaxBytes: 6_000 } },
    );
  });
});
