import { describe, expect, it } from 'vitest';
import { ClusterOperations } from '../src/cluster-operations.js';
import { resolveOptions } from '../src/options.js';
import type { MemoryWorld } from '../src/testing/index.js';
import { EventLog } from './replication/event-log.js';
import {
  clustersOf,
  consumeOrders,
  kafkaIn,
  ordersWorld,
  write,
} from './support/memory-service.js';

/** Kafka's TOPIC_AUTHORIZATION_FAILED for everything that is asked about MirrorMaker's checkpoints on B. */
function forbidCheckpoints(memory: MemoryWorld): void {
  memory
    .cluster('B')
    .intercept(({ topics }) =>
      topics.includes('A.checkpoints.internal') ? { kind: 'refuse', errorCode: 29 } : undefined,
    );
}

const UNREAD =
  "MirrorMaker's records of A->B could not be read to their end: A.checkpoints.internal";
const READ_BEFORE =
  /^MirrorMaker's records of A->B were last read to their end \d+ s ago: A\.check/;

describe('a mirror that cannot be read, before a switch', () => {
  it.each([10, 60, 2_000, 5_000])(
    'never refuses an unplanned one, however short the time is: switch.prepareMs %i',
    async (prepareMs) => {
      const memory = ordersWorld();
      await memory.run(async () => {
        forbidCheckpoints(memory);
        const kafka = kafkaIn(memory, { switch: { prepareMs, translateMs: 1_000 } });
        await consumeOrders(kafka);
        await memory.clock.sleep(3_000);
        const outcome = await kafka.switchTo('B', { planned: false });
        expect(outcome).toMatchObject({ kind: 'switched' });
        expect(outcome).toHaveProperty(
          'report.warnings',
          expect.arrayContaining([expect.stringContaining(UNREAD)]),
        );
        await kafka.close();
      });
    },
  );

  it('refuses a planned one with the true reason, also where switch.prepareMs is short', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      forbidCheckpoints(memory);
      const kafka = kafkaIn(memory, { switch: { prepareMs: 2_000 } });
      await consumeOrders(kafka);
      await memory.clock.sleep(3_000);
      await expect(kafka.switchTo('B')).rejects.toMatchObject({
        code: 'ERR_FAILOVER_SWITCH_REFUSED',
        reasons: [expect.stringContaining(UNREAD)],
      });
      await kafka.close();
    });
  });

  it('refuses a planned one where it could be read once, and says how old that knowledge is', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      await consumeOrders(kafka);
      await memory.clock.sleep(3_000);
      forbidCheckpoints(memory);
      await memory.clock.sleep(20_000);
      expect(await kafka.plan({ to: 'B' })).toMatchObject({
        obstacles: [expect.stringMatching(READ_BEFORE)],
      });
      await expect(kafka.switchTo('B')).rejects.toMatchObject({
        reasons: [expect.stringMatching(READ_BEFORE)],
      });
      await kafka.close();
    });
  });

  it('is a warning of an unplanned one where it could be read once', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { switch: { translateMs: 1_000 } });
      await consumeOrders(kafka);
      await memory.clock.sleep(3_000);
      forbidCheckpoints(memory);
      await memory.clock.sleep(20_000);
      const outcome = await kafka.switchTo('B', { planned: false });
      expect(outcome).toHaveProperty(
        'report.warnings',
        expect.arrayContaining([expect.stringMatching(READ_BEFORE)]),
      );
      await kafka.close();
    });
  });
});

describe('a report', () => {
  it('warns of partitions for which no position was known', async () => {
    // What is born on B does not come to A: nothing of it was handled there.
    const memory = ordersWorld({ mirror: { flows: ['A->B'] } });
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { consumer: { onMissingPosition: 'latest' } });
      await consumeOrders(kafka);
      write(memory, 'B', ['b1', 'b2']);
      await memory.clock.sleep(3_000);
      expect(await kafka.switchTo('B')).toMatchObject({
        report: {
          warnings: [
            'group billing: in 1 of 2 partitions on B no position is known, read from the end, so records may be skipped: orders[0]',
          ],
        },
      });
      await kafka.close();
    });
  });
});

describe('a source that dies while a planned switch waits for the mirror', () => {
  it('does not send the switch back to it', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { switch: { catchUpMs: 2_000 } });
      const handled = await consumeOrders(kafka);
      write(memory, 'A', ['a1']);
      await memory.clock.sleep(3_000);
      kafka.on('switch.phase-started', ({ phase }) => {
        if (phase === 'catch-up') memory.cluster('A').down();
      });
      const outcome = await kafka.switchTo('B');
      expect(outcome).toMatchObject({ kind: 'switched', report: { to: 'B' } });
      expect(outcome).toHaveProperty(
        'report.warnings',
        expect.arrayContaining([
          'catch-up overran its deadline: not mirrored to B yet: orders (its end on A is not known)',
        ]),
      );
      write(memory, 'B', ['b1']);
      await memory.clock.sleep(2_000);
      expect(handled).toEqual(['a1', 'b1']);
      await kafka.close();
    });
  });
});

describe('the way out of a halt to the cluster that it came from', () => {
  it('takes what was handled there for no position on the other cluster', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const operations = new ClusterOperations({
        options: resolveOptions({
          clusters: clustersOf(memory),
          world: memory.world,
        }),
        events: new EventLog(),
        active: () => 'A',
        onWrongCluster: () => {},
        progress: () => ({
          start() {},
          stop: () => Promise.resolve(),
          lastWords: () => Promise.resolve(),
          othersSaid: () => Promise.resolve(false),
          recorded: () => Promise.resolve({ onSource: [], onTarget: [] }),
        }),
        onUsed: () => {},
        onReleased: () => {},
        watch: () => ({
          fleet: undefined,
          start() {},
          ready: () => Promise.resolve(),
          close: () => Promise.resolve(),
          stop() {},
          startOn: () => Promise.resolve({ active: 'A', switchEpoch: 1 }),
          sessionOpened() {},
          suspect() {},
        }),
      });
      write(memory, 'B', ['b1', 'b2', 'b3']);
      await memory.clock.sleep(3_000);
      const position = {
        offset: 3n,
        deliveredBelow: 3n,
        rewoundBelow: undefined,
        handledFrom: undefined,
        committed: undefined,
        recent: { all: () => [], few: () => [] },
      };
      const processed = [{ physicalTopic: 'orders', partition: 0, ...position }];
      const plan = await operations.plan(
        { from: 'A', to: 'A', planned: true },
        {
          groupId: 'billing',
          selectors: ['orders'],
          processed,
          untouched: [],
          begunAt: [],
          earlier: [],
          deliveredBefore: [],
        },
        new AbortController().signal,
      );
      expect(plan.partitions).toMatchObject([
        { physicalTopic: 'orders' },
        { physicalTopic: 'B.orders', offset: 0n, method: 'earliest' },
      ]);
      await operations.close();
    });
  });
});
