import type { Pair } from './correspondence.js';
import { contentHash, type HandledRecord, type RecordContent } from './fingerprint.js';

/** @internal A record of the target's log, as a scan meets it. */
export interface ScannedRecord extends RecordContent {
  readonly offset: string;
}

/** @internal What a {@link Search} has found. */
export interface SearchResult {
  /** The position after the copy of the newest handled record that was found; undefined where none was. */
  readonly offset: bigint | undefined;
  /** Handled records behind that one: their copies were not met. */
  readonly awaited: readonly HandledRecord[];
  /**
   * True where the copy of the very last handled record was found, and no record behind it looks the same: then the bound is
   * the position itself. Of several that look alike an earlier one may have been taken.
   */
  readonly isExact: boolean;
}

/** So many records behind the last handled one are looked at for a twin of it. */
const LOOK_AHEAD = 64;

/**
 * Looks for the copies of the last handled records while the target's log is scanned, from a place at or before the copy of the
 * first of them. Pure.
 *
 * Why the position after a copy that was found is a sound bound:
 *
 * - MirrorMaker keeps the order. When it wrote the first copy of record r, it had written nothing behind r. So everything
 *   below that copy are copies of records up to r, and the group has handled these.
 * - What is taken for the copy of r is never behind it. Records that look alike (**twins**: same timestamp, key, value and
 *   headers) are told apart by their order: the k-th one met is taken for the k-th one handled. All copies are met, since the
 *   scan begins before the first; second copies, which MirrorMaker makes after a crash, or twins that were handled
 *   earlier, only make the k-th one come sooner.
 * - That holds as long as r has a copy. One that was removed from the source before it was copied (retention, compaction), and of
 *   which an unhandled twin was copied, would be taken for found. MirrorMaker writes an offset sync behind each gap: a match at
 *   or beyond the copy of a later record ({@link syncAtOrAfter}) is none. And in compacted logs a match counts only
 *   {@link isWherePredicted | where the offsets predict it}.
 * - In a log that copies **share** with records born on the target, some of these may lie below the copy, unhandled. There the search
 *   ends at the first record that is none of the handled ones.
 *
 * @internal
 */
export class Search {
  readonly #handled: readonly HandledRecord[];
  /** By timestamp: those that were not met yet, in their order. */
  readonly #open = new Map<string, HandledRecord[]>();
  readonly #copies = new Map<HandledRecord, bigint>();
  readonly #isPossible: (record: HandledRecord, copyAt: bigint) => boolean;
  readonly #isPredicted: (record: HandledRecord, copyAt: bigint) => boolean;
  readonly #isShared: boolean;
  #hasMetStranger = false;
  /** Records met since the copy of the last handled one. */
  #metBehind = 0;
  #hasTwinBehind = false;

  /**
   * @param handled - in the order of the source's log.
   * @param options.isPossible - false where the offset syncs exclude that this is the copy.
   * @param options.isPredicted - true where they say that it is at this very place.
   * @param options.isShared - whether the log also holds records that were born on the target.
   */
  constructor(
    handled: readonly HandledRecord[],
    {
      isPossible,
      isPredicted,
      isShared,
    }: {
      readonly isPossible: (record: HandledRecord, copyAt: bigint) => boolean;
      readonly isPredicted: (record: HandledRecord, copyAt: bigint) => boolean;
      readonly isShared: boolean;
    },
  ) {
    this.#handled = handled;
    this.#isPossible = isPossible;
    this.#isPredicted = isPredicted;
    this.#isShared = isShared;
    for (const one of handled) {
      const same = this.#open.get(one.timestamp);
      if (same === undefined) this.#open.set(one.timestamp, [one]);
      else same.push(one);
    }
  }

  /** True where nothing better can be found. */
  get isOver(): boolean {
    const isDecided = this.#hasTwinBehind || this.#hasMetStranger;
    return this.#handled.length === 0 || isDecided || this.#metBehind >= LOOK_AHEAD;
  }

  look(record: ScannedRecord): void {
    const last = this.#handled.at(-1);
    if (last === undefined || this.isOver) return;
    if (this.#copies.has(last)) {
      this.#metBehind += 1;
      if (record.timestamp === last.timestamp && contentHash(record) === last.hash) {
        this.#hasTwinBehind = true;
      }
      return;
    }
    const copyAt = BigInt(record.offset);
    const found = this.#nextLike(record);
    if (found !== undefined && this.#isPossible(found, copyAt)) this.#copies.set(found, copyAt);
    else this.#hasMetStranger = this.#isShared;
  }

  /** The first handled record, of those that were not met yet, that looks like this one. */
  #nextLike(record: ScannedRecord): HandledRecord | undefined {
    const open = this.#open.get(record.timestamp);
    if (open === undefined || open.length === 0) return undefined;
    const hash = contentHash(record);
    const index = open.findIndex((one) => one.hash === hash);
    return index < 0 ? undefined : open.splice(index, 1)[0];
  }

  /** A twin that was handled before the records that are known, and copied where the last one is not yet: it would have the same timestamp. */
  #mayBeEarlierTwin(): boolean {
    const [first] = this.#handled;
    const last = this.#handled.at(-1);
    const copyAt = last && this.#copies.get(last);
    if (last === undefined || copyAt === undefined) return false;
    return first?.timestamp === last.timestamp && !this.#isPredicted(last, copyAt);
  }

  result(): SearchResult {
    // Each copy is a bound. They rise with the records, unless the log was changed: the highest one counts.
    let offset: bigint | undefined;
    let newest = -1;
    for (const [index, one] of this.#handled.entries()) {
      const copyAt = this.#copies.get(one);
      if (copyAt === undefined) continue;
      newest = index;
      if (offset === undefined || copyAt >= offset) offset = copyAt + 1n;
    }
    const isLast = newest >= 0 && newest === this.#handled.length - 1;
    const isExact = isLast && !this.#hasTwinBehind && !this.#mayBeEarlierTwin();
    return { offset, awaited: this.#handled.slice(newest + 1), isExact };
  }
}

/**
 * Is it possible, by the oldest pair at or after a record, that its copy is at `copyAt`? Pure.
 *
 * @internal
 */
export function syncAtOrAfter(
  { offset }: HandledRecord,
  copyAt: bigint,
  ceiling: Pair | undefined,
): boolean {
  if (ceiling === undefined) return true;
  return ceiling.handledAt === offset ? copyAt <= ceiling.soughtAt : copyAt < ceiling.soughtAt;
}

/**
 * Is a copy as far behind the newest pair before it as the record is behind that pair's record: were all records in
 * between copied, and nothing removed? Pure.
 *
 * @internal
 */
export function isWherePredicted(
  { offset }: HandledRecord,
  copyAt: bigint,
  floor: Pair | undefined,
): boolean {
  return floor !== undefined && copyAt - floor.soughtAt === offset - floor.handledAt;
}
