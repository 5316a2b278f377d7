import { setImmediate } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { FailoverKafka } from '../../src/failover-kafka.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import { healthStrategy } from '../../src/strategy/health.js';
import type { SwitchReport } from '../../src/switch/report.js';
import { startStack, waitFor } from '../../stack/index.js';
import type { FaultProxy, Stack } from '../../stack/index.js';
import { count, createTopic } from './stack-support.js';

let stack: Stack;
let proxy: FaultProxy;
let topicCount = 0;

beforeAll(async () => {
  stack = await startStack({ name: 'health', flows: [], proxied: true });
  proxy = stack.clusters.A.proxy;
});
afterAll(() => stack?.stop());
afterEach(() => proxy.heal());

interface Service {
  readonly kafka: FailoverKafka;
  readonly topic: string;
  readonly handled: string[];
  readonly reports: SwitchReport[];
  send(value: string): Promise<unknown>;
}

/** A service that produces and consumes through the proxies, on topics of its own; both clusters are healthy. */
async function service(config: Partial<FailoverKafkaConfig> = {}): Promise<Service> {
  const { A, B } = stack.clusters;
  topicCount += 1;
  const topic = `orders-${topicCount}`;
  await Promise.all([createTopic(A, topic), createTopic(B, topic)]);
  const kafka = new FailoverKafka({
    clientId: 'service',
    logLevel: 0,
    clusters: { A: { brokers: A.proxiedBrokers }, B: { brokers: B.proxiedBrokers } },
    strategy: healthStrategy(),
    ...config,
  });
  onTestFinished(() => kafka.close());
  const reports: SwitchReport[] = [];
  kafka.on('switch.completed', ({ report }) => reports.push(report));
  const handled: string[] = [];
  const consumer = kafka.consumer({ groupId: topic });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      handled.push(String(message.value));
    },
  });
  // A send that is refused is an answer soon: by default kafkajs tries again for ten seconds.
  const producer = kafka.producer({ retry: { retries: 1 } });
  await producer.connect();
  const send = (value: string): Promise<unknown> => producer.send({ topic, messages: [{ value }] });
  await send('before');
  await waitFor('the first record', () => handled, { until: (all) => all.includes('before') });
  await waitFor('both clusters are healthy', () => kinds(kafka), {
    until: (all) => all === 'healthy/healthy healthy/healthy',
  });
  return { kafka, topic, handled, reports, send };
}

/** Sends again and again, whatever comes of it, while something is so, and not beyond the end of the test. */
async function keepSending({ send }: Service, isSo: () => boolean): Promise<void> {
  let isOver = false;
  onTestFinished(() => {
    isOver = true;
  });
  while (!isOver && isSo()) await send('again').catch(() => setImmediate());
}

function kinds(kafka: FailoverKafka): string {
  const { clusters } = kafka.status();
  return clusters.map(({ health }) => `${health.produce.kind}/${health.consume.kind}`).join(' ');
}

async function goesToB({ kafka, handled, reports, send }: Service): Promise<SwitchReport> {
  await waitFor('it is on B', () => kafka.status().active, {
    until: (active) => active === 'B',
    timeoutMs: 60_000,
  });
  await send('after');
  await waitFor('the record is handled there', () => handled, {
    until: (all) => all.includes('after'),
    timeoutMs: 30_000,
  });
  const [report] = reports;
  if (report === undefined) throw new Error('there is no report');
  expect(report).toMatchObject({ from: 'A', to: 'B', planned: false });
  return report;
}

describe('a cluster that is half dead, on real brokers', () => {
  it('is left where it answers questions and takes no records', async () => {
    const one = await service();
    proxy.stall({ apiKeys: ['Produce'] });
    const sent = one.send('held up');
    const { reason } = await goesToB(one);
    expect(reason).toContain('a Produce request has no answer');
    await sent;
  });

  it('is left where it refuses records for want of replicas', async () => {
    const one = await service();
    proxy.answerWith({ apiKeys: ['Produce'], errorCode: 19 });
    const sending = keepSending(one, () => one.kafka.status().active === 'A');
    await goesToB(one);
    await sending;
  });

  it('is left where its group coordinator is dead', async () => {
    const one = await service();
    proxy.stall({ apiKeys: ['FindCoordinator', 'Heartbeat', 'JoinGroup', 'SyncGroup'] });
    await goesToB(one);
  });

  it.each([
    [
      'refuses connections and has broken all',
      (): void => {
        void proxy.refuse();
        proxy.reset();
      },
    ],
    ['is silent in both directions', (): void => void proxy.blackhole()],
    ['hears and is not heard', (): void => void proxy.cutTowardsClient()],
    ['does not hear', (): void => void proxy.cutTowardsBroker()],
  ])('is left where it %s', async (_what, hurt) => {
    const one = await service();
    hurt();
    await goesToB(one);
  });

  it('is left where its process is stopped', async () => {
    const one = await service();
    const { A } = stack.clusters;
    await A.pause();
    try {
      await goesToB(one);
    } finally {
      A.resume();
    }
    // Its controller has taken it for dead meanwhile, and makes no topics before it is registered again.
    let attempt = 0;
    await waitFor('a broker in office', async () => {
      attempt += 1;
      await createTopic(A, `back-${attempt}`);
      return true;
    });
  });

  it('is not left for being slow', async () => {
    const one = await service();
    proxy.delay({ ms: 150, jitterMs: 100 });
    for (let round = 0; round < 20; round += 1) await one.send(`slow ${round}`);
    await waitFor('all are handled', () => one.handled, {
      until: (all) => all.includes('slow 19'),
    });
    expect(one.kafka.status()).toMatchObject({ active: 'A', switchEpoch: 1 });
    expect(one.reports).toEqual([]);
  });
});

describe('a name that is turned round, on real brokers', () => {
  it('stops the library before anything is sent to the other cluster', async () => {
    const one = await service();
    const { B } = stack.clusters;
    const [address = ''] = B.brokers;
    const [host = '', port = ''] = address.split(':');
    proxy.redirectTo({ host, port: Number(port) }, { sessions: 'kill' });
    const failing = keepSending(one, () => one.kafka.status().state !== 'halted');
    await waitFor('it has stopped itself', () => one.kafka.status().state, {
      until: (state) => state === 'halted',
    });
    await failing;
    expect(one.kafka.status().haltedBecause).toMatchObject({ code: 'ERR_FAILOVER_WRONG_CLUSTER' });
    expect(await count(B, one.topic)).toBe(0);
  });
});
