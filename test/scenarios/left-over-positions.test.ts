import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { kafka } from '../../src/kafkajs.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill } from './support.js';

const topics = { orders: 2 };

function world(): MemoryWorld {
  return ordersWorld({ clusters: { A: { topics }, B: { topics: { ...topics, other: 1 } } } });
}

/** A member of the group on B that dies without leaving: until its session ends nobody else commits for the group. */
async function stranger(memory: MemoryWorld): Promise<() => void> {
  const brokers = [...memory.cluster('B').brokers];
  const sockets = new Set<{ destroy(error?: Error): unknown }>();
  let isDead = false;
  const bare = memory.world.createKafka({
    brokers,
    logLevel: kafka.logLevel.NOTHING,
    retry: { retries: 0 },
    socketFactory: (args) => {
      const socket = memory.world.openSocket(args);
      if (isDead) socket.destroy(new Error('dead'));
      sockets.add(socket);
      return socket;
    },
  });
  const consumer = bare.consumer({
    groupId: 'billing',
    maxWaitTimeInMs: 100,
    sessionTimeout: 10_000,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: ['other'] });
  await consumer.run({ eachMessage: async () => {} });
  await memory.clock.sleep(1_000);
  return () => {
    isDead = true;
    for (const socket of sockets) socket.destroy(new Error('dead'));
  };
}

type Consumer = ReturnType<FailoverKafka['consumer']>;
interface Service {
  readonly consumer: Consumer;
  onRecord: (partition: number, value: string) => void;
  readonly config: Parameters<Consumer['run']>[0];
}

async function run(failover: FailoverKafka, handled: string[]): Promise<Service> {
  const consumer = failover.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
  const service: Service = {
    consumer,
    onRecord: () => {},
    config: {
      autoCommitThreshold: 1,
      eachMessage: async ({ partition, message }) => {
        const value = String(message.value);
        handled.push(`${partition} ${value}`);
        service.onRecord(partition, value);
      },
    },
  };
  await consumer.connect();
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  await consumer.run(service.config);
  return service;
}

/** Two consumers of one process, with a partition each, on B, where the group had a member when they came. */
async function onB(memory: MemoryWorld, hasStranger = true) {
  const handled: string[] = [];
  const failover = kafkaIn(memory);
  const one = await run(failover, handled);
  const two = await run(failover, handled);
  await memory.clock.sleep(3_000);
  for (let from = 0; from < 5; from += 1) {
    fill(memory, { partition: 0, from });
    fill(memory, { partition: 1, from });
    await memory.clock.sleep(20);
  }
  await until(memory, 'all are handled on A', () => handled.length === 10);
  await memory.clock.sleep(3_000);
  if (hasStranger) (await stranger(memory))();
  await failover.switchTo('B', { planned: false });
  await memory.clock.sleep(20_000);
  expect(handled).toHaveLength(10);
  expect(failover.status().consumers.map((one) => one.assignment['orders']?.length)).toEqual([
    1, 1,
  ]);
  handled.length = 0;
  return { failover, handled, services: [one, two] };
}

/** Partition of each consumer. */
function assigned(failover: FailoverKafka): number[] {
  return failover.status().consumers.map((one) => one.assignment['orders']?.[0] ?? -1);
}

const ALL = [0, 1].flatMap((partition) => [1, 2, 3, 4].map((at) => `${partition} r${at}`));

