import { createRequire } from 'node:module';
import type { Message, ProducerBatch, RecordMetadata } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import type {
  KafkaJsBroker,
  KafkaJsCluster,
  KafkaJsConnectionPool,
  KafkaJsProtocolRequest,
} from '../../src/cluster/kafkajs-cluster.js';
import { WrittenRequests } from '../../src/cluster/written-requests.js';
import {
  SendTag,
  tapProduce,
  type ProduceAnswer,
  type ProduceTap,
} from '../../src/cluster/produce-tap.js';
import { silentLogger } from '../support/silent-logger.js';

const require = createRequire(import.meta.url);
/** kafkajs's own code between a producer and a connection, as it is. */
const Broker = require('kafkajs/src/broker') as new (options: object) => KafkaJsBroker & {
  lookupRequest: unknown;
};
const { lookup } = require('kafkajs/src/protocol/requests') as {
  lookup: (versions: object) => unknown;
};
const createSendMessages = require('kafkajs/src/producer/sendMessages') as (
  parts: object,
) => (batch: ProducerBatch) => Promise<RecordMetadata[]>;
const createRetrier = require('kafkajs/src/retry') as (options: object) => unknown;

const NOT_LEADER = 6;

/** What a broker does with a Produce request: it answers each partition with a code, or nobody hears from it. */
type Behaviour = 'silent' | ((partition: number) => number);

/** Two brokers in front of which kafkajs's own producer code runs. Partition `n` is led by broker `n`, until it moves. */
class TwoBrokers {
  readonly account = new WrittenRequests();
  readonly leaders: number[] = [0, 1];
  readonly behaviours: Behaviour[] = [() => 0, () => 0];
  /** The values that each partition has, in order. */
  readonly logs: string[][] = [[], []];
  /** What each request allows the broker to take. */
  readonly timeoutsMs: number[] = [];
  readonly cluster: KafkaJsCluster;
  readonly tap: ProduceTap | undefined;
  /** Gives a message its partition. */
  partitionOf: (message: Message) => number = (message) => Number(message.key);
  readonly #brokers = new Map<number, KafkaJsBroker>();

  constructor() {
    const builder = {
      build: (destination: unknown) =>
        Promise.resolve(this.#connections((destination as { nodeId: number }).nodeId)),
    };
    const cluster = {
      brokerPool: { connectionPoolBuilder: builder },
      targetTopics: new Set<string>(),
      addMultipleTargetTopics: () => Promise.resolve(),
      refreshMetadataIfNecessary: () => Promise.resolve(),
      refreshMetadata: () => Promise.resolve(),
      isConnected: () => true,
      removeBroker: () => {},
      findTopicPartitionMetadata: () =>
        this.leaders.map((leader, partitionId) => ({ leader, partitionId })),
      findLeaderForPartitions: (_topic: string, partitions: string[]) =>
        Object.fromEntries(
          [0, 1].flatMap((nodeId) => {
            const led = partitions.map(Number).filter((one) => this.leaders[one] === nodeId);
            return led.length === 0 ? [] : [[nodeId, led]];
          }),
        ),
      findBroker: async ({ nodeId }: { nodeId: string | number }) => this.#broker(Number(nodeId)),
    };
    this.cluster = cluster as unknown as KafkaJsCluster;
    this.tap = tapProduce(
      this.cluster,
      { produceRequestCount: 0, to: (broker) => this.account.to(broker) },
      { wallMs: () => 1_000 },
    );
  }

  /** As a producer with this cluster would. */
  sendBatch(tag: SendTag, ...messages: Message[]): Promise<RecordMetadata[]> {
    const send = createSendMessages({
      logger: silentLogger(),
      cluster: this.cluster,
      retrier: createRetrier({ retries: 3, initialRetryTime: 1 }),
      partitioner: ({ message }: { message: Message }) => this.partitionOf(message),
      eosManager: {
        isTransactional: () => false,
        acquireBrokerLock: () => Promise.resolve(),
        releaseBrokerLock: () => Promise.resolve(),
        getSequence: () => 0,
        updateSequence: () => {},
        getProducerId: () => -1,
        getProducerEpoch: () => 0,
      },
    });
    return send({
      acks: -1,
      timeout: tag as unknown as number,
      topicMessages: [{ topic: 'orders', messages }],
    });
  }

  async #broker(nodeId: number): Promise<KafkaJsBroker> {
    const known = this.#brokers.get(nodeId);
    if (known !== undefined) return known;
    const builder = this.cluster.brokerPool?.connectionPoolBuilder;
    const connectionPool = await builder?.build({ nodeId });
    const broker = new Broker({ connectionPool, logger: silentLogger(), nodeId });
    broker.lookupRequest = lookup({ 0: { minVersion: 0, maxVersion: 7 } });
    this.#brokers.set(nodeId, broker);
    return broker;
  }

