import { describe, expect, it } from 'vitest';
import type { FailoverEachMessagePayload } from '../../src/consumer/types.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { memoryAgreement } from '../support/memory-agreement.js';
import {
  breakConnections,
  clustersOf,
  consume,
  kafkaIn,
  ordersWorld,
  turnableName,
  until,
  type ConsumeOptions,
} from '../support/memory-service.js';
import { fill, fillSlowly, missingOf, twice } from './support.js';

/** Kafka's own default: what a cold consumer waits for. */
const REBALANCE_DELAY_MS = 3_000;
const PARTITIONS = 4;

function slowWorld(): MemoryWorld {
  const topics = { orders: PARTITIONS };
  const cluster = { topics, initialRebalanceDelayMs: REBALANCE_DELAY_MS };
  return ordersWorld({ clusters: { A: cluster, B: cluster } });
}

const HOT: Partial<FailoverKafkaConfig> = { consumer: { hotStandby: true } };

/** A service, and what it saw. */
interface Service {
  readonly kafka: FailoverKafka;
  readonly consumer: ReturnType<FailoverKafka['consumer']>;
  /** `<cluster> <value>` of each record that was handled. */
  readonly handled: string[];
  readonly heard: string[];
}

/** Consumes `orders`, hot; `heard` has what it told of the standby. */
async function serve(
  memory: MemoryWorld,
  config = HOT,
  options: ConsumeOptions = {},
): Promise<Service> {
  const kafka = kafkaIn(memory, config);
  const handled: string[] = [];
  const heard: string[] = [];
  kafka.on('consumer.standby-joined', ({ cluster }) => heard.push(`joined ${cluster}`));
  kafka.on('consumer.standby-lost', ({ cluster }) => heard.push(`lost ${cluster}`));
  kafka.on('consumer.attached', ({ wasHot }) => heard.push(wasHot ? 'hot' : 'cold'));
  const eachMessage = async ({ cluster, message }: FailoverEachMessagePayload): Promise<void> => {
    handled.push(`${cluster} ${String(message.value)}`);
  };
  const consumer = await consume(kafka, eachMessage, options);
  consumer.on(consumer.events.CRASH, () => heard.push('CRASH'));
  return { kafka, consumer, handled, heard };
}

const standbyOf = ({ kafka }: Service) => kafka.status().consumers[0]?.standby;

async function untilHot(memory: MemoryWorld, service: Service, cluster = 'B'): Promise<void> {
  await until(
    memory,
    `it waits on ${cluster}`,
    () => {
      const standby = standbyOf(service);
      return standby?.kind === 'joined' && standby.cluster === cluster;
    },
    120_000,
  );
}

const valuesOf = ({ handled }: Service): string[] =>
  handled.map((entry) => entry.split(' ')[1] ?? '');

function fillAll(memory: MemoryWorld, cluster: string, from: number): void {
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    fill(memory, { cluster, partition, from: from + partition });
  }
}

