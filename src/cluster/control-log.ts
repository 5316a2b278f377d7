import { Buffer } from 'node:buffer';
import type { KafkaConfig } from 'kafkajs';
import type { ControlLog, ControlRecords } from '../agreement/agreement.js';
import { FailoverClosedError } from '../errors.js';
import { judge } from '../health/failure.js';
import { retry, type RetryPolicy, withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import { accessConfig, rangesOn, READ_COMMITTED, throttled } from './access-requests.js';
import { readableRecords } from './fetched-records.js';
import { HeldLink } from './held-link.js';
import type { AccessOptions } from './kafka-access.js';
import type { KafkaLink } from './kafka-link.js';
import type { KafkaJsBroker } from './kafkajs-cluster.js';

/** Limits of one connection and of one request, in milliseconds. */
const CONNECTION_TIMEOUT_MS = 1_000;
const REQUEST_TIMEOUT_MS = 2_000;

/** Limit of a whole call, in milliseconds: with a connection to be made, a topic to be created and its leader to be elected. */
const CALL_LIMIT_MS = 5_000;

const MAX_BYTES = 1_048_576;

const PARTITION = 0;

/** Neither idempotent nor transactional. */
const NO_PRODUCER = { producerId: -1, producerEpoch: 0 };

/** What passes while a topic is created, and while another broker becomes its leader. */
const APPEARING_KINDS: readonly string[] = ['absent', 'no-leader', 'moved'];

/** A topic that was just created, and its leader, show up on the brokers one after the other. */
const APPEARING: Omit<RetryPolicy, 'signal'> = {
  firstDelayMs: 20,
  maxDelayMs: 200,
  retries: Infinity,
};

/** @internal What {@link openControlLog} needs. */
export interface ControlLogOptions extends AccessOptions {
  readonly topic: string;
  /** Topic settings by Kafka's names, for a topic that does not exist. */
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Opens a {@link ControlLog} on a cluster. Nothing is connected before the first call. A missing topic is made with the given
 * settings, by this process or by another one, and never by the broker's own automatism.
 *
 * - A read that waits has connections of its own: Kafka answers the fetches of one connection one after the other, and kafkajs
 *   gives a broker one connection for them.
 * - Limits are short: a connection has one second, a request two (and its wait), a call five. Only a topic or a leader that does
 *   not show yet, or has moved, is asked for again; a record may then be there twice. kafkajs goes on to the next of the given
 *   brokers, once round. After a failure without an answer the next call connects anew.
 * - Where an offset is not in the log any more (the topic was deleted and made again), the read begins at the beginning.
 *
 * @internal
 */
export function openControlLog(options: ControlLogOptions): ControlLog {
  return new KafkaControlLog(options);
}

class KafkaControlLog implements ControlLog {
  readonly #options: ControlLogOptions;
  readonly #world: World;
  /** For reads that wait. */
  readonly #waiting: HeldLink;
  /** For everything else. */
  readonly #prompt: HeldLink;

  constructor(options: ControlLogOptions) {
    this.#options = options;
    this.#world = options.world;
    const config = controlConfig(options);
    this.#waiting = new HeldLink(options.world, config);
    this.#prompt = new HeldLink(options.world, config);
  }

  append(key: string, value: string): Promise<void> {
    return this.appendAll([{ key, value }]);
  }

  appendAll(
    records: readonly { readonly key: string; readonly value: string | null }[],
  ): Promise<void> {
    const { topic } = this.#options;
    return this.#ask(this.#prompt, { limitMs: CALL_LIMIT_MS }, async (link, signal) => {
      const leader = await this.#leader(link);
      // Finding the leader may have taken its time: what nobody waits for any more is not written.
      signal.throwIfAborted();
      const timestamp = this.#world.wallMs();
      const messages = records.map(({ key, value }) => ({
        key: Buffer.from(key),
        value: value === null ? null : Buffer.from(value),
        timestamp,
      }));
      await leader.produce({
        acks: -1,
        timeout: REQUEST_TIMEOUT_MS,
        ...NO_PRODUCER,
        topicData: [{ topic, partitions: [{ partition: PARTITION, firstSequence: 0, messages }] }],
      });
    });
  }

  read(
    from: bigint | 'beginning' | 'end',
    { maxWaitMs, signal }: { readonly maxWaitMs: number; readonly signal: AbortSignal },
  ): Promise<ControlRecords> {
    const held = maxWaitMs > 0 ? this.#waiting : this.#prompt;
    const limitMs = CALL_LIMIT_MS + maxWaitMs;
    return this.#ask(held, { limitMs, signal }, async (link) => {
      const leader = await this.#leader(link);
      try {
        return await this.#fetch(leader, await this.#offsetOf(leader, from), maxWaitMs);
      } catch (error) {
        const failure = judge(error);
        if (failure.about !== 'partition' || failure.kind !== 'out-of-range') throw error;
        return this.#fetch(leader, await this.#offsetOf(leader, 'beginning'), maxWaitMs);
      }
    });
  }

  async close(): Promise<void> {
    const { topic, alias } = this.#options;
    const reason = new FailoverClosedError(`the log ${topic} on cluster ${alias} is closed`);
    await Promise.all([this.#waiting.close(reason), this.#prompt.close(reason)]);
  }

  async #offsetOf(leader: KafkaJsBroker, from: bigint | 'beginning' | 'end'): Promise<bigint> {
    if (typeof from === 'bigint') return from;
    const { topic } = this.#options;
    const [range] = await rangesOn(leader, topic, [PARTITION]);
    if (range === undefined) throw new Error(`the broker tells no range of ${topic}`);
    return from === 'beginning' ? range[1].low : range[1].high;
  }

  async #fetch(leader: KafkaJsBroker, offset: bigint, maxWaitMs: number): Promise<ControlRecords> {
    const { topic } = this.#options;
    const partition = {
      partition: PARTITION,
      fetchOffset: offset.toString(),
      maxBytes: MAX_BYTES,
    };
    const { responses } = await leader.fetch({
      isolationLevel: READ_COMMITTED,
      maxWaitTime: maxWaitMs,
      minBytes: 1,
      maxBytes: MAX_BYTES,
      topics: [{ topic, partitions: [partition] }],
    });
    const [answer] = responses.flatMap(({ partitions }) => partitions);
    const { records, nextOffset, range } =
      answer === undefined
        ? await throttled(leader, topic, PARTITION, offset)
        : readableRecords(answer, offset);
    return {
      records: records.map((record) => ({
        offset: BigInt(record.offset),
        key: record.key?.toString(),
        value: record.value?.toString(),
      })),
      next: nextOffset,
      end: range.high,
    };
  }

  /** The broker that leads the log, which is made where there is none. */
  async #leader(link: KafkaLink): Promise<KafkaJsBroker> {
    const { topic, settings } = this.#options;
    try {
      return await link.leaderOf(topic, PARTITION);
    } catch (error) {
      const failure = judge(error);
      if (failure.about !== 'partition' || failure.kind !== 'absent') throw error;
    }
    await link.createTopic(topic, settings, { timeoutMs: REQUEST_TIMEOUT_MS }).catch(unlessThere);
    return link.leaderOf(topic, PARTITION);
  }

  /**
   * Asks within a limit, and not beyond the abort of `signal`; again where the log or its leader does not show yet, or has
   * moved. What overruns costs the link.
   */
  async #ask<T>(
    held: HeldLink,
    { limitMs, signal }: { limitMs: number; signal?: AbortSignal },
    work: (link: KafkaLink, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    let lastError: Error | undefined;
    const asked = await withinDeadline(
      this.#world,
      this.#world.nowMs() + limitMs,
      (aborted) => {
        const policy: RetryPolicy = {
          ...APPEARING,
          signal: aborted,
          shouldRetry: isAppearing,
          onFailedAttempt: (error) => {
            lastError = error;
          },
        };
        return retry(this.#world, policy, () => held.ask((link) => work(link, aborted)));
      },
      { signal },
    );
    if (asked.kind === 'settled') return asked.value;
    held.renew();
    const { topic, alias } = this.#options;
    const why = lastError === undefined ? '' : `: ${lastError.message}`;
    throw new Error(`no answer of ${topic} on cluster ${alias} within ${limitMs} ms${why}`, {
      cause: lastError,
    });
  }
}

/** The log is not there (yet, or any more), or its leader is elsewhere or not there. */
function isAppearing(error: unknown): boolean {
  const failure = judge(error);
  return failure.about === 'partition' && APPEARING_KINDS.includes(failure.kind);
}

/** Another process was first: what was wanted. kafkajs gives one error for each topic. */
function unlessThere(error: unknown): void {
  const parts: unknown = error instanceof Error ? Reflect.get(error, 'errors') : undefined;
  const isThere = (part: unknown): boolean =>
    part instanceof Error && Reflect.get(part, 'type') === 'TOPIC_ALREADY_EXISTS';
  if (!Array.isArray(parts) || !parts.every(isThere)) throw error;
}

function controlConfig({ alias, clusterOptions, kafkaConfig }: ControlLogOptions): KafkaConfig {
  const config = accessConfig(alias, clusterOptions, kafkaConfig);
  // kafkajs goes on to the next of the given brokers with each retry, and retries nothing else that is asked here.
  const brokerCount = Array.isArray(config.brokers) ? config.brokers.length : 1;
  return {
    ...config,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    retry: {
      retries: brokerCount - 1,
      initialRetryTime: 20,
      maxRetryTime: 50,
      factor: 0.2,
      multiplier: 2,
    },
  };
}
