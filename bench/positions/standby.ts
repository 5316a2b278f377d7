import { setTimeout } from 'node:timers/promises';
import { FailoverKafka, Kafka, logLevel, type FailoverKafkaConfig } from 'kafkajs-failover';
import { startStack, type Stack } from '../../stack/index.js';
import { measurePlanned } from '../planned.js';
import { createTopics, untilTopicsExist } from '../topics.js';
import { within } from '../within.js';
import type { Spread, StandbyFigures } from './figures.js';

/** Kafka's own default; the stack's brokers have 0. */
const REBALANCE_DELAY_MS = 3_000;
const PARTITIONS = 6;
const JOIN_LIMIT_MS = 60_000;

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
    const hotMs = await firstRecords(stack, 'standby-hot', { hotStandby: true }, runs);
    return { coldMs, hotMs };
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
    const untilReady = async (): Promise<void> => {
      if (consumer.hotStandby === true) await untilHot(kafka);
    };
    const shape = { topic, groupId: topic, runs, sendsPerSecond: 0, untilReady };
    return (await measurePlanned(kafka, shape)).firstRecordMs;
  } finally {
    await kafka.close();
  }
}

/** Between two switches the consumer becomes a member on the cluster that it left. */
function untilHot(kafka: FailoverKafka): Promise<void> {
  const isHot = (): boolean =>
    kafka.status().consumers.every(({ standby }) => standby.kind === 'joined');
  return within(
    JOIN_LIMIT_MS,
    'a member on the standby',
    (async () => {
      while (!isHot()) await setTimeout(50);
    })(),
  );
}
