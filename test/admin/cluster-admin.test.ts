import type { LogEntry } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { clustersOf, kafkaIn } from '../support/memory-service.js';
import { labelledWorld } from './support.js';

const CLOSED = { code: 'ERR_FAILOVER_CLOSED' };

describe('an admin of a named cluster', () => {
  it('stays with it, wherever the service is', async () => {
    const memory = labelledWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      await kafka.producer().connect();
      const admin = kafka.admin({ cluster: 'B' });
      await admin.connect();
      expect(await admin.listTopics()).toContain('only-on-B');
      await kafka.switchTo('B');
      await kafka.switchTo('A');
      expect(await admin.listTopics()).toContain('only-on-B');
      await kafka.close();
    });
  });

  it.each(['of its cluster', 'of both clusters'])(
    'opens its sockets with the socketFactory %s',
    async (whose) => {
      const memory = labelledWorld();
      const opened: string[] = [];
      const socketFactory: typeof memory.world.openSocket = (args) => {
        opened.push(args.host);
        return memory.world.openSocket(args);
      };
      await memory.run(async () => {
        const kafka = kafkaIn(
          memory,
          whose === 'of its cluster'
            ? { clusters: clustersOf(memory, { B: { socketFactory } }) }
            : { socketFactory },
        );
        const admin = kafka.admin({ cluster: 'B' });
        await admin.connect();
        expect(new Set(opened)).toEqual(new Set(['b.memory']));
        await kafka.close();
      });
    },
  );

  it('carries the alias in its log entries', async () => {
    const memory = labelledWorld();
    const entries: LogEntry[] = [];
    await memory.run(async () => {
      const kafka = kafkaIn(memory, {
        logLevel: 5,
        logCreator: () => (entry) => entries.push(entry),
      });
      const admin = kafka.admin({ cluster: 'B' });
      await admin.connect();
      await kafka.close();
    });
    expect(entries.length).toBeGreaterThan(0);
    expect(new Set(entries.map(({ log }) => log['cluster']))).toEqual(new Set(['B']));
  });

  it('is disconnected by close(), and refused afterwards', async () => {
    const memory = labelledWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const [admin, unused] = [kafka.admin({ cluster: 'B' }), kafka.admin({ cluster: 'B' })];
      await admin.connect();
      await kafka.close();
      await memory.clock.sleep(1_000);
      expect(memory.cluster('B').connectionCount).toBe(0);
      await expect(admin.listTopics()).rejects.toMatchObject(CLOSED);
      await expect(admin.connect()).rejects.toMatchObject(CLOSED);
      await expect(unused.connect()).rejects.toMatchObject(CLOSED);
      await admin.disconnect();
      await memory.clock.sleep(1_000);
      expect(memory.cluster('B').connectionCount).toBe(0);
    });
  });

  it('may be disconnected and connected again, and is closed with the whole all the same', async () => {
    const memory = labelledWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const admin = kafka.admin({ cluster: 'B' });
      await admin.connect();
      await admin.disconnect();
      await memory.clock.sleep(100);
      expect(memory.cluster('B').connectionCount).toBe(0);
      await admin.connect();
      expect(await admin.listTopics()).toContain('only-on-B');
      await kafka.close();
      await memory.clock.sleep(1_000);
      expect(memory.cluster('B').connectionCount).toBe(0);
    });
  });

  it('does not hold up close() on a frozen cluster, and tells a call under way the truth', async () => {
    const memory = labelledWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const admin = kafka.admin({ cluster: 'B' });
      await admin.connect();
      memory.cluster('B').freeze();
      const call = expect(
        admin.createTopics({ topics: [{ topic: 'perhaps' }] }),
      ).rejects.toMatchObject({
        code: 'ERR_FAILOVER_OUTCOME_UNKNOWN',
        cluster: 'B',
        message: expect.stringContaining('FailoverKafka was closed'),
      });
      await memory.clock.sleep(100);
      const startedAtMs = memory.clock.nowMs();
      await kafka.close();
      await call;
      expect(memory.clock.nowMs() - startedAtMs).toBeLessThanOrEqual(5_500);
    });
  });
});
