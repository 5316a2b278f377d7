import { describe, expect, it } from 'vitest';
import { realWorld, type World } from '../../src/world.js';
import { makeSandbox } from '../stack/sandbox.js';
import { ordersWorld, until } from '../support/memory-service.js';
import {
  emptyDisk,
  live,
  memoryAppend,
  named,
  segmentFiles,
  send,
  told,
  values,
} from './ledger-spool-support.js';

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

  it.each(['always', 'interval', 'never'] as const)(
    'are as many as there are segments, and are all closed in the end: %s',
    async (fsync) => {
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
        const life = await live(memory, disk, {
          producer: { ledgerMaxBytes: 8_000 },
          fsync,
          world,
        });
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
    },
  );

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

  it('are good on a real disk', async () => {
    const { directory } = await makeSandbox();
    const memory = ordersWorld({ clock: 'real' });
    const { appendTo, listFiles, readBytes, readText, removeFile, writeText } = realWorld();
    const options = {
      directory,
      world: { appendTo, listFiles, readBytes, readText, removeFile, writeText },
    };
    memory.mirror('A->B').pause();
    const life = await live(memory, emptyDisk(), options);
    await send(memory, life, values('lost', 3));
    await life.kafka.close();
    const next = await live(memory, emptyDisk(), { ...options, active: 'B' });
    const report = await told(memory, next);
    expect(named(memory, report)).toEqual(['lost0', 'lost1', 'lost2']);
    expect(report.isComplete).toBe(true);
    await next.kafka.close();
    memory.mirror('A->B').resume();
    const last = await live(memory, emptyDisk(), options);
    await until(memory, 'it is there', () => last.kafka.status().ledger?.spoolBytes !== 0);
    await until(memory, 'it is mirrored', () => last.kafka.status().ledger?.spoolBytes === 0);
    await last.kafka.close();
    expect(await listFiles(directory)).toEqual(['state.json']);
    expect([...life.failures, ...next.failures, ...last.failures]).toEqual([]);
  });
});
