import { EventEmitter } from 'eventemitter3';
import { asError } from './caught.js';
import { EVENT_NAMES } from './event-names.js';
import { FailoverOptionsError } from './errors.js';
import type {
  EventSink,
  FailoverEventBase,
  FailoverEventName,
  FailoverEvents,
  Unsubscribe,
} from './events.js';
import { nearest } from './nearest.js';

/**
 * The one emitter behind `failover.on(...)`: stamps each fact with the time and the epoch, and contains listeners that
 * throw or reject.
 *
 * @internal
 */
export class FailoverEmitter implements EventSink {
  readonly #emitter = new EventEmitter<string>();
  readonly #stamp: () => FailoverEventBase;

  constructor(stamp: () => FailoverEventBase) {
    this.#stamp = stamp;
  }

  /**
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - there is no such event, or the listener is not a function: it
   *   would never be called, and nobody would miss it before the day of the switch.
   */
  on<Name extends FailoverEventName>(
    name: Name,
    listener: (event: FailoverEvents[Name]) => unknown,
  ): Unsubscribe {
    checkSubscription(name, listener);
    const failed = (error: unknown): void => {
      // A listener of 'listener.failed' that throws itself is dropped here: reporting it would never end.
      if (name === 'listener.failed') return;
      this.emit('listener.failed', {
        event: name,
        error: asError(error),
      });
    };
    const contained = (event: FailoverEvents[Name]): void => {
      try {
        const answer: unknown = listener(event);
        // Of an async one: a rejection that nobody handles would end the process, in the middle of a switch.
        Promise.resolve(answer).catch(failed);
      } catch (error) {
        failed(error);
      }
    };
    this.#emitter.on(name, contained);
    return () => {
      this.#emitter.off(name, contained);
    };
  }

  emit<Name extends FailoverEventName>(
    name: Name,
    facts: Omit<FailoverEvents[Name], keyof FailoverEventBase>,
    epoch?: Pick<FailoverEventBase, 'switchEpoch'>,
  ): void {
    if (this.#emitter.listenerCount(name) === 0) return;
    const { atMs, switchEpoch } = this.#stamp();
    const base = { atMs, switchEpoch: epoch?.switchEpoch ?? switchEpoch };
    this.#emitter.emit(name, { ...base, ...facts });
  }

  removeAll(): void {
    this.#emitter.removeAllListeners();
  }
}

function checkSubscription(name: unknown, listener: unknown): void {
  const names = Object.keys(EVENT_NAMES);
  if (typeof name !== 'string' || !names.includes(name)) {
    const best = typeof name === 'string' ? nearest(name, names) : undefined;
    const remedy =
      best === undefined
        ? `The events: ${names.join(', ')}`
        : `Did you mean ${JSON.stringify(best)}?`;
    throw new FailoverOptionsError(
      'on',
      name,
      `on: ${JSON.stringify(String(name))} is not an event. ${remedy}`,
    );
  }
  if (typeof listener === 'function') return;
  throw new FailoverOptionsError(
    'on',
    listener,
    `on: the listener of ${JSON.stringify(name)} must be a function, got ${typeof listener}`,
  );
}
