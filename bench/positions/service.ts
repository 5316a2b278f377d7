import { setTimeout as sleep } from 'node:timers/promises';
import {
  FailoverKafka,
  logLevel,
  type FailoverKafkaConsumer,
  type FailoverEachBatchPayload,
  type IHeaders,
  type PartitionPlan,
} from 'kafkajs-failover';
import { waitFor, type Stack } from '../../stack/index.js';
import { isLast, type Leg, type Workload } from './workload.js';

/** A machine that does other things as well takes minutes for what is a matter of seconds. */
const HANDLED_LIMIT_MS = 600_000;
const SWITCH_LIMIT_MS = 120_000;
/** Longer than any run. */
const NEVER_MS = 3_600_000;
const OFTEN_MS = 200;

type Handling = Pick<Workload, 'handleMs' | 'handler' | 'partitionsAtOnce' | 'commits'>;

/** A service that handles one topic in one group, and notes what its handler was given. @internal */
export class GroupService {
  readonly #kafka: FailoverKafka;
  readonly #consumer: FailoverKafkaConsumer;
  readonly #topic: string;
  readonly #handling: Handling;
  readonly #handled: string[] = [];
  readonly #known = new Set<string>();
  readonly #last = new Set<string>();
  /** Logs, each after its cluster, whose handler has not ended, or has failed: kafkajs's heartbeat rejects where the cluster is gone. */
  readonly #interrupted = new Set<string>();
  #handleMs: number;

  constructor({ clusters: { A, B } }: Pick<Stack, 'clusters'>, topic: string, handling: Handling) {
    this.#topic = topic;
    this.#handling = handling;
    this.#handleMs = handling.handleMs;
    this.#kafka = new FailoverKafka({
      clientId: topic,
      logLevel: logLevel.NOTHING,
      clusters: { A: { brokers: A.brokers }, B: { brokers: B.brokers } },
    });
    this.#consumer = this.#kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100 });
  }

  /** Ids of the records that were handled, in that order; without those that mark the ends. */
  get handled(): readonly string[] {
    return this.#handled;
  }

  /** Logs of a cluster, by topic and partition, in which the last call of the handler did not end well. */
  interruptedOn(cluster: 'A' | 'B'): readonly string[] {
    return [...this.#interrupted].flatMap((log) =>
      log.startsWith(`${cluster} `) ? [log.slice(2)] : [],
    );
  }

  async start(): Promise<void> {
    const { handler, partitionsAtOnce, commits } = this.#handling;
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [this.#topic], fromBeginning: true });
    await this.#consumer.run({
      autoCommit: commits !== 'off',
      autoCommitInterval: commits === 'often' ? OFTEN_MS : NEVER_MS,
      partitionsConsumedConcurrently: partitionsAtOnce,
      ...(handler === 'eachMessage'
        ? { eachMessage: ({ message }) => this.#handle(message.headers) }
        : {
            eachBatchAutoResolve: false,
            eachBatch: async (payload) => {
              const { batch, physicalTopic, cluster } = payload;
              const log = `${cluster} ${physicalTopic}-${batch.partition}`;
              this.#interrupted.add(log);
              await this.#handleBatch(payload);
              this.#interrupted.delete(log);
            },
          }),
    });
  }

  /** From now on it handles as fast as it can. */
  hurry(): void {
    this.#handleMs = 0;
  }

  /** And from now on as its workload says. */
  calmDown(): void {
    this.#handleMs = this.#handling.handleMs;
  }

  async untilHandled(count: number): Promise<void> {
    await waitFor(`${count} records of ${this.#topic}`, () => this.#handled.length, {
      until: (handled) => handled >= count,
      timeoutMs: HANDLED_LIMIT_MS,
      everyMs: 5,
    });
  }

  /** Until so many different records were handled. */
  async untilKnown(count: number): Promise<void> {
    await waitFor(`${count} different records of ${this.#topic}`, () => this.#known.size, {
      until: (known) => known >= count,
      timeoutMs: HANDLED_LIMIT_MS,
    });
  }

  /** Until so many of the records were handled that end a partition on that way. */
  async untilLast(leg: Leg, count: number): Promise<void> {
    await waitFor(
      `${count} records that end the partitions of ${this.#topic}, ${leg}`,
      () => [...this.#last].filter((id) => isLast(id, leg)),
      { until: ({ length }) => length >= count, timeoutMs: HANDLED_LIMIT_MS },
    );
  }

  /** Answers where the group has resumed. */
  async switchTo(to: 'A' | 'B', planned: boolean): Promise<readonly PartitionPlan[]> {
    const outcome = await waitFor(
      `the switch of ${this.#topic} to ${to}`,
      // A planned one is refused until the mirror is at work again.
      () => this.#kafka.switchTo(to, { planned, reason: 'bench' }),
      { until: () => true, timeoutMs: SWITCH_LIMIT_MS, everyMs: 500 },
    );
    if (outcome.kind !== 'switched') throw new Error(`${this.#topic}: ${outcome.kind}`);
    const { plans, phases, pending, warnings } = outcome.report;
    if (plans.length === 0) {
      const facts = JSON.stringify({ phases, pending, warnings });
      console.error(
        `${this.#topic}: the report of the switch to ${to} names no position: ${facts}`,
      );
    }
    return plans.flatMap(({ partitions }) => partitions);
  }

  close(): Promise<void> {
    return this.#kafka.close();
  }

  async #handleBatch({
    batch,
    resolveOffset,
    heartbeat,
    isRunning,
    isStale,
  }: FailoverEachBatchPayload): Promise<void> {
    for (const message of batch.messages) {
      if (!isRunning() || isStale()) return;
      await this.#handle(message.headers);
      resolveOffset(message.offset);
      await heartbeat();
    }
  }

  async #handle(headers: IHeaders | undefined): Promise<void> {
    if (this.#handleMs > 0) await sleep(this.#handleMs);
    const id = headers?.['id'];
    // Records of aborted transactions have none; MirrorMaker copies them as any other.
    if (id === undefined) return;
    if (isLast(String(id))) {
      this.#last.add(String(id));
      return;
    }
    this.#handled.push(String(id));
    this.#known.add(String(id));
  }
}
