import { mayBeTwice } from './batch-twice.js';
import type { Pair, PairsAround } from './correspondence.js';
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
  /** True where all records before it were found, too. */
  readonly isUnbroken: boolean;
  /** True where it ended before the log did, so that `awaited` may be in what was not looked at. */
  readonly isCut: boolean;
  /**
   * True where the bound is the position itself: the last one was met, at a place that is certain, or with all before it and no twin; and nothing around it may be a batch
   * that was written twice. Of several that look alike an earlier one may have been taken.
   */
  readonly isExact: boolean;
  /** True where enough was looked at behind it: up to the copy that the next sync names, or more than MirrorMaker writes in one batch. */
  readonly isLookedBehind: boolean;
}

/** So many records behind the last handled one are looked at for a twin of it, and for second copies: more than MirrorMaker writes in one batch, as a rule. */
const LOOK_AHEAD = 512;

/** @internal So many in a row are no coincidence. */
export const IN_A_ROW = 32;

/** @internal What a search has met before a record. */
export interface SoFar {
  /** From here on a record at each offset. */
  readonly solidFrom: bigint;
  /** With it, so many that stand one directly behind the other in both logs, and look alike. */
  readonly inARow: number;
}

/** So many before it are kept, for a batch that stands there twice. */
const LOOK_BACK = 256;

