import type { Message } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { FailoverKafka } from '../../src/failover-kafka.js';
import type { ReconciliationReport, UnmirroredReport } from '../../src/index.js';
import { kafka as kafkajs } from '../../src/kafkajs.js';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import { Logs, numbered } from './group-support.js';
import { createTopic } from './stack-support.js';

const PARTITIONS = 4;
const { GZIP, None } = kafkajs.CompressionTypes;

let stack: Stack;
let logs: Logs;

beforeAll(async () => {
  stack = await startStack({ name: 'unmirrored', flows: ['A->B'], proxied: ['A'] });
  logs = new Logs(stack);
});

afterAll(async () => {
  await logs?.close();
  await stack?.stop();
});

/** A record as a cluster has acknowledged it: its place there, and its value. */
interface Told {
  readonly place: string;
  readonly value: string;
}

/** A service that sends to A, and knows of each record what it was told. */
async function startService(topic: string) {
  const { A, B } = stack.clusters;
  const kafka = new FailoverKafka({
    clientId: 'service',
    logLevel: 0,
    clusters: { A: { brokers: [...A.proxiedBrokers] }, B: { brokers: [...B.brokers] } },
  });
  onTestFinished(() => kafka.close());
  const reports: UnmirroredReport[] = [];
  kafka.on('unmirrored.searched', ({ report }) => reports.push(report));
  const producers = [kafka.producer(), kafka.producer({ idempotent: true })];
  for (const producer of producers) await producer.connect();
  const told: Told[] = [];
  let sentCount = 0;
  /** One request of a few records for each partition, as services send them: with and without keys, headers, compression. */
  const send = async (): Promise<void> => {
    sentCount += 1;
    const turn = sentCount;
    const messages: Message[] = Array.from({ length: PARTITIONS * 3 }, (_, index) => ({
      partition: index % PARTITIONS,
      key: index % 2 === 0 ? null : `k${index}`,
      value: `${turn}-${index}`,
      ...(turn % 3 === 0 ? { headers: { trace: `t${turn}`, list: ['a', 'b'] } } : {}),
    }));
    const metadata = await producers[turn % producers.length]?.send({
      topic,
      messages,
      compression: turn % 2 === 0 ? GZIP : None,
      acks: -1,
    });
    for (const { partition, baseOffset, cluster } of metadata ?? []) {
      if (cluster !== 'A') throw new Error('it went to B');
      messages
        .filter((message) => message.partition === partition)
        .forEach(({ value }, index) => {
          told.push({ place: `${partition}:${Number(baseOffset) + index}`, value: String(value) });
        });
    }
  };
  return { kafka, reports, told, send };
}

/** `0:17`: the places that a report names. */
function placesOf(report: UnmirroredReport | undefined): string[] {
  return (report?.logs ?? []).flatMap(({ partition, ranges }) =>
    ranges.flatMap(({ first, last }) =>
      Array.from(
        { length: Number(last) - Number(first) + 1 },
        (_, index) => `${partition}:${Number(first) + index}`,
      ),
    ),
  );
}

describe('what was acknowledged by a cluster that is killed, and is not mirrored', () => {
  it('is named exactly: the difference of what A has told and what B has, by an independent count', async () => {
    const topic = 'orders';
    await createTopic(stack.clusters.A, topic, { numPartitions: PARTITIONS });
    const { kafka, reports, told, send } = await startService(topic);
    for (let turn = 0; turn < 60; turn += 1) await send();
    await logs.untilHeld('B', `A.${topic}`, told.length);
    // What is mirrored is forgotten.
    await waitFor('an empty ledger', () => kafka.status().ledger?.bytes, {
      until: (bytes) => bytes === 0,
      timeoutMs: 30_000,
    });
    // MirrorMaker falls behind, in the middle of the work, and A dies.
    for (let turn = 0; turn < 10; turn += 1) await send();
    await stack.mirror.flow('A->B').kill();
    for (let turn = 0; turn < 25; turn += 1) await send();
    await stack.clusters.A.kill();
    await kafka.switchTo('B', { planned: false, reason: 'A is dead' });
    const [report] = await waitFor('what is missing', () => reports, {
      until: ({ length }) => length > 0,
      timeoutMs: 60_000,
    });

    const onB = new Set(await logs.ids('B', `A.${topic}`));
    const missing = told.filter(({ value }) => !onB.has(value));
    expect(missing.length).toBeGreaterThanOrEqual(25 * PARTITIONS * 3);
    expect(placesOf(report).toSorted()).toEqual(missing.map(({ place }) => place).toSorted());
    expect(report).toMatchObject({
      from: 'A',
      to: 'B',
      recordCount: missing.length,
      isComplete: true,
    });
    expect(kafka.status().lastSwitch?.unmirroredRecords).toEqual(report);

    // A comes back with its tail, and MirrorMaker brings it.
    const reconciled: ReconciliationReport[] = [];
    kafka.on('unmirrored.reconciled', (event) => reconciled.push(event.report));
    await stack.clusters.A.start();
    await waitFor('what A still has', () => reconciled, {
      until: ({ length }) => length > 0,
      timeoutMs: 60_000,
    });
    expect(reconciled).toMatchObject([
      { cluster: 'A', presentCount: missing.length, lostCount: 0 },
    ]);
    await stack.mirror.start();
    await logs.untilHeld('B', `A.${topic}`, told.length);
    await waitFor('an empty ledger', () => kafka.status().ledger?.bytes, {
      until: (bytes) => bytes === 0,
      timeoutMs: 30_000,
    });
  });

  it('is known to be lost where the cluster comes back without it', async () => {
    const topic = 'invoices';
    await createTopic(stack.clusters.A, topic, { numPartitions: PARTITIONS });
    const { kafka, reports, told, send } = await startService(topic);
    for (let turn = 0; turn < 5; turn += 1) await send();
    await logs.untilHeld('B', `A.${topic}`, told.length);
    const mirroredCount = told.length;
    await stack.mirror.flow('A->B').stop();
    for (let turn = 0; turn < 8; turn += 1) await send();
    const reconciled: ReconciliationReport[] = [];
    kafka.on('unmirrored.reconciled', (event) => reconciled.push(event.report));
    await stack.clusters.A.kill();
    await kafka.switchTo('B', { planned: false, reason: 'A is dead' });
    await waitFor('what is missing', () => reports, {
      until: ({ length }) => length > 0,
      timeoutMs: 60_000,
    });
    expect(reports).toMatchObject([{ recordCount: told.length - mirroredCount, isComplete: true }]);
    // Its disk was lost: when the service sees it again the topic is there, and holds the records of somebody else.
    const { A } = stack.clusters;
    await A.proxy.refuse();
    await A.start();
    await A.withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
    await waitFor('the topic to be gone', () => A.withAdmin((admin) => admin.listTopics()), {
      until: (topics) => !topics.includes(topic),
    });
    await createTopic(A, topic, { numPartitions: PARTITIONS });
    await logs.send('A', topic, numbered('theirs', 400), { partitions: PARTITIONS });
    await A.proxy.heal();
    await waitFor('what A still has', () => reconciled, {
      until: ({ length }) => length > 0,
      timeoutMs: 60_000,
    });
    expect(reconciled).toMatchObject([
      { cluster: 'A', presentCount: 0, lostCount: told.length - mirroredCount },
    ]);
  });
});
