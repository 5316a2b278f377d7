import type { Socket } from 'node:net';
import type { ISocketFactory, ISocketFactoryArgs } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { kafka } from '../../src/kafkajs.js';
import { createMemoryWorld } from '../../src/testing/index.js';
import { waitFor } from '../../stack/wait.js';

const quiet = { logLevel: kafka.logLevel.NOTHING, retry: { retries: 0 } };
const twoTopics = { clusters: { A: { topics: { orders: 2, invoices: 1 } } } };

describe("kafkajs on a memory world's clock", () => {
  it('throws the errors that users test for, of the classes that they have', async () => {
    const memory = createMemoryWorld(twoTopics);
    await memory.run(async () => {
      const client = memory.createKafka('A', quiet);
      const admin = client.admin();
      await admin.connect();
      const absent = admin.fetchTopicMetadata({ topics: ['absent'] });
      await expect(absent).rejects.toBeInstanceOf(kafka.KafkaJSProtocolError);
      const sent = client.producer().send({ topic: 'orders', messages: [{ value: 'v' }] });
      await expect(sent).rejects.toBeInstanceOf(kafka.KafkaJSError);
      expect(() => client.consumer({ groupId: '' })).toThrow(kafka.KafkaJSNonRetriableError);
    });
  });

  it('takes patterns, and partitioners of the installed kafkajs', async () => {
    const memory = createMemoryWorld(twoTopics);
    await memory.run(async () => {
      const client = memory.createKafka('A', quiet);
      const { DefaultPartitioner } = kafka.Partitioners;
      const producer = client.producer({ createPartitioner: DefaultPartitioner });
      await producer.connect();
      await producer.send({ topic: 'orders', messages: [{ key: 'k', value: 'v' }] });
      const consumer = client.consumer({ groupId: 'g' });
      await consumer.connect();
      await consumer.subscribe({ topics: [/^orders$/], fromBeginning: true });
      const seen = new Promise((resolve) => {
        void consumer.run({
          eachMessage: ({ topic, message }) => Promise.resolve(resolve([topic, message.value])),
        });
      });
      expect(await seen).toEqual(['orders', Buffer.from('v')]);
    });
  });

  it("goes through the config's own socket factory, and fails as kafkajs does where that throws", async () => {
    const memory = createMemoryWorld(twoTopics);
    const opened: string[] = [];
    const sockets: Socket[] = [];
    let isShut = false;
    const socketFactory: ISocketFactory = (args: ISocketFactoryArgs) => {
      if (isShut) throw new Error('shut');
      opened.push(`${args.host}:${args.port}`);
      const socket = memory.world.openSocket(args);
      sockets.push(socket);
      return socket;
    };
    await memory.run(async () => {
      const producer = memory.createKafka('A', { ...quiet, socketFactory }).producer();
      await producer.connect();
      const send = () => producer.send({ topic: 'orders', messages: [{ value: 'v' }] });
      await send();
      expect(opened).toEqual(['a.memory:9092']);
      memory.cluster('A').freeze();
      const sending = send();
      sending.catch(() => {});
      await memory.clock.sleep(10);
      isShut = true;
      for (const socket of sockets) socket.destroy(new Error('fenced'));
      // As measured against Kafka 4.3.1: the error is of the reconnect, and hides the request under way.
      await expect(sending).rejects.toMatchObject({
        cause: { name: 'KafkaJSConnectionError', message: 'Failed to connect: shut' },
      });
      await memory.clock.sleep(1);
      expect(memory.cluster('A').connectionCount).toBe(0);
      memory.cluster('A').thaw();
      await memory.clock.sleep(10);
      const counts = [0, 1].map((partition) => memory.cluster('A').range('orders', partition).high);
      // Keyless records take the partitions in turn.
      expect(counts).toEqual([1n, 1n]);
    });
  });

  it('does not notice a socket that is destroyed without an error, as kafkajs does not', async () => {
    const memory = createMemoryWorld(twoTopics);
    const sockets: Socket[] = [];
    const socketFactory: ISocketFactory = (args) => {
      const socket = memory.world.openSocket(args);
      sockets.push(socket);
      return socket;
    };
    await memory.run(async () => {
      const client = memory.createKafka('A', { ...quiet, socketFactory, requestTimeout: 5000 });
      const producer = client.producer();
      await producer.connect();
      memory.cluster('A').freeze();
      const startedAtMs = memory.clock.nowMs();
      const sending = producer.send({ topic: 'orders', messages: [{ value: 'v' }] });
      sending.catch(() => {});
      await memory.clock.sleep(10);
      for (const socket of sockets) socket.destroy();
      await expect(sending).rejects.toThrow();
      expect(memory.clock.nowMs() - startedAtMs).toBeGreaterThanOrEqual(5000);
    });
  });

  it('has the defects of kafkajs: a consumer that was disconnected while it joined goes on', async () => {
    const memory = createMemoryWorld(twoTopics);
    await memory.run(async () => {
      const client = memory.createKafka('A', quiet);
      memory.cluster('A').append('invoices', 0, [{ value: 'v' }]);
      const consumer = client.consumer({ groupId: 'zombie' });
      await consumer.connect();
      await consumer.subscribe({ topics: ['invoices'], fromBeginning: true });
      let count = 0;
      const running = consumer.run({
        eachMessage: () => {
          count += 1;
          return Promise.resolve();
        },
      });
      running.catch(() => {});
      await memory.clock.sleep(3);
      await consumer.disconnect();
      await memory.clock.sleep(10_000);
      // kafkajs issue 1639.
      expect(count).toBe(1);
      expect(memory.cluster('A').group('zombie')?.members).toHaveLength(1);
    });
  });

  it('cannot find what is not there', async () => {
    const memory = createMemoryWorld(twoTopics);
    await memory.run(async () => {
      const client = memory.world.createKafka({ ...quiet, brokers: ['nowhere.memory:9092'] });
      await expect(client.admin().connect()).rejects.toMatchObject({
        cause: { code: 'ENOTFOUND' },
      });
    });
  });

  it('does not compress, but wants the codec that it would need', async () => {
    const memory = createMemoryWorld(twoTopics);
    await memory.run(async () => {
      const producer = memory.createKafka('A', quiet).producer();
      await producer.connect();
      const send = (compression: number) =>
        producer.send({ topic: 'orders', compression, messages: [{ key: 'k', value: 'v' }] });
      await send(kafka.CompressionTypes.GZIP);
      await expect(send(kafka.CompressionTypes.Snappy)).rejects.toThrow('Snappy');
    });
  });

  it('speaks TLS and takes every credential', async () => {
    const memory = createMemoryWorld(twoTopics);
    await memory.run(async () => {
      const admin = memory
        .createKafka('A', {
          ...quiet,
          ssl: true,
          sasl: { mechanism: 'plain', username: 'u', password: 'p' },
        })
        .admin();
      await admin.connect();
      expect(await admin.listTopics()).toEqual(['orders', 'invoices']);
    });
  });

  it('runs at ordinary speed on the real clock', async () => {
    const memory = createMemoryWorld({ ...twoTopics, clock: 'real', mirror: { flows: [] } });
    await memory.run(async () => {
      const client = memory.createKafka('A', quiet);
      const producer = client.producer();
      await producer.connect();
      await producer.send({ topic: 'orders', messages: [{ key: 'k', value: 'v' }] });
      const consumer = client.consumer({ groupId: 'g', maxWaitTimeInMs: 50 });
      await consumer.connect();
      await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
      await new Promise<void>((resolve) => {
        void consumer.run({ eachMessage: () => Promise.resolve(resolve()) });
      });
      await consumer.disconnect();
      await producer.disconnect();
      await waitFor('the connections to be gone', () => memory.cluster('A').connectionCount, {
        until: (count) => count === 0,
      });
    });
    memory.close();
  });
});
