import type { TopicSelector } from '../replication/topic-names.js';
import { kafka } from '../kafkajs.js';
import type { FailoverConsumerRunConfig } from './types.js';

/** @internal One call of `subscribe`. */
export interface Subscription {
  readonly selectors: readonly TopicSelector[];
  readonly fromBeginning: boolean;
}

/**
 * What the user asked a consumer for, kept as data and applied anew to every inner consumer.
 *
 * @internal
 */
export class ConsumerSetup {
  #subscriptions: readonly Subscription[] = [];
  #run: FailoverConsumerRunConfig | undefined;

  get subscriptions(): readonly Subscription[] {
    return this.#subscriptions;
  }

  get selectors(): readonly TopicSelector[] {
    return this.#subscriptions.flatMap(({ selectors }) => selectors);
  }

  /** As with kafkajs, calls accumulate. */
  subscribe(subscription: Subscription): void {
    this.#subscriptions = [...this.#subscriptions, subscription];
  }

  /** Takes back a subscription that the cluster refused. */
  unsubscribe(subscription: Subscription): void {
    this.#subscriptions = this.#subscriptions.filter((other) => other !== subscription);
  }

  /** What `run` was called with; undefined until then, and after `stop`. */
  get run(): FailoverConsumerRunConfig | undefined {
    return this.#run;
  }

  /** The config's fields are copied: instrumentation writes into the object that kafkajs gets. */
  setRun(config: FailoverConsumerRunConfig | undefined): void {
    this.#run = config === undefined ? undefined : { ...config };
  }
}

/**
 * Reads what was passed to `subscribe`.
 *
 * @throws KafkaJSNonRetriableError in kafkajs's own words (`src/consumer/index.js`) where it is not valid.
 * @internal
 */
export function readSubscription(input: {
  topic?: unknown;
  topics?: unknown;
  fromBeginning?: boolean | undefined;
}): Subscription {
  const { topic, topics, fromBeginning = false } = input;
  const given = (value: unknown): boolean => value !== undefined && value !== null;
  if (!topic && !topics) {
    throw new kafka.KafkaJSNonRetriableError('Missing required argument "topics"');
  }
  if (given(topics) && !Array.isArray(topics)) {
    throw new kafka.KafkaJSNonRetriableError('Argument "topics" must be an array');
  }
  const selectors: readonly unknown[] = Array.isArray(topics) ? topics : [topic];
  return { selectors: selectors.map(readSelector), fromBeginning };
}

function readSelector(selector: unknown): TopicSelector {
  if (typeof selector === 'string' || selector instanceof RegExp) return selector;
  throw new kafka.KafkaJSNonRetriableError(
    `Invalid topic ${String(selector)} (${typeof selector}), the topic name has to be a String or a RegExp`,
  );
}
