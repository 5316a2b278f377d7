import { describe, expect, it } from 'vitest';
import { readSpooled, startOfFile } from '../../src/ledger/spool-format.js';
import { readState } from '../../src/ledger/spool-state.js';
import { memoryFiles } from '../../src/testing/memory-files.js';
import type { World } from '../../src/world.js';
import { ordersWorld, until } from '../support/memory-service.js';
import {
  afterSends,
  asItIs,
  damage,
  emptyDisk,
  full,
  live,
  memoryAppend,
  named,
  segmentFiles,
  send,
  SPOOL,
  told,
  values,
} from './ledger-spool-support.js';

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

  it('is remembered to be damaged where the next life dies before it has told so', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      const path = damage(disk, () => new Uint8Array());
      const next = await live(memory, disk);
      await memory.clock.sleep(3_000);
      expect(disk.bytes.has(path)).toBe(false);
      const last = await live(memory, asItIs(disk), { active: 'B' });
      expect(last.failures).toEqual([]);
      expect(await told(memory, last)).toMatchObject({ from: 'A', isComplete: false });
      await last.kafka.close();
      await next.kafka.close();
    });
  });

  it('is told where it is of a cluster that has no name any more, and stays', async () => {
    await afterSends(async ({ memory, disk, life }) => {
      await life.kafka.close();
      const path = damage(disk, () =>
        startOfFile({ generation: 'life-1', cluster: 'C', switchEpoch: 1 }),
      );
      const next = await live(memory, disk, { active: 'B' });
      await memory.clock.sleep(10_000);
      expect(next.failures).toMatchObject([
        { path, because: 'it is of cluster C, which is none of A, B' },
      ]);
      expect(next.reports).toEqual([]);
      expect(disk.bytes.has(path)).toBe(true);
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

  it('is remembered by the next life where not even a file could be made', async () => {
    let isGone = true;
    const memory = ordersWorld();
    const disk = emptyDisk();
    await memory.run(async () => {
      memory.mirror('A->B').pause();
      const appendTo = (path: string) => (isGone ? full() : memoryAppend(disk, path));
      const life = await live(memory, disk, {
        world: { appendTo: async (path) => appendTo(path) },
      });
      await send(memory, life, ['lost']);
      isGone = false;
      await life.kafka.close();
      const next = await live(memory, disk, { active: 'B' });
      expect(await told(memory, next)).toMatchObject({ from: 'A', isComplete: false });
      await next.kafka.close();
    });
  });

  it.each([
    { what: 'let go for want of room', isMirrored: false, isKept: true, ledgerMaxBytes: 2_000 },
    { what: 'mirrored', isMirrored: true, isKept: false, ledgerMaxBytes: 40_000 },
  ])(
    'keeps a file as long as nobody would know that its records were $what',
    async ({ isMirrored, isKept, ledgerMaxBytes }) => {
      const memory = ordersWorld();
      const disk = emptyDisk();
      let isFull = true;
      await memory.run(async () => {
        if (!isMirrored) memory.mirror('A->B').pause();
        const life = await live(memory, disk, {
          producer: { ledgerMaxBytes },
          world: {
            writeText: async (path, text) => (isFull ? full() : void disk.texts.set(path, text)),
          },
        });
        await send(memory, life, values('v', 30));
        await memory.clock.sleep(15_000);
        const segmentCount = (life.kafka.status().ledger?.bytes ?? 0) / (ledgerMaxBytes / 4);
        expect(segmentFiles(disk).length > segmentCount).toBe(isKept);
        expect(life.failures).toMatchObject([{ path: `${SPOOL}/state.json` }]);
        isFull = false;
        await send(memory, life, values('w', 10));
        await until(memory, 'they are gone', () => segmentFiles(disk).length <= 4);
        await life.kafka.close();
      });
    },
  );

  it('keeps what was let go for want of room until it is written that it was, also where it is slow', async () => {
    const memory = ordersWorld();
    const disk = emptyDisk();
    const { removeFile } = memoryFiles(disk.bytes);
    let removedCount = 0;
    const forgotten: number[] = [];
    await memory.run(async () => {
      memory.mirror('A->B').pause();
      const life = await live(memory, disk, {
        producer: { ledgerMaxBytes: 1_200 },
        world: {
          writeText: async (path, text) => {
            await memory.clock.sleep(100);
            disk.texts.set(path, text);
          },
          removeFile: async (path) => {
            removedCount += 1;
            const read = readSpooled(Buffer.from(disk.bytes.get(path) ?? []));
            const offsets =
              read.kind === 'segment' ? read.entries.map((entry) => entry.readDoubleBE(4)) : [];
            const { generations } = readState(disk.texts.get(`${SPOOL}/state.json`) ?? '');
            const [kept] = generations.values();
            const last = kept?.logs[0]?.dropped?.last ?? -1;
            forgotten.push(...offsets.filter((offset) => offset > last));
            await removeFile(path);
          },
        },
      });
      await send(memory, life, values('v', 300));
      await life.kafka.close();
    });
    expect(removedCount).toBeGreaterThan(20);
    expect(forgotten).toEqual([]);
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

  it('holds up no report where it does not answer at all: that one says that it may miss something', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const never = new Promise<never>(() => {});
      const world: Partial<World> = { listFiles: () => never };
      const life = await live(memory, emptyDisk(), { world });
      memory.mirror('A->B').pause();
      await send(memory, life, values('lost', 3));
      await life.kafka.switchTo('B', { planned: false });
      const report = await told(memory, life);
      expect(named(memory, report)).toEqual(['lost0', 'lost1', 'lost2']);
      expect(report.isComplete).toBe(false);
      expect(life.failures).toMatchObject([
        { path: SPOOL, because: expect.stringContaining('10000 ms') },
      ]);
      await life.kafka.close();
    });
  });
});
