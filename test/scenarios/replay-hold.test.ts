import { describe, expect, it } from 'vitest';
import { type ReplayReport } from '../../src/index.js';
import { until } from '../support/memory-service.js';
import { afterSends, live } from './ledger-spool-support.js';
import {
  REPLAYS,
  loseA,
  replayed,
  replaysIn,
  send,
  valuesOf,
  whyNot,
  withService,
} from './replay-support.js';

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
        expect(kafka.status().ledger?.replay).toEqual({ kind: 'none' });
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

  it('is left to the mirror where the other cluster answers: it may be alive', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      const next = await live(memory, disk, { ...replaying, active: 'B' });
      const reports: ReplayReport[] = [];
      next.kafka.on('unmirrored.replayed', ({ report }) => reports.push(report));
      await until(memory, 'it was looked at', () => reports.length > 0);
      expect(reports).toMatchObject([{ replayedCount: 0, notReplayedCount: 3 }]);
      expect(whyNot(reports[0])).toMatch(/A answers/);
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

describe('what was acknowledged and is not mirrored, with `onUnmirrored: report`', () => {
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