/**
 * Looks for the copies of the last handled records while the target's log is scanned, from a place at or before the copy of the
 * first of them. Pure.
 *
 * Why the position after a copy that was found is a sound bound:
 *
 * - MirrorMaker keeps the order. When it wrote the first copy of record r, it had written nothing behind r. So everything
 *   below that copy are copies of records up to r, and the group has handled these.
 * - What is taken for the copy of r is never behind it. Records are met in the order in which they were handled: a record is taken for
 *   the first handled one that looks like it (**twins**: same timestamp, key, value and headers) behind those that were met. All
 *   copies are met, since the scan begins before the first; second copies, which MirrorMaker makes after a crash, or twins
 *   that were handled earlier, only make one come sooner. What would stand behind a later record's copy is none.
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
  /** Which of them have a timestamp, in their order. */
  readonly #byTimestamp = new Map<string, number[]>();
  /** The newest one that was met, and the position behind its copy. */
  #newest = -1;
  #behindCopy: bigint | undefined;
  #metCount = 0;
  readonly #isBeforeNext: (record: HandledRecord, copyAt: bigint) => boolean;
  readonly #isPossible: (record: HandledRecord, copyAt: bigint) => boolean;
  readonly #isPredicted: (record: HandledRecord, copyAt: bigint, so: SoFar) => boolean;
  readonly #isCertain: (record: HandledRecord, copyAt: bigint, solidFrom: bigint) => boolean;
  readonly #isShared: boolean;
  #hasMetStranger = false;
  /** From here on a record was met at every offset. */
  #solidFrom = 0n;
  #nextOffset = -1n;
  #isLastCertain = false;
  #isLastPredicted = false;
  /** Records met since the copy of the last handled one. */
  #metBehind = 0;
  #hasTwinBehind = false;
  /** The records around the copy of the last one, in their order. */
  readonly #around: ScannedRecord[] = [];
  /** Places among them: of that copy, and of the copy that the next sync names, where it was met. */
  #lastAt = -1;
  #nextAt: number | undefined;
  /** So many were looked at before that one. */
  #lookedCount = 0;

  /**
   * @param handled - in the order of the source's log.
   * @param options.isBeforeNext - false at and beyond the copy of a later record, by the offset syncs.
   * @param options.isPossible - false where the offset syncs, or compaction, exclude that this is the copy.
   * @param options.isPredicted - true where the one before it, or what was met so far, says that it is at this very place.
   * @param options.isCertain - true where they say so from both sides.
   * @param options.isShared - whether the log also holds records that were born on the target.
   */
  constructor(
    handled: readonly HandledRecord[],
    {
      isBeforeNext,
      isPossible,
      isPredicted,
      isCertain,
      isShared,
    }: {
      readonly isBeforeNext: (record: HandledRecord, copyAt: bigint) => boolean;
      readonly isPossible: (record: HandledRecord, copyAt: bigint) => boolean;
      readonly isPredicted: (record: HandledRecord, copyAt: bigint, so: SoFar) => boolean;
      readonly isCertain: (record: HandledRecord, copyAt: bigint, solidFrom: bigint) => boolean;
      readonly isShared: boolean;
    },
  ) {
    this.#handled = handled;
    this.#isBeforeNext = isBeforeNext;
    this.#isPossible = isPossible;
    this.#isPredicted = isPredicted;
    this.#isCertain = isCertain;
    this.#isShared = isShared;
    for (const [index, { timestamp }] of handled.entries()) {
      const same = this.#byTimestamp.get(timestamp);
      if (same === undefined) this.#byTimestamp.set(timestamp, [index]);
      else same.push(index);
    }
  }

  /** True where nothing better can be found. */
  get isOver(): boolean {
    const isDecided = this.#hasMetStranger || (this.#hasTwinBehind && !this.#isLastCertain);
    return this.#handled.length === 0 || isDecided || this.#metBehind >= LOOK_AHEAD;
  }

  look(record: ScannedRecord): void {
    const last = this.#handled.at(-1);
    if (last === undefined || this.isOver) return;
    const copyAt = BigInt(record.offset);
    if (copyAt !== this.#nextOffset) this.#solidFrom = copyAt;
    this.#nextOffset = copyAt + 1n;
    if (this.#newest === this.#handled.length - 1) {
      this.#metBehind += 1;
      this.#around.push(record);
      if (!this.#isBeforeNext(last, copyAt)) this.#nextAt ??= this.#around.length - 1;
      if (this.#nextAt !== undefined) return;
      this.#lookedCount += 1;
      const isTwin = record.timestamp === last.timestamp && contentHash(record) === last.hash;
      this.#hasTwinBehind ||= isTwin;
      return;
    }
    this.#lookedCount += 1;
    this.#around.push(record);
    if (this.#around.length > LOOK_BACK) this.#around.shift();
    const index = this.#nextLike(record);
    const found = index === undefined ? undefined : this.#handled[index];
    if (index === undefined || found === undefined || !this.#isPossible(found, copyAt)) {
      this.#hasMetStranger = this.#isShared;
      return;
    }
    this.#newest = index;
    this.#metCount += 1;
    this.#behindCopy = copyAt + 1n;
    this.#lastAt = this.#around.length - 1;
    if (found !== last) return;
    const so = { solidFrom: this.#solidFrom, inARow: this.#inARow() };
    this.#isLastCertain = this.#isWhereItMustBe(found, copyAt, so);
    this.#isLastPredicted = this.#isPredicted(found, copyAt, so);
  }

  /** By the syncs on both sides; or by the one before it, where many stand one directly behind the other in both logs. */
  #isWhereItMustBe(record: HandledRecord, copyAt: bigint, so: SoFar): boolean {
    if (this.#isCertain(record, copyAt, so.solidFrom)) return true;
    const areMany = so.inARow >= Math.min(IN_A_ROW, this.#handled.length);
    return areMany && !this.#isShared && this.#isPredicted(record, copyAt, so);
  }

  /** So many of the last handled records stand one directly behind the other, and what was looked at last looks like them. */
  #inARow(): number {
    const copies = this.#around.slice(-IN_A_ROW).toReversed();
    const handled = this.#handled.slice(-IN_A_ROW).toReversed();
    const [copyAt, handledAt] = [BigInt(copies[0]?.offset ?? 0), handled[0]?.offset ?? 0n];
    const count = handled.findIndex((one, back) => {
      const copy = copies[back];
      const isNext =
        BigInt(copy?.offset ?? -1) === copyAt - BigInt(back) &&
        one.offset === handledAt - BigInt(back);
      return !isNext || copy?.timestamp !== one.timestamp || contentHash(copy) !== one.hash;
    });
    return count < 0 ? handled.length : count;
  }

  /** The first handled record, of those behind the newest that was met, that looks like this one. */
  #nextLike(record: ScannedRecord): number | undefined {
    const same = this.#byTimestamp.get(record.timestamp);
    if (same === undefined) return undefined;
    const hash = contentHash(record);
    return same.find((index) => index > this.#newest && this.#handled[index]?.hash === hash);
  }

  /** @param isWhole - all was looked at, to the end of the log. */
  result({ isWhole = false }: { readonly isWhole?: boolean } = {}): SearchResult {
    const isLast = this.#newest >= 0 && this.#newest === this.#handled.length - 1;
    const isUnbroken = this.#metCount === this.#newest + 1;
    return {
      offset: this.#behindCopy,
      awaited: this.#handled.slice(this.#newest + 1),
      isUnbroken,
      isCut: this.#hasMetStranger,
      isLookedBehind: this.#nextAt !== undefined || this.#metBehind >= LOOK_AHEAD,
      isExact:
        isLast &&
        (this.#isLastCertain || (isUnbroken && !this.#mayBeTwin())) &&
        !this.#mayComeAgain({ isUnbroken, isWhole }),
    };
  }

  /**
   * Something lies behind it of a batch that may stand there twice, with the last one in it: syncs on both sides do not exclude that, with a hole in the source.
   * Before the copy of a later record lie those of all that were handled, and leave room for so many second ones.
   */
  #mayComeAgain({ isUnbroken, isWhole }: { isUnbroken: boolean; isWhole: boolean }): boolean {
    const isRoomKnown = isUnbroken && this.#nextAt !== undefined;
    const room = isRoomKnown ? this.#lookedCount - this.#handled.length : Infinity;
    const copy = this.#around[this.#lastAt];
    const twinsAt = [...this.#around.slice(0, this.#nextAt).keys()].filter((at) => {
      const distance = Math.abs(at - this.#lastAt);
      const isNear = distance > 0 && distance <= room;
      return isNear && this.#around[at]?.timestamp === copy?.timestamp;
    });
    if (twinsAt.length === 0) return false;
    const names = this.#around.map((one) => `${one.timestamp} ${contentHash(one)}`);
    const around = { names, isWhole, behind: this.#lastAt };
    return twinsAt.some(
      (at) =>
        names[at] === names[this.#lastAt] &&
        mayBeTwice(around, Math.min(at, this.#lastAt), Math.max(at, this.#lastAt)),
    );
  }

  /**
   * One behind it, or one that was handled before the records that are known, and copied where the last one is not yet: that would have the same
   * timestamp, and a place in the source's log.
   */
  #mayBeTwin(): boolean {
    if (this.#hasTwinBehind) return true;
    const [first] = this.#handled;
    const last = this.#handled.at(-1);
    if (last === undefined || this.#behindCopy === undefined || first?.offset === 0n) return false;
    return first?.timestamp === last.timestamp && !this.#isLastPredicted;
  }
}

/**
 * Is it possible, by the oldest pair at or after a record, that its copy is at `copyAt`? Pure.
 *
 * @internal
 */
export function syncAtOrAfter(
  { offset }: Pick<HandledRecord, 'offset'>,
  copyAt: bigint,
  ceiling: Pair | undefined,
): boolean {
  if (ceiling === undefined) return true;
  return ceiling.handledAt === offset ? copyAt <= ceiling.soughtAt : copyAt < ceiling.soughtAt;
}

/**
 * Is a copy between the two nearest pairs where it must be, if every record between them was copied, once? Then the pairs are as far apart in both
 * logs. A hole in one log and something else in the other would have to make up for each other; a hole is seen in what was met up to the copy, and
 * behind one on the source MirrorMaker writes a sync. Pure.
 *
 * @internal
 */
export function isWhereEnclosed(
  { offset }: HandledRecord,
  { copyAt, solidFrom }: { readonly copyAt: bigint; readonly solidFrom: bigint },
  { floor, ceiling, firstUpTo }: PairsAround,
): boolean {
  if (floor === undefined || ceiling === undefined || firstUpTo !== undefined) return false;
  return (
    copyAt - floor.soughtAt === offset - floor.handledAt &&
    ceiling.soughtAt - copyAt === ceiling.handledAt - offset &&
    solidFrom <= floor.soughtAt + 1n
  );
}

/**
 * Is a copy as far behind the newest pair before it as the record is behind that pair's record: were all records in
 * between copied, and nothing removed? Nor has anything else come between, where a record was met at each offset. Pure.
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
