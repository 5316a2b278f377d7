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
 * still to be handled then. A record counts as handled wherever a copy of it was.
 */
export class Ledger {
  readonly #logs: ReadonlyMap<string, Cursor>;
  readonly #handled = new Set<string>();
  readonly #isLatestChosen: boolean;

  constructor({ logs, onMissingPosition }: Pick<Run, 'logs' | 'onMissingPosition'>) {
    this.#logs = new Map(logs.map((log) => [logName(log), new Cursor(log)]));
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

  /** The first record of a log below `offset` that was not handled so far. */
  firstMissing(log: string, offset: bigint): string | undefined {
    return this.#logs.get(log)?.firstMissing(offset, this.#handled);
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

/** A log, and how far it is handled without a gap. That only ever grows, so each record is looked at once. */
class Cursor {
  readonly #records: readonly (readonly [bigint, string])[];
  #index = 0;

  constructor({ ids }: FinalLog) {
    this.#records = [...ids];
  }

  firstMissing(offset: bigint, handled: ReadonlySet<string>): string | undefined {
    for (; this.#index < this.#records.length; this.#index += 1) {
      const record = this.#records[this.#index];
      if (record === undefined || record[0] >= offset) return undefined;
      if (!handled.has(record[1])) return record[1];
    }
    return undefined;
  }

  below(offset: bigint): readonly string[] {
    return this.#records.flatMap(([at, id]) => (at < offset ? [id] : []));
  }
}
