import { type FinalLog, type HistoryEvent, logName, type Run } from './history.js';

/** A record whose copy is gone. */
export interface RemovedCopy {
  readonly id: string;
  /** Where it lies, or lay, on the cluster where it was born. */
  readonly offset: bigint;
}

/**
 * Which copies were on a cluster and are there no more, while their originals still are where they were born: while a history is read from its
 * beginning.
 */
export class RemovedCopies {
  readonly #logs = new Map<string, FinalLog[]>();
  readonly #lows = new Map<string, bigint>();
  /** When a copy was removed, by log and id. */
  readonly #removedAtMs = new Map<string, Map<string, number>>();

  constructor({ logs }: Pick<Run, 'logs'>) {
    for (const log of logs) {
      const name = logName(log);
      this.#logs.set(name, [...(this.#logs.get(name) ?? []), log]);
    }
  }

  take(event: HistoryEvent): void {
    if (event.kind !== 'removed' && event.kind !== 'remade') return;
    const name = logName(event.place);
    const logs = this.#logs.get(name) ?? [];
    const [now] = logs;
    if (now === undefined) return;
    const end = event.kind === 'removed' ? event.place.offset : undefined;
    const gone = this.#removedAtMs.get(name) ?? new Map<string, number>();
    this.#removedAtMs.set(name, gone);
    const isOnlyOne = event.kind === 'remade' && [...now.ids].length === 1;
    for (const [offset, id] of isOnlyOne ? [] : now.ids) {
      if ((end === undefined || offset < end) && !gone.has(id)) gone.set(id, event.atMs);
    }
    this.#lows.set(name, event.place.offset);
    if (end === undefined) logs.shift();
  }

  /**
   * Those of a log of copies that were gone before `byMs`, and have no other copy there. Without the only record of a log that was made anew: nothing tells of
   * it, for MirrorMaker writes no offset sync where place 0 follows place 0.
   */
  of(name: string, byMs: number): readonly RemovedCopy[] {
    const gone = this.#removedAtMs.get(name);
    const [now] = this.#logs.get(name) ?? [];
    const [origin] = this.#logs.get(originOf(name)) ?? [];
    if (gone === undefined || origin === undefined) return [];
    const low = this.#lows.get(name) ?? 0n;
    const there = new Set([...(now?.ids ?? [])].flatMap(([at, id]) => (at >= low ? [id] : [])));
    const originLow = this.#lows.get(originOf(name)) ?? 0n;
    const offsets = new Map<string, bigint>();
    for (const [offset, id] of origin.ids) if (!offsets.has(id)) offsets.set(id, offset);
    return [...gone].flatMap(([id, atMs]) => {
      const offset = offsets.get(id);
      const isGone = atMs < byMs && !there.has(id);
      return isGone && offset !== undefined && offset >= originLow ? [{ id, offset }] : [];
    });
  }
}

/** `B/A.orders-0` is a log of copies, and they come from `A/orders-0`. */
function originOf(name: string): string {
  const [, rest = ''] = name.split('/');
  const [origin, topic] = rest.split('.');
  return `${origin}/${topic}`;
}
