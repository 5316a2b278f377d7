import { describe, expect, it } from 'vitest';
import type { Producer, ProducerConfig } from 'kafkajs';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import type { ProducerStandbyStatus } from '../../src/producer/standby-producer.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import {
  breakConnections,
  clustersOf,
  consume,
  kafkaIn,
  ordersWorld,
  turnableName,
  until,
} from '../support/memory-service.js';

const LATENCY_MS = 50;
const ROUND_TRIP_MS = 2 * LATENCY_MS;
/** Whether the broker is there, and the send. */
const HOT_MAX_MS = 2.5 * ROUND_TRIP_MS;

const HOT: Partial<FailoverKafkaConfig> = { producer: { hotStandby: true } };

/** Clusters that are far away, so that round trips can be counted by the clock. */
function farWorld(): MemoryWorld {
  const cluster = { topics: { orders: 2 }, latencyMs: LATENCY_MS };
  return ordersWorld({ clusters: { A: cluster, B: cluster } });
}

interface Service {
  readonly kafka: FailoverKafka;
  readonly producer: Producer;
}

async function produce(
  memory: MemoryWorld,
  config: Partial<FailoverKafkaConfig> = HOT,
  producerConfig?: ProducerConfig,
): Promise<Service> {
  const kafka = kafkaIn(memory, config);
  const producer = kafka.producer(producerConfig);
  await producer.connect();
  return { kafka, producer };
}

const send = ({ producer }: Service, value: string, topic = 'orders') =>
  producer.send({ topic, messages: [{ value }] });

const standbyOf = ({ kafka }: Service): ProducerStandbyStatus | undefined =>
  kafka.status().producers[0]?.standby;

const untilHot = (memory: MemoryWorld, service: Service, cluster = 'B'): Promise<void> =>
  until(
    memory,
    `it waits on ${cluster}`,
    () => {
      const standby = standbyOf(service);
      return standby?.kind === 'connected' && standby.cluster === cluster;
    },
    120_000,
  );

/** What the cluster is asked from now on, by clients of the service. */
function requestsTo(memory: MemoryWorld, cluster: string): string[] {
  const seen: string[] = [];
  memory.cluster(cluster).onRequest(({ apiName }) => seen.push(apiName));
  return seen;
}

const valuesOn = (memory: MemoryWorld, cluster: string, topic = 'orders'): readonly string[] =>
  [0, 1].flatMap((partition) =>
    memory
      .cluster(cluster)
      .records(topic, partition)
      .map(({ value }) => String(value)),
  );

/** Milliseconds from the phase `open` to the acknowledgement of a send that was held. */
async function heldFor(memory: MemoryWorld, service: Service, to: string): Promise<number> {
  let openedAtMs = 0;
  let acknowledged: Promise<number> | undefined;
  service.kafka.on('switch.phase-started', ({ phase }) => {
    if (phase === 'open') openedAtMs = memory.clock.nowMs();
    if (phase !== 'fence') return;
    acknowledged ??= send(service, `to ${to}`).then(() => memory.clock.nowMs());
  });
  await service.kafka.switchTo(to, { planned: false });
  return ((await acknowledged) ?? Number.NaN) - openedAtMs;
}

/** B behind a firewall that may forget its connections: what exists then is dead for good, new ones work. */
function behindFirewall(memory: MemoryWorld) {
  const existing: { isDead: boolean }[] = [];
  const clusters = clustersOf(memory, {
    B: {
      socketFactory: (args) => {
        const socket = memory.world.openSocket(args);
        const write = socket.write.bind(socket) as (...rest: unknown[]) => boolean;
        const one = { isDead: false };
        existing.push(one);
        return Object.assign(socket, {
          write: (...rest: unknown[]) => one.isDead || write(...rest),
        });
      },
    },
  });
  const forget = (): void => {
    for (const one of existing) one.isDead = true;
  };
  return { clusters, forget };
}

