import { describe, expect, it } from 'vitest';
import type { FailoverEvents } from '../../src/events.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { healthStrategy } from '../../src/strategy/health.js';
import type { SwitchReport } from '../../src/switch/report.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consumeOrders, hang, kafkaIn, ordersWorld, until } from '../support/memory-service.js';

interface Service {
  readonly memory: MemoryWorld;
  readonly kafka: FailoverKafka;
  readonly handled: string[];
  readonly reports: SwitchReport[];
  readonly stayed: FailoverEvents['strategy.stayed'][];
  send(value: string): Promise<unknown>;
}

/** A service that produces and consumes, decided by health; both clusters are known to be healthy when `main` begins. */
async function service(
  main: (service: Service) => Promise<void>,
  options: Parameters<typeof healthStrategy>[0] = {},
): Promise<void> {
  const memory = ordersWorld();
  await memory.run(async () => {
    const failback = { dwellMs: 30_000 };
    const kafka = kafkaIn(memory, { strategy: healthStrategy(options), failback });
    const reports: SwitchReport[] = [];
    const stayed: FailoverEvents['strategy.stayed'][] = [];
    kafka.on('switch.completed', ({ report }) => reports.push(report));
    kafka.on('strategy.stayed', (event) => stayed.push(event));
    const handled = await consumeOrders(kafka);
    const producer = kafka.producer({ retry: { retries: 2 } });
    await producer.connect();
    const send = (value: string): Promise<unknown> =>
      producer.send({ topic: 'orders', messages: [{ value }] });
    await send('before');
    await until(memory, 'both clusters are healthy', () => kinds(kafka) === 'healthy healthy');
    await main({ memory, kafka, handled, reports, stayed, send });
    await kafka.close();
    await until(memory, 'no connection is left', () => connections(memory) === 0);
  });
}

function connections({ clusters }: MemoryWorld): number {
  return Math.max(...clusters.map(({ connectionCount }) => connectionCount));
}

function kinds(kafka: FailoverKafka, of: 'produce' | 'consume' = 'produce'): string {
  return kafka
    .status()
    .clusters.map(({ health }) => health[of].kind)
    .join(' ');
}