  #connections(nodeId: number): KafkaJsConnectionPool {
    const connection = { correlationId: 0 };
    return {
      host: 'broker',
      port: nodeId,
      pool: [connection],
      send: async ({ request, response }: KafkaJsProtocolRequest) => {
        const correlationId = connection.correlationId;
        connection.correlationId += 1;
        const { buffer } = (await request.encode()) as { buffer: Buffer };
        // Behind the transactional id, which is null, and acks.
        this.timeoutsMs.push(buffer.readInt32BE(4));
        this.account.socketTo(`broker:${nodeId}`)(correlationId, buffer);
        return response.parse(await response.decode(await this.#answer(nodeId, buffer)));
      },
    };
  }

  /** Reads as much of a Produce request as it needs, and keeps what it accepts. */
  #answer(nodeId: number, request: Buffer): Promise<Buffer> {
    const behaviour = this.behaviours[nodeId] ?? (() => 0);
    if (behaviour === 'silent') return new Promise(() => {});
    const answers = this.leaders.flatMap((_leader, partition) => {
      const values = valuesFor(request, partition);
      if (values.length === 0) return [];
      const errorCode = behaviour(partition);
      const log = this.logs[partition] ?? [];
      const baseOffset = errorCode === 0 ? log.length : -1;
      if (errorCode === 0) log.push(...values);
      return [{ partition, errorCode, baseOffset }];
    });
    return Promise.resolve(produceAnswer(answers));
  }
}

/** The values are written as `<partition it was meant for>:<text>;`, so that a request can be read without a decoder. */
function valuesFor(request: Buffer, partition: number): string[] {
  return [...request.toString('latin1').matchAll(/(\d):(\w+);/g)]
    .filter(([, meantFor]) => Number(meantFor) === partition)
    .map(([, , text]) => String(text));
}

/** Produce v7's answer (and v5's, v6's): one topic. */
function produceAnswer(
  partitions: readonly { partition: number; errorCode: number; baseOffset: number }[],
): Buffer {
  const topic = Buffer.from('orders');
  const head = Buffer.alloc(4 + 2 + topic.length + 4);
  head.writeInt32BE(1, 0);
  head.writeInt16BE(topic.length, 4);
  topic.copy(head, 6);
  head.writeInt32BE(partitions.length, 6 + topic.length);
  const rows = partitions.map(({ partition, errorCode, baseOffset }) => {
    const row = Buffer.alloc(4 + 2 + 8 + 8 + 8, 0xff);
    row.writeInt32BE(partition, 0);
    row.writeInt16BE(errorCode, 4);
    row.writeBigInt64BE(BigInt(baseOffset), 6);
    return row;
  });
  return Buffer.concat([head, ...rows, Buffer.alloc(4)]);
}

const message = (partition: number, text: string): Message => ({
  key: String(partition),
  value: `${partition}:${text};`,
});

/** What each attempt of a send carried, and what is known of it. */
const told = ({ attempts }: SendTag) =>
  attempts.map(({ topics, written, isOver, answer }) => ({
    carries: topics.flatMap(({ partitions }) => partitions.flatMap(({ messages }) => messages)),
    written,
    isOver,
    codes: codesOf(answer),
  }));

const codesOf = (answer: ProduceAnswer | undefined) =>
  answer?.topics.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode));

