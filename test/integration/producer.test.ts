import { randomBytes } from 'node:crypto';
import type {
  ICustomPartitioner,
  KafkaConfig,
  KafkaMessage,
  Message,
  Producer,
  ProducerConfig,
} from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { FailoverKafka } from '../../src/failover-kafka.js';
import { kafka as kafkajs } from '../../src/kafkajs.js';
import type { ProducerFailoverOptions } from '../../src/options-producer.js';
import type { FailoverKafkaProducer } from '../../src/producer/failover-producer.js';
import { sendOutcome, type SendMetadata } from '../../src/send-outcome.js';
import { startStack, waitFor } from '../../stack/index.js';
import type { Broker, Cluster, Fault, FaultProxy, Stack } from '../../stack/index.js';
import { createTopic } from './stack-support.js';

const NOT_LEADER = 6;
const PARTITION_COUNT = 3;

let stack: Stack;
let topicCount = 0;

beforeAll(async () => {
  // A has three brokers, so that the parts of a send go different ways.
  stack = await startStack({ name: 'producer', brokers: { A: 3 }, proxied: ['A'], flows: [] });
});
afterAll(() => stack?.stop());

interface Service {
  readonly kafka: FailoverKafka;
  readonly producer: FailoverKafkaProducer;
  readonly topic: string;
  /** The brokers of A that lead the partitions of the topic. */
  readonly leaders: readonly Broker[];
}

/** A service on both clusters, with a topic of three partitions that three brokers lead on A. */
async function startProducer(
  options: ProducerFailoverOptions = {},
  config: ProducerConfig = {},
  shared: Pick<KafkaConfig, 'requestTimeout'> = {},
): Promise<Service> {
  topicCount += 1;
  const topic = `orders-${topicCount}`;
  const { A, B } = stack.clusters;
  const layout = A.nodes.map(({ nodeId }, partition) => ({ partition, replicas: [nodeId] }));
  await Promise.all([
    createTopic(A, topic, { numPartitions: -1, replicaAssignment: layout }),
    createTopic(B, topic, { numPartitions: PARTITION_COUNT }),
  ]);
  const kafka = new FailoverKafka({
    clientId: 'service',
    logLevel: 0,
    clusters: { A: { brokers: [...A.proxiedBrokers] }, B: { brokers: [...B.brokers] } },
    producer: options,
    ...shared,
  });
  onTestFinished(() => kafka.close());
  const producer = kafka.producer(config);
  await producer.connect();
  // kafkajs learns of the topic, and connects to its brokers.
  await producer.send({ topic, messages: toEach('warm') });
  return { kafka, producer, topic, leaders: A.nodes };
}

/** A message for each partition. */
const toEach = (text: string): Message[] =>
  Array.from({ length: PARTITION_COUNT }, (_, partition) => ({
    partition,
    value: `${text}-${partition}`,
  }));

/** Everything in the topic, by partition and in order. The brokers must be at work. */
async function logsOf(cluster: Cluster, topic: string): Promise<KafkaMessage[][]> {
  const client = new kafkajs.Kafka({ brokers: [...cluster.brokers], logLevel: 0 });
  const admin = client.admin();
  const groupId = `reader-${randomBytes(4).toString('hex')}`;
  // An idle kafkajs consumer leaves only when its fetch comes back: after 5 s by default.
  const consumer = client.consumer({ groupId, maxWaitTimeInMs: 50 });
  await Promise.all([admin.connect(), consumer.connect()]);
  try {
    const ends = await admin.fetchTopicOffsets(topic);
    const total = ends.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0);
    const logs: KafkaMessage[][] = Array.from({ length: ends.length }, () => []);
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => void logs[partition]?.push(message),
    });
    await waitFor(`${total} records of ${topic}`, () => logs.flat(), {
      until: ({ length }) => length >= total,
      timeoutMs: 30_000,
    });
    return logs;
  } finally {
    await Promise.all([admin.disconnect(), consumer.disconnect()]);
  }
}