describe('positions of a switch that had to wait', () => {
  it.each([
    ['nobody was there', false],
    ['the group had a member', true],
  ] as const)(
    'do not outrank a reset by hand, hours later, with all consumers of the service stopped and run again: %s',
    async (_, hasStranger) => {
      const memory = world();
      await memory.run(async () => {
        const { failover, handled, services } = await onB(memory, hasStranger);
        await memory.clock.sleep(600_000);
        for (const { consumer } of services) await consumer.stop();
        for (const partition of [0, 1]) {
          memory
            .cluster('B')
            .setCommit('billing', 'A.orders', partition, { offset: 1n, metadata: '' });
        }
        for (const { consumer, config } of services) await consumer.run(config);
        await memory.clock.sleep(10_000);
        expect(handled.toSorted()).toEqual(ALL);
        await failover.close();
      });
    },
  );

  it.each([0, 1])(
    'do not outrank a seek back by user code, hours later, when its consumer stops and another one gets the partition: consumer %i',
    async (index) => {
      const memory = world();
      await memory.run(async () => {
        const { failover, handled, services } = await onB(memory);
        await memory.clock.sleep(600_000);
        const mine = assigned(failover)[index];
        const first = services[index];
        if (first === undefined || mine === undefined) throw new Error('no consumer');
        first.onRecord = (_, value) => {
          if (value === 'r2') void first.consumer.stop();
        };
        first.consumer.seek({ topic: 'A.orders', partition: mine, offset: '1' });
        await memory.clock.sleep(20_000);
        const wanted = ALL.filter((one) => one.startsWith(`${mine} `));
        expect(handled.toSorted()).toEqual(wanted);
        await failover.close();
      });
    },
  );

  it.each([
    ['nobody was there', false],
    ['the group had a member', true],
  ] as const)(
    'skip nothing that nobody has handled, where a remote topic is made anew hours later: %s',
    async (_, hasStranger) => {
      const memory = world();
      await memory.run(async () => {
        const { failover, handled, services } = await onB(memory, hasStranger);
        await memory.clock.sleep(600_000);
        const B = memory.cluster('B');
        memory.mirror('A->B').pause();
        B.deleteTopic('A.orders');
        await memory.clock.sleep(2_000);
        B.createTopic('A.orders', 2);
        const append = (from: number, to: number) => {
          for (const partition of [0, 1]) {
            const records = Array.from({ length: to - from }, (_one, at) => ({
              value: `n${from + at}`,
            }));
            B.append('A.orders', partition, records);
          }
        };
        append(0, 3);
        await until(memory, 'what is new is handled', () => handled.length === 6, 60_000);
        const [first] = services;
        await first?.consumer.stop();
        append(3, 10);
        await memory.clock.sleep(30_000);
        const all = [0, 1].flatMap((partition) =>
          Array.from({ length: 10 }, (_one, at) => `${partition} n${at}`),
        );
        expect(all.filter((one) => !handled.includes(one))).toEqual([]);
        await failover.close();
      });
    },
  );
});

