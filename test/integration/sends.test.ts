import { randomBytes } from 'node:crypto';
import type { ICustomPartitioner, Message, ProducerConfig } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { FetchedRecord } from '../../src/cluster/access.js';
import type { SwitchPhase } from '../../src/events.js';
import { FailoverKafka } from '../../src/failover-kafka.js';
import { kafka as kafkajs } from '../../src/kafkajs.js';
import type { ProducerFailoverOptions } from '../../src/options-producer.js';
import type { FailoverKafkaProducer } from '../../src/producer/failover-producer.js';
import { sendOutcome, type SendMetadata } from '../../src/send-outcome.js';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import { registerStoredCodecs } from '../support/stored-codecs.js';
import { Logs, numbered } from './group-support.js';
import { createTopic } from './stack-support.js';

const PARTITION_COUNT = 3;
const PATIENCE = { timeoutMs: 60_000, everyMs: 20 };

let stack: Stack;
let logs: Logs;
let topicCount = 0;
/** The codecs of the batches that were read. */
let opened: number[] = [];

beforeAll(async () => {
  opened = registerStoredCodecs();
  stack = await startStack({ name: 'sends', proxied: ['A', 'B'], flows: [] });
  logs = new Logs(stack);
});
afterAll(async () => {
  await logs?.close();
  await stack?.stop();
});

interface Service {
  readonly kafka: FailoverKafka;
  readonly producer: FailoverKafkaProducer;
  readonly topic: string;
}

async function startProducer(
  options: ProducerFailoverOptions = {},
  config: ProducerConfig = {},
): Promise<Service> {
  topicCount += 1;
  const topic = `orders-${topicCount}`;
  const { A, B } = stack.clusters;
  for (const cluster of [A, B])
    await createTopic(cluster, topic, { numPartitions: PARTITION_COUNT });
  const kafka = new FailoverKafka({
    clientId: 'service',
    logLevel: 0,
    clusters: { A: { brokers: A.proxiedBrokers }, B: { brokers: B.proxiedBrokers } },
    producer: options,
  });
  onTestFinished(() => kafka.close());
  const producer = kafka.producer(config);
  await producer.connect();
  return { kafka, producer, topic };
}

/** Does something once, when a switch comes to this phase. */
function inPhase<T>(kafka: FailoverKafka, wanted: SwitchPhase, work: () => T): Promise<T> {
  return new Promise((resolve) => {
    const off = kafka.on('switch.phase-started', ({ phase }) => {
      if (phase !== wanted) return;
      off();
      resolve(work());
    });
  });
}

/** What became of a send: its metadata, or its error. */
type Settled = PromiseSettledResult<SendMetadata[]>;

const sendAll = (
  { producer, topic }: Service,
  texts: readonly string[],
  more: { acks?: number; compression?: number } = {},
): Promise<Settled[]> =>
  Promise.allSettled(
    texts.map((value) => producer.send({ topic, messages: [{ key: value, value }], ...more })),
  );

const textsOf = (records: readonly FetchedRecord[]): string[] =>
  records.map(({ value }) => String(value));

/** `A 0 17`: cluster, partition and offset of each record. */
async function placesOf(topic: string, alias: 'A' | 'B'): Promise<Map<string, string>> {
  const places = new Map<string, string>();
  for (const [partition, log] of (await logs.partitions(alias, topic)).entries()) {
    for (const { offset, value } of log)
      places.set(`${alias} ${partition} ${offset}`, String(value));
  }
  return places;
}

const placeOf = ({ cluster, partition, baseOffset }: SendMetadata): string =>
  `${cluster} ${partition} ${baseOffset}`;

const codeOf = (settled: Settled | undefined): unknown =>
  settled?.status === 'rejected' ? (settled.reason as { code?: unknown }).code : undefined;

