import type { InstrumentationEvent } from 'kafkajs';
import { asError } from './caught.js';
import { kafka } from './kafkajs.js';

/** @internal A kafkajs client, seen as a source of instrumentation events. */
export interface InstrumentedClient {
  on(eventName: string, listener: (event: InstrumentationEvent<unknown>) => unknown): () => void;
}

/** @internal What user code registers. kafkajs waits for nothing it returns, but logs a rejection. */
export type InstrumentationListener = (event: InstrumentationEvent<unknown>) => unknown;

/** @internal How one wrapper relays. */
export interface RelayOptions {
  /** kafkajs's own event map of this kind of client, key to type. */
  readonly events: Readonly<Record<string, string>>;
  /** kafkajs's word for the client in its error message: `producer`, `consumer` or `admin`. */
  readonly client: string;
  /**
   * True while a listener must not disturb: its synchronous throw is then reported instead of thrown into kafkajs. False
   * is kafkajs's own behaviour (a throwing CONNECT listener makes `connect()` reject).
   */
  contained(): boolean;
  /** Hears what a contained listener threw. */
  onListenerFailed(eventName: string, error: Error): void;
  /** Changes an event on its way (physical topic names to original ones), or withholds it. Default: as it is. */
  map?(event: InstrumentationEvent<unknown>): InstrumentationEvent<unknown> | undefined;
}

interface Subscription {
  readonly eventName: string;
  readonly listener: InstrumentationListener;
  /** Undefined while no inner client is attached. */
  unsubscribe: (() => void) | undefined;
}

/**
 * Keeps the listeners that user code registered on a wrapper, and registers them on one inner client after the other.
 *
 * Each listener is registered on the inner client by itself, and only while there is one: kafkajs then skips events that
 * nobody listens to, keeps the order, and treats what a listener throws or rejects with exactly as without the wrapper.
 *
 * @internal
 */
export class InstrumentationRelay {
  readonly #options: RelayOptions;
  readonly #names: ReadonlySet<string>;
  readonly #subscriptions = new Set<Subscription>();
  #client: InstrumentedClient | undefined;
  #emittedCount = 0;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#names = new Set(Object.values(options.events));
  }

  /**
   * Registers a listener; the answer removes it again.
   *
   * @throws KafkaJSNonRetriableError for an unknown name, with kafkajs's own message.
   */
  on(eventName: string, listener: InstrumentationListener): () => void {
    if (!this.#names.has(eventName)) {
      const { events, client } = this.#options;
      const known = Object.keys(events).map((key) => `${client}.events.${key}`);
      throw new kafka.KafkaJSNonRetriableError(`Event name should be one of ${known.join(', ')}`);
    }
    const subscription: Subscription = { eventName, listener, unsubscribe: undefined };
    this.#subscriptions.add(subscription);
    if (this.#client !== undefined) this.#subscribe(subscription, this.#client);
    return () => {
      this.#subscriptions.delete(subscription);
      subscription.unsubscribe?.();
      subscription.unsubscribe = undefined;
    };
  }

  /** From now on events come from this client, and from no other. */
  attach(client: InstrumentedClient): void {
    this.detach();
    this.#client = client;
    for (const subscription of this.#subscriptions) this.#subscribe(subscription, client);
  }

  /** From now on events come from no client. A client that was fenced may say what it likes. */
  detach(): void {
    this.#client = undefined;
    for (const subscription of this.#subscriptions) {
      subscription.unsubscribe?.();
      subscription.unsubscribe = undefined;
    }
  }

  /**
   * Tells listeners of an event that no inner client emits: the wrapper's own view of what happened. It is not mapped.
   *
   * @param timestampMs - wall-clock milliseconds since 1970, as kafkajs stamps its own.
   */
  emit(eventName: string, payload: unknown, timestampMs: number): void {
    const listeners = [...this.#subscriptions].filter((one) => one.eventName === eventName);
    if (listeners.length === 0) return;
    this.#emittedCount += 1;
    const event: InstrumentationEvent<unknown> = {
      id: `failover-${this.#emittedCount}`,
      type: eventName,
      timestamp: timestampMs,
      payload,
    };
    for (const { listener } of listeners) {
      const result = this.#deliver(eventName, listener, event);
      Promise.resolve(result).catch((error: unknown) => this.#report(eventName, error));
    }
  }

  #subscribe(subscription: Subscription, client: InstrumentedClient): void {
    const { eventName, listener } = subscription;
    subscription.unsubscribe = client.on(eventName, (event) => {
      // A listener that is removed while an event is being emitted is still called by Node's emitter.
      if (this.#client !== client || !this.#subscriptions.has(subscription)) return undefined;
      const mapped = this.#options.map === undefined ? event : this.#options.map(event);
      return mapped === undefined ? undefined : this.#deliver(eventName, listener, mapped);
    });
  }

  #deliver(
    eventName: string,
    listener: InstrumentationListener,
    event: InstrumentationEvent<unknown>,
  ): unknown {
    try {
      return listener(event);
    } catch (error) {
      if (!this.#options.contained()) throw error;
      this.#report(eventName, error);
      return undefined;
    }
  }

  #report(eventName: string, error: unknown): void {
    this.#options.onListenerFailed(eventName, asError(error));
  }
}