describe('a consumer of the process that is run hours later', () => {
  const PARTITIONS = [0, 1, 2, 3];
  const four = { orders: PARTITIONS.length };

  /** Two consumers of a process, with two partitions each, that had to wait for the group on B; they pause after r2 from now on. */
  async function waited(memory: MemoryWorld) {
    const handled: string[] = [];
    let mayGoOn = true;
    const failover = kafkaIn(memory);
    const consumers: Consumer[] = [];
    for (let count = 0; count < 2; count += 1) {
      const consumer = failover.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({
        autoCommitThreshold: 1,
        eachMessage: async ({ partition, message, pause }) => {
          const value = String(message.value);
          handled.push(`${partition} ${value}`);
          if (!mayGoOn && value === 'r2') pause();
        },
      });
      consumers.push(consumer);
    }
    await memory.clock.sleep(3_000);
    for (let from = 0; from < 5; from += 1) {
      for (const partition of PARTITIONS) fill(memory, { partition, from });
      await memory.clock.sleep(20);
    }
    await until(memory, 'all are handled on A', () => handled.length === 20);
    await memory.clock.sleep(3_000);
    (await stranger(memory))();
    await failover.switchTo('B', { planned: false });
    await memory.clock.sleep(20_000);
    const own = (index: number): readonly number[] =>
      failover.status().consumers[index]?.assignment['orders'] ?? [];
    expect([own(0).length, own(1).length]).toEqual([2, 2]);
    await memory.clock.sleep(600_000);
    handled.length = 0;
    mayGoOn = false;
    return { failover, handled, consumers, own };
  }

  /** What a third consumer is given of what the group has not come to again: nothing of it may be missing. */
  async function missedByThird(
    memory: MemoryWorld,
    { failover, own }: Awaited<ReturnType<typeof waited>>,
  ): Promise<readonly string[]> {
    const given: string[] = [];
    await consume(failover, async ({ partition, message }) => {
      given.push(`${partition} ${String(message.value)}`);
    });
    await until(memory, 'it has a partition', () => own(2).length > 0);
    await memory.clock.sleep(10_000);
    const wanted = own(2).flatMap((partition) => [`${partition} r3`, `${partition} r4`]);
    return wanted.filter((one) => !given.includes(one));
  }

  function world4(): MemoryWorld {
    return ordersWorld({
      clusters: { A: { topics: four }, B: { topics: { ...four, other: 1 } } },
    });
  }

  it('does not jump over what the group goes through again', async () => {
    const memory = world4();
    await memory.run(async () => {
      const service = await waited(memory);
      const { failover, handled, consumers, own } = service;
      for (const [index, consumer] of consumers.entries()) {
        for (const partition of own(index)) {
          consumer.seek({ topic: 'A.orders', partition, offset: '1' });
        }
      }
      const isThere = (): boolean => handled.filter((one) => one.endsWith('r2')).length === 4;
      await until(memory, 'r2 is handled again', isThere);
      await memory.clock.sleep(1_000);
      expect(await missedByThird(memory, service)).toEqual([]);
      await failover.close();
    });
  });

  it('skips nothing that nobody has handled, where the remote topic was made anew', async () => {
    const memory = world4();
    await memory.run(async () => {
      const service = await waited(memory);
      const { failover, handled } = service;
      const B = memory.cluster('B');
      memory.mirror('A->B').pause();
      B.deleteTopic('A.orders');
      await memory.clock.sleep(2_000);
      B.createTopic('A.orders', PARTITIONS.length);
      const append = (from: number, count: number): void => {
        for (const partition of PARTITIONS) {
          fill(memory, { cluster: 'B', topic: 'A.orders', partition, from, count });
        }
      };
      append(0, 3);
      await until(memory, 'what is new is handled', () => handled.length === 12, 60_000);
      await memory.clock.sleep(1_000);
      append(3, 7);
      await memory.clock.sleep(1_000);
      expect(await missedByThird(memory, service)).toEqual([]);
      await failover.close();
    });
  });
});

describe('a member whose positions could not be committed before its join', () => {
  it('handles records as soon as they are in place: kafkajs would sleep for five seconds', async () => {
    const memory = world();
    await memory.run(async () => {
      fill(memory, { count: 10 });
      const failover = kafkaIn(memory);
      const handled: string[] = [];
      // With kafkajs's own `maxWaitTimeInMs`.
      const consumer = failover.consumer({ groupId: 'billing', heartbeatInterval: 500 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ message }) => {
          handled.push(String(message.value));
        },
      });
      await until(memory, 'A is read', () => handled.length === 10);
      await memory.clock.sleep(3_000);
      const die = await stranger(memory);
      die();
      // The library's own question for the group's commits takes longer than kafkajs's, which goes over another connection.
      memory
        .cluster('B')
        .intercept(({ apiName, topics: [topic] }) =>
          apiName === 'OffsetFetch' && topic === undefined
            ? { kind: 'delay', delayMs: 100 }
            : undefined,
        );
      let isJoined = false;
      failover.on('consumer.attached', () => {
        isJoined = true;
      });
      const switching = failover.switchTo('B', { planned: false });
      await until(memory, 'it joins', () => isJoined);
      fill(memory, { cluster: 'B', from: 10 });
      await until(memory, 'it handles', () => handled.includes('r10'), 1_000);
      await switching;
      await failover.close();
    });
  });
});