describe('the codecs of kafkajs', () => {
  const { CompressionTypes } = kafkajs;

  it.each(Object.entries(CompressionTypes).filter(([, type]) => typeof type === 'number'))(
    '%s: what is sent, and what waits for a switch, is on the brokers as it was',
    async (_name, compression) => {
      const { kafka, producer, topic } = await startProducer();
      const messages: Message[] = [
        { key: 'key', value: 'text', headers: { trace: 'abc' }, partition: 0 },
        { key: null, value: null, partition: 0 },
        // More than a block of each format.
        { key: Buffer.from([0, 255]), value: randomBytes(300_000), partition: 0 },
      ];
      const send = () => producer.send({ topic, messages, compression: Number(compression) });
      const waiting = inPhase(kafka, 'translate', send);
      const [sent] = await send();
      await kafka.switchTo('B');
      const [held] = await waiting;
      expect([sent, held]).toMatchObject([
        { cluster: 'A', switchEpoch: 1 },
        { cluster: 'B', switchEpoch: 2 },
      ]);
      for (const alias of ['A', 'B'] as const) {
        opened.length = 0;
        const records = await logs.records(alias, topic);
        expect(records.map(contentOf)).toEqual(messages.map(contentOf));
        expect(opened).toEqual(compression === CompressionTypes.None ? [] : [compression]);
      }
    },
  );
});

/** Key and value in base64: an assertion looks at each byte of a buffer. */
const contentOf = ({ key, value }: Pick<Message, 'key' | 'value'>): (string | null)[] =>
  [key, value].map((data) => (data ? Buffer.from(data).toString('base64') : null));

describe('a record that is too large for the broker', () => {
  it('was not sent, on either cluster, and the others are there', async () => {
    const { kafka, producer, topic } = await startProducer();
    const send = async (value: Buffer | string) => producer.send({ topic, messages: [{ value }] });
    // Kafka takes batches of up to 1 MiB and a little more, the head included.
    const large = randomBytes(1_100_000);
    const both = () => Promise.allSettled([send(large), send('small')]);
    const waiting = inPhase(kafka, 'translate', both);
    const onA = await both();
    await kafka.switchTo('B');
    for (const [refused, other] of [onA, await waiting]) {
      expect(refused.status === 'rejected' && sendOutcome(refused.reason)).toMatchObject({
        kind: 'not-sent',
      });
      expect(other.status).toBe('fulfilled');
    }
    for (const alias of ['A', 'B'] as const) {
      expect(textsOf(await logs.records(alias, topic))).toEqual(['small']);
    }
  });
});

describe('a partitioner of the service', () => {
  it('says on either cluster where each record goes, also those that waited or are sent again', async () => {
    const byNumber: ICustomPartitioner =
      () =>
      ({ message, partitionMetadata }) =>
        Number(message.key) % partitionMetadata.length;
    const service = await startProducer({}, { createPartitioner: byNumber });
    const { kafka, producer, topic } = service;
    const send = (from: number) =>
      Promise.all(
        numbered('', 9, from).map((key) =>
          producer.send({ topic, messages: [{ key, value: key }] }),
        ),
      );
    await send(0);
    // Written, and not answered: they are sent again.
    const fault = stack.clusters.A.proxy.drop({ apiKeys: ['Produce'] });
    onTestFinished(() => fault.clear());
    const unanswered = send(9);
    await logs.untilHeld('A', topic, 18);
    const waiting = inPhase(kafka, 'translate', () => send(18));
    await kafka.switchTo('B', { planned: false });
    await Promise.all([unanswered, waiting]);
    fault.clear();
    const expected = { A: [0, 18], B: [9, 27] } as const;
    for (const alias of ['A', 'B'] as const) {
      const [from, to] = expected[alias];
      const all = numbered('', to - from, from);
      for (const [partition, log] of await logs.partitions(alias, topic)) {
        const mine = all.filter((key) => Number(key) % PARTITION_COUNT === partition);
        expect(textsOf(log).toSorted()).toEqual(mine.toSorted());
      }
    }
  });
});

