import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { ClusterAccess, FetchedRecord } from '../../src/cluster/access.js';
import { openAccess } from '../../src/cluster/kafka-access.js';
import { FailoverKafka } from '../../src/failover-kafka.js';
import { kafka } from '../../src/kafkajs.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import type { GroupPlan, PartitionPlan } from '../../src/position/plan.js';
import { manualStrategy } from '../../src/strategy/manual.js';
import type { SwitchReport } from '../../src/switch/report.js';
import { realWorld } from '../../src/world.js';
import { waitFor, type Stack } from '../../stack/index.js';

type Alias = 'A' | 'B';

const PATIENCE = { timeoutMs: 60_000, everyMs: 20 };

/** Nobody listens there: to such a process the cluster is dead. */
const NOWHERE = ['127.0.0.1:1'];

/** What the logs of both clusters hold, read from them; and what goes into them. */
export class Logs {
  readonly #stack: Stack;
  readonly #access: Readonly<Record<Alias, ClusterAccess>>;

  constructor(stack: Stack) {
    this.#stack = stack;
    const open = (alias: Alias): ClusterAccess =>
      openAccess({
        alias,
        clusterOptions: { brokers: stack.clusters[alias].brokers },
        kafkaConfig: { clientId: 'test', logLevel: kafka.logLevel.NOTHING },
        world: realWorld(),
      });
    this.#access = { A: open('A'), B: open('B') };
  }

