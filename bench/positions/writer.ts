import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka, Producer, Transaction } from 'kafkajs-failover';
import { lastMessages, type Leg, type Message, type Messages, type Workload } from './workload.js';

/** Records of one send, or of one transaction. */
const BATCH = 100;
/** Of so many transactions one is aborted. */
const ABORT_EVERY = 5;
/** Pause between two live sends, in milliseconds. */
const LIVE_EVERY_MS = 50;

/**
 * Writes the records of one topic on one cluster, with a plain kafkajs producer: in transactions where the workload says so. A send that
 * fails ends it: the cluster was killed. What the log holds is read from the log.
 *
 * @internal
 */
export class Writer {
  readonly #workload: Workload;
  readonly #topic: string;
  readonly #messages: Messages;
  readonly #producer: Producer;
  #sendCount = 0;
  #live: Promise<void> = Promise.resolve();
  #isLive = false;

  constructor(
    kafka: Kafka,
    workload: Workload,
    { topic, origin, messages }: { topic: string; origin: 'A' | 'B'; messages: Messages },
  ) {
    this.#workload = workload;
    this.#topic = topic;
    this.#messages = messages;
    this.#producer = kafka.producer(
      workload.isTransactional
        ? { transactionalId: `${topic}-${origin}`, maxInFlightRequests: 1, idempotent: true }
        : { retry: { retries: 5 } },
    );
  }

  connect(): Promise<void> {
    return this.#producer.connect();
  }

  async write(count: number): Promise<void> {
    for (let left = count; left > 0; left -= BATCH) {
      await this.#send(this.#messages.take(Math.min(left, BATCH), Date.now()));
    }
  }

  /** Writes on and on, until it is stopped or the cluster is gone. */
  begin(): void {
    const { perSecond } = this.#workload;
    if (perSecond === 0) return;
    this.#isLive = true;
    const count = Math.max(1, Math.round((perSecond * LIVE_EVERY_MS) / 1_000));
    const writing = async (): Promise<void> => {
      while (this.#isLive) {
        await this.#send(this.#messages.take(count, Date.now()));
        await sleep(LIVE_EVERY_MS);
      }
    };
    this.#live = writing().catch(() => {});
  }

  /** Does not wait for a send to a cluster that is gone. Resolves when the last one has ended: until then a retry may still come to the cluster. */
  async abandon(): Promise<void> {
    this.#isLive = false;
    await Promise.allSettled([this.#producer.disconnect(), this.#live]);
  }

  async stop(): Promise<void> {
    this.#isLive = false;
    await this.#live;
    await this.#producer.disconnect();
  }

  async #send(messages: readonly Message[]): Promise<void> {
    const isAborted = this.#sendCount % ABORT_EVERY === ABORT_EVERY - 1;
    this.#sendCount += 1;
    if (!this.#workload.isTransactional) {
      await this.#producer.send({ topic: this.#topic, messages: messages.map(copyOf) });
      return;
    }
    await inTransaction(this.#producer, isAborted, async (transaction) => {
      const sent = isAborted ? messages.map((one) => ({ ...one, headers: {} })) : messages;
      await transaction.send({ topic: this.#topic, messages: sent.map(copyOf) });
    });
  }
}

/** Writes the last record of each partition, in no transaction. @internal */
export async function writeLast(
  kafka: Kafka,
  { topic, partitions, ...end }: { topic: string; partitions: number; leg: Leg; origin: 'A' | 'B' },
): Promise<void> {
  const producer = kafka.producer();
  await producer.connect();
  try {
    const messages = lastMessages(partitions, end, Date.now()).map(copyOf);
    await producer.send({ topic, messages });
  } finally {
    await producer.disconnect();
  }
}

async function inTransaction(
  producer: Producer,
  isAborted: boolean,
  work: (transaction: Transaction) => Promise<void>,
): Promise<void> {
  const transaction = await producer.transaction();
  await work(transaction);
  await (isAborted ? transaction.abort() : transaction.commit());
}

/** kafkajs's types have no place for what is read only. */
function copyOf({ headers, ...message }: Message): Omit<Message, 'headers'> & {
  headers: Record<string, string>;
} {
  return { ...message, headers: { ...headers } };
}