describe('a thousand sends at the same time', () => {
  const texts = numbered('', 1_000);

  it.each([1, -1])(
    'over a planned switch (acks %i): each is where its answer says, by cluster and epoch, and nowhere else',
    async (acks) => {
      const service = await startProducer();
      const sending = sendAll(service, texts, { acks });
      const late = inPhase(service.kafka, 'fence', () =>
        sendAll(service, numbered('late', 100), { acks }),
      );
      await service.kafka.switchTo('B');
      const answers = [...(await sending), ...(await late)];
      const places = new Map([
        ...(await placesOf(service.topic, 'A')),
        ...(await placesOf(service.topic, 'B')),
      ]);
      const all = [...texts, ...numbered('late', 100)];
      const told = answers.map((answer, index) => {
        if (answer.status === 'rejected') throw answer.reason;
        const [metadata] = answer.value as [SendMetadata];
        expect(metadata.switchEpoch).toBe(metadata.cluster === 'A' ? 1 : 2);
        return [placeOf(metadata), all[index]];
      });
      expect(new Map(told as [string, string][])).toEqual(places);
    },
  );

  it('over a planned switch, nobody asked to acknowledge: answers are empty, and nothing is there twice', async () => {
    const service = await startProducer();
    const sending = sendAll(service, texts, { acks: 0 });
    const late = inPhase(service.kafka, 'fence', () =>
      sendAll(service, numbered('late', 100), { acks: 0 }),
    );
    await service.kafka.switchTo('B');
    const answers = [...(await sending), ...(await late)];
    for (const answer of answers) expect(answer).toEqual({ status: 'fulfilled', value: [] });
    // B works on: what was written to it arrives.
    await waitFor('the late ones', async () => textsOf(await logs.records('B', service.topic)), {
      until: (found) => numbered('late', 100).every((text) => found.includes(text)),
      ...PATIENCE,
    });
    const there = [
      ...(await placesOf(service.topic, 'A')),
      ...(await placesOf(service.topic, 'B')),
    ];
    expect(new Set(there.map(([, text]) => text)).size).toBe(there.length);
  });

  it('over the death of A in the middle: each settles, and what A has acknowledged is in its log', async () => {
    const service = await startProducer({ onUnknownOutcome: 'reject' });
    const { kafka, producer, topic } = service;
    const { A } = stack.clusters;
    await producer.send({ topic, messages: [{ value: 'warm' }] });
    let acknowledgedCount = 0;
    const first = Promise.allSettled(
      texts.slice(0, 600).map(async (value) => {
        const metadata = await producer.send({ topic, messages: [{ key: value, value }] });
        acknowledgedCount += 1;
        return metadata;
      }),
    );
    await waitFor('a hundred acknowledgements', () => acknowledgedCount >= 100, PATIENCE);
    // From here on A stores what comes, and nobody hears of it.
    const fault = A.proxy.drop({ apiKeys: ['Produce'] });
    onTestFinished(() => fault.clear());
    const second = sendAll(service, texts.slice(600));
    await logs.untilHeld('A', topic, 1 + texts.length);
    await A.kill();
    const late = sendAll(service, numbered('late', 100));
    await kafka.switchTo('B', { planned: false, reason: 'A is dead' });
    fault.clear();
    for (const answer of await late) {
      expect(answer).toMatchObject({ status: 'fulfilled', value: [{ cluster: 'B' }] });
    }
    const answers = [...(await first), ...(await second)];
    await A.start();
    // Its partitions may have no leader for a moment yet.
    await logs.untilHeld('A', topic, 1 + texts.length);
    const [onA, onB] = [await placesOf(topic, 'A'), await placesOf(topic, 'B')];
    expect([...onB.values()].toSorted()).toEqual(numbered('late', 100).toSorted());
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 'rejected') expect(codeOf(answer)).toBe('ERR_FAILOVER_OUTCOME_UNKNOWN');
      else expect(onA.get(placeOf(answer.value[0] as SendMetadata))).toBe(texts[index]);
    }
    const unknown = answers.filter(({ status }) => status === 'rejected');
    expect(unknown.length).toBeGreaterThanOrEqual(400);
    expect(answers.length - unknown.length).toBeGreaterThanOrEqual(100);
    expect(kafka.status().producers).toMatchObject([{ inFlightCount: 0, heldCount: 0 }]);
  });
});

