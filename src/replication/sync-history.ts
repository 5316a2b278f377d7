import { compact, expand, type CompactOffset } from './compact-offset.js';
import type { OffsetSync } from './records.js';

/** @internal Slots per partition, as in MirrorMaker: one for each power of two of a 64-bit offset. */
export const SLOT_COUNT = 64;

/** Numbers that describe one kept sync: its upstream offset, its downstream offset, the last of the slots that hold it. */
const STRIDE = 3;

/**
 * MirrorMaker's memory of one partition's offset syncs: 64 slots, whose distances from the newest sync roughly double.
 *
 * Invariants, for slots i < j (`U` is the upstream offset; two slots that hold the *same* sync satisfy B and C):
 * - A: slot 0 is the newest sync.
 * - B, not too old: `s[i].U <= s[j].U + 2^j - 2^i`.
 * - C, spread: `s[i].U >= s[j].U + 2^max(i-2, 0)`.
 * - D: slot 63 is the oldest usable sync; it stays until a rewind.
 *
 * Usually 10 to 20 syncs are distinct, so only those are stored, newest first, with the last slot of each: about 24
 * bytes a sync.
 *
 * @see OffsetSyncStore.java of Apache Kafka (KAFKA-14666, KAFKA-15202), whose rules this follows.
 * @internal
 */
export class SyncHistory {
  /** Flat triples (upstream, downstream, last slot), newest first. Replaced as a whole, exactly as long as needed. */
  #kept: readonly CompactOffset[];

  constructor({ upstreamOffset, downstreamOffset }: OffsetSync) {
    this.#kept = [compact(upstreamOffset), compact(downstreamOffset), SLOT_COUNT - 1];
  }

  get newest(): OffsetSync {
    return this.#syncAt(0);
  }