describe('what is told of the Produce requests of a send', () => {
  it('tells what each broker was given, and what it answered', async () => {
    const brokers = new TwoBrokers();
    const tag = new SendTag(undefined);
    const [a, b] = [message(0, 'a'), message(1, 'b')];
    const metadata = await brokers.sendBatch(tag, a, b);
    expect(metadata.map(({ partition, baseOffset }) => [partition, baseOffset])).toEqual([
      [0, '0'],
      [1, '0'],
    ]);
    expect(told(tag)).toEqual([
      { carries: [a], written: true, isOver: true, codes: [0] },
      { carries: [b], written: true, isOver: true, codes: [0] },
    ]);
    expect(tag.attempts.map(({ stampWallMs }) => stampWallMs)).toEqual([1_000, 1_000]);
  });

  it('tells what a broker has answered where kafkajs throws, and the next attempt apart from it', async () => {
    const brokers = new TwoBrokers();
    brokers.leaders.splice(0, 2, 0, 0);
    let asked = 0;
    brokers.behaviours[0] = (partition) => (partition === 1 && asked++ === 0 ? NOT_LEADER : 0);
    const tag = new SendTag(undefined);
    await brokers.sendBatch(tag, message(0, 'a'), message(1, 'b'));
    expect(told(tag).map(({ codes }) => codes)).toEqual([
      [0, NOT_LEADER],
      [0, 0],
    ]);
    // kafkajs writes again what was acknowledged already.
    expect(brokers.logs).toEqual([['a', 'a'], ['b']]);
  });

  it('tells what was written and never answered', async () => {
    const brokers = new TwoBrokers();
    brokers.behaviours[1] = 'silent';
    const tag = new SendTag(undefined);
    void brokers.sendBatch(tag, message(0, 'a'), message(1, 'b'));
    await expect
      .poll(() => told(tag).map(({ written, codes }) => [written, codes]))
      .toEqual([
        [true, [0]],
        [true, undefined],
      ]);
  });

  it('lets nothing leave of a send that is over, and kafkajs does not try again', async () => {
    const brokers = new TwoBrokers();
    const tag = new SendTag(undefined);
    tag.isRevoked = true;
    await expect(brokers.sendBatch(tag, message(0, 'a'))).rejects.toThrow('this send was settled');
    expect(brokers.logs).toEqual([[], []]);
    expect(told(tag)).toEqual([]);
  });

  it('tells two sends apart that begin in the same moment, and hands their time limit on', async () => {
    const brokers = new TwoBrokers();
    const tags = [new SendTag(1_234), new SendTag(undefined)];
    const messages = [message(0, 'a'), message(0, 'b')];
    await Promise.all(tags.map((tag, index) => brokers.sendBatch(tag, messages[index] as Message)));
    expect(tags.map((tag) => told(tag)[0]?.carries)).toEqual([[messages[0]], [messages[1]]]);
    expect(brokers.timeoutsMs).toEqual([1_234, 30_000]);
  });

  it('does nothing to a client that is not built like kafkajs', () => {
    const bare = { findBroker: () => Promise.reject(new Error('not asked')) };
    expect(
      tapProduce(
        bare as unknown as KafkaJsCluster,
        { produceRequestCount: 0, to: () => new WrittenRequests().to('') },
        { wallMs: () => 0 },
      ),
    ).toBeUndefined();
  });
});

describe('kafkajs leaves out messages of a send that it resolves', () => {
  it('where a leader moves to a broker that has answered its own part', async () => {
    const brokers = new TwoBrokers();
    brokers.behaviours[1] = () => {
      brokers.leaders[1] = 0;
      return NOT_LEADER;
    };
    const tag = new SendTag(undefined);
    const metadata = await brokers.sendBatch(tag, message(0, 'a'), message(1, 'b'));
    expect(metadata.length).toBe(1);
    expect(brokers.logs).toEqual([['a'], []]);
    expect(told(tag).map(({ codes }) => codes)).toEqual([[0], [NOT_LEADER]]);
  });

  it('where messages without a key are dealt out anew', async () => {
    const brokers = new TwoBrokers();
    let dealt = 0;
    // As the default partitioner: the next one in turn, and the turn goes on.
    brokers.partitionOf = () => dealt++ % 2;
    let asked = 0;
    brokers.behaviours[1] = () => {
      if (asked++ > 0) return 0;
      dealt = 1;
      return NOT_LEADER;
    };
    const tag = new SendTag(undefined);
    await brokers.sendBatch(tag, { value: '0:a;' }, { value: '1:b;' });
    const carried = told(tag).flatMap(({ carries, codes }) => (codes?.[0] === 0 ? carries : []));
    expect(carried.map(({ value }) => value)).toEqual(['0:a;', '0:a;']);
  });
});