describe('a service that is decided by health', () => {
  it('leaves a cluster that was killed within half a second, and goes on', () =>
    service(async ({ memory, kafka, handled, reports, send }) => {
      const killedAtMs = memory.clock.nowMs();
      memory.cluster('A').down();
      await until(memory, 'it is on B', () => kafka.status().active === 'B');
      expect(reports[0]).toMatchObject({ from: 'A', to: 'B', planned: false });
      expect(reports[0]?.reason).toMatch(/^A is unhealthy: every broker refused for \d+ ms/);
      expect((reports[0]?.startedAtMs ?? Infinity) - killedAtMs).toBeLessThan(500);
      await send('after');
      await until(memory, 'the record is handled', () => handled.includes('after'));
    }));

  it('leaves a cluster that is stopped, and answers nothing', () =>
    service(async ({ memory, kafka, reports }) => {
      const frozenAtMs = memory.clock.nowMs();
      memory.cluster('A').freeze();
      await until(memory, 'it is on B', () => kafka.status().active === 'B');
      expect((reports[0]?.startedAtMs ?? Infinity) - frozenAtMs).toBeLessThan(3_600);
    }));

  it('leaves a cluster that answers questions and takes no records', () =>
    service(async ({ memory, kafka, reports, send }) => {
      hang(memory.cluster('A'), 'Produce');
      const sent = send('held up');
      await until(memory, 'it is on B', () => kafka.status().active === 'B');
      expect(reports[0]?.reason).toMatch(/a Produce request has no answer/);
      await sent;
      expect(kafka.status().clusters[0]?.health).toMatchObject({
        produce: { kind: 'unhealthy' },
        consume: { kind: 'healthy' },
      });
    }));

  it.each([true, false])(
    'leaves a cluster that takes no records while nobody sends any, where a canary is written: %s',
    async (isWritten) => {
      const memory = ordersWorld();
      await memory.run(async () => {
        const kafka = kafkaIn(memory, {
          strategy: healthStrategy(),
          ...(isWritten ? { health: { canary: { topic: '__canary' } } } : {}),
        });
        await consumeOrders(kafka);
        await until(memory, 'both clusters are healthy', () => kinds(kafka) === 'healthy healthy');
        await memory.clock.sleep(10_000);
        expect(memory.clusters.map((one) => one.partitionCount('__canary') === 1)).toEqual([
          isWritten,
          isWritten,
        ]);
        hang(memory.cluster('A'), 'Produce');
        if (isWritten) {
          await until(memory, 'it is on B', () => kafka.status().active === 'B', 60_000);
        } else {
          await memory.clock.sleep(60_000);
          expect(kafka.status().active).toBe('A');
        }
        await kafka.close();
        await until(memory, 'no connection is left', () => connections(memory) === 0);
      });
    },
  );

  it('does not go to a cluster that takes no canary', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, {
        strategy: healthStrategy(),
        health: { canary: { topic: '__canary', everyMs: 500 } },
      });
      await kafka.producer().connect();
      memory
        .cluster('B')
        .intercept(({ apiName }) =>
          apiName === 'Produce' ? { kind: 'refuse', errorCode: 19 } : undefined,
        );
      const isKnown = () => kafka.status().clusters[1]?.health.produce.kind === 'unhealthy';
      await until(memory, 'it is known of B', isKnown, 60_000);
      memory.cluster('A').down();
      await memory.clock.sleep(60_000);
      expect(kafka.status().active).toBe('A');
      await kafka.close();
    });
  });

  it('comes back to a cluster that took no records, when the one that it went to dies later', () =>
    service(
      async ({ memory, kafka, send }) => {
        const heal = hang(memory.cluster('A'), 'Produce');
        const sent = send('held up');
        await until(memory, 'it is on B', () => kafka.status().active === 'B');
        await sent;
        heal();
        await memory.clock.sleep(60_000);
        memory.cluster('B').down();
        await until(memory, 'it is on A', () => kafka.status().active === 'A');
        await send('at home');
      },
      { cooldownMs: 10_000 },
    ));

  it('leaves a cluster that refuses records for want of replicas', () =>
    service(async ({ memory, kafka, send }) => {
      memory
        .cluster('A')
        .intercept(({ apiName }) =>
          apiName === 'Produce' ? { kind: 'refuse', errorCode: 19 } : undefined,
        );
      const sending = (async () => {
        while (kafka.status().active === 'A') await send('refused').catch(() => {});
      })();
      await until(memory, 'it is on B', () => kafka.status().active === 'B');
      await sending;
    }));

  it('leaves a cluster whose group coordinator is dead', () =>
    service(async ({ memory, kafka, reports }) => {
      hang(memory.cluster('A'), 'GroupCoordinator', 'Heartbeat');
      await until(memory, 'it is on B', () => kafka.status().active === 'B');
      expect(reports[0]?.reason).toMatch(/^A is unhealthy/);
    }));

  it('knows nothing where the other cluster was dead before, and goes to the first that works', () =>
    service(async ({ memory, kafka }) => {
      memory.cluster('B').down();
      await until(memory, 'B is unhealthy', () => kinds(kafka) === 'healthy unhealthy');
      memory.cluster('A').down();
      await until(memory, 'nothing is known', () => kinds(kafka) === 'unknown unknown');
      await memory.clock.sleep(120_000);
      expect(kafka.status()).toMatchObject({ active: 'A', switchEpoch: 1 });
      // As soon as one of them works it is gone to.
      memory.cluster('B').up();
      await until(memory, 'it is on B', () => kafka.status().active === 'B');
    }));

  it.each([
    ['loads its groups', 'Heartbeat', 14],
    ['has no coordinator', 'GroupCoordinator', 15],
    ['has no leader for its partitions', 'Produce', 5],
  ] as const)(
    'does not leave a cluster of several brokers that replaces one and for ten seconds %s',
    (_what, api, errorCode) =>
      service(async ({ memory, kafka, send }) => {
        const stop = memory
          .cluster('A')
          .intercept(({ apiName }) =>
            apiName === api ? { kind: 'refuse', errorCode } : undefined,
          );
        const sending = Array.from({ length: 5 }, (_, index) =>
          send(`one ${index}`).catch(() => {}),
        );
        await memory.clock.sleep(10_000);
        stop();
        await Promise.all(sending);
        await memory.clock.sleep(30_000);
        expect(kafka.status()).toMatchObject({ active: 'A', switchEpoch: 1 });
      }),
  );

  it('stays where its strategy throws, says so once, and asks it again', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      let isBroken = true;
      const health = healthStrategy();
      const kafka = kafkaIn(memory, {
        strategy: {
          ...health,
          decide(view) {
            if (isBroken) throw new Error('a bug of ours');
            return health.decide(view);
          },
        },
      });
      const failed: string[] = [];
      kafka.on('strategy.failed', ({ error }) => failed.push(error.message));
      await kafka.producer().connect();
      await until(memory, 'both are healthy', () => kinds(kafka) === 'healthy healthy');
      memory.cluster('A').down();
      await memory.clock.sleep(5_000);
      expect(failed).toEqual(['a bug of ours']);
      expect(kafka.status().active).toBe('A');
      isBroken = false;
      await until(memory, 'it is on B', () => kafka.status().active === 'B');
      await kafka.close();
    });
  });

  it('stays with a half-dead cluster where the other one is dead, and says so once', () =>
    service(async ({ memory, kafka, stayed, send }) => {
      memory.cluster('B').down();
      await until(memory, 'B is unhealthy', () => kinds(kafka) === 'healthy unhealthy');
      hang(memory.cluster('A'), 'Produce');
      send('held up').catch(() => {});
      await until(memory, 'it says so', () => stayed.length > 0);
      await memory.clock.sleep(20_000);
      expect(stayed).toMatchObject([
        { cluster: 'A', strategy: 'health', because: 'no-proven-target' },
      ]);
      expect(kafka.status()).toMatchObject({ active: 'A', switchEpoch: 1 });
    }));

  it('knows nothing where no cluster can be reached, and moves nowhere', () =>
    service(async ({ memory, kafka }) => {
      for (const cluster of memory.clusters) cluster.blackhole();
      await until(memory, 'nothing is known', () => kinds(kafka) === 'unknown unknown');
      await memory.clock.sleep(60_000);
      for (const cluster of memory.clusters) cluster.heal();
      await until(memory, 'both are healthy again', () => kinds(kafka) === 'healthy healthy');
      expect(kafka.status()).toMatchObject({ active: 'A', switchEpoch: 1 });
    }));

  it('does not take a slow cluster for a dead one', () =>
    service(async ({ memory, kafka }) => {
      memory.cluster('A').slow(700);
      await memory.clock.sleep(120_000);
      expect(kafka.status()).toMatchObject({ active: 'A', switchEpoch: 1 });
      expect(kinds(kafka)).toBe('healthy healthy');
    }));

  it('moves once where a cluster comes and goes, and does not go home by itself', () =>
    service(async ({ memory, kafka, reports }) => {
      for (let round = 0; round < 4; round += 1) {
        memory.cluster('A').down();
        await memory.clock.sleep(5_000);
        memory.cluster('A').up();
        await memory.clock.sleep(15_000);
      }
      expect(reports.map(({ to }) => to)).toEqual(['B']);
      expect(kafka.status().active).toBe('B');
    }));

  it('goes home by a planned switch, where it was asked to, when home was well for long enough', () =>
    service(
      async ({ memory, kafka, reports }) => {
        memory.cluster('A').down();
        await until(memory, 'it is on B', () => kafka.status().active === 'B');
        memory.cluster('A').up();
        await memory.clock.sleep(60_000);
        expect(kafka.status().active).toBe('B');
        await until(memory, 'it is home', () => kafka.status().active === 'A', 600_000);
        expect(reports[1]).toMatchObject({ from: 'B', to: 'A', planned: true });
      },
      { failback: 'automatic', stableMs: 120_000 },
    ));

  it('starts on a dead cluster and goes to the other one', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      memory.cluster('A').down();
      const kafka = kafkaIn(memory, { strategy: healthStrategy() });
      const handled = await consumeOrders(kafka);
      const producer = kafka.producer();
      await producer.connect();
      await producer.send({ topic: 'orders', messages: [{ value: 'one' }] });
      await until(memory, 'the record is handled', () => handled.includes('one'));
      expect(kafka.status().active).toBe('B');
      await kafka.close();
    });
  });

  it('watches nothing before its first client and after its last', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { strategy: healthStrategy() });
      await memory.clock.sleep(5_000);
      expect(connections(memory)).toBe(0);
      const producer = kafka.producer();
      await producer.connect();
      await until(memory, 'both are healthy', () => kinds(kafka) === 'healthy healthy');
      await producer.disconnect();
      await until(memory, 'no connection is left', () => connections(memory) === 0);
      await producer.connect();
      await until(memory, 'both are healthy again', () => kinds(kafka) === 'healthy healthy');
      await kafka.close();
    });
  });

  it('reports refused credentials, and does not call the cluster dead for them', () =>
    service(async ({ memory, kafka }) => {
      const refused: string[] = [];
      kafka.on('health.refused', ({ cluster, because }) => refused.push(`${cluster}: ${because}`));
      memory
        .cluster('A')
        .intercept(({ apiName }) =>
          apiName === 'Metadata' ? { kind: 'refuse', errorCode: 31 } : undefined,
        );
      await memory.clock.sleep(60_000);
      expect(kafka.status()).toMatchObject({ active: 'A', switchEpoch: 1 });
      expect(refused).toEqual(['A: no permission for the cluster operation']);
    }));

  it.each([
    ['leaves', 'ignore', 'B', []],
    ['stays with', 'veto', 'A', ['not-let-in']],
  ] as const)('%s a cluster that did not let us in and is dead now: %s', (...row) =>
    service(
      async ({ memory, kafka, stayed }) => {
        const [, , active, because] = row;
        const A = memory.cluster('A');
        A.intercept(({ apiName }) =>
          apiName === 'Metadata' ? { kind: 'refuse', errorCode: 31 } : undefined,
        );
        await until(memory, 'it is refused', () => {
          const [health] = kafka.status().clusters.map((one) => one.health);
          return health?.refusedBecause !== undefined;
        });
        A.down();
        await memory.clock.sleep(20_000);
        expect(kafka.status()).toMatchObject({ state: 'steady', active });
        expect(stayed.map((one) => one.because)).toEqual(because);
      },
      { whenRefused: row[1] },
    ),
  );
});
