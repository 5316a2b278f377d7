import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished } from 'vitest';
import { FailoverKafka } from '../../src/failover-kafka.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import { healthStrategy } from '../../src/strategy/health.js';
import type { SwitchReport } from '../../src/switch/report.js';
import { waitFor } from '../../stack/index.js';
import type { Cluster } from '../../stack/index.js';
import { createTopic } from './stack-support.js';

export interface Service {
  readonly kafka: FailoverKafka;
  readonly topic: string;
  readonly handled: string[];
  readonly reports: SwitchReport[];
  send(value: string): Promise<unknown>;
}

/** Which clusters a service works with, by which addresses, and how else it is configured. */
export interface ServiceOptions extends Partial<Omit<FailoverKafkaConfig, 'clusters' | 'brokers'>> {
  readonly clusters: Readonly<Record<'A' | 'B', Cluster>>;
  /** Default: the clusters' own addresses. */
  readonly brokers?: Partial<Record<'A' | 'B', readonly string[]>>;
  /** Of the topic; one cluster's own settings, such as a replication factor. Default: the brokers' defaults. */
  readonly replicationFactor?: number;
}

let topicCount = 0;

/** A service that produces and consumes, on a topic of its own, decided by health; both clusters are healthy. */
export async function startService({
  clusters: { A, B },
  brokers = {},
  replicationFactor = -1,
  ...config
}: ServiceOptions): Promise<Service> {
  topicCount += 1;
  const topic = `orders-${topicCount}`;
  await Promise.all([createTopic(A, topic, { replicationFactor }), createTopic(B, topic)]);
  const kafka = new FailoverKafka({
    clientId: 'service',
    logLevel: 0,
    clusters: {
      A: { brokers: [...(brokers.A ?? A.brokers)] },
      B: { brokers: [...(brokers.B ?? B.brokers)] },
    },
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

/**
 * Sends again and again, whatever comes of it, while something is so, and not beyond the end of the test. Answers the values
 * that were acknowledged.
 */
export async function keepSending(
  { send }: Service,
  isSo: () => boolean,
): Promise<readonly string[]> {
  const acknowledged: string[] = [];
  let isOver = false;
  onTestFinished(() => {
    isOver = true;
  });
  for (let number = 1; !isOver && isSo(); number += 1) {
    const value = `again ${number}`;
    await send(value).then(
      () => acknowledged.push(value),
      () => setImmediate(),
    );
  }
  return acknowledged;
}

/** The health of both clusters, in one line. */
export function kinds(kafka: FailoverKafka): string {
  const { clusters } = kafka.status();
  return clusters.map(({ health }) => `${health.produce.kind}/${health.consume.kind}`).join(' ');
}

/** The service has left A by itself, and works on B. */
export async function goesToB({ kafka, handled, reports, send }: Service): Promise<SwitchReport> {
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