const textsOf = (log: readonly KafkaMessage[] = []): string[] =>
  log.map(({ value }) => String(value)).filter((text) => !text.startsWith('warm'));

const textsIn = async (cluster: Cluster, topic: string): Promise<string[]> =>
  (await logsOf(cluster, topic)).flatMap(textsOf);

/** `A 0, B 1`: which cluster has acknowledged which partition. */
const placesOf = (metadata: readonly SendMetadata[]): string[] =>
  metadata.map(({ cluster, partition }) => `${cluster} ${partition}`).toSorted();

/** `one-0 acknowledged`: what became of the messages of a rejected send. */
const fatesOf = (error: unknown): string[] | undefined =>
  sendOutcome(error)
    ?.parts.flatMap(({ kind, messages }) => messages.map(({ value }) => `${String(value)} ${kind}`))
    .toSorted();

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

/** A fault that does not outlive its test. */
function cleared(fault: Fault): Fault {
  onTestFinished(() => fault.clear());
  return fault;
}

function proxyOf(broker: Broker | undefined): FaultProxy {
  if (broker === undefined) throw new Error('there is no such broker');
  return broker.proxy;
}

/** The process of the broker stands still until the test is over, or it is resumed. */
async function pause(broker: Broker): Promise<() => Promise<void>> {
  await broker.pause();
  let isPaused = true;
  const resume = async (): Promise<void> => {
    if (!isPaused) return;
    isPaused = false;
    broker.resume();
    // Until then it leads nothing, and kafkajs makes no topic beside one without a leader.
    await waitFor('a leader of each partition', () =>
      stack.clusters.A.withAdmin((admin) => admin.fetchTopicMetadata()),
    );
  };
  onTestFinished(resume);
  return resume;
}

/** A broker of A has taken records that came after the warm-up. */
const hasTaken = async ({ topic, leaders }: Service, partition: number): Promise<void> => {
  await waitFor(
    `a record in partition ${partition}`,
    () => leaders[partition]?.withAdmin((admin) => admin.fetchTopicOffsets(topic)),
    {
      until: (ends) => Number(ends?.find((one) => one.partition === partition)?.high) > 1,
    },
  );
};

/** Deals messages out in this order, whatever they are: the first three, and then these. */
const dealing = (...partitions: readonly number[]): ICustomPartitioner => {
  let index = 0;
  return () =>
    ({ message }) =>
      message.partition ?? partitions[index++ % partitions.length] ?? 0;
};

describe('what kafkajs leaves out of a send, on brokers of which one refuses once', () => {
  const values = [{ value: 'first' }, { value: 'second' }];

  it('is lost with kafkajs alone, which resolves the send', async () => {
    const { topic, leaders } = await startProducer();
    const { A } = stack.clusters;
    const client = new kafkajs.Kafka({ brokers: [...A.proxiedBrokers], logLevel: 0 });
    const producer = client.producer({ createPartitioner: dealing(0, 1, 2, 0) });
    await producer.connect();
    onTestFinished(() => producer.disconnect());
    await producer.send({ topic, messages: toEach('warm') });
    const fault = cleared(
      proxyOf(leaders[1]).answerWith({
        apiKeys: ['Produce'],
        errorCode: NOT_LEADER,
        times: 1,
      }),
    );
    await producer.send({ topic, messages: values });
    fault.clear();
    expect((await textsIn(A, topic)).toSorted()).toEqual(['first', 'first']);
  });

  it('is sent with a FailoverKafka', async () => {
    const { producer, topic, leaders } = await startProducer(
      {},
      { createPartitioner: dealing(0, 1, 2, 0) },
    );
    const fault = cleared(
      proxyOf(leaders[1]).answerWith({
        apiKeys: ['Produce'],
        errorCode: NOT_LEADER,
        times: 1,
      }),
    );
    await producer.send({ topic, messages: values });
    fault.clear();
    expect(new Set(await textsIn(stack.clusters.A, topic))).toEqual(new Set(['first', 'second']));
  });
});

