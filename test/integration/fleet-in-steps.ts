import { expect } from 'vitest';
import { FailoverKafka, kafkaAgreement, type FailbackStep } from '../../src/index.js';
import { waitFor, type Stack } from '../../stack/index.js';
import { createMirrored, readLog } from './fleet-logs.js';

const TOPIC = 'steps';
const SEND_EVERY_MS = 20;
const PAUSE_MS = 10_000;

/** One process of the fleet: it sends all the time, and, but for the one that leads the way, reads in a group of its own. */
interface Service {
  readonly name: string;
  readonly kafka: FailoverKafka;
  /** Ids, as they were handled, with the cluster that they were read on. */
  readonly handled: { readonly id: string; readonly on: string }[];
  /** Ids that were acknowledged, by cluster. */
  readonly acknowledged: { readonly id: string; readonly by: string }[];
  stop(): Promise<void>;
}

/**
 * Three groups and a process that leads the way go to B, and come home one group after the other, while all of them send. Judged by the values
 * in A's logs: each group has handled each record, and none twice.
 */
export async function goHomeInSteps({ clusters }: Stack): Promise<void> {
  const { A, B } = clusters;
  await createMirrored(TOPIC, { A, B });
  const brokers = { A: { brokers: A.brokers }, B: { brokers: B.brokers } };
  const names = ['one', 'two', 'three', 'lead'];
  const services = await Promise.all(names.map((name) => startService(name, brokers)));
  const readers = services.filter(({ name }) => name !== 'lead');
  const lead = services.find(({ name }) => name === 'lead');
  if (lead === undefined) throw new Error('nobody leads the way');
  try {
    const areOn = (cluster: string, whom: readonly Service[]) => (): boolean =>
      whom.every(({ kafka }) => {
        const { state, active } = kafka.status();
        return state === 'steady' && active === cluster;
      });
    const handles = (count: number, from: readonly number[]) => (): boolean =>
      readers.every(({ handled }, index) => handled.length >= (from[index] ?? 0) + count);
    const counts = (): readonly number[] => readers.map(({ handled }) => handled.length);
    await waitFor('work on A', handles(100, []), { timeoutMs: 60_000 });
    await waitFor('a fleet', () =>
      services.every(({ kafka }) => kafka.status().agreement?.members.length === services.length),
    );
    await lead.kafka.switchTo('B');
    await waitFor('all on B', areOn('B', services), { timeoutMs: 60_000 });
    await waitFor('work on B', handles(100, counts()), { timeoutMs: 60_000 });

    const steps: FailbackStep[] = [];
    const arrivals: Promise<unknown>[] = [];
    lead.kafka.on('failback.step', ({ step }) => {
      steps.push(step);
      const meant = services.filter(({ name }) => step.members.includes(name));
      const others = services.filter((one) => !meant.includes(one));
      arrivals.push(
        waitFor(
          'a part of the fleet at home, and the rest away',
          () => {
            return areOn('A', meant)() && areOn('B', others)();
          },
          { timeoutMs: PAUSE_MS },
        ),
      );
    });
    const outcome = await lead.kafka.failback({
      gradually: { steps: [34, 67], pauseMs: PAUSE_MS },
      waitMs: 60_000,
    });
    expect(outcome).toMatchObject({ kind: 'done', steps, report: { to: 'A', planned: true } });
    expect(steps.map(({ members }) => members.length)).toEqual([1, 2]);
    await Promise.all(arrivals);
    await waitFor('all at home', areOn('A', services), { timeoutMs: 60_000 });
    await waitFor('work at home', handles(100, counts()), { timeoutMs: 60_000 });

    await Promise.all(services.map(({ stop }) => stop()));
    const acknowledged = services.flatMap((one) => one.acknowledged);
    const logged = async (): Promise<readonly string[]> => [
      ...(await readLog(A, TOPIC)),
      ...(await readLog(A, `B.${TOPIC}`)),
    ];
    await waitFor(
      'the mirror to bring all that B took',
      async () => {
        const there = new Set(await logged());
        return acknowledged.filter(({ id }) => !there.has(id)).length;
      },
      { until: (missing) => missing === 0, timeoutMs: 60_000 },
    );
    const everything = new Set(await logged());
    for (const { name, handled } of readers) {
      await waitFor(
        `all to be handled by ${name}`,
        () => {
          const own = new Set(handled.map(({ id }) => id));
          return [...everything].filter((id) => !own.has(id)).length;
        },
        { until: (missing) => missing === 0, timeoutMs: 60_000 },
      );
      const ids = handled.map(({ id }) => id);
      expect(ids.length - new Set(ids).size, `handled twice by ${name}`).toBe(0);
    }
    const takenBy = (cluster: string): number =>
      acknowledged.filter(({ by }) => by === cluster).length;
    console.log(
      `in steps: ${acknowledged.length} records (${takenBy('A')} by A, ${takenBy('B')} by B), ` +
        `left for home after ${steps.map(({ tookMs }) => Math.round(tookMs)).join(' and ')} ms, none skipped, none twice`,
    );
  } finally {
    await Promise.all(services.map(({ stop }) => stop()));
    await Promise.all(services.map(({ kafka }) => kafka.close()));
  }
}

async function startService(
  name: string,
  clusters: Record<'A' | 'B', { brokers: readonly string[] }>,
): Promise<Service> {
  const kafka = new FailoverKafka({
    clientId: name,
    logLevel: 0,
    clusters: { A: { brokers: [...clusters.A.brokers] }, B: { brokers: [...clusters.B.brokers] } },
    agreement: kafkaAgreement({ topicPrefix: TOPIC, instance: name, heartbeatMs: 500 }),
    failback: { dwellMs: 0, lagMs: 10_000 },
  });
  const handled: Service['handled'] = [];
  const acknowledged: Service['acknowledged'] = [];
  const producer = kafka.producer();
  await producer.connect();
  if (name !== 'lead') {
    const consumer = kafka.consumer({ groupId: `group-${name}`, maxWaitTimeInMs: 200 });
    await consumer.connect();
    await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message, cluster }) => {
        handled.push({ id: String(message.value), on: cluster });
      },
    });
  }
  let count = 0;
  const pending = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const id = `${name}-${(count += 1)}`;
    const sent = producer
      .send({ topic: TOPIC, messages: [{ key: `${name}-${count % 20}`, value: id }] })
      .then(
        () => {
          acknowledged.push({ id, by: kafka.status().producers[0]?.cluster ?? '' });
        },
        // What is not acknowledged is not asked for.
        () => {},
      )
      .finally(() => pending.delete(sent));
    pending.add(sent);
  }, SEND_EVERY_MS);
  return {
    ...{ name, kafka, handled, acknowledged },
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
    },
  };
}
