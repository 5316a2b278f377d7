import { contentHash, type RecordContent } from './fingerprint.js';
import type { ScannedRecord } from './search.js';

/** @internal How a {@link Retrace} went. */
export interface Retraced {
  /** Everything below it was handled, by the copies; undefined where that says nothing. */
  readonly offset: bigint | undefined;
  /** True where the copies were gone through to their end, and those of the next originals are not among them. */
  readonly isExact: boolean;
  /** True where nothing behind it was handled: there is no copy that belongs to nothing. */
  readonly isEnd: boolean;
}

/** Originals that second copies are known by. Much more than MirrorMaker copies again after a crash would cost memory only. */
const MAX_REMEMBERED = 16_384;

/** After so many copies in a row that belong to no original nothing is expected any more. */
const MAX_STRANGERS = 1_000;

/** So many copies in a row may be of an original or be second ones of another that looks the same, before that shows. */
const MAX_PENDING = 64;

/** So many originals are known ahead of the copies: MirrorMaker writes an offset sync at least every 100 (`offset.lag.max`), as a rule. */
const LOOK_AHEAD = 512;

/** So many originals behind the last one that was met are compared with what was left over of the copies. */
const COMPARED = 128;

/** @internal What the offset syncs say of an original and the place of a copy. */
export interface PlaceRules {
  /** The place of its copy, where one of them names it. */
  placeOf(original: bigint): bigint | undefined;
  /** False where they exclude that it is its copy. */
  isPossible(original: bigint, copyAt: bigint): boolean;
  /**
   * True where one of them names the two, or the nearest two enclose both: between them MirrorMaker copied what lies between them. Not where
   * that begins before `since`: something unknown may lie there, and look the same.
   */
  isCertain(original: bigint, copyAt: bigint, since: bigint): boolean;
}

/**
 * The way home: which originals were handled as copies? Goes through the copies that the group has handled on the source, in their order,
 * and through the originals on the target from where the group had left them, side by side. Pure.
 *
 * Why everything below {@link Retraced.offset} was handled:
 *
 * - Each original that counts stands in the target's log now, and a copy of it, with the same timestamp, key, value and headers, was
 *   handled on the source. A log that was made anew or has lost its end, copies that retention has removed, and a group that was
 *   set forward over copies that are gone, all end it: there is no copy to be met.
 * - Each copy counts once, and in order.
 * - Whether it is the copy of this original, and not of an older twin that is no longer known, the offset syncs say: one names the two, or the
 *   nearest two enclose both, or as many copies as originals lie between these (a log's very first record counts as named, at the first place). Or it comes directly after such a
 *   pair: MirrorMaker copies in order. After anything else (a second copy, one of an aborted or compacted record, the beginning of a repetition) only the syncs count.
 * - **Twins**, originals that look alike, as where a producer has sent a record twice: a copy that looks like an original that was met already may be a second copy of that one. It is
 *   taken for that of the next one only where all came in order so far, and
 *   - a sync names the two, or as many copies as originals lie between the nearest two that syncs name: each has its place there;
 *   - or it goes on in order up to such a place, or up to the copy of one that nothing looks like: each original between has its first copy there, and there are just as
 *     many copies. Not where the same copies come twice in a row: so it looks where a batch was sent once more, and an original that was never copied would be hidden by it.
 *
 * @internal
 */
export class Retrace {
  /** Those that were handled on the target before. */
  readonly #before: readonly Original[];
  /** What several of them look like: which one a copy is of is not known then. */
  readonly #twinsBefore = new Set<string>();
  /** Originals that were met, by what they look like. */
  readonly #known = new Map<string, Original>();
  readonly #leftAt: bigint;
  readonly #rules: PlaceRules;
  /** From here on all originals that were met are known. */
  #since: bigint;
  /** Originals that were not met, in their order, as far as they were given. */
  #open: Original[] = [];
  /** So many of them may have been met: copies that look like them came in their order, but look like others as well. */
  #pendingCount = 0;
  /** Originals whose copies' places are named by syncs, from the one at or before the next on. */
  readonly #named: (Original & { readonly place: bigint })[] = [];
  /** Of the next original that is given. */
  #number = 0;
  /** The last copy was for certain that of the original of this number: the next one follows it. Undefined where that is not so. */
  #step: number | undefined;
  /** What the last copies look like, in their order. */
  #last: string[] = [];
  #hasBegun = false;
  /**
   * Since the first one that is known something else came than the next copy. From there on an original that was never copied may have been met by the
   * copy of a later one that looks the same; that one must not be met once more.
   */
  #isBroken = false;
  /** What copies look like that belong to nothing that is known. */
  readonly #strangers = new Set<string>();
  #strangersInARow = 0;
  #end: 'open' | 'whole' | 'certain' = 'open';
  #offset: bigint | undefined;

