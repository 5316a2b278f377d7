import {
  type EventOf,
  type FinalLog,
  type HistoryEvent,
  logName,
  type Place,
  positionsOf,
  type Run,
} from './history.js';

/**
 * Which records were handled, while a history is read from its beginning: asked at any point, it tells what of a log was
 * still to be handled then.
 *
 * A record counts as handled wherever a copy of it was. And a log may hold it more than once (a mirror that was killed
 * copies again, a send is repeated): it is missed below an offset only where its last copy lies there. Otherwise it is
 * still to come. What retention has removed is missed by nobody from then on; before, it was. Where an operator has set the group back,
 * what lies there is to be handled once more. Of a record that was replayed to a cluster the replay counts there, and nobody misses what the mirror brings of it.
 */
export class Ledger {
  readonly #logs: Map<string, Log>;
  /** Logs that take the place of others under the same name. */
  readonly #next = new Map<string, Log[]>();
  readonly #handled = new Set<string>();
  readonly #isLatestChosen: boolean;

  constructor({
    logs,
    replays = [],
    onMissingPosition,
  }: Pick<Run, 'logs' | 'onMissingPosition'> & Partial<Pick<Run, 'replays'>>) {
    this.#logs = new Map();
    for (const log of logs.map((one) => withoutReplayed(one, replays))) {
      const name = logName(log);
      if (!this.#logs.has(name)) this.#logs.set(name, new Log(log));
      else this.#next.set(name, [...(this.#next.get(name) ?? []), new Log(log)]);
    }
    this.#isLatestChosen = onMissingPosition === 'latest';
  }

  /** Takes the next event of the history. */
  take(event: HistoryEvent): void {
    switch (event.kind) {
      case 'handled':
        this.#handled.add(event.id);
        break;
      case 'planned':
        if (this.#isLatestChosen) this.#skipByChoice(event);
        break;
      case 'removed':
        this.#logs.get(logName(event.place))?.remove(event.place.offset);
        break;
      case 'remade': {
        const name = logName(event.place);
        const next = this.#next.get(name)?.shift();
        if (next === undefined) this.#logs.delete(name);
        else this.#logs.set(name, next);
        break;
      }
      case 'set-back':
        this.#setBack(event.place);
        break;
      default:
    }
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

  #setBack(place: Place): void {
    const again = this.#logs.get(logName(place))?.from(place.offset) ?? [];
    for (const id of again) this.#handled.delete(id);
    for (const log of this.#logs.values()) log.beginAnew();
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

/** Without what the mirror has brought of records that were replayed to the same cluster. */
function withoutReplayed(log: FinalLog, replays: Run['replays']): FinalLog {
  const places = new Map(
    replays
      .filter(({ place }) => place.cluster === log.cluster && place.partition === log.partition)
      .map(({ id, place }) => [id, place]),
  );
  const isReplay = (offset: bigint, { topic, offset: at }: Place): boolean =>
    topic === log.topic && at === offset;
  const ids = [...log.ids].filter(([offset, id]) => {
    const replay = places.get(id);
    return replay === undefined || isReplay(offset, replay);
  });
  return places.size === 0 ? log : { ...log, ids: new Map(ids) };
}

type Entry = readonly [offset: bigint, id: string];

class Log {
  readonly #entries: readonly Entry[];
  /** Each record once, at its last place. */
  readonly #last: readonly Entry[];
  /** Up to here everything is handled, or removed. That only ever grows, so each record is looked at once; unless the group is set back. */
  #index = 0;
  #low = 0n;

  constructor({ ids }: FinalLog) {
    this.#entries = [...ids];
    const places = new Map(this.#entries.map(([offset, id]) => [id, offset]));
    this.#last = this.#entries.filter(([offset, id]) => places.get(id) === offset);
  }

  /** What lies below is there no more. */
  remove(low: bigint): void {
    this.#low = low;
  }

  beginAnew(): void {
    this.#index = 0;
  }

  firstMissing(offset: bigint, handled: ReadonlySet<string>): string | undefined {
    for (; this.#index < this.#last.length; this.#index += 1) {
      const entry = this.#last[this.#index];
      if (entry === undefined || entry[0] >= offset) return undefined;
      if (entry[0] >= this.#low && !handled.has(entry[1])) return entry[1];
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
    return this.#entries.flatMap(([at, id]) => (at >= this.#low && at < offset ? [id] : []));
  }

  from(offset: bigint): readonly string[] {
    return this.#entries.flatMap(([at, id]) => (at >= offset ? [id] : []));
  }
}