  /** Distinct syncs that are kept, newest first. */
  get syncs(): readonly OffsetSync[] {
    const count = this.#kept.length / STRIDE;
    return Array.from({ length: count }, (_, index) => this.#syncAt(index));
  }

  /** The sync of each slot, by its index in {@link syncs}. */
  get slots(): readonly number[] {
    return [...slotsOf(this.#kept, 0)];
  }

  copy(): SyncHistory {
    const copy = new SyncHistory(this.newest);
    // Never changed in place.
    copy.#kept = this.#kept;
    return copy;
  }

  /** Adds a sync that is not older than the newest one, and restores the invariants. */
  push({ upstreamOffset, downstreamOffset }: OffsetSync): void {
    const old = this.#kept;
    // Candidate 0 is the new sync, the others are the kept ones.
    const upstream = [compact(upstreamOffset)];
    for (let start = 0; start < old.length; start += STRIDE) upstream.push(at(old, start));
    const slots = arrange(upstream, slotsOf(old, 1));
    const kept: CompactOffset[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const index = slots[slot] ?? 0;
      if (index === slots[slot + 1]) continue;
      const downstream =
        index === 0 ? compact(downstreamOffset) : at(old, (index - 1) * STRIDE + 1);
      kept.push(at(upstream, index), downstream, slot);
    }
    // The copy is exactly as long as needed.
    this.#kept = kept.slice();
  }

  /**
   * The kept syncs around an upstream offset: the newest one at or below it, and the oldest one at or above it (the same
   * where one is exactly there).
   */
  around(upstreamOffset: bigint): {
    floor: OffsetSync | undefined;
    ceiling: OffsetSync | undefined;
  } {
    const kept = this.#kept;
    const wanted = compact(upstreamOffset);
    // Comparing a number with a bigint is exact.
    let index = 0;
    while (index < kept.length && at(kept, index) > wanted) index += STRIDE;
    const floor = index < kept.length ? this.#syncAt(index / STRIDE) : undefined;
    if (floor?.upstreamOffset === upstreamOffset) return { floor, ceiling: floor };
    return { floor, ceiling: index > 0 ? this.#syncAt(index / STRIDE - 1) : undefined };
  }

  #syncAt(index: number): OffsetSync {
    const start = index * STRIDE;
    return {
      upstreamOffset: expand(at(this.#kept, start)),
      downstreamOffset: expand(at(this.#kept, start + 1)),
    };
  }
}

function at(kept: readonly CompactOffset[], index: number): CompactOffset {
  const value = kept[index];
  if (value === undefined) throw new RangeError(`no sync at ${index} of ${kept.length}`);
  return value;
}

/** Which of the kept syncs each slot holds; they are counted from `first`. */
function slotsOf(kept: readonly CompactOffset[], first: number): Uint8Array {
  const slots = new Uint8Array(SLOT_COUNT);
  let slot = 0;
  let index = first;
  for (let start = 0; start < kept.length; start += STRIDE) {
    const lastSlot = at(kept, start + 2);
    for (; slot <= lastSlot; slot += 1) slots[slot] = index;
    index += 1;
  }
  return slots;
}

/**
 * Puts candidate 0 (the new sync) into slot 0 and repairs the slots behind it, from the newest to the oldest: where a
 * slot breaks invariant B it is filled with the best older sync that fits, and with the one before it where none does.
 *
 * @param upstream - the upstream offset of each candidate.
 * @param old - the candidate that each slot held before.
 * @returns the candidate that each slot holds now.
 */
function arrange(upstream: readonly CompactOffset[], old: Uint8Array): Uint8Array {
  const slots = old.slice();
  slots[0] = 0;
  let filler = 0;
  let reading = 0;
  for (let slot = 1; slot < SLOT_COUNT; slot += 1) {
    const previous = slots[slot - 1] ?? 0;
    for (;;) {
      const candidate = old[reading] ?? 0;
      const isSpread = isFarEnough(upstream, previous, candidate, slot - 1);
      const fits =
        isSpread &&
        isRecentEnough(upstream, previous, candidate, slot - 1, slot) &&
        (slot === SLOT_COUNT - 1 || isFarEnough(upstream, candidate, slots[slot + 1] ?? 0, slot));
      if (fits) filler = candidate;
      const isSpent = !isSpread || candidate === old[reading + 1];
      if (fits || isSpent) reading += 1;
      if (!isSpent || reading >= slot) break;
    }
    // From here on nothing has changed, so nothing is broken.
    if (isRecentEnough(upstream, previous, slots[slot] ?? 0, slot - 1, slot)) break;
    slots[slot] = filler;
  }
  return slots;
}

/** 2 to the power of each slot. */
const POWERS: readonly number[] = Array.from({ length: SLOT_COUNT }, (_, slot) => 2 ** slot);

/**
 * Invariant B for slots i < j and the candidates in them. What overflows 64 bits in Java counts as satisfied there; here
 * the sum is simply right.
 */
function isRecentEnough(
  upstream: readonly CompactOffset[],
  newer: number,
  older: number,
  i: number,
  j: number,
): boolean {
  if (newer === older) return true;
  const a = at(upstream, newer);
  const b = at(upstream, older);
  if (typeof a === 'number' && typeof b === 'number') {
    // Exact although 2 ** 63 - 1 is no number: from 2 ** 54 on the limit exceeds every difference of two safe integers.
    return a - b <= (POWERS[j] ?? 0) - (POWERS[i] ?? 0);
  }
  return expand(a) - expand(b) <= (1n << BigInt(j)) - (1n << BigInt(i));
}

/**
 * Invariant C for slot i and any later one, and the candidates in them. What overflows in Java counts as not satisfied
 * there; here too, by value.
 */
function isFarEnough(
  upstream: readonly CompactOffset[],
  newer: number,
  older: number,
  i: number,
): boolean {
  if (newer === older) return true;
  const a = at(upstream, newer);
  const b = at(upstream, older);
  const exponent = Math.max(i - 2, 0);
  if (typeof a === 'number' && typeof b === 'number') return a - b >= (POWERS[exponent] ?? 0);
  return expand(a) - expand(b) >= 1n << BigInt(exponent);
}
