import { describe, expect, it } from 'vitest';
import type { MemoryWorld, MemoryWorldOptions } from '../../src/testing/index.js';
import { memoryFiles } from '../../src/testing/memory-files.js';
import type { World } from '../../src/world.js';
import { ordersWorld, until } from '../support/memory-service.js';
import {
  asItIs,
  emptyDisk,
  live,
  named,
  segmentFiles,
  send,
  SPOOL,
  told,
  values,
  type Disk,
  type Life,
} from './ledger-spool-support.js';

interface Before {
  readonly memory: MemoryWorld;
  readonly disk: Disk;
  /** The first life of the service; A mirrors nothing any more. */
  readonly life: Life;
}

/** A service that has sent five records that are mirrored, and three that are not. */
async function afterSends(
  work: (before: Before) => Promise<void>,
  options: Parameters<typeof live>[2] = {},
  world: MemoryWorldOptions = {},
): Promise<void> {
  const memory = ordersWorld(world);
  const disk = emptyDisk();
  await memory.run(async () => {
    const life = await live(memory, disk, options);
    await send(memory, life, values('mirrored', 5));
    await memory.clock.sleep(1_000);
    memory.mirror('A->B').pause();
    await send(memory, life, values('lost', 3));
    await memory.clock.sleep(50);
    await work({ memory, disk, life });
    await life.kafka.close();
  });
}

/** Damages the only file that there is. */
function damage({ bytes }: Disk, how: (file: Uint8Array) => Uint8Array): string {
  const [path = ''] = bytes.keys();
  const file = bytes.get(path) ?? new Uint8Array();
  bytes.set(path, how(Uint8Array.from(file)));
  return path;
}

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

describe('a spool that is damaged', () => {
  it.each([
    { what: 'a byte in its middle is another one', at: 0.8, because: /^the checksum at byte/ },
    { what: 'it is cut short', cut: 0.8, because: /^it is cut short at byte/ },
    { what: 'it begins otherwise', at: 0, because: /^it is no file of a ledger$/ },
    { what: 'nothing of it was written', cut: 0, because: /^it ends before its first record$/ },
  ])('is told, and no report says that it knows all: $what', async ({ at, cut, because }) => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      const path = damage(disk, (file) => {
        if (cut !== undefined) return file.slice(0, Math.floor(file.length * cut));
        const index = Math.floor(file.length * (at ?? 0));
        file[index] = (file[index] ?? 0) ^ 1;
        return file;
      });
      const next = await live(memory, disk, { active: 'B' });
      const report = await told(memory, next);
      expect(next.failures).toMatchObject([{ path, because: expect.stringMatching(because) }]);
      expect(report).toMatchObject({ from: 'A', isComplete: false });
      expect(['lost0', 'lost1']).toEqual(expect.arrayContaining(named(memory, report)));
      expect(named(memory, report).length > 0).toBe(at === 0.8 || cut === 0.8);
      // Told is told.
      await next.kafka.switchTo('A', { planned: false });
      await next.kafka.switchTo('B', { planned: false });
      await until(memory, 'both are told', () => next.reports.length === 3);
      expect(next.reports.at(-1)).toMatchObject({ from: 'A', isComplete: true });
      await next.kafka.close();
    });
  });

  it('is told where what is known beside the files cannot be read', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      disk.texts.set(`${SPOOL}/state.json`, '{"version":1');
      const next = await live(memory, disk, { active: 'B' });
      const report = await told(memory, next);
      expect(named(memory, report)).toEqual(['lost0', 'lost1', 'lost2']);
      expect(report.isComplete).toBe(false);
      expect(next.failures).toMatchObject([{ path: `${SPOOL}/state.json` }]);
      await next.kafka.close();
    });
  });

  it('leaves alone what it does not know', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      disk.bytes.set(`${SPOOL}/notes.txt`, Uint8Array.of(1));
      const next = await live(memory, disk, { active: 'B' });
      await told(memory, next);
      expect(next.failures).toEqual([]);
      expect(disk.bytes.has(`${SPOOL}/notes.txt`)).toBe(true);
      await next.kafka.close();
    });
  });
});

