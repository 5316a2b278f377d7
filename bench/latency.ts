import type { Consumer, Producer } from 'kafkajs';
import { alternate, type Round } from './alternate.js';
import type { ConsumerSource } from './consumer.js';
import { startMeter } from './meter.js';
import { median, medianRatio, percentile, rounded } from './statistics.js';
import { within } from './within.js';

/** @internal From the call of `send` to the call of the handler, in milliseconds. */
export interface LatencyFigures {
  /** Wrapper's median by bare's: median over the pairs. 1 is equal, more is slower. */
  readonly p50Ratio: number;
  /** The same of the 99th percentile. */
  readonly p99Ratio: number;
  /** Wrapper's CPU time for a record, sending and receiving, by bare's: median over the pairs. */
  readonly cpuRatio: number;
  readonly bareMs: { readonly p50: number; readonly p99: number };
  readonly wrappedMs: { readonly p50: number; readonly p99: number };
}

/** Records a second, each sent by itself: a service that is far from its limits. */
const RATE = 500;
const JOIN_LIMIT_MS = 60_000;
const HANDLE_LIMIT_MS = 30_000;

/**
 * Compares how long a record is under way at a steady rate. The same producer sends in all rounds, so that only consumers
 * differ; each round's consumer has joined before it begins.
 *
 * @internal
 */
export async function compareLatencies(
  topic: string,
  producer: Producer,
  sources: { bare: ConsumerSource; wrapped: ConsumerSource },
  { pairCount, seconds }: { pairCount: number; seconds: number },
): Promise<LatencyFigures> {
  const round =
    (source: ConsumerSource, name: string) =>
    (index: number): Promise<Round> => {
      const groupId = `bench-latency-${name}-${index}`;
      return latencyRound(topic, producer, source.consumer({ groupId, maxWaitTimeInMs: 100 }), {
        groupId,
        recordCount: RATE * seconds,
      });
    };
  const { pairs, cpuRatio } = await alternate(
    pairCount,
    round(sources.bare, 'bare'),
    round(sources.wrapped, 'wrapped'),
  );
  const share = (part: number) => (one: Round) => percentile(one.latenciesMs, part);
  const spread = (rounds: readonly Round[]): { p50: number; p99: number } => ({
    p50: rounded(median(rounds.map(share(0.5)))),
    p99: rounded(median(rounds.map(share(0.99)))),
  });
  return {
    p50Ratio: medianRatio(pairs, share(0.5)),
    p99Ratio: medianRatio(pairs, share(0.99)),
    cpuRatio,
    bareMs: spread(pairs.map(({ bare }) => bare)),
    wrappedMs: spread(pairs.map(({ wrapped }) => wrapped)),
  };
}

async function latencyRound(
  topic: string,
  producer: Producer,
  consumer: Consumer,
  { groupId, recordCount }: { groupId: string; recordCount: number },
): Promise<Round> {
  const latenciesMs: number[] = [];
  let onJoined = (): void => {};
  let onFinished = (): void => {};
  const joined = new Promise<void>((resolve) => {
    onJoined = resolve;
  });
  const finished = new Promise<void>((resolve) => {
    onFinished = resolve;
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: false });
  await consumer.run({
    // By default kafkajs commits after each batch, of which there are six in a round trip here: at this rate it would wait for
    // its commits, and the figure would be theirs.
    autoCommitInterval: 1_000,
    eachMessage: ({ message }) => {
      // Records of earlier rounds have other keys.
      const key = String(message.key);
      if (key.startsWith(`${groupId}-probe-`)) onJoined();
      else if (key.startsWith(`${groupId}-timed-`)) {
        latenciesMs.push(performance.now() - Number(message.value));
        if (latenciesMs.length === recordCount) onFinished();
      }
      return Promise.resolve();
    },
  });
  const probing = setInterval(() => void send(producer, topic, `${groupId}-probe-`), 100);
  await within(JOIN_LIMIT_MS, `a first record in group ${groupId}`, joined).finally(() =>
    clearInterval(probing),
  );
  const stop = startMeter();
  await steadily(recordCount, (index) => send(producer, topic, `${groupId}-timed-${index % 64}`));
  await within(HANDLE_LIMIT_MS, `${recordCount} records in group ${groupId}`, finished);
  const effort = stop();
  await consumer.disconnect();
  return { ...effort, recordCount, latenciesMs };
}

async function send(producer: Producer, topic: string, key: string): Promise<void> {
  await producer.send({ topic, messages: [{ key, value: String(performance.now()) }] });
}

/** Begins `count` sends at the steady rate, and waits for all of them. */
function steadily(count: number, begin: (index: number) => Promise<void>): Promise<void> {
  const startedAtMs = performance.now();
  const pending: Promise<void>[] = [];
  return new Promise((resolve, reject) => {
    const timer = setInterval(() => {
      const dueCount = Math.min(count, ((performance.now() - startedAtMs) / 1_000) * RATE);
      while (pending.length < dueCount) pending.push(begin(pending.length));
      if (pending.length < count) return;
      clearInterval(timer);
      Promise.all(pending).then(() => resolve(), reject);
    }, 1);
  });
}
