import {
  type EventOf,
  type FinalLog,
  type HistoryEvent,
  logName,
  positionsOf,
  type Run,
} from './history.js';

/**
 * Which records were handled, while a history is read from its beginning: asked at any point, it tells what of a log was
 * still to be handled then.
 *
 * A record counts as handled wherever a copy of it was. And a log may hold it more than once (a mirror that was killed
 * copies again, a send is repeated): it is missed below an offset only where its last copy lies there. Otherwise it is
 * still to come.
 */
export class Ledger {
  readonly #logs: ReadonlyMap<string, Log>;
  readonly #handled = new Set<string>();
  readonly #isLatestChosen: boolean;

  constructor({ logs, onMissingPosition }: Pick<Run, 'logs' | 'onMissingPosition'>) {
    this.#logs = new Map(logs.map((log) => [logName(log), new Log(log)]));
    this.#isLatestChosen = onMissingPosition === 'latest';
  }

  /** Takes the next event of the history. */
  take(event: HistoryEvent): void {
    if (event.kind === 'handled') this.#handled.add(event.id);
    if (event.kind === 'planned' && this.#isLatestChosen) this.#skipByChoice(event);
  }

  /** True where the record was handled, or the service chose to skip it. */
  has(id: string): boolean {
    return this.#handled.has(id);
  }

  /** The first record of a log below `offset` that was not handled so far, and does not come again. */
  firstMissing(log: string, offset: bigint): string | undefined {
    return this.#logs.get(log)?.firstMissing(offset, this.#handled);
  }

  /** The same, where only copies below `end` may be counted on: later ones were not there yet. */
  firstMissingAt(log: string, offset: bigint, end: bigint): string | undefined {
    return this.#logs.get(log)?.firstMissingAt(offset, end, this.#handled);
  }

  /**
   * An allowed anomaly: with `consumer.onMissingPosition: 'latest'` the service says that it would rather skip what lies in
   * a partition without a known position. Exactly those records are let off, and no others.
   */
  #skipByChoice(event: EventOf<'planned'>): void {
    for (const { log, one } of positionsOf(event)) {
      if (one.kind !== 'resume' || one.method !== 'latest') continue;
      for (const id of this.#logs.get(log)?.below(one.offset) ?? []) this.#handled.add(id);
    }
  }
}

type Entry = readonly [offset: bigint, id: string];

class Log {
  readonly #entries: readonly Entry[];
  /** Each record once, at its last place. */
  readonly #last: readonly Entry[];
  /** Up to here everything is handled. That only ever grows, so each record is looked at once. */
  #index = 0;

  constructor({ ids }: FinalLog) {
    this.#entries = [...ids];
    const places = new Map(this.#entries.map(([offset, id]) => [id, offset]));
    this.#last = this.#entries.filter(([offset, id]) => places.get(id) === offset);
  }

  firstMissing(offset: bigint, handled: ReadonlySet<string>): string | undefined {
    for (; this.#index < this.#last.length; this.#index += 1) {
      const entry = this.#last[this.#index];
      if (entry === undefined || entry[0] >= offset) return undefined;
      if (!handled.has(entry[1])) return entry[1];
    }
    return undefined;
  }

  firstMissingAt(offset: bigint, end: bigint, handled: ReadonlySet<string>): string | undefined {
    const toCome = new Set(
      this.#entries.flatMap(([at, id]) => (at >= offset && at < end ? [id] : [])),
    );
    return this.below(offset).find((id) => !handled.has(id) && !toCome.has(id));
  }

  below(offset: bigint): readonly string[] {
    return this.#entries.flatMap(([at, id]) => (at < offset ? [id] : []));
  }
}
