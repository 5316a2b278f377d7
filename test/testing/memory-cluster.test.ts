import type { Producer } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { kafka } from '../../src/kafkajs.js';
import {
  createMemoryWorld,
  type MemoryWorld,
  type ObservedRequest,
} from '../../src/testing/index.js';
import { hang, until } from '../support/memory-service.js';

const quiet = { logLevel: kafka.logLevel.NOTHING, retry: { retries: 0 } };

function worldOfOne(): MemoryWorld {
  return createMemoryWorld({ clusters: { A: { topics: { orders: 1 } } } });
}

async function connected(memory: MemoryWorld, options = {}): Promise<Producer> {
  const producer = memory.createKafka('A', { ...quiet, requestTimeout: 1000 }).producer(options);
  await producer.connect();
  await producer.send({ topic: 'orders', messages: [{ value: 'first' }] });
  return producer;
}

const send = (producer: Producer, value: string) =>
  producer.send({ topic: 'orders', messages: [{ value }] });

const values = (memory: MemoryWorld): string[] =>
  memory
    .cluster('A')
    .records('orders', 0)
    .map(({ value }) => String(value));

describe('a memory cluster', () => {
  it('breaks connections when it is killed, refuses new ones, and has its records when it is back', async () => {
    const memory = worldOfOne();
    const cluster = memory.cluster('A');
    await memory.run(async () => {
      const producer = await connected(memory);
      cluster.down();
      await expect(send(producer, 'lost')).rejects.toMatchObject({
        cause: { name: expect.stringMatching(/^KafkaJSConnection/) as string },
      });
      const late = memory.createKafka('A', quiet).admin();
      await expect(late.connect()).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
      cluster.up();
      await send(producer, 'second');
      expect(values(memory)).toEqual(['first', 'second']);
    });
  });

  it('tears down the connection of a request that is under way when it is killed', async () => {
    const memory = worldOfOne();
    await memory.run(async () => {
      const producer = await connected(memory);
      memory.cluster('A').slow(100);
      const sending = send(producer, 'lost');
      sending.catch(() => {});
      await memory.clock.sleep(50);
      memory.cluster('A').down();
      await expect(sending).rejects.toMatchObject({
        cause: { code: 'ECONNREFUSED' },
      });
      expect(values(memory)).toEqual(['first']);
    });
  });

  it('answers nothing while it is stopped, and processes what was written when it goes on', async () => {
    const memory = worldOfOne();
    await memory.run(async () => {
      const producer = await connected(memory);
      memory.cluster('A').freeze();
      await expect(send(producer, 'rejected, and written')).rejects.toMatchObject({
        cause: { name: 'KafkaJSRequestTimeoutError' },
      });
      expect(values(memory)).toEqual(['first']);
      memory.cluster('A').thaw();
      await memory.clock.sleep(10);
      expect(values(memory)).toEqual(['first', 'rejected, and written']);
    });
  });

  it('accepts connections while it is stopped, and leaves them unanswered', async () => {
    const memory = worldOfOne();
    memory.cluster('A').freeze();
    await memory.run(async () => {
      const admin = memory.createKafka('A', { ...quiet, connectionTimeout: 700 }).admin();
      const startedAtMs = memory.clock.nowMs();
      await expect(admin.connect()).rejects.toMatchObject({
        cause: { name: 'KafkaJSRequestTimeoutError' },
      });
      expect(memory.clock.nowMs() - startedAtMs).toBeGreaterThan(700);
    });
  });

  it('lets connections live that it had before it began to refuse', async () => {
    const memory = worldOfOne();
    await memory.run(async () => {
      const producer = await connected(memory);
      memory.cluster('A').refuse();
      await send(producer, 'second');
      await expect(memory.createKafka('A', quiet).admin().connect()).rejects.toThrow();
      memory.cluster('A').up();
      await memory.createKafka('A', quiet).admin().connect();
    });
  });

  it('takes its time when it is slow', async () => {
    const memory = worldOfOne();
    await memory.run(async () => {
      const producer = await connected(memory);
      memory.cluster('A').slow(500);
      const startedAtMs = memory.clock.nowMs();
      await send(producer, 'second');
      expect(memory.clock.nowMs() - startedAtMs).toBeGreaterThanOrEqual(500);
    });
  });

  it('swallows everything while its network is cut, and lets it arrive when that is healed', async () => {
    const memory = worldOfOne();
    await memory.run(async () => {
      const producer = await connected(memory);
      memory.cluster('A').blackhole();
      await expect(send(producer, 'late')).rejects.toMatchObject({
        cause: { name: 'KafkaJSRequestTimeoutError' },
      });
      const connecting = memory.createKafka('A', quiet).admin().connect();
      await expect(connecting).rejects.toMatchObject({
        cause: { name: 'KafkaJSConnectionError', message: 'Connection timeout' },
      });
      memory.cluster('A').heal();
      await memory.clock.sleep(10);
      expect(values(memory)).toEqual(['first', 'late']);
    });
  });

  it('forgets what a reset connection had under way', async () => {
    const memory = worldOfOne();
    await memory.run(async () => {
      const arrived: string[] = [];
      memory.cluster('A').onRequest(({ apiName }) => arrived.push(apiName));
      const [host = '', port = ''] = memory.cluster('A').brokers[0]?.split(':') ?? [];
      const open = () =>
        memory.world.openSocket({ host, port: Number(port), ssl: {}, onConnect: () => {} });
      const [closed, reset] = [open(), open()];
      await memory.clock.sleep(5);
      const frame = Buffer.from('000000140012000200000000000000000000000000000001', 'hex');
      closed.write(frame);
      reset.write(frame);
      closed.destroy();
      reset.resetAndDestroy();
      await memory.clock.sleep(5);
      expect(arrived).toEqual(['ApiVersions']);
    });
  });

  it('stores and does not answer where an acknowledgement is lost; an idempotent producer is recognised', async () => {
    const memory = worldOfOne();
    await memory.run(async () => {
      const plain = await connected(memory);
      memory.cluster('A').loseNextAcknowledgement();
      await expect(send(plain, 'stored')).rejects.toMatchObject({
        cause: { name: 'KafkaJSRequestTimeoutError' },
      });
      expect(values(memory)).toEqual(['first', 'stored']);
      const idempotent = await connected(memory, {
        idempotent: true,
        retry: { retries: 2, initialRetryTime: 50 },
      });
      memory.cluster('A').loseNextAcknowledgement();
      const [answer] = await send(idempotent, 'once');
      expect(answer?.baseOffset).toBe('3');
      expect(values(memory)).toEqual(['first', 'stored', 'first', 'once']);
    });
  });

  it('loses acknowledgements at a rate', async () => {
    const memory = worldOfOne();
    await memory.run(async () => {
      const producer = await connected(memory);
      memory.cluster('A').loseAcknowledgements(0.5);
      const outcomes: string[] = [];
      for (let count = 0; count < 40; count += 1) {
        await send(producer, 'v').then(
          () => outcomes.push('answered'),
          () => outcomes.push('lost'),
        );
      }
      memory.cluster('A').loseAcknowledgements(0);
      await send(producer, 'v');
      expect(values(memory)).toHaveLength(42);
      expect(outcomes.filter((outcome) => outcome === 'lost').length).toBeGreaterThan(8);
      expect(outcomes.filter((outcome) => outcome === 'answered').length).toBeGreaterThan(8);
    });
  });

  it.each([
    [{ kind: 'refuse', errorCode: 19 }, { type: 'NOT_ENOUGH_REPLICAS' }, 1],
    [{ kind: 'hang' }, { name: 'KafkaJSRequestTimeoutError' }, 1],
    [{ kind: 'reset' }, { name: 'KafkaJSConnectionError', code: 'ECONNRESET' }, 1],
    [{ kind: 'reset-after' }, { name: 'KafkaJSConnectionError', code: 'ECONNRESET' }, 2],
    [{ kind: 'lose-answer' }, { name: 'KafkaJSRequestTimeoutError' }, 2],
  ] as const)('does to single requests what a test decides: %o', async (how, cause, count) => {
    const memory = worldOfOne();
    await memory.run(async () => {
      const producer = await connected(memory);
      const remove = memory
        .cluster('A')
        .intercept(({ apiName, topics }) =>
          apiName === 'Produce' && topics.includes('orders') ? how : undefined,
        );
      await expect(send(producer, 'v')).rejects.toMatchObject({ cause });
      expect(values(memory)).toHaveLength(count);
      remove();
      await send(producer, 'w');
    });
  });

  it('keeps what follows waiting behind what hangs, and goes on in order when nothing keeps it', async () => {
    const memory = worldOfOne();
    const cluster = memory.cluster('A');
    await memory.run(async () => {
      const [stuck, other] = [await connected(memory), await connected(memory)];
      const takenUp: string[] = [];
      cluster.onRequest(({ apiName }) => takenUp.push(apiName));
      let isStuck = true;
      const release = cluster.intercept(({ apiName }) => {
        if (apiName !== 'Produce' || !isStuck) return undefined;
        isStuck = false;
        return { kind: 'hang' };
      });
      const hung = send(stuck, 'hung');
      await memory.clock.sleep(50);
      const behind = send(stuck, 'behind');
      await memory.clock.sleep(50);
      cluster.intercept(() => undefined)();
      await send(other, 'elsewhere');
      expect(values(memory).slice(-1)).toEqual(['elsewhere']);
      expect(takenUp).toEqual(['Produce']);
      release();
      await Promise.all([hung, behind]);
      expect(values(memory).slice(-3)).toEqual(['elsewhere', 'hung', 'behind']);
      expect(takenUp).toEqual(['Produce', 'Produce', 'Produce']);
    });
  });

  it('processes what hung also where its client is gone, as what had reached the broker', async () => {
    const memory = worldOfOne();
    const cluster = memory.cluster('A');
    await memory.run(async () => {
      const stuck = await connected(memory);
      const release = hang(cluster, 'Produce');
      const sending = send(stuck, 'hung');
      sending.catch(() => {});
      await memory.clock.sleep(50);
      await stuck.disconnect();
      await until(memory, 'the client is gone', () => cluster.connectionCount === 0);
      expect(values(memory)).toEqual(['first']);
      release();
      expect(values(memory)).toEqual(['first', 'hung']);
    });
  });

  it('keeps what follows on a connection waiting behind a delayed request', async () => {
    const memory = worldOfOne();
    await memory.run(async () => {
      const producer = await connected(memory);
      const takenUpAtMs: number[] = [];
      memory.cluster('A').onRequest(({ apiName, atMs }) => {
        if (apiName === 'Produce') takenUpAtMs.push(atMs);
      });
      memory
        .cluster('A')
        .intercept(({ apiName }) =>
          apiName === 'Produce' && takenUpAtMs.length === 0
            ? { kind: 'delay', delayMs: 300 }
            : undefined,
        );
      await Promise.all([send(producer, 'one'), send(producer, 'other')]);
      const [first = 0, second = 0] = takenUpAtMs;
      expect(second - first).toBeGreaterThanOrEqual(300);
    });
  });

  it('tells what is written, when it is written, and what arrives, when it arrives', async () => {
    const memory = worldOfOne();
    const cluster = memory.cluster('A');
    await memory.run(async () => {
      const producer = await connected(memory);
      const written: (string | undefined)[] = [];
      const arrived: ObservedRequest[] = [];
      cluster.onWrite(({ apiName }) => written.push(apiName));
      const stop = cluster.onRequest((request) => arrived.push(request));
      cluster.freeze();
      const sending = send(producer, 'v');
      sending.catch(() => {});
      await memory.clock.sleep(100);
      expect(written).toEqual(['Produce']);
      expect(arrived).toEqual([]);
      cluster.thaw();
      await sending;
      expect(arrived).toMatchObject([
        { apiName: 'Produce', clientId: 'kafkajs', groupId: undefined, topics: ['orders'] },
      ]);
      stop();
      await send(producer, 'w');
      expect(arrived).toHaveLength(1);
    });
  });

  it('is open to a test: logs, commits, groups', async () => {
    const memory = worldOfOne();
    const cluster = memory.cluster('A');
    expect(cluster.append('orders', 0, [{ value: 'a', key: 'k', timestampMs: 5 }])).toBe(0n);
    expect(cluster.append('orders', 0, [{ value: 'b', key: 'k' }, { value: null }])).toBe(1n);
    expect(cluster.records('orders', 0)[0]).toMatchObject({
      offset: 0n,
      key: Buffer.from('k'),
      timestampMs: 5,
      isAborted: false,
      marker: undefined,
    });
    cluster.compact('orders', 0);
    expect(cluster.records('orders', 0).map(({ offset }) => offset)).toEqual([1n, 2n]);
    cluster.trim('orders', 0, 2n);
    expect(cluster.range('orders', 0)).toEqual({ low: 2n, high: 3n });
    cluster.setCommit('g', 'orders', 0, { offset: 2n, metadata: 'm' });
    expect(cluster.commit('g', 'orders', 0)).toEqual({ offset: 2n, metadata: 'm' });
    expect(cluster.commit('g', 'orders', 1)).toBeUndefined();
    expect(cluster.group('unknown')).toBeUndefined();
    expect(() => cluster.createTopic('orders', 1)).toThrow('it exists');
    expect(() => cluster.append('absent', 0, [])).toThrow('no partition absent-0');
    await memory.run(async () => {
      const consumer = memory.createKafka('A', quiet).consumer({ groupId: 'g' });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'] });
      await consumer.run({ eachMessage: () => Promise.resolve() });
      const group = cluster.group('g');
      expect(group).toMatchObject({
        state: 'Stable',
        generation: 1,
        members: [{ clientId: 'kafkajs', assignment: { orders: [0] } }],
      });
      cluster.expel('g', group?.members[0]?.memberId ?? '');
      expect(cluster.group('g')?.state).toBe('Empty');
    });
  });

  it('makes topics for those who ask for them, where it is told to', async () => {
    const memory = createMemoryWorld({
      clusters: { A: { autoCreateTopics: true, defaultPartitionCount: 2 } },
    });
    await memory.run(async () => {
      const producer = memory.createKafka('A', { ...quiet, retry: { retries: 1 } }).producer();
      await producer.connect();
      await producer.send({ topic: 'made', messages: [{ value: 'v' }] });
      const careful = memory.createKafka('A', quiet).producer({ allowAutoTopicCreation: false });
      await careful.connect();
      await expect(
        careful.send({ topic: 'not-made', messages: [{ value: 'v' }] }),
      ).rejects.toThrow();
      expect(memory.cluster('A').topicNames()).toEqual(['made']);
      expect(memory.cluster('A').partitionCount('made')).toBe(2);
    });
  });

  it('begins no transaction before the markers of the last one are written', async () => {
    const memory = createMemoryWorld({
      clusters: { A: { topics: { orders: 1 }, transactionMarkersMs: 100 } },
    });
    await memory.run(async () => {
      const producer = await connected(memory, {
        transactionalId: 't',
        idempotent: true,
        retry: { retries: 1 },
      });
      const first = await producer.transaction();
      await first.send({ topic: 'orders', messages: [{ value: '1' }] });
      await first.commit();
      const second = await producer.transaction();
      const topics = [{ topic: 'orders', partitions: [{ partition: 0, offset: '1' }] }];
      const sendOffsets = () => second.sendOffsets({ consumerGroupId: 'g', topics });
      // kafkajs tries a send again, and this not.
      await expect(sendOffsets()).rejects.toMatchObject({ type: 'CONCURRENT_TRANSACTIONS' });
      await memory.clock.sleep(100);
      await sendOffsets();
      await second.commit();
    });
  });

  it('calls members back who wait for their share when another one comes', async () => {
    const memory = createMemoryWorld({ clusters: { A: { topics: { orders: 3 } } } });
    const cluster = memory.cluster('A');
    await memory.run(async () => {
      const start = async () => {
        const consumer = memory.createKafka('A', quiet).consumer({
          groupId: 'g',
          heartbeatInterval: 500,
          maxWaitTimeInMs: 100,
          retry: { retries: 5, initialRetryTime: 50 },
        });
        await consumer.connect();
        await consumer.subscribe({ topics: ['orders'] });
        await consumer.run({ eachMessage: () => Promise.resolve() });
      };
      await start();
      let isLeaderSlow = true;
      cluster.intercept(({ apiName }) =>
        apiName === 'SyncGroup' && isLeaderSlow ? { kind: 'delay', delayMs: 3000 } : undefined,
      );
      const second = start();
      await memory.clock.sleep(1500);
      expect(cluster.group('g')?.state).toBe('CompletingRebalance');
      isLeaderSlow = false;
      await Promise.all([second, start()]);
      await memory.clock.sleep(5000);
      expect(cluster.group('g')?.state).toBe('Stable');
      const shares = cluster.group('g')?.members.map(({ assignment }) => assignment['orders']);
      expect(shares?.toSorted()).toEqual([[0], [1], [2]]);
    });
  });

  it('has a member back that had left in a rebalance it died in, until its session is over: Kafka writes the group down behind one', async () => {
    const memory = createMemoryWorld({ clusters: { A: { topics: { orders: 2 } } } });
    const cluster = memory.cluster('A');
    await memory.run(async () => {
      const start = async () => {
        const consumer = memory.createKafka('A', quiet).consumer({
          groupId: 'g',
          sessionTimeout: 6000,
          heartbeatInterval: 3000,
          maxWaitTimeInMs: 100,
          retry: { retries: 50, initialRetryTime: 50, maxRetryTime: 500 },
        });
        await consumer.connect();
        await consumer.subscribe({ topics: ['orders'] });
        await consumer.run({ eachMessage: () => Promise.resolve() });
        return consumer;
      };
      const shares = (): unknown =>
        cluster.group('g')?.members.map(({ assignment }) => assignment['orders']);
      await start();
      const second = await start();
      await until(memory, 'a generation of two', () => cluster.group('g')?.state === 'Stable');
      expect(shares()).toHaveLength(2);
      await second.stop();
      expect(cluster.group('g')?.state).toBe('PreparingRebalance');
      cluster.down();
      cluster.up();
      expect(cluster.group('g')?.state).toBe('Stable');
      expect(shares()).toHaveLength(2);
      await memory.clock.sleep(20_000);
      expect(shares()).toEqual([[0, 1]]);
    });
  });

  it('begins to wait for first members anew where it died while it did', async () => {
    const memory = createMemoryWorld({
      clusters: { A: { topics: { orders: 1 }, initialRebalanceDelayMs: 3000 } },
    });
    const cluster = memory.cluster('A');
    await memory.run(async () => {
      const consumer = memory.createKafka('A', quiet).consumer({
        groupId: 'g',
        retry: { retries: 50, initialRetryTime: 50, maxRetryTime: 500 },
      });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'] });
      void consumer.run({ eachMessage: () => Promise.resolve() }).catch(() => {});
      await until(memory, 'a join', () => cluster.group('g')?.state === 'PreparingRebalance');
      cluster.down();
      cluster.up();
      await until(memory, 'a generation', () => cluster.group('g')?.state === 'Stable');
      await consumer.disconnect();
    });
  });

  it("waits for a group's first members as long as it is told to", async () => {
    const memory = createMemoryWorld({
      clusters: { A: { topics: { orders: 2 }, initialRebalanceDelayMs: 3000 } },
    });
    await memory.run(async () => {
      const joins: number[] = [];
      const start = async () => {
        const consumer = memory.createKafka('A', quiet).consumer({ groupId: 'g' });
        consumer.on(consumer.events.GROUP_JOIN, () => joins.push(memory.clock.nowMs()));
        await consumer.connect();
        await consumer.subscribe({ topics: ['orders'] });
        return consumer.run({ eachMessage: () => Promise.resolve() });
      };
      const first = start();
      await memory.clock.sleep(1000);
      await Promise.all([first, start()]);
      // Both in one generation, after the delay and one more because of the second.
      expect(memory.cluster('A').group('g')?.generation).toBe(1);
      expect(Math.min(...joins)).toBeGreaterThan(6000);
    });
  });
});
