import { afterEach, describe, expect, it } from 'vitest';
import { manualStrategy } from '../src/strategy/manual.js';
import type { MemoryWorld, MemoryWorldOptions } from '../src/testing/index.js';
import { kafkaIn, ordersWorld, write } from './support/memory-service.js';

const open: { close(): unknown }[] = [];

afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

function worldOf(options: MemoryWorldOptions = {}): MemoryWorld {
  const memory = ordersWorld(options);
  open.push(memory);
  return memory;
}

describe('FailoverKafka and the identity of its clusters', () => {
  it('does not start where both aliases lead to one cluster', async () => {
    const memory = worldOf();
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
    const memory = worldOf();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, {
        clusters: {
          A: { brokers: [...memory.cluster('A').brokers], clusterId: 'another' },
          B: { brokers: [...memory.cluster('B').brokers] },
        },
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
    const memory = worldOf();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, {
        clusters: {
          A: { brokers: [...memory.cluster('A').brokers], clusterId: 'another' },
          B: { brokers: [...memory.cluster('B').brokers] },
        },
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
    const memory = worldOf();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, {
        clusters: {
          A: { brokers: [...memory.cluster('A').brokers] },
          B: { brokers: [...memory.cluster('B').brokers], clusterId: 'another' },
        },
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
    const memory = worldOf();
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

describe('a group that starts on the cluster it was not started on', () => {
  /** Consumes on one cluster until told to stop; answers the values that were handled. */
  async function consume(
    memory: MemoryWorld,
    active: string,
    handled: string[],
    until: () => boolean,
  ): Promise<void> {
    const kafka = kafkaIn(memory, { strategy: manualStrategy({ initial: active }) });
    const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topic: 'orders', fromBeginning: false });
    await consumer.run({
      eachMessage: ({ message }) => {
        handled.push(String(message.value));
        return Promise.resolve();
      },
    });
    const giveUpAtMs = memory.clock.nowMs() + 20_000;
    while (!until() && memory.clock.nowMs() < giveUpAtMs) await memory.clock.sleep(50);
    await kafka.close();
  }

  it('skips nothing at its first start there, nor at a restart after it', async () => {
    const memory = worldOf();
    const handled: string[] = [];
    await memory.run(async () => {
      const first = consume(memory, 'A', handled, () => handled.includes('a2'));
      await memory.clock.sleep(1_000);
      write(memory, 'A', ['a1', 'a2']);
      await first;
      await memory.clock.sleep(3_000);
      memory.cluster('A').down();
      await consume(memory, 'B', handled, () => memory.clock.nowMs() > 10_000);
      // Written while nobody runs: `fromBeginning: false` would begin behind them.
      write(memory, 'B', ['b1', 'b2']);
      await consume(memory, 'B', handled, () => handled.includes('b2'));
    });
    expect(handled).toContain('b1');
    expect(handled).toContain('b2');
  });
});

describe('a topic that appears while a consumer runs', () => {
  it('loses none of its first records, although the consumer does not read from the beginning', async () => {
    const memory = worldOf();
    const handled: string[] = [];
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { consumer: { topicRefreshMs: 1_000 } });
      const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: [/^orders/], fromBeginning: false });
      await consumer.run({
        eachMessage: async ({ topic, message }) => {
          handled.push(`${topic} ${message.value?.toString()}`);
        },
      });
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
    const memory = worldOf({
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
    const memory = worldOf();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { switch: { translateMs: 1_000, openMs: 500 } });
      const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await consumer.run({ eachMessage: async () => {} });
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
