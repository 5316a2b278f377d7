import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../src/failover-kafka.js';
import { manualStrategy } from '../src/strategy/manual.js';
import type { MemoryWorld } from '../src/testing/index.js';
import {
  clustersOf,
  consume,
  consumeOrders,
  kafkaIn,
  ordersWorld,
  until,
  write,
} from './support/memory-service.js';
import type { FailoverEachMessagePayload } from '../src/consumer/types.js';
import type { SwitchReport } from '../src/switch/report.js';

describe('FailoverKafka and the identity of its clusters', () => {
  it('does not start where both aliases lead to one cluster', async () => {
    const memory = ordersWorld();
    const brokers = [...memory.cluster('A').brokers];
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { clusters: { A: { brokers }, B: { brokers } } });
      const halted = new Promise((resolve) => {
        kafka.on('failover.halted', ({ error }) => resolve(error));
      });
      await kafka
        .producer()
        .connect()
        .catch(() => {});
      expect(await halted).toMatchObject({ code: 'ERR_FAILOVER_WRONG_CLUSTER' });
      expect(kafka.status().state).toBe('halted');
      await kafka.close();
    });
  });

  it('leaves a halt at start by an order, and is not halted again by the cluster that was left', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, {
        clusters: clustersOf(memory, { A: { clusterId: 'another' } }),
      });
      const producer = kafka.producer();
      await expect(producer.connect()).rejects.toMatchObject({
        code: 'ERR_FAILOVER_WRONG_CLUSTER',
      });
      await kafka.switchTo('B', { planned: false, reason: 'A is somebody else' });
      await producer.connect();
      await producer.send({ topic: 'orders', messages: [{ value: 'on B' }] });
      expect(kafka.status()).toMatchObject({ state: 'steady', active: 'B' });
      await kafka.close();
    });
    expect(memory.cluster('A').records('orders', 0)).toHaveLength(0);
    expect(memory.cluster('B').records('orders', 0)).toHaveLength(1);
  });

  it('settles a client that comes while the way out of a halt is looked at and refused', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, {
        clusters: clustersOf(memory, { A: { clusterId: 'another' } }),
      });
      await expect(kafka.producer().connect()).rejects.toMatchObject({
        code: 'ERR_FAILOVER_WRONG_CLUSTER',
      });
      memory.cluster('B').freeze();
      const refused = expect(kafka.switchTo('B', { planned: false })).rejects.toMatchObject({
        code: 'ERR_FAILOVER_SWITCH_REFUSED',
      });
      await memory.clock.sleep(100);
      const halted = { code: 'ERR_FAILOVER_HALTED' };
      const consumer = kafka.consumer({ groupId: 'billing' });
      const consuming = expect(consumer.connect()).rejects.toMatchObject(halted);
      const producing = expect(kafka.producer().connect()).rejects.toMatchObject(halted);
      const administering = expect(kafka.admin().connect()).rejects.toMatchObject(halted);
      await Promise.all([refused, consuming, producing, administering]);
      memory.cluster('B').thaw();
      await kafka.close();
    });
  });

  it('refuses a switch to a wrong standby and goes on with the active cluster', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, {
        clusters: clustersOf(memory, { B: { clusterId: 'another' } }),
      });
      const producer = kafka.producer();
      await producer.connect();
      await expect(kafka.switchTo('B')).rejects.toMatchObject({
        code: 'ERR_FAILOVER_SWITCH_REFUSED',
      });
      await producer.send({ topic: 'orders', messages: [{ value: 'still on A' }] });
      expect(kafka.status()).toMatchObject({ state: 'steady', active: 'A' });
      await kafka.close();
    });
  });
});

describe('FailoverKafka after close()', () => {
  it('refuses everything with a typed error and keeps no connection', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const producer = kafka.producer();
      await producer.connect();
      await kafka.close();
      const closed = { code: 'ERR_FAILOVER_CLOSED' };
      await expect(producer.send({ topic: 'orders', messages: [] })).rejects.toMatchObject(closed);
      await expect(kafka.switchTo('B')).rejects.toMatchObject(closed);
      await expect(kafka.plan({ to: 'B' })).rejects.toMatchObject(closed);
      expect(() => kafka.producer()).toThrow(expect.objectContaining(closed));
      await memory.clock.sleep(1_000);
      expect(memory.cluster('A').connectionCount).toBe(0);
      expect(memory.cluster('B').connectionCount).toBe(0);
    });
  });
});