describe('a consumer that waits on the standby', () => {
  it('handles the first new record after a planned switch without waiting for a join', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      const service = await serve(memory);
      await untilHot(memory, service);
      await fillSlowly(memory, 0, 20);
      await until(memory, 'all are handled on A', () => service.handled.length === 20);
      const startedAtMs = memory.clock.nowMs();
      await service.kafka.switchTo('B', { planned: true });
      fillAll(memory, 'B', 20);
      await until(memory, 'all are handled on B', () => service.handled.length === 24);
      expect(memory.clock.nowMs() - startedAtMs).toBeLessThan(REBALANCE_DELAY_MS / 2);
      expect(service.heard).toEqual(['joined B', 'hot']);
      expect(missingOf(valuesOf(service), 0, 24)).toEqual([]);
      expect(twice(service.handled)).toEqual([]);
      await service.kafka.close();
    });
  });

  it('fetches nothing, commits nothing and hands nothing over before its switch', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      const service = await serve(memory, { consumer: { hotStandby: true, progress: false } });
      await untilHot(memory, service);
      const seen = new Set<string>();
      memory.cluster('B').onRequest(({ apiName, groupId, topics }) => {
        // MirrorMaker's topics are read all the time; these are not.
        const isOfRecords = ['Fetch', 'Produce'].includes(apiName) && topics.includes('orders');
        if (groupId === 'billing' || isOfRecords) seen.add(apiName);
      });
      fillAll(memory, 'B', 0);
      await memory.clock.sleep(60_000);
      expect([...seen]).toEqual(['Heartbeat']);
      expect(service.handled.filter((entry) => entry.startsWith('B'))).toEqual([]);
      expect(service.heard).toEqual(['joined B']);
      await service.kafka.close();
    });
  });

  it('goes on where the group stood after an unplanned switch, at the commit of its own member', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      const service = await serve(memory);
      await untilHot(memory, service);
      await fillSlowly(memory, 0, 40);
      await until(memory, 'all are handled on A', () => service.handled.length === 40);
      await until(
        memory,
        'all is mirrored',
        () => memory.cluster('B').range('A.orders', 0).high === 40n,
      );
      memory.cluster('A').down();
      const startedAtMs = memory.clock.nowMs();
      await service.kafka.switchTo('B', { planned: false });
      fillAll(memory, 'B', 40);
      await until(memory, 'the new ones are handled', () =>
        ['B r40', 'B r41', 'B r42', 'B r43'].every((one) => service.handled.includes(one)),
      );
      expect(memory.clock.nowMs() - startedAtMs).toBeLessThan(REBALANCE_DELAY_MS / 2);
      expect(service.heard).toEqual(['joined B', 'hot']);
      expect(service.handled.filter((entry) => /^B r[0-9]$/.test(entry))).toEqual([]);
      await service.kafka.close();
    });
  });

  it('waits on the old cluster for the way home, also where that was dead', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      const service = await serve(memory);
      await untilHot(memory, service);
      memory.cluster('A').down();
      await service.kafka.switchTo('B', { planned: false });
      fillAll(memory, 'B', 0);
      await until(memory, 'B is worked with', () => service.handled.length === 4);
      await memory.clock.sleep(20_000);
      memory.cluster('A').up();
      await untilHot(memory, service, 'A');
      await service.kafka.switchTo('A', { planned: true });
      fillAll(memory, 'A', 4);
      await until(memory, 'A is worked with', () => service.handled.length === 8);
      expect(service.heard).toEqual(['joined B', 'hot', 'lost A', 'joined A', 'hot']);
      expect(missingOf(valuesOf(service), 0, 8)).toEqual([]);
      await service.kafka.close();
    });
  });

  it('begins to wait when a standby that was dead at the start answers, and disturbs nothing before', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      memory.cluster('B').down();
      const service = await serve(memory);
      fillAll(memory, 'A', 0);
      await until(memory, 'A is worked with', () => service.handled.length === 4);
      await memory.clock.sleep(40_000);
      expect(service.heard).toEqual(['lost B']);
      expect(standbyOf(service)).toMatchObject({ kind: 'joining', cluster: 'B' });
      memory.cluster('B').up();
      await untilHot(memory, service);
      expect(service.heard).toEqual(['lost B', 'joined B']);
      await service.kafka.close();
    });
  });

  it('joins as ever where its member was lost just before the switch', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      const service = await serve(memory);
      await untilHot(memory, service);
      await fillSlowly(memory, 0, 10);
      await until(memory, 'all are handled on A', () => service.handled.length === 10);
      memory.cluster('B').down();
      await memory.clock.sleep(60_000);
      memory.cluster('B').up();
      const switched = service.kafka.switchTo('B', { planned: false });
      fillAll(memory, 'B', 10);
      await switched;
      await until(memory, 'B is worked with', () => service.handled.includes('B r13'));
      expect(missingOf(valuesOf(service), 0, 14)).toEqual([]);
      expect(service.heard).not.toContain('CRASH');
      await service.kafka.close();
    });
  });

  it('leaves both groups when it stops, and joins both when it runs again', async () => {
    const memory = slowWorld();
    const members = () =>
      ['A', 'B'].map((alias) => memory.cluster(alias).group('billing')?.members.length ?? 0);
    await memory.run(async () => {
      const service = await serve(memory);
      await untilHot(memory, service);
      expect(members()).toEqual([1, 1]);
      await service.consumer.stop();
      expect(members()).toEqual([0, 0]);
      expect(standbyOf(service)).toEqual({ kind: 'none' });
      await service.consumer.run({ eachMessage: async () => {} });
      await untilHot(memory, service);
      expect(members()).toEqual([1, 1]);
      await service.kafka.close();
      expect(members()).toEqual([0, 0]);
      await until(memory, 'no connection is left', () =>
        memory.clusters.every(({ connectionCount }) => connectionCount === 0),
      );
    });
  });

  it('has setOffsets on the standby refused, with the reason, until the service has stopped', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      const service = await serve(memory);
      await untilHot(memory, service);
      const admin = service.kafka.admin({ cluster: 'B' });
      await admin.connect();
      const partitions = [{ partition: 0, offset: '0' }];
      const set = () => admin.setOffsets({ groupId: 'billing', topic: 'orders', partitions });
      await expect(set()).rejects.toThrow('The consumer group must have no running instances');
      await service.consumer.stop();
      await set();
      expect(memory.cluster('B').commit('billing', 'orders', 0)?.offset).toBe(0n);
      await admin.disconnect();
      await service.kafka.close();
    });
  });

  it('tells the listeners of the service what a switch looks like without it', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      const service = await serve(memory);
      const { events } = service.consumer;
      const seen: string[] = [];
      for (const name of [events.CRASH, events.STOP, events.DISCONNECT, events.CONNECT]) {
        service.consumer.on(name, () => seen.push(name));
      }
      service.consumer.on(events.REBALANCING, () => seen.push('rebalancing'));
      service.consumer.on(events.GROUP_JOIN, ({ payload }) => {
        seen.push(`joined ${JSON.stringify(payload.memberAssignment)}`);
      });
      await untilHot(memory, service);
      await service.kafka.switchTo('B', { planned: true });
      expect(seen).toEqual(['rebalancing', 'joined {"orders":[0,1,2,3]}']);
      await service.kafka.close();
    });
  });

  it('joins anew where the topics are not those that it waited for', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      const config = { consumer: { hotStandby: true, topicRefreshMs: 3_600_000 } };
      const service = await serve(memory, config, { topics: [/^(orders|bills)$/] });
      await untilHot(memory, service);
      memory.cluster('B').createTopic('bills', 1);
      fill(memory, { cluster: 'B', topic: 'bills', from: 0 });
      await service.kafka.switchTo('B', { planned: true });
      fillAll(memory, 'B', 1);
      await until(memory, 'all are handled on B', () => service.handled.length === 5);
      expect(service.heard).toContain('cold');
      await service.kafka.close();
    });
  });

  it.each([false, true])(
    'goes over where its coordinator has just forgotten it, in a fleet: %s',
    async (isFleet) => {
      const memory = slowWorld();
      await memory.run(async () => {
        const agreement = memoryAgreement().with({ instance: 'one' });
        const service = await serve(memory, isFleet ? { ...HOT, agreement } : HOT);
        await untilHot(memory, service);
        await fillSlowly(memory, 0, 20);
        await until(memory, 'all are handled on A', () => service.handled.length === 20);
        const [member] = memory.cluster('B').group('billing')?.members ?? [];
        memory.cluster('B').expel('billing', member?.memberId ?? '');
        const switched = service.kafka.switchTo('B', { planned: true });
        await switched;
        fillAll(memory, 'B', 20);
        await until(
          memory,
          'all are handled on B',
          () => missingOf(valuesOf(service), 0, 24).length === 0,
        );
        expect(twice(service.handled)).toEqual([]);
        expect(service.heard).not.toContain('CRASH');
        await service.kafka.close();
      });
    },
  );

  it.each(['freeze', 'blackhole'] as const)(
    'joins as ever where the standby was away without a word: %s',
    async (how) => {
      const memory = slowWorld();
      await memory.run(async () => {
        const service = await serve(memory);
        await untilHot(memory, service);
        await fillSlowly(memory, 0, 20);
        await until(memory, 'all are handled on A', () => service.handled.length === 20);
        memory.cluster('B')[how]();
        await memory.clock.sleep(12_000);
        if (how === 'freeze') memory.cluster('B').thaw();
        else memory.cluster('B').heal();
        await service.kafka.switchTo('B', { planned: false });
        fillAll(memory, 'B', 20);
        await until(
          memory,
          'B is worked with',
          () => missingOf(valuesOf(service), 0, 24).length === 0,
          60_000,
        );
        expect(service.heard).not.toContain('CRASH');
        await service.kafka.close();
      });
    },
  );

  it('leaves the group where no position is known, and the service wants none then', async () => {
    const memory = ordersWorld({ isMirrored: false });
    await memory.run(async () => {
      const config = { consumer: { hotStandby: true, onMissingPosition: 'fail' } } as const;
      const service = await serve(memory, config);
      await untilHot(memory, service);
      fill(memory, { cluster: 'B', from: 0 });
      await service.kafka.switchTo('B', { planned: false });
      await until(memory, 'it gave up', () => service.heard.includes('CRASH'));
      await until(
        memory,
        'nobody is left in its group',
        () => memory.cluster('B').group('billing')?.members.length === 0,
        5_000,
      );
      expect(service.handled).toEqual([]);
      await service.kafka.close();
    });
  });

  it('gives a service without it no member on the standby', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      const service = await serve(memory, {});
      await memory.clock.sleep(20_000);
      expect(standbyOf(service)).toEqual({ kind: 'none' });
      expect(memory.cluster('B').group('billing')).toBeUndefined();
      await service.kafka.close();
    });
  });

  it('does not join where another cluster stands behind the name of the standby', async () => {
    const topics = { orders: PARTITIONS };
    const memory = ordersWorld({
      clusters: { A: { topics }, B: { topics }, C: { topics } },
      isMirrored: false,
    });
    await memory.run(async () => {
      const name = turnableName(memory, 'C');
      const clusters = clustersOf(memory, { B: { socketFactory: name.socketFactory } });
      const service = await serve(memory, { ...HOT, clusters });
      await untilHot(memory, service);
      name.isTurned = true;
      await breakConnections(memory, 'B');
      await until(memory, 'it was lost', () => service.heard.includes('lost B'));
      await memory.clock.sleep(60_000);
      expect(standbyOf(service)).toMatchObject({ kind: 'joining', cluster: 'B' });
      expect(memory.cluster('C').group('billing')).toBeUndefined();
      fillAll(memory, 'A', 0);
      await until(memory, 'A is worked with', () => service.handled.length === 4);
      expect(service.kafka.status()).toMatchObject({ state: 'steady', active: 'A' });
      await service.kafka.close();
    });
  });
});

