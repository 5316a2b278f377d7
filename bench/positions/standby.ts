import { setTimeout } from 'node:timers/promises';
import { FailoverKafka, Kafka, logLevel, type Producer } from 'kafkajs-failover';
import { startStack, type Stack } from '../../stack/index.js';
import { measurePlanned, type OtherWriter, type SwitchFigures } from '../planned.js';
import { createTopics, untilTopicsExist } from '../topics.js';
import { within } from '../within.js';
import type { StandbyFigures } from './figures.js';

/** Kafka's own default; the stack's brokers have 0. */
const REBALANCE_DELAY_MS = 3_000;
const PARTITIONS = 6;
const JOIN_LIMIT_MS = 60_000;
/** Between two records of somebody else, in milliseconds. */
const WRITE_EVERY_MS = 5;

/**
 * Switches to and fro of a service at rest, on brokers that make a group wait as Kafka does by default: how soon a record is handled that
 * somebody writes to the other cluster from the decision on, and how soon a send is acknowledged that was made together with it.
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
    const options = { stack, runs, isHot: true, planned: true };
    const cold = await measured('standby-cold', { ...options, isHot: false });
    const hot = await measured('standby-hot', options);
    const unplanned = await measured('standby-unplanned', { ...options, planned: false });
    return {
      coldMs: cold.firstRecordMs,
      hotMs: hot.firstRecordMs,
      hotUnplannedMs: unplanned.firstRecordMs,
      coldAckMs: cold.firstAckMs,
      hotAckMs: hot.firstAckMs,
    };
  } finally {
    await stack.stop();
  }
}

async function measured(
  topic: string,
  {
    stack: {
      clusters: { A, B },
    },
    runs,
    isHot,
    planned,
  }: { stack: Stack; runs: number; isHot: boolean; planned: boolean },
): Promise<SwitchFigures> {
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
    consumer: { hotStandby: isHot },
    producer: { hotStandby: isHot },
  });
  const writers = {
    A: new Kafka({ ...common, brokers: A.brokers }).producer(),
    B: new Kafka({ ...common, brokers: B.brokers }).producer(),
  };
  try {
    for (const writer of [writers.A, writers.B]) await writer.connect();
    const others = otherWriter(topic, writers);
    const untilReady = async (): Promise<void> => {
      if (isHot) await untilHot(kafka);
    };
    const shape = { topic, groupId: topic, runs, sendsPerSecond: 0, untilReady, planned, others };
    return await measurePlanned(kafka, shape);
  } finally {
    await kafka.close();
    for (const writer of [writers.A, writers.B]) await writer.disconnect();
  }
}

/** A record every few milliseconds, to each partition in turn. */
function otherWriter(topic: string, writers: Readonly<Record<string, Producer>>): OtherWriter {
  const prefixOf = (run: number): string => `other-${run}-`;
  return {
    isOf: (run, value) => value.startsWith(prefixOf(run)),
    begin(to, run) {
      const end = new AbortController();
      const writing = (async () => {
        for (let count = 0; !end.signal.aborted; count += 1) {
          const messages = [{ value: `${prefixOf(run)}${count}`, partition: count % PARTITIONS }];
          await writers[to]?.send({ topic, messages });
          await setTimeout(WRITE_EVERY_MS);
        }
      })();
      return {
        stop: async () => {
          end.abort();
          await writing;
        },
      };
    },
  };
}

/** Between two switches the consumer becomes a member on the cluster that it left, and the producer connects there. */
function untilHot(kafka: FailoverKafka): Promise<void> {
  const isHot = (): boolean => {
    const { consumers, producers } = kafka.status();
    return (
      consumers.every(({ standby }) => standby.kind === 'joined') &&
      producers.every(({ standby }) => standby.kind === 'connected')
    );
  };
  return within(
    JOIN_LIMIT_MS,
    'clients that wait on the standby',
    (async () => {
      while (!isHot()) await setTimeout(50);
    })(),
  );
}