describe('a batch of which one broker does not answer', () => {
  it('goes on with the rest of it on B, and its answer has both clusters', async () => {
    const service = await startProducer();
    const { kafka, producer, topic, leaders } = service;
    const { A, B } = stack.clusters;
    const stalled = cleared(
      proxyOf(leaders[1]).stall({ apiKeys: ['Produce'], direction: 'request' }),
    );
    const sending = producer.sendBatch({ topicMessages: [{ topic, messages: toEach('one') }] });
    await Promise.all([hasTaken(service, 0), hasTaken(service, 2)]);
    await kafka.switchTo('B', { planned: false });
    expect(placesOf(await sending)).toEqual(['A 0', 'A 2', 'B 1']);
    expect(await textsIn(B, topic)).toEqual(['one-1']);
    stalled.clear();
    expect((await textsIn(A, topic)).filter((text) => text !== 'one-1')).toEqual([
      'one-0',
      'one-2',
    ]);
  });

  it('is rejected part by part where it must not be resent', async () => {
    const service = await startProducer({ onUnknownOutcome: 'reject' });
    const { kafka, producer, topic, leaders } = service;
    const stalled = cleared(
      proxyOf(leaders[1]).stall({ apiKeys: ['Produce'], direction: 'request' }),
    );
    const sending = failureOf(producer.send({ topic, messages: toEach('one') }));
    await Promise.all([hasTaken(service, 0), hasTaken(service, 2)]);
    await kafka.switchTo('B', { planned: false });
    const error = await sending;
    stalled.clear();
    expect(error).toMatchObject({ code: 'ERR_FAILOVER_OUTCOME_UNKNOWN', cluster: 'A' });
    expect(fatesOf(error)).toEqual(['one-0 acknowledged', 'one-1 unknown', 'one-2 acknowledged']);
    expect(await textsIn(stack.clusters.B, topic)).toEqual([]);
  });

  it('is told part by part at its deadline, with no switch at all', async () => {
    const service = await startProducer({ deliveryTimeoutMs: 3_000 });
    const { producer, topic } = service;
    const resume = await pause(service.leaders[1] as Broker);
    const error = await failureOf(producer.send({ topic, messages: toEach('one') }));
    expect(error).toMatchObject({
      code: 'ERR_FAILOVER_OUTCOME_UNKNOWN',
      cause: { code: 'ERR_FAILOVER_DELIVERY_TIMEOUT' },
    });
    expect(fatesOf(error)).toEqual(['one-0 acknowledged', 'one-1 unknown', 'one-2 acknowledged']);
    await resume();
  });
});

describe('an acknowledgement that is lost', () => {
  it('makes a send unknown, though its record is there', async () => {
    const { producer, topic, leaders } = await startProducer(
      { deliveryTimeoutMs: 2_000 },
      {},
      // kafkajs waits for the answer that was lost, before it disconnects.
      { requestTimeout: 3_000 },
    );
    const fault = cleared(proxyOf(leaders[0]).drop({ apiKeys: ['Produce'] }));
    const messages = [{ partition: 0, value: 'one' }];
    const error = await failureOf(producer.send({ topic, messages }));
    fault.clear();
    expect(sendOutcome(error)).toEqual({
      kind: 'unknown',
      parts: [{ kind: 'unknown', topic, messages }],
    });
    expect(await textsIn(stack.clusters.A, topic)).toEqual(['one']);
  });

  it('makes it come twice where it is resent, with the same time', async () => {
    const service = await startProducer();
    const { kafka, producer, topic, leaders } = service;
    const fault = cleared(proxyOf(leaders[0]).drop({ apiKeys: ['Produce'] }));
    const sending = producer.send({ topic, messages: [{ partition: 0, value: 'one' }] });
    await hasTaken(service, 0);
    await kafka.switchTo('B', { planned: false });
    expect(placesOf(await sending)).toEqual(['B 0']);
    fault.clear();
    const { A, B } = stack.clusters;
    const [onA, onB] = await Promise.all([logsOf(A, topic), logsOf(B, topic)]);
    const times = [onA, onB].map(([log = []]) => log.find(({ value }) => String(value) === 'one'));
    // kafkajs reads the clock for itself, in the same moment.
    const [first, second] = times.map((record) => Number(record?.timestamp));
    expect(Math.abs(Number(first) - Number(second))).toBeLessThanOrEqual(1);
  });
});