  /**
   * @param before - the originals just before the place where the group had left them, in their order; they are there now.
   * @param options.leftAt - that place.
   */
  constructor(
    before: readonly ScannedRecord[],
    { leftAt, ...rules }: PlaceRules & { readonly leftAt: bigint },
  ) {
    this.#rules = rules;
    this.#before = before.map((record) => this.#take(record));
    for (const one of this.#before) {
      if (this.#known.has(one.name)) this.#twinsBefore.add(one.name);
      this.#known.set(one.name, one);
    }
    this.#since = this.#before[0]?.offset ?? leftAt;
    this.#leftAt = leftAt;
  }

  /** True where nothing more is expected. */
  get isOver(): boolean {
    return this.#strangersInARow >= MAX_STRANGERS || this.#strangers.size >= MAX_REMEMBERED;
  }

  /** True where one more original is wanted before the next copy is looked at, if there is one. */
  get wantsOriginal(): boolean {
    return this.#open.length < LOOK_AHEAD;
  }

  /** The next original. */
  add(original: ScannedRecord): void {
    this.#open.push(this.#take(original));
  }

  /** The next copy that was handled on the source. */
  look(copy: ScannedRecord): void {
    const name = nameOf(copy);
    const copyAt = BigInt(copy.offset);
    this.#note(name);
    if (this.#isExpected(name, copyAt)) return;
    const known = this.#knownLike(name, copyAt);
    if (known !== undefined) {
      if (this.#isCopyOf(known, copyAt)) {
        this.#isBroken ||= this.#isSecond(known) || this.#mayBeAnother(known, copyAt);
        this.#step = known.number;
        this.#begin();
      } else {
        this.#breaks();
      }
      return;
    }
    this.#breaks();
    this.#strangers.add(name);
    this.#strangersInARow += 1;
  }

  /**
   * The copies are at their end.
   *
   * @param isAll - whether all originals were given.
   */
  finish(isAll: boolean): void {
    const mayBeHandled = ({ name }: Original): boolean =>
      this.#strangers.has(name) || this.#known.has(name);
    if (this.isOver || this.#open.slice(0, COMPARED).some(mayBeHandled)) return;
    const isWhole = isAll && this.#open.length <= COMPARED;
    this.#end = isWhole || this.#strangersInARow === 0 ? 'certain' : 'whole';
  }

  result(): Retraced {
    if (!this.#hasBegun) return { offset: undefined, isExact: false, isEnd: false };
    return {
      offset: this.#offset ?? this.#leftAt,
      isExact: this.#end !== 'open',
      isEnd: this.#end === 'certain',
    };
  }

  /** True where a copy is, or may be, that of the original whose turn it is. */
  #isExpected(name: string, copyAt: bigint): boolean {
    const expected = this.#open[this.#pendingCount];
    if (expected?.name === name && this.#isNext(expected, copyAt)) return true;
    if (this.#pendingCount === 0) return false;
    // What came in order did so by chance: they were second copies, as far as is known.
    this.#pendingCount = 0;
    this.#breaks();
    return this.#isExpected(name, copyAt);
  }

  #isNext(expected: Original, copyAt: bigint): boolean {
    const isTwin = this.#known.has(expected.name);
    const isCounted = (): boolean => this.#countedPlaceOf(expected) === copyAt;
    if (!isTwin && this.#pendingCount === 0) {
      if (!this.#isCopyOf(expected, copyAt) && !isCounted()) return false;
    } else {
      const isNamed = expected.place === copyAt;
      const isBegin = isNamed && !this.#hasBegun;
      if (!isBegin && !this.#isInOrder(expected, copyAt)) return false;
      if (isTwin && !isNamed && !isCounted()) {
        if (this.#comesTwiceInARow()) return false;
        this.#pendingCount += 1;
        return true;
      }
    }
    this.#meet(this.#open.splice(0, this.#pendingCount + 1));
    return true;
  }

  /** Where the copy of an original is, if as many copies as originals lie between the nearest two that syncs name. */
  #countedPlaceOf({ number }: Original): bigint | undefined {
    const after = this.#named.findIndex((one) => one.number > number);
    const [floor, ceiling] = [this.#named[after - 1], this.#named[after]];
    if (floor === undefined || ceiling === undefined) return undefined;
    const isEach = ceiling.place - floor.place === BigInt(ceiling.number - floor.number);
    return isEach ? floor.place + BigInt(number - floor.number) : undefined;
  }

  /** Nothing but the next copies has come so far. */
  #isInOrder(expected: Original, copyAt: bigint): boolean {
    if (this.#isBroken || this.#pendingCount >= MAX_PENDING) return false;
    return this.#isBehindLast(expected, copyAt);
  }

  #take(record: ScannedRecord): Original {
    const offset = BigInt(record.offset);
    const place = this.#rules.placeOf(offset);
    const original = { number: this.#number, name: nameOf(record), offset, place };
    // A log's very first record is copied first.
    const counted = place ?? (offset === 0n ? 0n : undefined);
    if (counted !== undefined) this.#named.push({ ...original, place: counted });
    this.#number += 1;
    return original;
  }

  get #nextNumber(): number {
    return this.#number - this.#open.length;
  }

  #note(name: string): void {
    this.#last.push(name);
    if (this.#last.length > 4 * MAX_PENDING) this.#last = this.#last.slice(-2 * MAX_PENDING);
  }

  /** The last copies, as many as may be pending now or fewer, look like those directly before them. */
  #comesTwiceInARow(): boolean {
    const last = this.#last;
    for (let length = 1; length <= this.#pendingCount + 1; length += 1) {
      const isSame = (back: number): boolean => last.at(-1 - back) === last.at(-1 - back - length);
      let back = 0;
      while (back < length && isSame(back)) back += 1;
      if (back === length) return true;
    }
    return false;
  }

  /** Of several that look alike the one that is expected next, if it is among them. */
  #knownLike(name: string, copyAt: bigint): Original | undefined {
    const follower = this.#step === undefined ? undefined : this.#before[this.#step + 1];
    if (follower?.name === name && this.#isCopyOf(follower, copyAt)) return follower;
    return this.#known.get(name);
  }

  #isCopyOf(original: Original, copyAt: bigint): boolean {
    const isCertain = (): boolean => this.#rules.isCertain(original.offset, copyAt, this.#since);
    return this.#isBehindLast(original, copyAt) || isCertain();
  }

  #isSecond({ number }: Original): boolean {
    return number >= this.#before.length;
  }

  /** Of those that were handled before, and look the same. */
  #mayBeAnother(known: Original, copyAt: bigint): boolean {
    return this.#twinsBefore.has(known.name) && !this.#isBehindLast(known, copyAt);
  }

  /** It comes directly after the last certain pair, and what is pending. */
  #isBehindLast({ number, offset }: Original, copyAt: bigint): boolean {
    const step = this.#step;
    if (step === undefined || number !== step + 1 + this.#pendingCount) return false;
    return this.#rules.isPossible(offset, copyAt);
  }

  /** Something else came than the next copy. */
  #breaks(): void {
    this.#step = undefined;
    this.#isBroken = this.#hasBegun;
  }

  /** Copies before the first one that is known are older. */
  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#strangersInARow = 0;
  }

  #meet(originals: readonly Original[]): void {
    for (const original of originals) {
      const { number, name, offset } = original;
      this.#step = number;
      this.#offset = offset + 1n;
      this.#known.delete(name);
      this.#known.set(name, original);
    }
    this.#pendingCount = 0;
    while ((this.#named[1]?.number ?? Infinity) <= this.#nextNumber) this.#named.shift();
    this.#begin();
    this.#strangersInARow = 0;
    for (const [oldest, { offset }] of this.#known) {
      if (this.#known.size <= MAX_REMEMBERED) return;
      this.#known.delete(oldest);
      this.#since = offset + 1n;
    }
  }
}

/** A record of the target's log. */
interface Original {
  /** The place of its copy, by an offset sync. */
  readonly place: bigint | undefined;
  /** In the order of those that are looked at, from 0. */
  readonly number: number;
  readonly name: string;
  readonly offset: bigint;
}

function nameOf(record: RecordContent): string {
  return `${record.timestamp} ${contentHash(record)}`;
}