describe('a disk that does not work', () => {
  const full = (): never => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  };

  it('disturbs no send, is told once, and the next life knows that it does not know all', async () => {
    let isFull = false;
    const memory = ordersWorld();
    const disk = emptyDisk();
    const world: Partial<World> = {
      appendTo: async (path) => {
        const file = await memoryAppend(disk, path);
        return { ...file, write: async (bytes) => (isFull ? full() : file.write(bytes)) };
      },
    };
    await memory.run(async () => {
      memory.mirror('A->B').pause();
      const life = await live(memory, disk, { producer: { ledgerMaxBytes: 6_000 }, world });
      await send(memory, life, values('kept', 3));
      isFull = true;
      await send(memory, life, values('not', 20));
      await memory.clock.sleep(5_000);
      expect(life.failures).toMatchObject([{ because: expect.stringContaining('ENOSPC') }]);
      isFull = false;
      await send(memory, life, values('again', 20));
      await memory.clock.sleep(2_000);
      expect(life.failures).toHaveLength(1);
      // The files that could not be written go with their segments; others are written.
      await life.kafka.close();
      const next = await live(memory, disk, { active: 'B' });
      const report = await told(memory, next);
      expect(report.isComplete).toBe(false);
      expect(named(memory, report).at(-1)).toBe('again19');
      await next.kafka.close();
    });
  });

  it('disturbs nothing where the folder is not there', async () => {
    const gone = async (): Promise<never> => {
      throw new Error('ENOENT: no such file or directory');
    };
    await afterSends(
      async ({ memory, life }) => {
        expect(life.failures.map(({ path }) => path)).toContain(SPOOL);
        const failureCount = life.failures.length;
        await send(memory, life, values('more', 20));
        await memory.clock.sleep(10_000);
        expect(life.failures).toHaveLength(failureCount);
        expect(life.kafka.status().ledger?.spoolBytes).toBe(0);
        await life.kafka.switchTo('B', { planned: false });
        await until(memory, 'it is told', () => life.reports.some(({ from }) => from === 'A'));
      },
      { world: { listFiles: gone, appendTo: gone, writeText: gone } },
    );
  });

  it('is not waited for by close()', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const life = await live(memory, emptyDisk(), {
        world: { appendTo: () => new Promise(() => {}) },
      });
      await send(memory, life, ['one']);
      const atMs = memory.clock.nowMs();
      await life.kafka.close();
      expect(memory.clock.nowMs() - atMs).toBeLessThan(2_000);
    });
  });
});

describe('the files of the spool', () => {
  it.each([
    { fsync: 'always', everyMs: 7, least: 40, most: 200 },
    { fsync: 'interval', everyMs: 250, least: 9, most: 13 },
    { fsync: 'never', everyMs: 250, least: 0, most: 0 },
  ] as const)('are on the disk: $fsync', async ({ fsync, everyMs, least, most }) => {
    const memory = ordersWorld();
    const disk = emptyDisk();
    let syncCount = 0;
    const world: Partial<World> = {
      appendTo: async (path) => ({
        ...(await memoryAppend(disk, path)),
        sync: async () => void (syncCount += 1),
      }),
    };
    await memory.run(async () => {
      memory.mirror('A->B').pause();
      const life = await live(memory, disk, { fsync, world });
      for (const value of values('v', 40)) {
        await send(memory, life, [value]);
        await memory.clock.sleep(everyMs);
      }
      await memory.clock.sleep(1_500);
      expect(syncCount).toBeGreaterThanOrEqual(least);
      expect(syncCount).toBeLessThanOrEqual(most);
      const before = syncCount;
      await memory.clock.sleep(20_000);
      expect(syncCount).toBe(before);
      await life.kafka.close();
    });
  });

  it('are as many as there are segments, and are all closed in the end', async () => {
    const memory = ordersWorld();
    const disk = emptyDisk();
    let openCount = 0;
    const world: Partial<World> = {
      appendTo: async (path) => {
        openCount += 1;
        return { ...(await memoryAppend(disk, path)), close: async () => void (openCount -= 1) };
      },
    };
    await memory.run(async () => {
      memory.mirror('A->B').pause();
      const life = await live(memory, disk, { producer: { ledgerMaxBytes: 8_000 }, world });
      await send(memory, life, values('v', 100));
      await memory.clock.sleep(2_000);
      expect(segmentFiles(disk)).toHaveLength(4);
      expect(openCount).toBe(1);
      expect(life.kafka.status().ledger?.spoolBytes).toBe(
        [...disk.bytes.values()].reduce((sum, { length }) => sum + length, 0),
      );
      await life.kafka.close();
      expect(openCount).toBe(0);
    });
  });

  it('go on when a client connects again', async () => {
    const memory = ordersWorld();
    const disk = emptyDisk();
    await memory.run(async () => {
      memory.mirror('A->B').pause();
      const life = await live(memory, disk);
      await send(memory, life, values('one', 3));
      await life.producer.disconnect();
      await memory.clock.sleep(2_000);
      await life.producer.connect();
      await send(memory, life, values('two', 3));
      await life.kafka.close();
      expect(segmentFiles(disk)).toHaveLength(1);
      const next = await live(memory, disk, { active: 'B' });
      const report = await told(memory, next);
      expect(named(memory, report)).toEqual([...values('one', 3), ...values('two', 3)]);
      expect(report.isComplete).toBe(true);
      await next.kafka.close();
    });
  });
});

function memoryAppend(disk: Disk, path: string): ReturnType<World['appendTo']> {
  return memoryFiles(disk.bytes).appendTo(path);
}