describe('a producer that waits on the standby', () => {
  it('writes after a switch without a connect and without metadata: two round trips are all', async () => {
    const memory = farWorld();
    await memory.run(async () => {
      const service = await produce(memory);
      await send(service, 'first');
      await untilHot(memory, service);
      expect(await heldFor(memory, service, 'B')).toBeLessThan(HOT_MAX_MS);
      expect(valuesOn(memory, 'B')).toEqual(['to B']);
      await service.kafka.close();
    });
  });

  it('writes nothing before its switch, and makes no topic', async () => {
    const topics = { orders: 2 };
    const memory = ordersWorld({
      clusters: { A: { topics: {} }, B: { topics } },
      isMirrored: false,
    });
    await memory.run(async () => {
      // On B first, so that the standby is the home cluster, where a send may make topics.
      const service = await produce(memory);
      await service.kafka.switchTo('B', { planned: false });
      await send(service, 'first');
      const asked = requestsTo(memory, 'A');
      await until(memory, 'it has looked for its topic on A', () => {
        const standby = standbyOf(service);
        return standby?.kind === 'connecting' && standby.because !== undefined;
      });
      memory.cluster('A').createTopic('invoices', 1);
      await memory.clock.sleep(120_000);
      expect(standbyOf(service)).toMatchObject({ because: 'none of its topics is there' });
      expect(memory.cluster('A').topicNames()).not.toContain('orders');
      memory.cluster('A').createTopic('orders', 2);
      await untilHot(memory, service, 'A');
      await memory.clock.sleep(120_000);
      expect(asked).not.toContain('Produce');
      await service.kafka.close();
    });
  });

  it('is left alone by sends that a switch has overtaken: they go to the new cluster once it is open, and once', async () => {
    const memory = farWorld();
    await memory.run(async () => {
      const service = await produce(memory);
      await send(service, 'first');
      await untilHot(memory, service);
      const seen: string[] = [];
      service.kafka.on('switch.phase-started', ({ phase }) => seen.push(phase));
      memory.cluster('B').onRequest(({ apiName, topics }) => {
        if (apiName === 'Produce' && topics.includes('orders')) seen.push('Produce');
      });
      memory.cluster('A').blackhole();
      const overtaken = send(service, 'overtaken');
      await service.kafka.switchTo('B', { planned: false });
      await overtaken;
      expect(seen.slice(-2)).toEqual(['open', 'Produce']);
      expect(valuesOn(memory, 'B')).toEqual(['overtaken']);
      await service.kafka.close();
    });
  });

  it.each(['blackhole', 'freeze', 'down'] as const)(
    'connects as ever where the standby was away: %s',
    async (how) => {
      const memory = farWorld();
      await memory.run(async () => {
        const service = await produce(memory);
        await send(service, 'first');
        await untilHot(memory, service);
        const cluster = memory.cluster('B');
        cluster[how]();
        const before = service.kafka.switchTo('B', { planned: false });
        await before.catch(() => {});
        if (how === 'blackhole') cluster.heal();
        else if (how === 'freeze') cluster.thaw();
        else cluster.up();
        await memory.clock.sleep(1);
        expect(await heldFor(memory, service, 'B')).toBeLessThan(30_000);
        expect(valuesOn(memory, 'B')).toEqual(['to B']);
        await service.kafka.close();
      });
    },
  );

  it('does not wait with sockets that have died without a word', async () => {
    const memory = farWorld();
    await memory.run(async () => {
      const { clusters, forget } = behindFirewall(memory);
      const service = await produce(memory, { ...HOT, clusters });
      await send(service, 'first');
      await untilHot(memory, service);
      forget();
      expect(await heldFor(memory, service, 'B')).toBeLessThan(2_000);
      expect(valuesOn(memory, 'B')).toEqual(['to B']);
      await service.kafka.close();
    });
  });

  it('does not wait with sockets that have died since the switch began: a planned one waits for the mirror', async () => {
    const memory = farWorld();
    await memory.run(async () => {
      const { clusters, forget } = behindFirewall(memory);
      const service = await produce(memory, { ...HOT, clusters });
      await consume(service.kafka, async () => {});
      await send(service, 'first');
      await untilHot(memory, service);
      await memory.clock.sleep(3_000);
      memory.mirror('A->B').setCopyLag(8_000);
      await send(service, 'second');
      let openedAtMs = Number.NaN;
      let acknowledged: Promise<number> | undefined;
      service.kafka.on('switch.phase-started', ({ phase }) => {
        if (phase === 'open') openedAtMs = memory.clock.nowMs();
        if (phase !== 'catch-up') return;
        acknowledged = send(service, 'to B').then(() => memory.clock.nowMs());
        memory.world.after(2_000, forget);
      });
      await service.kafka.switchTo('B', { planned: true });
      expect(((await acknowledged) ?? Number.NaN) - openedAtMs).toBeLessThan(3_000);
      expect(valuesOn(memory, 'B')).toEqual(['to B']);
      await service.kafka.close();
    });
  });

  it('leaves no connection there when it disconnects at any moment, while others go on', async () => {
    const memory = farWorld();
    await memory.run(async () => {
      // What is acknowledged is looked for on B, over connections of its own.
      const service = await produce(memory, { producer: { hotStandby: true, ledgerMaxBytes: 0 } });
      for (let moment = 0; moment < 12; moment += 1) {
        const producer = service.kafka.producer();
        await producer.connect();
        await producer.send({ topic: 'orders', messages: [{ value: 'x' }] });
        await memory.clock.sleep(1_000 + moment * (LATENCY_MS - 10));
        await producer.disconnect();
        await memory.clock.sleep(5_000);
        expect(memory.cluster('B').connectionCount).toBe(0);
      }
      await service.kafka.close();
    });
  });

  it('waits on the old cluster for the way home', async () => {
    const memory = farWorld();
    await memory.run(async () => {
      const service = await produce(memory);
      await send(service, 'first');
      await untilHot(memory, service);
      await service.kafka.switchTo('B', { planned: false });
      await untilHot(memory, service, 'A');
      expect(await heldFor(memory, service, 'A')).toBeLessThan(HOT_MAX_MS);
      await service.kafka.close();
    });
  });

  it('learns of a topic that is written to later', async () => {
    const topics = { orders: 2, bills: 2 };
    const memory = ordersWorld({ clusters: { A: { topics }, B: { topics } } });
    await memory.run(async () => {
      const service = await produce(memory);
      await send(service, 'first');
      await untilHot(memory, service);
      await send(service, 'second', 'bills');
      const asked: (readonly string[])[] = [];
      memory.cluster('B').onRequest(({ apiName, topics: named }) => {
        if (apiName === 'Metadata') asked.push(named);
      });
      await until(
        memory,
        'bills is asked for',
        () => asked.some((named) => named.includes('bills') && named.includes('orders')),
        60_000,
      );
      await service.kafka.close();
    });
  });

  it('begins to wait when a standby that was dead at the start answers, and disturbs nothing before', async () => {
    const memory = farWorld();
    await memory.run(async () => {
      memory.cluster('B').down();
      const service = await produce(memory);
      await send(service, 'first');
      await until(
        memory,
        'it has tried',
        () => {
          const standby = standbyOf(service);
          return standby?.kind === 'connecting' && standby.because !== undefined;
        },
        60_000,
      );
      expect(service.kafka.status()).toMatchObject({ state: 'steady', active: 'A' });
      memory.cluster('B').up();
      await untilHot(memory, service);
      await service.kafka.close();
    });
  });

  it('leaves nothing behind when it disconnects', async () => {
    const memory = farWorld();
    await memory.run(async () => {
      const service = await produce(memory);
      await send(service, 'first');
      await untilHot(memory, service);
      await service.producer.disconnect();
      expect(standbyOf(service)).toBeUndefined();
      await service.kafka.close();
      await until(memory, 'no connection is left', () =>
        memory.clusters.every(({ connectionCount }) => connectionCount === 0),
      );
    });
  });

  it('is not there for a producer with a transactional id, which would fence whoever uses it there', async () => {
    const memory = farWorld();
    await memory.run(async () => {
      const config = { transactionalId: 'billing', idempotent: true, maxInFlightRequests: 1 };
      const service = await produce(memory, HOT, config);
      const asked = requestsTo(memory, 'B');
      await send(service, 'first');
      await memory.clock.sleep(120_000);
      expect(standbyOf(service)).toEqual({ kind: 'none' });
      expect(asked).not.toContain('InitProducerId');
      await service.kafka.close();
    });
  });

  it('is there for an idempotent one, which begins with its own id on each cluster', async () => {
    const memory = farWorld();
    await memory.run(async () => {
      const service = await produce(memory, HOT, { idempotent: true });
      await send(service, 'first');
      await untilHot(memory, service);
      expect(await heldFor(memory, service, 'B')).toBeLessThan(HOT_MAX_MS);
      for (let index = 0; index < 5; index += 1) await send(service, `next ${index}`);
      expect(valuesOn(memory, 'B')).toHaveLength(6);
      await service.kafka.close();
    });
  });

  it('does not wait behind another cluster under the name of the standby', async () => {
    const topics = { orders: 2 };
    const memory = ordersWorld({
      clusters: { A: { topics }, B: { topics }, C: { topics } },
      isMirrored: false,
    });
    await memory.run(async () => {
      const name = turnableName(memory, 'C');
      const clusters = clustersOf(memory, { B: { socketFactory: name.socketFactory } });
      const service = await produce(memory, { ...HOT, clusters });
      await send(service, 'first');
      await untilHot(memory, service);
      name.isTurned = true;
      await breakConnections(memory, 'B');
      await until(memory, 'it was lost', () => standbyOf(service)?.kind === 'connecting', 60_000);
      await memory.clock.sleep(60_000);
      expect(standbyOf(service)).toMatchObject({ kind: 'connecting', cluster: 'B' });
      expect(service.kafka.status()).toMatchObject({ state: 'steady', active: 'A' });
      await service.kafka.close();
    });
  });

  it('is not there without the option', async () => {
    const memory = farWorld();
    await memory.run(async () => {
      const service = await produce(memory, {});
      await send(service, 'first');
      await memory.clock.sleep(60_000);
      expect(standbyOf(service)).toEqual({ kind: 'none' });
      expect(await heldFor(memory, service, 'B')).toBeGreaterThan(HOT_MAX_MS + ROUND_TRIP_MS);
      await service.kafka.close();
    });
  });
});
