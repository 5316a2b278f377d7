import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { FailbackAssessment } from '../../src/failback/gates.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import { healthStrategy } from '../../src/strategy/health.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consumeOrders, kafkaIn, ordersWorld, until, write } from '../support/memory-service.js';
import { leaveA } from './support.js';

/** Quick, unless told otherwise. */
const QUICK = { dwellMs: 0, everyMs: 1_000, lagMs: 1_000 };

interface Away {
  readonly memory: MemoryWorld;
  readonly kafka: FailoverKafka;
  readonly handled: string[];
}

/** A service that has left A, which works again; it handles what is written to B. */
async function away(
  work: (service: Away) => Promise<void>,
  config: Partial<FailoverKafkaConfig> = {},
  memory = ordersWorld(),
): Promise<void> {
  await memory.run(async () => {
    const kafka = kafkaIn(memory, { failback: QUICK, ...config });
    const handled = await leaveA(memory, kafka);
    await work({ memory, kafka, handled });
    await kafka.close();
  });
}

function gateOf(assessment: FailbackAssessment | undefined, name: string) {
  return assessment?.gates.find((one) => one.name === name);
}

async function refusalOf(call: Promise<unknown>): Promise<{ code: string; message: string }> {
  return call.then(
    () => expect.unreachable('it was not refused'),
    (error: { code: string; message: string }) => error,
  );
}

describe('failback()', () => {
  it('goes home where every gate is open, and says what it saw; nothing is skipped or comes twice', () =>
    away(async ({ memory, kafka, handled }) => {
      const outcome = await kafka.failback({ reason: 'A is repaired' });
      expect(outcome).toMatchObject({
        kind: 'done',
        accepted: [],
        assessment: { isOpen: true, from: 'B', to: 'A' },
        report: { from: 'B', to: 'A', planned: true, reason: 'A is repaired' },
        validation: {
          isSound: true,
          checks: [
            { name: 'records', state: 'passed' },
            { name: 'canary', state: 'not-done' },
          ],
          counts: [{ topic: 'orders', copy: 'B.orders', offsets: 1, copiedOffsets: 1 }],
        },
      });
      // Plain JSON: nothing of it is lost.
      const { validation } = outcome.kind === 'done' ? outcome : expect.unreachable();
      expect(JSON.parse(JSON.stringify(validation))).toEqual(validation);
      write(memory, 'A', ['a3']);
      await until(memory, 'A is read again', () => handled.includes('a3'));
      expect(handled.toSorted()).toEqual(['a1', 'a2', 'a3', 'b1']);
    }));

  it('does nothing at home', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      await consumeOrders(kafka);
      expect(kafka.status().failback).toBeUndefined();
      expect(await kafka.failback()).toEqual({
        kind: 'already-home',
        cluster: 'A',
        switchEpoch: 1,
      });
      await kafka.close();
    });
  });

  it('is refused before the stay was long enough, and touches nothing; who accepts that goes', () =>
    away(
      async ({ kafka }) => {
        const error = await refusalOf(kafka.failback());
        expect(error.code).toBe('ERR_FAILOVER_FAILBACK_REFUSED');
        expect(error.message).toMatch(
          /not open, nothing was touched: dwell: away for \d+ ms, 600000/,
        );
        expect(kafka.status()).toMatchObject({ active: 'B', switchEpoch: 2 });
        const outcome = await kafka.failback({ accept: ['dwell'] });
        expect(outcome).toMatchObject({ kind: 'done', accepted: ['dwell'] });
      },
      { failback: { ...QUICK, dwellMs: 600_000 } },
    ));

  it('waits for gates as long as it is told to', () =>
    away(
      async ({ kafka }) => {
        const outcome = await kafka.failback({ waitMs: 60_000 });
        expect(outcome).toMatchObject({ kind: 'done', accepted: [] });
      },
      { failback: { ...QUICK, dwellMs: 20_000 } },
    ));

  it('is refused while the preferred cluster is down', () =>
    away(async ({ memory, kafka }) => {
      memory.cluster('A').down();
      expect((await refusalOf(kafka.failback())).message).toMatch(/: reachable: A d/);
    }));

  it('is refused where nothing is mirrored home', async () => {
    const memory = ordersWorld({ mirror: { flows: ['A->B'] } });
    await away(
      async ({ kafka }) => {
        expect((await refusalOf(kafka.failback())).message).toMatch(/: mirror: no heartbeat/);
      },
      {},
      memory,
    );
  });

  it('is refused while the mirror lags, with the number of records', () =>
    away(async ({ memory, kafka }) => {
      memory.mirror('B->A').pause();
      write(memory, 'B', ['b2', 'b3']);
      const error = await refusalOf(kafka.failback());
      expect(error.message).toMatch(/: lag: not mirrored within 1000 ms: 2 of orders-0/);
      memory.mirror('B->A').resume();
      expect(await kafka.failback({ waitMs: 30_000 })).toMatchObject({ kind: 'done' });
    }));

  it('names what the preferred cluster has and never mirrored', () =>
    away(async ({ memory, kafka }) => {
      memory.mirror('A->B').pause();
      write(memory, 'A', ['stranded']);
      const outcome = await kafka.failback();
      expect(outcome).toMatchObject({
        assessment: { stranded: [{ topic: 'orders', partition: 0, recordCount: 1 }] },
      });
    }));

  it('refuses options that it does not know', () =>
    away(async ({ kafka }) => {
      await expect(kafka.failback({ acept: ['dwell'] } as never)).rejects.toThrow(
        /failback\.acept/,
      );
      await expect(kafka.failback({ accept: ['identity'] } as never)).rejects.toThrow(
        /failback\.accept/,
      );
    }));
});