describe('a planned switch of a service whose handlers send', () => {
  const topics = { orders: 1, invoices: 1 };

  /** Switches in the middle of the work; answers what was handled, and the report. */
  async function switchBusy(
    memory: MemoryWorld,
    kafka: FailoverKafka,
    autoCommit: boolean,
    work: (payload: FailoverEachMessagePayload) => Promise<unknown>,
  ): Promise<{ handled: string[]; report: SwitchReport }> {
    const handled: string[] = [];
    await consume(
      kafka,
      async (payload) => {
        handled.push(String(payload.message.value));
        await memory.clock.sleep(20);
        await work(payload);
      },
      { autoCommit },
    );
    let sentCount = 0;
    let isOn = true;
    const traffic = (async () => {
      for (; isOn; sentCount += 1) {
        memory.cluster('A').append('orders', 0, [{ value: String(sentCount) }]);
        await memory.clock.sleep(50);
      }
    })();
    await memory.clock.sleep(5_000);
    const outcome = await kafka.switchTo('B');
    isOn = false;
    await traffic;
    await until(memory, 'all are handled', () => handled.length >= sentCount);
    if (outcome.kind !== 'switched') throw new Error(outcome.kind);
    return { handled, report: outcome.report };
  }

  it('waits for no handler that waits for it, and nothing is handled twice', async () => {
    const memory = ordersWorld({ clusters: { A: { topics }, B: { topics } } });
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const producer = kafka.producer();
      await producer.connect();
      const { handled, report } = await switchBusy(memory, kafka, true, ({ message }) =>
        producer.send({ topic: 'invoices', messages: [{ value: message.value }] }),
      );
      expect(report.phases.filter((phase) => phase.overran)).toEqual([]);
      expect(handled).toEqual([...new Set(handled)]);
      await kafka.close();
    });
  });

  it('lets their transactions come to an end', async () => {
    const memory = ordersWorld({ clusters: { A: { topics }, B: { topics } } });
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const producer = kafka.producer({ transactionalId: 'billing', maxInFlightRequests: 1 });
      await producer.connect();
      const failed: unknown[] = [];
      const inTransaction = async (payload: FailoverEachMessagePayload): Promise<void> => {
        const { topic, partition, message, physicalTopic, switchEpoch } = payload;
        const transaction = await producer.transaction();
        await transaction.send({ topic: 'invoices', messages: [{ value: message.value }] });
        const offset = String(BigInt(message.offset) + 1n);
        const partitions = [{ partition, offset, physicalTopic, switchEpoch }];
        await transaction.sendOffsets({
          consumerGroupId: 'billing',
          topics: [{ topic, partitions }],
        });
        await transaction.commit();
      };
      const { handled, report } = await switchBusy(memory, kafka, false, (payload) =>
        inTransaction(payload).catch((error: unknown) => failed.push(error)),
      );
      expect(failed).toEqual([]);
      expect(report.phases.filter((phase) => phase.overran)).toEqual([]);
      expect(handled).toEqual([...new Set(handled)]);
      await kafka.close();
    });
  });
});

describe('what a producer releases after a switch', () => {
  it('keeps its order also beside another busy producer', async () => {
    const topics = { orders: 1, audit: 1, noise: 1 };
    const memory = ordersWorld({ clusters: { A: { topics }, B: { topics } } });
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const [quiet, busy] = [kafka.producer(), kafka.producer()];
      await Promise.all([quiet.connect(), busy.connect()]);
      memory.cluster('A').down();
      const switched = kafka.switchTo('B', { planned: false });
      while (kafka.status().producers[0]?.state !== 'held') await memory.clock.sleep(0.1);
      const of = (topic: string, value: number | string) => ({
        topic,
        messages: [{ value: String(value) }],
      });
      const sends = [quiet.send(of('orders', 'first'))];
      for (let index = 0; index < 20; index += 1) sends.push(quiet.send(of('audit', index)));
      for (let index = 0; index < 200; index += 1) sends.push(busy.send(of('noise', index)));
      await Promise.all([switched, ...sends]);
      const values = memory
        .cluster('B')
        .records('audit', 0)
        .map(({ value }) => Number(value));
      expect(values).toEqual(Array.from({ length: 20 }, (_, index) => index));
      await kafka.close();
    });
  });
});

describe('a switch to a cluster that lacks a topic', () => {
  it('stops no sends of other topics', async () => {
    const memory = ordersWorld({
      clusters: { A: { topics: { orders: 1, audit: 1 } }, B: { topics: { orders: 1 } } },
    });
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const producer = kafka.producer();
      await producer.connect();
      const send = (topic: string): Promise<unknown> =>
        producer.send({ topic, messages: [{ value: '1' }] });
      await Promise.all([send('orders'), send('audit')]);
      memory.cluster('A').down();
      const switched = kafka.switchTo('B', { planned: false });
      const sent: Promise<unknown>[] = [];
      for (let index = 0; index < 600; index += 1) {
        if (index % 10 === 0) void send('audit').catch(() => {});
        sent.push(send('orders'));
        await memory.clock.sleep(100);
      }
      await Promise.all([switched, ...sent]);
      expect(kafka.status().producers).toMatchObject([{ state: 'open' }]);
      await kafka.close();
    });
  });
});