describe('an idempotent producer that has lost an acknowledgement', () => {
  /** Two sends behind one whose acknowledgement is lost; answers where each is said to be, and what is in the log. */
  async function loseOne(
    producer: Producer,
    { topic, leaders }: Pick<Service, 'topic' | 'leaders'>,
  ): Promise<{ places: Map<string, string | undefined>; log: string[] }> {
    const send = (value: string) =>
      producer
        .send({ topic, messages: [{ partition: 0, value }] })
        .then(([metadata]) => [value, metadata?.baseOffset] as const);
    cleared(proxyOf(leaders[0]).drop({ apiKeys: ['Produce'], times: 1 }));
    const first = send('one');
    const { A } = stack.clusters;
    await waitFor(
      'the first record',
      () => A.withAdmin((admin) => admin.fetchTopicOffsets(topic)),
      { until: (ends) => ends.some(({ partition, high }) => partition === 0 && high === '2') },
    );
    const places = new Map(await Promise.all([first, send('two'), send('three')]));
    const [log = []] = await logsOf(A, topic);
    return { places, log: log.map(({ value }) => String(value)) };
  }

  const shared = { requestTimeout: 1_500 };

  it('has acknowledged records that are nowhere, with kafkajs alone', async () => {
    const service = await startProducer();
    const client = new kafkajs.Kafka({
      brokers: [...stack.clusters.A.proxiedBrokers],
      logLevel: 0,
      ...shared,
    });
    const producer = client.producer({ idempotent: true });
    await producer.connect();
    onTestFinished(() => producer.disconnect());
    const { places, log } = await loseOne(producer, service);
    const missing = [...places.keys()].filter((value) => !log.includes(value));
    expect([places.size, missing.length]).toEqual([3, 1]);
  });

  it('has written each record once, where it says, with a FailoverKafka', async () => {
    const service = await startProducer({}, { idempotent: true }, shared);
    const { places, log } = await loseOne(service.producer, service);
    expect(log.toSorted()).toEqual(['one', 'three', 'two', 'warm-0']);
    for (const [value, offset] of places) expect(log[Number(offset)]).toBe(value);
  });
});

describe('sends that kafkajs keeps back', () => {
  it('were not sent, while the one before them is unknown', async () => {
    const service = await startProducer({ onUnknownOutcome: 'reject' }, { maxInFlightRequests: 1 });
    const { kafka, producer, topic } = service;
    const resume = await pause(service.leaders[0] as Broker);
    const sends = ['one', 'two', 'three'].map((value) =>
      failureOf(producer.send({ topic, messages: [{ partition: 0, value }] })),
    );
    await kafka.switchTo('B', { planned: false });
    const outcomes = await Promise.all(sends);
    expect(outcomes).toMatchObject([
      { code: 'ERR_FAILOVER_OUTCOME_UNKNOWN' },
      undefined,
      undefined,
    ]);
    expect(await textsIn(stack.clusters.B, topic)).toEqual(['two', 'three']);
    await resume();
    expect((await textsIn(stack.clusters.A, topic)).filter((text) => text !== 'one')).toEqual([]);
  });
});