describe('the canary of a failback', () => {
  const canary = { topic: 'failback-canary', timeoutMs: 5_000 };

  it('is followed from home through the mirror', () =>
    away(
      async ({ memory, kafka }) => {
        const outcome = await kafka.failback();
        expect(outcome).toMatchObject({
          validation: { isSound: true, checks: [{}, { name: 'canary', state: 'passed' }] },
        });
        const records = (cluster: string, topic: string): number =>
          memory.cluster(cluster).records(topic, 0).length;
        expect(records('A', 'failback-canary')).toBe(1);
        expect(records('B', 'A.failback-canary')).toBe(1);
      },
      { failback: { ...QUICK, canary } },
    ));

  it('says how far it came; the service stays at home', () =>
    away(
      async ({ memory, kafka }) => {
        memory.mirror('A->B').pause();
        const outcome = await kafka.failback();
        expect(outcome).toMatchObject({
          validation: {
            isSound: false,
            checks: [
              {},
              {
                state: 'failed',
                detail:
                  'the record of failback-canary did not come to B (as A.failback-canary) within 5000 ms',
              },
            ],
          },
        });
        expect(kafka.status().active).toBe('A');
      },
      { failback: { ...QUICK, canary } },
    ));
});

describe('status().failback', () => {
  it('says at any time why not yet, and the event says when that changes', () =>
    away(
      async ({ memory, kafka }) => {
        const told: (string | undefined)[] = [];
        kafka.on('failback.assessed', ({ assessment }) => told.push(assessment.whyNot));
        expect(kafka.status().failback).toMatchObject({
          isOpen: false,
          whyNot: expect.stringMatching(/^dwell: /) as string,
        });
        await memory.clock.sleep(8_000);
        memory.mirror('B->A').pause();
        write(memory, 'B', ['b2']);
        await until(memory, 'the lag is seen', () => {
          return gateOf(kafka.status().failback, 'lag')?.state === 'closed';
        });
        expect(gateOf(kafka.status().failback, 'positions')?.state).toBe('not-looked-at');
        memory.mirror('B->A').resume();
        await until(memory, 'it is open', () => kafka.status().failback?.isOpen === true);
        expect(told.map((one) => one?.split(':')[0])).toEqual(['dwell', 'lag', undefined]);
      },
      { failback: { ...QUICK, dwellMs: 10_000 } },
    ));

  it('asks nobody while memory alone keeps the service away', () =>
    away(
      async ({ memory, kafka }) => {
        memory.cluster('A').down();
        await memory.clock.sleep(60_000);
        expect(kafka.status().failback).toMatchObject({
          whyNot: expect.stringMatching(/^dwell: /) as string,
          lookedAgeMs: undefined,
        });
      },
      { failback: { ...QUICK, dwellMs: 600_000 } },
    ));

  it('keeps the dwell over a restart', async () => {
    const stateFile = '/state/service.json';
    const memory = ordersWorld({ files: new Map() });
    await away(
      async ({ memory: world, kafka }) => {
        await world.clock.sleep(30_000);
        await kafka.close();
        const again = kafkaIn(world, { stateFile, failback: { ...QUICK, dwellMs: 60_000 } });
        await consumeOrders(again);
        expect(gateOf(again.status().failback, 'dwell')).toMatchObject({
          state: 'closed',
          detail: expect.stringMatching(/^away for 3\d{4} ms/) as string,
        });
        await until(world, 'it is open', () => again.status().failback?.isOpen === true, 60_000);
        await again.close();
      },
      { stateFile, failback: { ...QUICK, dwellMs: 60_000 } },
      memory,
    );
  });
});

describe('an automatic failback', () => {
  it('waits for the mirror, and then goes', async () => {
    const strategy = healthStrategy({ failback: 'automatic', stableMs: 0, cooldownMs: 0 });
    await away(
      async ({ memory, kafka }) => {
        memory.mirror('B->A').pause();
        write(memory, 'B', ['b2']);
        await memory.clock.sleep(120_000);
        expect(kafka.status()).toMatchObject({
          active: 'B',
          failback: { whyNot: expect.stringMatching(/^(lag|mirror): /) as string },
        });
        memory.mirror('B->A').resume();
        await until(memory, 'it is home', () => kafka.status().active === 'A', 60_000);
      },
      { strategy, failback: { ...QUICK, dwellMs: 10_000 } },
    );
  });
});
