import { FailoverKafka, Kafka, logLevel, type FailoverKafkaConfig } from 'kafkajs-failover';
import { startStack, type Stack } from '../../stack/index.js';
import { measurePlanned } from '../planned.js';
import { createTopics, untilTopicsExist } from '../topics.js';
import type { Spread, StandbyFigures } from './figures.js';

/** Kafka's own default; the stack's brokers have 0. */
const REBALANCE_DELAY_MS = 3_000;
const PARTITIONS = 6;

/**
 * Planned switches to and fro of a service at rest, on brokers that make a group wait as Kafka does by default: how soon a record that is
 * sent together with the decision is handled on the other cluster.
 *
 * @internal
 */
export async function measureStandby({
  runs,
  say,
}: {
  runs: number;
  say(words: string): void;
}): Promise<StandbyFigures> {
  const stack = await startStack({
    name: 'bench-positions',
    brokerOverrides: { 'group.initial.rebalance.delay.ms': String(REBALANCE_DELAY_MS) },
    onProgress: say,
  });
  try {
    const coldMs = await firstRecords(stack, 'standby-cold', {}, runs);
    // A hot standby is measured here as well, with its option, once there is one.
    return { coldMs, hotMs: null };
  } finally {
    await stack.stop();
  }
}

async function firstRecords(
  { clusters: { A, B } }: Stack,
  topic: string,
  consumer: NonNullable<FailoverKafkaConfig['consumer']>,
  runs: number,
): Promise<Spread> {
  const common = { clientId: 'bench', logLevel: logLevel.NOTHING };
  for (const [alias, { brokers }, other] of [
    ['A', A, 'B'],
    ['B', B, 'A'],
  ] as const) {
    const kafka = new Kafka({ ...common, brokers });
    await createTopics(kafka, [topic], PARTITIONS);
    const onOther = new Kafka({ ...common, brokers: other === 'A' ? A.brokers : B.brokers });
    await untilTopicsExist(onOther, [`${alias}.${topic}`]);
  }
  const kafka = new FailoverKafka({
    ...common,
    clusters: { A: { brokers: A.brokers }, B: { brokers: B.brokers } },
    consumer,
  });
  try {
    const shape = { topic, groupId: topic, runs, sendsPerSecond: 0 };
    return (await measurePlanned(kafka, shape)).firstRecordMs;
  } finally {
    await kafka.close();
  }
}