describe('a hold buffer that is full', () => {
  it('refuses at once what does not fit, holds no more than its bound, and sends what it holds', async () => {
    const holdMaxBytes = 10_000;
    const service = await startProducer({ holdMaxBytes });
    const { kafka, topic } = service;
    const texts = numbered('x'.repeat(1_000), 30);
    let heldBytes = 0;
    const waiting = inPhase(kafka, 'translate', () => {
      const sending = sendAll(service, texts);
      heldBytes = kafka.status().producers[0]?.heldBytes ?? 0;
      return sending;
    });
    await kafka.switchTo('B');
    const answers = await waiting;
    expect(heldBytes).toBeGreaterThan(holdMaxBytes / 2);
    expect(heldBytes).toBeLessThanOrEqual(holdMaxBytes);
    const refused = answers.filter((one) => codeOf(one) === 'ERR_FAILOVER_HOLD_FULL');
    const sent = texts.filter((_, index) => answers[index]?.status === 'fulfilled');
    expect(refused.length).toBe(texts.length - sent.length);
    expect(textsOf(await logs.records('B', topic)).toSorted()).toEqual(sent.toSorted());
    expect(kafka.status().producers).toMatchObject([
      { heldBytes: 0, refusedCount: refused.length },
    ]);
  });
});

describe('a target that is slow', () => {
  it('gets everything, once, and in the order of the calls', async () => {
    const service = await startProducer();
    const { kafka, producer, topic } = service;
    const fault = stack.clusters.B.proxy.delay({ ms: 100, jitterMs: 50 });
    onTestFinished(() => fault.clear());
    const texts = numbered('', 200);
    const waiting = inPhase(kafka, 'fence', () =>
      Promise.all(
        texts.map((value) => producer.send({ topic, messages: [{ partition: 0, value }] })),
      ),
    );
    await kafka.switchTo('B');
    const metadata = (await waiting).flat();
    fault.clear();
    expect(new Set(metadata.map(({ cluster }) => cluster))).toEqual(new Set(['B']));
    expect(textsOf(await logs.records('B', topic))).toEqual(texts);
  });
});

// The last one: it kills B.
describe('a target that dies during the switch to it', () => {
  it('gets nothing: what waits is told so by its deadline, and work goes on with A', async () => {
    const service = await startProducer({ deliveryTimeoutMs: 6_000, holdMaxWaitMs: 4_000 });
    const { kafka, producer, topic } = service;
    const { B } = stack.clusters;
    await producer.send({ topic, messages: [{ value: 'before' }] });
    const waiting = inPhase(kafka, 'fence', async () => {
      const sending = sendAll(service, numbered('late', 20));
      await B.kill();
      return sending;
    });
    // Nothing is known of B's death yet.
    expect(await kafka.switchTo('B')).toMatchObject({ kind: 'switched' });
    const answers = await waiting;
    for (const answer of answers) {
      expect(['ERR_FAILOVER_DELIVERY_TIMEOUT', 'ERR_FAILOVER_HOLD_TIMEOUT']).toContain(
        codeOf(answer),
      );
      expect(answer.status === 'rejected' && sendOutcome(answer.reason)?.kind).toBe('not-sent');
    }
    await kafka.switchTo('A', { planned: false, reason: 'B is dead' });
    const [after] = await producer.send({ topic, messages: [{ value: 'after' }] });
    expect(after).toMatchObject({ cluster: 'A' });
    expect(textsOf(await logs.records('A', topic)).toSorted()).toEqual(['after', 'before']);
    await B.start();
    // As above: until its partitions have a leader.
    await logs.untilHeld('B', topic, 0);
    expect(await logs.records('B', topic)).toEqual([]);
  });
});
