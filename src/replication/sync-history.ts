import { compact, expand, type CompactOffset } from './compact-offset.js';
import type { OffsetSync } from './records.js';

/** @internal Slots per partition, as in MirrorMaker: one for each power of two of a 64-bit offset. */
export const SLOT_COUNT = 64;

/** One kept sync and the last of the slots that hold it. Equal slots are neighbours, so this describes them all. */
interface Kept {
  readonly upstream: CompactOffset;
  readonly downstream: CompactOffset;
  readonly lastSlot: number;
}

/** Numbers of {@link Kept}, in one flat array. */
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
    return [...slotsOf(this.#keptList())];
  }

  copy(): SyncHistory {
    const copy = new SyncHistory(this.newest);
    // Never changed in place.
    copy.#kept = this.#kept;
    return copy;
  }

  /** Adds a sync that is not older than the newest one, and restores the invariants. */
  push(sync: OffsetSync): void {
    const old = this.#keptList();
    const candidates: readonly Kept[] = [
      {
        upstream: compact(sync.upstreamOffset),
        downstream: compact(sync.downstreamOffset),
        lastSlot: 0,
      },
      ...old,
    ];
    const slots = arrange(candidates, slotsOf(old));
    const kept: CompactOffset[] = [];
    for (let slot = 0; slot < SLOT_COUNT; slot += 1) {
      const index = slots[slot];
      if (index === slots[slot + 1] || index === undefined) continue;
      const candidate = candidates[index];
      if (candidate !== undefined) kept.push(candidate.upstream, candidate.downstream, slot);
    }
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

  #keptList(): readonly Kept[] {
    const list: Kept[] = [];
    for (let start = 0; start < this.#kept.length; start += STRIDE) {
      list.push({
        upstream: at(this.#kept, start),
        downstream: at(this.#kept, start + 1),
        lastSlot: Number(at(this.#kept, start + 2)),
      });
    }
    return list;
  }
}

function at(kept: readonly CompactOffset[], index: number): CompactOffset {
  const value = kept[index];
  if (value === undefined) throw new RangeError(`no sync at ${index} of ${kept.length}`);
  return value;
}

/** Which of the kept syncs each slot holds. */
function slotsOf(kept: readonly Kept[]): Uint8Array {
  const slots = new Uint8Array(SLOT_COUNT);
  let start = 0;
  kept.forEach(({ lastSlot }, index) => {
    slots.fill(index, start, lastSlot + 1);
    start = lastSlot + 1;
  });
  return slots;
}

/**
 * Puts candidate 0 (the new sync) into slot 0 and repairs the slots behind it, from the newest to the oldest: where a
 * slot breaks invariant B it is filled with the best older sync that fits, and with the one before it where none does.
 *
 * `before` holds indexes of the syncs that were kept; the candidates are the same ones, each one place further.
 */
function arrange(candidates: readonly Kept[], before: Uint8Array): Uint8Array {
  const old = before.map((index) => index + 1);
  const slots = old.slice();
  const syncIn = (array: Uint8Array, slot: number): Kept => {
    const sync = candidates[array[slot] ?? 0];
    if (sync === undefined) throw new RangeError(`slot ${slot} holds no sync`);
    return sync;
  };
  slots[0] = 0;
  let filler = 0;
  let reading = 0;
  for (let slot = 1; slot < SLOT_COUNT; slot += 1) {
    const previous = syncIn(slots, slot - 1);
    for (;;) {
      const sync = syncIn(old, reading);
      const isSpread = isFarEnough(previous, sync, slot - 1);
      const fits =
        isSpread &&
        isRecentEnough(previous, sync, slot - 1, slot) &&
        (slot === SLOT_COUNT - 1 || isFarEnough(sync, syncIn(slots, slot + 1), slot));
      if (fits) filler = old[reading] ?? filler;
      const isSpent = !isSpread || old[reading] === old[reading + 1];
      if (fits || isSpent) reading += 1;
      if (!isSpent || reading >= slot) break;
    }
    // From here on nothing has changed, so nothing is broken.
    if (isRecentEnough(previous, syncIn(slots, slot), slot - 1, slot)) break;
    slots[slot] = filler;
  }
  return slots;
}

/** Invariant B for slots i < j. What overflows 64 bits in Java counts as satisfied there; here the sum is simply right. */
function isRecentEnough(newer: Kept, older: Kept, i: number, j: number): boolean {
  if (newer === older) return true;
  if (typeof newer.upstream === 'number' && typeof older.upstream === 'number') {
    // Exact although 2 ** 63 - 1 is no number: from 2 ** 54 on the limit exceeds every difference of two safe integers.
    return newer.upstream - older.upstream <= 2 ** j - 2 ** i;
  }
  const limit = (1n << BigInt(j)) - (1n << BigInt(i));
  return expand(newer.upstream) - expand(older.upstream) <= limit;
}

/** Invariant C for slot i and any later one. What overflows in Java counts as not satisfied there; here too, by value. */
function isFarEnough(newer: Kept, older: Kept, i: number): boolean {
  if (newer === older) return true;
  const exponent = Math.max(i - 2, 0);
  if (typeof newer.upstream === 'number' && typeof older.upstream === 'number') {
    return newer.upstream - older.upstream >= 2 ** exponent;
  }
  return expand(newer.upstream) - expand(older.upstream) >= 1n << BigInt(exponent);
}
