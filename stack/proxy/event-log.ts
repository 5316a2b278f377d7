import { StackError } from '../errors.js';
import type { ApiName } from './apis.js';
import type { Direction } from './rules.js';

/**
 * What became of a frame.
 *
 * - `held`: it is kept, by a stall or a cut; noted once for each rule that keeps it. Whatever stands behind it in the same
 *   connection waits, too, and is not noted.
 * - `passed`: it was handed on.
 * - `dropped`: it was thrown away by a rule.
 * - `answered`: the proxy has answered it in the broker's place, which has not seen it.
 * - `lost`: it was still here when its connection was reset.
 * - `unsupported`: the proxy was to answer it, and cannot answer this request or this version: the connection was reset.
 *
 * @internal
 */
export type Fate = 'held' | 'passed' | 'dropped' | 'answered' | 'lost' | 'unsupported';

/** @internal One fact about one frame. */
export interface ProxyEvent {
  /** Of the proxy's clock, in milliseconds. */
  atMs: number;
  /** Connections are numbered from 1 in the order in which they came. */
  connection: number;
  direction: Direction;
  /** Kafka's name of the request; of the answer's request for an answer. `api 99` where the key has none here. */
  api: ApiName | `api ${number | 'unknown'}`;
  apiVersion: number | undefined;
  correlationId: number | undefined;
  byteCount: number;
  fate: Fate;
  /** The rule that did it. */
  by: string | undefined;
  /** Since the frame was here, in milliseconds. */
  waitedMs: number;
}

/** @internal Which events are meant: those that are equal in every field given. */
export type EventFilter = Partial<
  Pick<ProxyEvent, 'connection' | 'direction' | 'api' | 'fate' | 'by'>
>;

/** @internal A place in the log: all that is noted later stands behind it. */
export type Mark = number;

/**
 * What a proxy has seen, for assertions such as "no Produce after the fence". It keeps the newest events and says so
 * when it is asked about others: what was forgotten is no proof that nothing was there.
 *
 * @internal
 */
export class EventLog {
  readonly #limit: number;
  #events: ProxyEvent[] = [];
  #forgottenCount = 0;

  /** @param limit - the newest so many events are kept. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  add(event: ProxyEvent): void {
    this.#events.push(event);
    // In one go now and then: an array is slow to give up its first element.
    if (this.#events.length < 2 * this.#limit) return;
    this.#forgottenCount += this.#limit;
    this.#events = this.#events.slice(this.#limit);
  }

  /** The place behind the newest event. */
  mark(): Mark {
    return this.#forgottenCount + this.#events.length;
  }

  /**
   * The events behind a mark, or all since the start, that the filter means.
   *
   * @throws StackError - some events behind the mark are forgotten.
   * @example
   * const fenced = proxy.log.mark();
   * ...
   * expect(proxy.log.events({ api: 'Produce', direction: 'request', fate: 'passed' }, fenced)).toEqual([]);
   */
  events(filter: EventFilter = {}, since: Mark = 0): ProxyEvent[] {
    if (since < this.#forgottenCount) {
      throw new StackError(
        `The proxy's log keeps the newest ${this.#limit} events or a few more, and has forgotten ${this.#forgottenCount - since} of those asked for: take a later mark, or raise logLimit.`,
      );
    }
    const wanted = Object.entries(filter) as [keyof EventFilter, unknown][];
    return this.#events
      .slice(since - this.#forgottenCount)
      .filter((event) => wanted.every(([field, value]) => event[field] === value));
  }
}
