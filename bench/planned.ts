import type { FailoverKafka } from 'kafkajs-failover';
import { untilMirrorsAreFollowed } from './mirrored.js';
import { median, percentile, rounded } from './statistics.js';
import { within } from './within.js';

/** @internal Milliseconds from the decision (the call of `switchTo`). */
export interface SwitchFigures {
  readonly firstAckMs: { readonly p50: number; readonly p95: number };
  readonly firstRecordMs: { readonly p50: number; readonly p95: number };
}

/** @internal Writes records that are new in a switch. */
export interface OtherWriter {
  begin(to: string, run: number): { stop(): Promise<void> };
  isOf(run: number, value: string): boolean;
}

/** Beyond all deadlines of a switch together. */
const SWITCH_LIMIT_MS = 120_000;

/**
 * Switches to and fro and measures when the first send is acknowledged by, and the first new record is handled on, the
 * cluster that was switched to.
 *
 * @param sendsPerSecond - 0: an idle service, in which one send is made together with the decision.
 * @internal
 */
export async function measurePlanned(
  kafka: FailoverKafka,
  {
    topic,
    groupId,
    runs,
    sendsPerSecond,
    untilReady = () => Promise.resolve(),
    planned = true,
    others,
  }: {
    topic: string;
    groupId: string;
    runs: number;
    sendsPerSecond: number;
    /** Waited for before each switch. */
    untilReady?: () => Promise<void>;
    /** Default true. The source lives in any case. */
    planned?: boolean;
    /** Somebody else writes to the cluster that is switched to, from the decision on: the first of these records counts. Default: the probe does. */
    others?: OtherWriter;
  },
): Promise<SwitchFigures> {
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 });
  let onHandled = (_cluster: string, _value: string): void => {};
  await producer.connect();
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: ({ message, cluster }) => {
      onHandled(cluster, message.value?.toString() ?? '');
      return Promise.resolve();
    },
  });
  // As in a service that has run for a while.
  await producer.send({ topic, messages: [{ key: 'probe', value: 'first' }] });
  await untilMirrorsAreFollowed(kafka);
  const flow = steadyFlow(producer, topic, sendsPerSecond);
  const firstAckMs: number[] = [];
  const firstRecordMs: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    await untilReady();
    const to = kafka.status().active === 'A' ? 'B' : 'A';
    const probe = `probe-${groupId}-${run}`;
    const decidedAtMs = performance.now();
    const handled = new Promise<number>((resolve) => {
      onHandled = (cluster, value) => {
        const isNew = value === probe || others?.isOf(run, value) === true;
        if (cluster === to && isNew) resolve(performance.now() - decidedAtMs);
      };
    });
    const writing = others?.begin(to, run);
    const switched = kafka.switchTo(to, { planned, reason: 'bench' });
    // Whatever is sent now waits for the new cluster: the probe is part of it.
    const acknowledged = held(kafka).then(async () => {
      await producer.send({ topic, messages: [{ key: 'probe', value: probe }] });
      return performance.now() - decidedAtMs;
    });
    const bounded = <T>(what: string, work: Promise<T>): Promise<T> =>
      within(SWITCH_LIMIT_MS, `${what} in switch ${run + 1} of ${runs}, to ${to}`, work);
    await bounded('the end of the switch', switched);
    firstAckMs.push(await bounded('the acknowledgement of the probe', acknowledged));
    firstRecordMs.push(await bounded('the handling of a new record', handled));
    await writing?.stop();
  }
  await flow.stop();
  await consumer.disconnect();
  await producer.disconnect();
  return { firstAckMs: spread(firstAckMs), firstRecordMs: spread(firstRecordMs) };
}

/** Resolves when the switch under way holds sends. */
function held(kafka: FailoverKafka): Promise<void> {
  return new Promise((resolve) => {
    const end = kafka.on('switch.phase-started', ({ phase }) => {
      if (phase !== 'fence') return;
      end();
      resolve();
    });
  });
}

function steadyFlow(
  producer: {
    send(record: { topic: string; messages: { key: string; value: string }[] }): Promise<unknown>;
  },
  topic: string,
  sendsPerSecond: number,
): { stop(): Promise<void> } {
  if (sendsPerSecond === 0) return { stop: () => Promise.resolve() };
  const pending = new Set<Promise<unknown>>();
  let count = 0;
  const timer = setInterval(() => {
    for (let index = 0; index < sendsPerSecond / 100; index += 1) {
      count += 1;
      const send = producer
        .send({ topic, messages: [{ key: `key-${count % 64}`, value: `flow-${count}` }] })
        .finally(() => pending.delete(send));
      pending.add(send);
    }
  }, 10);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(pending);
    },
  };
}

function spread(samples: readonly number[]): { p50: number; p95: number } {
  return { p50: rounded(median(samples)), p95: rounded(percentile(samples, 0.95)) };
}