  async close(): Promise<void> {
    await Promise.all([this.#access.A.close(), this.#access.B.close()]);
  }

  /** All committed records of a topic, partition by partition; none where it does not exist. */
  async records(alias: Alias, topic: string): Promise<readonly FetchedRecord[]> {
    return [...(await this.partitions(alias, topic)).values()].flat();
  }

  /** As {@link records}, by partition. */
  async partitions(
    alias: Alias,
    topic: string,
  ): Promise<ReadonlyMap<number, readonly FetchedRecord[]>> {
    const access = this.#access[alias];
    const logs = new Map<number, FetchedRecord[]>();
    for (const [partition, { low, high }] of (await access.ranges(topic)) ?? []) {
      const found: FetchedRecord[] = [];
      logs.set(partition, found);
      for (let at = low; at < high;) {
        const { records, nextOffset } = await access.fetch(topic, partition, at, {
          maxWaitMs: 100,
        });
        found.push(...records);
        at = nextOffset;
      }
    }
    return logs;
  }

  /** Their values: the ids of the records. */
  async ids(alias: Alias, topic: string): Promise<readonly string[]> {
    return (await this.records(alias, topic)).map(({ value }) => String(value));
  }

  /** Where a group stands in the first partition of a topic, by its commit; undefined where it has none. */
  async committed(alias: Alias, groupId: string, topic: string): Promise<number | undefined> {
    const commits = await this.#access[alias].committed(groupId, [topic]);
    const first = commits.find(({ partition }) => partition === 0);
    return first && Number(first.offset);
  }

  /** Until so many records are there. */
  async untilHeld(alias: Alias, topic: string, count: number): Promise<void> {
    await waitFor(
      `${count} records in ${topic} on ${alias}`,
      async () => {
        const ranges = await this.#access[alias].ranges(topic);
        return [...(ranges?.values() ?? [])].reduce((sum, { low, high }) => sum + high - low, 0n);
      },
      { until: (held) => held >= count, ...PATIENCE },
    );
  }

  /** Sends them to the partitions in turn: in one request, or so many at a time, for MirrorMaker to write more offset syncs. */
  async send(
    alias: Alias,
    topic: string,
    ids: readonly string[],
    { partitions = 1, atOnce = ids.length }: { partitions?: number; atOnce?: number } = {},
  ): Promise<void> {
    const client = plainKafka(this.#stack, alias);
    const producer = client.producer({ idempotent: true });
    await producer.connect();
    try {
      const messages = ids.map((value, index) => ({ value, partition: index % partitions }));
      for (let at = 0; at < messages.length; at += atOnce) {
        await producer.send({ topic, messages: messages.slice(at, at + atOnce) });
      }
    } finally {
      await producer.disconnect();
    }
  }
}

export function plainKafka({ clusters }: Stack, alias: Alias) {
  const { brokers } = clusters[alias];
  return new kafka.Kafka({ clientId: 'test', brokers, logLevel: kafka.logLevel.NOTHING });
}

/** `<name>0`, `<name>1`, ... */
export function numbered(name: string, count: number, from = 0): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${name}${from + index}`);
}

/** Those of the first that are not among the second. */
export function missingOf(ids: readonly string[], handled: readonly string[]): readonly string[] {
  const known = new Set(handled);
  return ids.filter((id) => !known.has(id));
}

/** Those that come again. */
export function twice(handled: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return handled.filter((id) => seen.size === seen.add(id).size);
}

export type Resume = PartitionPlan & { readonly kind: 'resume' };

/** A process with one group that reads one topic. */
export interface Group {
  readonly kafka: FailoverKafka;
  /** Ids, as they were handled. */
  readonly handled: string[];
  /** Why records of MirrorMaker's topics were not taken. */
  readonly skipped: string[];
  /** Where the group was to begin, as it was said, one after another. */
  readonly planned: GroupPlan[];
  /** Milliseconds that a handler takes. */
  handleMs: number;
  /** Where the group resumes on the other cluster. */
  switchTo(
    to: Alias,
    options: { planned: boolean },
  ): Promise<{
    readonly report: SwitchReport;
    readonly resumed: readonly Resume[];
  }>;
  untilHandled(count: number): Promise<void>;
  untilKnown(ids: readonly string[]): Promise<void>;
}

export interface GroupOptions extends Partial<Omit<FailoverKafkaConfig, 'clusters'>> {
  readonly groupId?: string;
  readonly handleMs?: number;
  readonly commitsEveryMs?: number;
  /** A process that begins there, to which this cluster alone answers. */
  readonly only?: Alias;
}

/** Starts one; it ends with the test, if not before. */
export async function startGroup(
  { clusters: { A, B } }: Stack,
  topic: string,
  { groupId = topic, handleMs = 0, commitsEveryMs = 100, only, ...config }: GroupOptions = {},
): Promise<Group> {
  const failover = new FailoverKafka({
    clientId: 'service',
    logLevel: kafka.logLevel.NOTHING,
    clusters: {
      A: { brokers: only === 'B' ? NOWHERE : A.brokers },
      B: { brokers: only === 'A' ? NOWHERE : B.brokers },
    },
    ...(only === undefined ? {} : { strategy: manualStrategy({ initial: only }) }),
    ...config,
  });
  onTestFinished(() => failover.close());
  const group: Group = {
    kafka: failover,
    handled: [],
    skipped: [],
    planned: [],
    handleMs,
    async switchTo(to, { planned }) {
      const outcome = await failover.switchTo(to, { planned });
      if (outcome.kind !== 'switched') throw new Error(`not switched: ${JSON.stringify(outcome)}`);
      const { report } = outcome;
      const all = report.plans.flatMap(({ partitions }) => partitions);
      return { report, resumed: all.filter((one) => one.kind === 'resume') };
    },
    async untilHandled(count) {
      await waitFor(`${count} records are handled`, () => group.handled.length, {
        until: (handled) => handled >= count,
        ...PATIENCE,
      });
    },
    async untilKnown(ids) {
      await waitFor('all are handled', () => missingOf(ids, group.handled), {
        until: ({ length }) => length === 0,
        ...PATIENCE,
      });
    },
  };
  failover.on('positions.planned', ({ plan }) => group.planned.push(plan));
  failover.on('mirror.record-skipped', ({ because }) => group.skipped.push(because));
  const consumer = failover.consumer({ groupId, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommitInterval: commitsEveryMs,
    eachMessage: async ({ message }) => {
      if (group.handleMs > 0) await sleep(group.handleMs);
      group.handled.push(String(message.value));
    },
  });
  return group;
}

/** What the report allows for, over all its partitions. */
export function predictedCount(resumed: readonly Resume[]): number {
  return resumed.reduce((sum, { maxRereadCount }) => sum + Number(maxRereadCount), 0);
}