describe('FailoverKafka while close() is under way', () => {
  it('refuses a producer that connects meanwhile, instead of leaving it behind', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const [first, second] = [kafka.producer(), kafka.producer()];
      await first.connect();
      memory
        .cluster('A')
        .intercept(({ apiName }) =>
          apiName === 'Produce' ? { kind: 'delay', delayMs: 2_000 } : undefined,
        );
      const record = { topic: 'orders', messages: [{ value: '1' }] };
      const sent = first.send(record);
      const closing = kafka.close();
      await second.connect();
      await sent;
      await closing;
      await expect(second.send(record)).rejects.toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
    });
  });

  it('answers a connect() that the end overtakes at once', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const [first, second] = [kafka.producer(), kafka.producer()];
      await first.connect();
      const refused = expect(second.connect()).rejects.toMatchObject({
        code: 'ERR_FAILOVER_CLOSED',
      });
      await kafka.close();
      const closedAtMs = memory.clock.nowMs();
      await refused;
      expect(memory.clock.nowMs()).toBe(closedAtMs);
    });
  });
});

describe('a group that starts on the cluster it was not started on', () => {
  /** Consumes on one cluster, from now on where nothing is known, until what was handled is enough; answers that. */
  async function runOn(
    memory: MemoryWorld,
    active: string,
    isEnough: (handled: readonly string[]) => boolean,
  ): Promise<string[]> {
    const kafka = kafkaIn(memory, { strategy: manualStrategy({ initial: active }) });
    const handled = await consumeOrders(kafka, { fromBeginning: false });
    await until(memory, 'enough is handled', () => isEnough(handled));
    await kafka.close();
    return handled;
  }

  it('skips nothing at its first start there, nor at a restart after it', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const first = runOn(memory, 'A', (handled) => handled.includes('a2'));
      await memory.clock.sleep(1_000);
      write(memory, 'A', ['a1', 'a2']);
      await first;
      await memory.clock.sleep(3_000);
      memory.cluster('A').down();
      await runOn(memory, 'B', () => memory.clock.nowMs() > 10_000);
      // Written while nobody runs: `fromBeginning: false` would begin behind them.
      write(memory, 'B', ['b1', 'b2']);
      expect(await runOn(memory, 'B', (handled) => handled.includes('b2'))).toEqual(['b1', 'b2']);
    });
  });
});

describe('a topic that appears while a consumer runs', () => {
  it('loses none of its first records, although the consumer does not read from the beginning', async () => {
    const memory = ordersWorld();
    const handled: string[] = [];
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { consumer: { topicRefreshMs: 1_000 } });
      await consume(
        kafka,
        async ({ topic, message }) => {
          handled.push(`${topic} ${message.value?.toString()}`);
        },
        { topics: [/^orders/], fromBeginning: false },
      );
      memory.cluster('A').createTopic('orders-eu', 1);
      memory.cluster('A').append('orders-eu', 0, [{ value: 'first' }, { value: 'second' }]);
      await memory.clock.sleep(5_000);
      await kafka.close();
    });
    expect(handled).toEqual(['orders-eu first', 'orders-eu second']);
  });
});

describe('the last client', () => {
  it('takes its member out of the group also where it left while that was joining', async () => {
    const topics = { orders: 1 };
    const memory = ordersWorld({
      clusters: { A: { topics, initialRebalanceDelayMs: 3_000 }, B: { topics } },
    });
    await memory.run(async () => {
      const kafka = kafkaIn(memory);
      const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      consumer.run({ eachMessage: async () => {} }).catch(() => {});
      await memory.clock.sleep(500);
      await consumer.disconnect();
      await memory.clock.sleep(6_000);
      expect(memory.cluster('A').group('billing')?.members).toEqual([]);
      expect(memory.cluster('A').connectionCount).toBe(0);
      expect(memory.cluster('B').connectionCount).toBe(0);
      await kafka.close();
    });
  });

  it('leaves no connection where its positions were still looked for', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { switch: { translateMs: 1_000, openMs: 500 } });
      const consumer = await consume(kafka, async () => {});
      kafka.on('switch.phase-started', ({ phase }) => {
        if (phase === 'translate') memory.cluster('B').down();
      });
      await kafka.switchTo('B', { planned: false });
      await consumer.disconnect();
      await memory.clock.sleep(10_000);
      memory.cluster('B').up();
      await memory.clock.sleep(10_000);
      expect(memory.cluster('A').connectionCount).toBe(0);
      expect(memory.cluster('B').connectionCount).toBe(0);
      await kafka.close();
    });
  });
});