describe('several processes that wait on the standby', () => {
  const SHORT = { sessionTimeout: 6_000, heartbeatInterval: 1_000 };

  it('of one fleet switch without a join, each with its own partitions', async () => {
    const memory = slowWorld();
    const agreement = memoryAgreement();
    await memory.run(async () => {
      const services: Service[] = [];
      for (const instance of ['one', 'two']) {
        services.push(await serve(memory, { ...HOT, agreement: agreement.with({ instance }) }));
      }
      const [one, two] = services as [Service, Service];
      for (const service of services) await untilHot(memory, service);
      await until(memory, 'both have a share on B', () =>
        sharesOn(memory, 'B').every((count) => count === PARTITIONS / 2),
      );
      const { generation } = memory.cluster('B').group('billing') ?? {};
      for (let from = 0; from < 40; from += PARTITIONS) {
        fillAll(memory, 'A', from);
        await memory.clock.sleep(20);
      }
      const all = (): string[] => [...valuesOf(one), ...valuesOf(two)];
      await until(memory, 'all are handled on A', () => all().length === 40);
      await one.kafka.switchTo('B', { planned: true });
      await until(memory, 'both are hot', () =>
        services.every(({ heard }) => heard.includes('hot')),
      );
      fillAll(memory, 'B', 40);
      await until(memory, 'all are handled on B', () => missingOf(all(), 0, 44).length === 0);
      expect(memory.cluster('B').group('billing')?.generation).toBe(generation);
      expect(twice(all())).toEqual([]);
      for (const service of services) await service.kafka.close();
    });
  });

  it('lose no record where one of them dies in the middle of the switch', async () => {
    const memory = slowWorld();
    const agreement = memoryAgreement();
    await memory.run(async () => {
      const services: Service[] = [];
      for (const instance of ['one', 'two']) {
        services.push(await serve(memory, { ...HOT, agreement: agreement.with({ instance }) }));
      }
      const [one, two] = services as [Service, Service];
      for (const service of services) await untilHot(memory, service);
      await until(memory, 'both have a share on B', () =>
        sharesOn(memory, 'B').every((count) => count === PARTITIONS / 2),
      );
      for (let from = 0; from < 40; from += PARTITIONS) {
        fillAll(memory, 'A', from);
        await memory.clock.sleep(20);
      }
      const all = (): string[] => [...valuesOf(one), ...valuesOf(two)];
      await until(memory, 'all are handled on A', () => all().length === 40);
      await until(memory, 'all are mirrored', () => mirroredCount(memory) === 40);
      memory.cluster('A').down();
      const switched = one.kafka.switchTo('B', { planned: false });
      // Its member on B is expelled just as the other one goes over: the group rebalances in the middle.
      const group = memory.cluster('B').group('billing');
      const seconds = group?.members.at(-1)?.memberId ?? '';
      memory.cluster('B').expel('billing', seconds);
      await switched;
      fillAll(memory, 'B', 40);
      await until(
        memory,
        'all are handled on B',
        () => missingOf(all(), 0, 44).length === 0,
        120_000,
      );
      for (const service of services) await service.kafka.close();
    });
  });

  it('without a fleet take over what the others would handle: those wait, and get nothing', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      const one = await serve(memory);
      await untilHot(memory, one);
      const two = await serve(memory);
      await untilHot(memory, two);
      await until(memory, 'both have a share on B', () =>
        sharesOn(memory, 'B').every((count) => count === PARTITIONS / 2),
      );
      await one.kafka.switchTo('B', { planned: false });
      fillAll(memory, 'B', 0);
      await until(
        memory,
        'one handles them all',
        () => missingOf(valuesOf(one), 0, 4).length === 0,
      );
      expect(one.heard).toContain('cold');
      expect(two.handled.filter((entry) => entry.startsWith('B'))).toEqual([]);
      await two.kafka.switchTo('B', { planned: false });
      await until(memory, 'both work on B', () =>
        sharesOn(memory, 'B').every((count) => count === PARTITIONS / 2),
      );
      fillAll(memory, 'B', 4);
      await until(
        memory,
        'both handle',
        () => missingOf([...valuesOf(one), ...valuesOf(two)], 0, 8).length === 0,
      );
      expect(two.heard).not.toContain('CRASH');
      for (const service of [one, two]) await service.kafka.close();
    });
  });

  it('do not join a group in which somebody works', async () => {
    const memory = slowWorld();
    await memory.run(async () => {
      const [broker = ''] = memory.cluster('B').brokers;
      const bare = memory.world.createKafka({ brokers: [broker], logLevel: 0 });
      const stranger = bare.consumer({ groupId: 'billing', ...SHORT });
      await stranger.connect();
      await stranger.subscribe({ topics: ['orders'] });
      await stranger.run({ eachMessage: async () => {} });
      await until(memory, 'it works', () => sharesOn(memory, 'B')[0] === PARTITIONS);
      const service = await serve(memory);
      await memory.clock.sleep(30_000);
      expect(standbyOf(service)).toMatchObject({
        kind: 'joining',
        because: 'the group has members on B that work there',
      });
      expect(sharesOn(memory, 'B')).toEqual([PARTITIONS]);
      await stranger.disconnect();
      await untilHot(memory, service);
      await service.kafka.close();
    });
  });
});

/** How many partitions of `orders` each member has. */
function sharesOn(memory: MemoryWorld, cluster: string): readonly number[] {
  const members = memory.cluster(cluster).group('billing')?.members ?? [];
  return members.map(({ assignment }) => assignment['orders']?.length ?? 0);
}

function mirroredCount(memory: MemoryWorld): number {
  const ends = Array.from({ length: PARTITIONS }, (_, partition) =>
    Number(memory.cluster('B').range('A.orders', partition).high),
  );
  return ends.reduce((sum, end) => sum + end, 0);
}
