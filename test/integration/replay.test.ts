import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { FailoverKafka } from '../../src/failover-kafka.js';
import { replayOrigin, type ReplayReport } from '../../src/index.js';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import { Logs } from './group-support.js';
import { createTopic } from './stack-support.js';

const PARTITIONS = 4;

let stack: Stack;
let logs: Logs;

beforeAll(async () => {
  stack = await startStack({ name: 'replay', flows: ['A->B'] });
  logs = new Logs(stack);
});

afterAll(async () => {
  await logs?.close();
  await stack?.stop();
});

/** A service that sends to a topic and handles it, and what it was told and has handled. */
async function startService(topic: string) {
  const { A, B } = stack.clusters;
  const kafka = new FailoverKafka({
    clientId: 'service',
    logLevel: 0,
    clusters: { A: { brokers: [...A.brokers] }, B: { brokers: [...B.brokers] } },
    producer: { onUnmirrored: 'replay' },
  });
  onTestFinished(() => kafka.close());
  const reports: ReplayReport[] = [];
  kafka.on('unmirrored.replayed', ({ report }) => reports.push(report));
  /** Cluster, and where it was born if it is a replay, of each time that a value was handled. */
  const handled = new Map<string, string[]>();
  const consumer = kafka.consumer({ groupId: `${topic}-group` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: ({ message, cluster }) => {
      const value = String(message.value);
      const from = replayOrigin(message)?.cluster;
      const how = from === undefined ? cluster : `${cluster}, a replay of ${from}`;
      handled.set(value, [...(handled.get(value) ?? []), how]);
      return Promise.resolve();
    },
  });
  const producer = kafka.producer();
  await producer.connect();
  const sent: string[] = [];
  const send = async (): Promise<void> => {
    const turn = sent.length;
    const messages = Array.from({ length: PARTITIONS * 3 }, (_, index) => ({
      partition: index % PARTITIONS,
      key: `k${index}`,
      value: `${topic}-${turn + index}`,
      headers: { trace: `t${turn}` },
    }));
    await producer.send({ topic, messages });
    sent.push(...messages.map(({ value }) => value));
  };
  const isAllHandled = (): Promise<number> =>
    waitFor('all that was sent to be handled', () => handled.size, {
      until: (count) => count === sent.length,
      timeoutMs: 90_000,
    });
  return { kafka, reports, sent, handled, send, isAllHandled };
}

/** What comes behind it in each of A's logs is handled. */
async function untilTailHasGoneBy(topic: string, handled: Map<string, string[]>): Promise<void> {
  const last = Array.from({ length: PARTITIONS }, (_, index) => `${topic}-last-${index}`);
  await logs.send('A', topic, last, { partitions: PARTITIONS });
  await waitFor('what comes behind the tail', () => last.filter((value) => handled.has(value)), {
    until: ({ length }) => length === PARTITIONS,
    timeoutMs: 60_000,
  });
  for (const value of last) handled.delete(value);
}

/** Values that were not handled exactly once, and how they were. */
const notOnce = (handled: ReadonlyMap<string, string[]>): string[] =>
  [...handled]
    .filter(([, how]) => how.length !== 1)
    .map(([value, how]) => `${value}: ${how.join('; ')}`);

describe('what a killed cluster had acknowledged, and was not mirrored', () => {
  it('is replayed, and handled once each, also when the cluster comes back and MirrorMaker brings its tail', async () => {
    const topic = 'orders';
    await createTopic(stack.clusters.A, topic, { numPartitions: PARTITIONS });
    await createTopic(stack.clusters.B, topic, { numPartitions: PARTITIONS });
    const { kafka, reports, sent, handled, send, isAllHandled } = await startService(topic);
    for (let turn = 0; turn < 30; turn += 1) await send();
    await logs.untilHeld('B', `A.${topic}`, sent.length);
    // In order: after a crash it copies again what it had copied since it last wrote its offsets.
    await stack.mirror.flow('A->B').stop();
    for (let turn = 0; turn < 20; turn += 1) await send();
    await stack.clusters.A.kill();
    await kafka.switchTo('B', { planned: false, reason: 'A is dead' });
    const tailCount = 20 * PARTITIONS * 3;
    const [report] = await waitFor('the replay', () => reports, {
      until: ({ length }) => length > 0,
      timeoutMs: 60_000,
    });
    const onB = new Set(await logs.ids('B', `A.${topic}`));
    const missing = sent.filter((value) => !onB.has(value));
    expect(report).toMatchObject({
      from: 'A',
      to: 'B',
      replayedCount: missing.length,
      mirroredCount: 0,
      notReplayedCount: 0,
    });
    expect(missing.length).toBeGreaterThanOrEqual(tailCount);
    expect((await logs.ids('B', topic)).toSorted()).toEqual(missing.toSorted());
    await isAllHandled();
    for (let turn = 0; turn < 10; turn += 1) await send();
    await isAllHandled();

    await stack.clusters.A.start();
    await stack.mirror.start();
    await logs.untilHeld('B', `A.${topic}`, tailCount + 30 * PARTITIONS * 3);
    await untilTailHasGoneBy(topic, handled);
    expect(notOnce(handled)).toEqual([]);
    expect(handled.size).toBe(sent.length);
  });

  it('is handled once each where MirrorMaker comes back while it is replayed', async () => {
    const topic = 'invoices';
    await createTopic(stack.clusters.A, topic, { numPartitions: PARTITIONS });
    await createTopic(stack.clusters.B, topic, { numPartitions: PARTITIONS });
    const { kafka, reports, sent, handled, send, isAllHandled } = await startService(topic);
    for (let turn = 0; turn < 30; turn += 1) await send();
    await logs.untilHeld('B', `A.${topic}`, sent.length);
    // In order: after a crash it copies again what it had copied since it last wrote its offsets.
    await stack.mirror.flow('A->B').stop();
    for (let turn = 0; turn < 20; turn += 1) await send();
    // A lives: it is given up all the same.
    await kafka.switchTo('B', { planned: false, reason: 'A is given up' });
    await waitFor('the announcement', () => kafka.status().ledger?.replay.kind, {
      until: (kind) => kind === 'replaying',
      timeoutMs: 60_000,
    });
    await stack.mirror.start();
    const [report] = await waitFor('the replay', () => reports, {
      until: ({ length }) => length > 0,
      timeoutMs: 60_000,
    });
    expect(report).toMatchObject({ notReplayedCount: 0 });
    expect((report?.replayedCount ?? 0) + (report?.mirroredCount ?? 0)).toBe(20 * PARTITIONS * 3);
    await isAllHandled();
    await logs.untilHeld('B', `A.${topic}`, sent.length);
    for (let turn = 0; turn < 5; turn += 1) await send();
    await isAllHandled();
    await untilTailHasGoneBy(topic, handled);
    expect(notOnce(handled)).toEqual([]);
  });
});
