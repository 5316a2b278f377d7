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

/** @internal What came of one copy. */
export type CopyVerdict = 'original' | 'passed' | 'stranger';

/** Originals that second copies are known by. Much more than MirrorMaker copies again after a crash would cost memory only. */
const MAX_REMEMBERED = 16_384;

/** After so many copies in a row that belong to no original nothing is expected any more. */
const MAX_STRANGERS = 1_000;

/** @internal What the offset syncs say of an original and the place of a copy. */
export interface PlaceRules {
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
 * - Each copy counts once, and in order. One that looks like an original that was met already (or was handled before) is a second copy, and
 *   passed: so of originals that look alike (**twins**) the second one is never taken for handled.
 * - Whether it is the copy of this original, and not of an older twin that is no longer known, the offset syncs say: one names the two, or the
 *   nearest two enclose both. Or it comes directly after such a pair: MirrorMaker copies in order. After anything else (a second copy,
 *   one of an aborted or compacted record, the beginning of a repetition) only the syncs count.
 *
 * @internal
 */
export class Retrace {
  /** Those that were handled on the target before. */
  readonly #before: readonly Original[];
  /** Originals that were met, by what they look like. */
  readonly #known = new Map<string, Original>();
  readonly #leftAt: bigint;
  readonly #rules: PlaceRules;
  /** From here on all originals that were met are known. */
  #since: bigint;
  /** How many originals were met, or handled before. */
  #count: number;
  /** The last copy was for certain that of the original of this number: the next one follows it. Undefined where that is not so. */
  #step: number | undefined;
  #hasBegun = false;
  /** What copies look like that belong to nothing that is known. */
  readonly #strangers = new Set<string>();
  #strangersInARow = 0;
  #end: 'open' | 'whole' | 'certain' = 'open';
  #offset: bigint | undefined;
  #next: { readonly record: ScannedRecord; readonly name: string } | undefined;

  /**
   * @param before - the originals just before the place where the group had left them, in their order; they are there now.
   * @param options.leftAt - that place.
   */
  constructor(
    before: readonly ScannedRecord[],
    { leftAt, ...rules }: PlaceRules & { readonly leftAt: bigint },
  ) {
    this.#before = before.map((record, number) => {
      return { number, name: nameOf(record), offset: BigInt(record.offset) };
    });
    for (const one of this.#before) this.#known.set(one.name, one);
    this.#since = this.#before[0]?.offset ?? leftAt;
    this.#count = before.length;
    this.#leftAt = leftAt;
    this.#rules = rules;
  }

  /** True where nothing more is expected. */
  get isOver(): boolean {
    return this.#strangersInARow >= MAX_STRANGERS || this.#strangers.size >= MAX_REMEMBERED;
  }

  /**
   * @param copy - the next one that was handled on the source.
   * @param original - the first one that was not met yet; undefined where there is none.
   * @returns `original` where it is the copy of that one, so that the next one is wanted.
   */
  look(copy: ScannedRecord, original: ScannedRecord | undefined): CopyVerdict {
    const name = nameOf(copy);
    const copyAt = BigInt(copy.offset);
    const known = this.#knownLike(name, copyAt);
    if (known !== undefined) {
      this.#step = this.#isCopyOf(known, copyAt) ? known.number : undefined;
      if (this.#step !== undefined) this.#begin();
      return 'passed';
    }
    if (original !== undefined && this.#nameOf(original) === name) {
      const next = { number: this.#count, name, offset: BigInt(original.offset) };
      if (this.#isCopyOf(next, copyAt)) {
        this.#meet(next);
        return 'original';
      }
    }
    this.#step = undefined;
    this.#strangers.add(name);
    this.#strangersInARow += 1;
    return 'stranger';
  }

  /**
   * The copies are at their end.
   *
   * @param next - the first originals that were not met.
   * @param isAll - whether there are no more.
   */
  finish(next: readonly ScannedRecord[], isAll: boolean): void {
    const mayBeHandled = (one: ScannedRecord): boolean => {
      const name = nameOf(one);
      return this.#strangers.has(name) || this.#known.has(name);
    };
    if (this.isOver || next.some(mayBeHandled)) return;
    this.#end = isAll || this.#strangersInARow === 0 ? 'certain' : 'whole';
  }

  result(): Retraced {
    if (!this.#hasBegun) return { offset: undefined, isExact: false, isEnd: false };
    return {
      offset: this.#offset ?? this.#leftAt,
      isExact: this.#end !== 'open',
      isEnd: this.#end === 'certain',
    };
  }

  /** Of several that look alike the one that is expected next, if it is among them. */
  #knownLike(name: string, copyAt: bigint): Original | undefined {
    const follower = this.#step === undefined ? undefined : this.#before[this.#step + 1];
    if (follower?.name === name && this.#isCopyOf(follower, copyAt)) return follower;
    return this.#known.get(name);
  }

  #isCopyOf({ number, offset }: Original, copyAt: bigint): boolean {
    const { isPossible, isCertain } = this.#rules;
    const follows = this.#step !== undefined && number === this.#step + 1;
    return (follows && isPossible(offset, copyAt)) || isCertain(offset, copyAt, this.#since);
  }

  /** Copies before the first one that is known are older. */
  #begin(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    this.#strangersInARow = 0;
  }

  #meet(original: Original): void {
    const { number, name, offset } = original;
    this.#count += 1;
    this.#step = number;
    this.#offset = offset + 1n;
    this.#begin();
    this.#strangersInARow = 0;
    this.#known.delete(name);
    this.#known.set(name, original);
    if (this.#known.size <= MAX_REMEMBERED) return;
    for (const [oldest, { offset: forgotten }] of this.#known) {
      this.#known.delete(oldest);
      this.#since = forgotten + 1n;
      return;
    }
  }

  #nameOf(record: ScannedRecord): string {
    if (this.#next?.record !== record) this.#next = { record, name: nameOf(record) };
    return this.#next.name;
  }
}

/** A record of the target's log. */
interface Original {
  /** In the order of those that are looked at, from 0. */
  readonly number: number;
  readonly name: string;
  readonly offset: bigint;
}

function nameOf(record: RecordContent): string {
  return `${record.timestamp} ${contentHash(record)}`;
}