describe('a thousand sends at the same time', () => {
  const SEND_COUNT = 1_000;
  const texts = Array.from({ length: SEND_COUNT }, (_, index) => `${index}`);

  const sendAll = ({ producer, topic }: Service, acks?: number) =>
    texts.map((value) =>
      producer.send({
        topic,
        messages: [{ key: value, value }],
        ...(acks === undefined ? {} : { acks }),
      }),
    );

  it('over a planned switch: no error, no loss, nothing twice', async () => {
    const service = await startProducer();
    const { kafka, producer, topic } = service;
    const sends = sendAll(service);
    const late: Promise<SendMetadata[]>[] = [];
    // Sends wait from here on.
    kafka.on('switch.phase-started', ({ phase }) => {
      if (phase === 'fence') late.push(producer.send({ topic, messages: [{ value: 'late' }] }));
    });
    const switching = kafka.switchTo('B');
    await switching;
    const metadata = (await Promise.all([...sends, ...late])).flat();
    const { A, B } = stack.clusters;
    const [onA, onB] = await Promise.all([textsIn(A, service.topic), textsIn(B, service.topic)]);
    expect([...onA, ...onB].toSorted()).toEqual([...texts, 'late'].toSorted());
    expect(onB).toContain('late');
    expect([onA.length, onB.length]).toEqual(
      ['A', 'B'].map((alias) => metadata.filter(({ cluster }) => cluster === alias).length),
    );
  });

  it.each([-1, 1])(
    'over an unplanned switch: each is where its answer says (acks %i)',
    async (acks) => {
      const service = await startProducer();
      const sends = sendAll(service, acks);
      const switching = service.kafka.switchTo('B', { planned: false });
      const answers = await Promise.all(sends);
      await switching;
      const { A, B } = stack.clusters;
      const logs = { A: await logsOf(A, service.topic), B: await logsOf(B, service.topic) };
      for (const [index, [answer]] of answers.entries()) {
        const log = logs[answer?.cluster as 'A' | 'B'][answer?.partition ?? -1];
        const record = log?.find(({ offset }) => offset === answer?.baseOffset);
        expect(String(record?.value)).toBe(texts[index]);
      }
    },
  );

  it('with nobody asked to acknowledge: answers are empty, and later sends get through', async () => {
    const service = await startProducer();
    const sends = sendAll(service, 0);
    await service.kafka.switchTo('B', { planned: false });
    expect((await Promise.all(sends)).flat()).toEqual([]);
    await service.producer.send({ topic: service.topic, messages: [{ value: 'after' }] });
    expect(await textsIn(stack.clusters.B, service.topic)).toContain('after');
  });
});

describe('what a send may carry across a switch', () => {
  it('null keys and values, headers, and a megabyte: the same on B', async () => {
    const { kafka, producer, topic } = await startProducer();
    // Kafka's limit, less what a batch takes for itself.
    const large = randomBytes(1_000_000);
    const messages: Message[] = [
      { key: null, value: null, partition: 0 },
      { key: 'key', value: '', partition: 0, headers: { trace: 'abc', twice: ['1', '2'] } },
      { key: Buffer.from([0, 255]), value: large, partition: 0 },
    ];
    const compression = kafkajs.CompressionTypes.GZIP;
    const sends: Promise<unknown>[] = [];
    kafka.on('switch.phase-started', ({ phase }) => {
      if (phase !== 'translate') return;
      sends.push(...messages.map((one) => producer.send({ topic, messages: [one], compression })));
    });
    await kafka.switchTo('B', { planned: false });
    await Promise.all(sends);
    const [log = []] = await logsOf(stack.clusters.B, topic);
    expect(log.map(({ key, value }) => [key, value])).toEqual([
      [null, null],
      [Buffer.from('key'), Buffer.from('')],
      [Buffer.from([0, 255]), large],
    ]);
    expect(log[1]?.headers).toEqual({
      trace: Buffer.from('abc'),
      twice: [Buffer.from('1'), Buffer.from('2')],
    });
  });
});
