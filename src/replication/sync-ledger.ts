import type { OffsetSync } from './records.js';

/** Numbers that describe one run: the first upstream offset, the first downstream offset, how many syncs it has. */
const STRIDE = 3;

/** Runs of one full block: so many that blocks are few, so few that the last one is soon copied. */
const BLOCK_RUNS = 512;

/** A block grows by a quarter: most partitions have few syncs, and a million of them in many partitions are to fit into 32 MiB. */
const GROWTH = 4;

/** Thinned are only ledgers with more runs than this. */
const FEW_RUNS = 8;

/**
 * Every offset sync of one partition since the last rewind, where MirrorMaker keeps 64 (`SyncHistory`): so the newest sync at
 * or below an offset is the best one that was ever written, however far the group lags.
 *
 * Neighbours, (u, d) and (u + 1, d + 1), are kept as one run of 24 bytes; nothing else is merged: what lies between two syncs
 * that are further apart is not known, and is never made up.
 *
 * Syncs come in order, both offsets rising. They are kept as 64-bit integers: a bigint is read from there in a quarter of the time that it
 * takes to make one of a number, and is not made at all where it is only compared.
 *
 * @internal
 */
export class SyncLedger {
  /** Runs in order, in full blocks, which are not changed any more, and the last one: a field of its own, for most ledgers have no other. */
  #full: BigInt64Array[] = [];
  #last = new BigInt64Array(0);
  /** Runs in the last block. */
  #lastCount = 0;
  #bytes = 0;
  #newest: OffsetSync;
  /** From this upstream offset on nothing was forgotten; undefined where nothing was at all. */
  #thinnedBelow: bigint | undefined;

  constructor(first: OffsetSync) {
    this.#newest = first;
    this.push(first);
  }

  get newest(): OffsetSync {
    return this.#newest;
  }

  /** Bytes that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A copy that shares everything that is not written to any more. */
  copy(): SyncLedger {
    const copy = new SyncLedger(this.#newest);
    copy.#full = [...this.#full];
    copy.#last = this.#last.slice();
    copy.#lastCount = this.#lastCount;
    copy.#bytes = this.#bytes;
    copy.#thinnedBelow = this.#thinnedBelow;
    return copy;
  }

  /** May syncs have been forgotten between those around an upstream offset? */
  isThinnedAt(upstreamOffset: bigint): boolean {
    return this.#thinnedBelow !== undefined && upstreamOffset < this.#thinnedBelow;
  }

  /** Adds a sync that is not older than the newest one. */
  push(sync: OffsetSync): void {
    this.#newest = sync;
    if (this.#extends(sync)) return;
    const block = this.#roomyBlock();
    const start = this.#lastCount * STRIDE;
    block[start] = sync.upstreamOffset;
    block[start + 1] = sync.downstreamOffset;
    block[start + 2] = 1n;
    this.#lastCount += 1;
  }

  /**
   * The newest sync at or below an upstream offset, and the oldest one at or above it (the same where one is exactly there).
   */
  around(upstreamOffset: bigint): {
    floor: OffsetSync | undefined;
    ceiling: OffsetSync | undefined;
  } {
    const newest = this.#newest;
    if (newest.upstreamOffset <= upstreamOffset) {
      const isThere = newest.upstreamOffset === upstreamOffset;
      return { floor: newest, ceiling: isThere ? newest : undefined };
    }
    const index = this.#blockAt(upstreamOffset);
    const block = this.#block(index);
    const run = lastRunAt(block, this.#runsIn(index), upstreamOffset);
    if (run < 0) return { floor: undefined, ceiling: syncAt(block, 0) };
    const floor = floorIn(block, run, upstreamOffset);
    if (floor.upstreamOffset === upstreamOffset) return { floor, ceiling: floor };
    if (run + 1 < this.#runsIn(index)) return { floor, ceiling: syncAt(block, run + 1) };
    // The newest sync is above, and it is in some block.
    return { floor, ceiling: syncAt(this.#block(index + 1), 0) };
  }

  /** True where {@link thin} frees something. */
  get canThin(): boolean {
    return this.#runCount > FEW_RUNS;
  }

  /** Forgets every second run of the older half: bounds that are taken from there become coarser, and stay sound. */
  thin(): void {
    const runCount = this.#runCount;
    const blocks = [...this.#full, this.#last];
    this.#full = [];
    this.#last = new BigInt64Array(0);
    this.#lastCount = 0;
    this.#bytes = 0;
    this.#thinnedBelow = undefined;
    for (let run = 0; run < runCount; run += 1) {
      const isOlder = run < runCount / 2;
      if (isOlder && run % 2 === 1) continue;
      const block = blocks[Math.floor(run / BLOCK_RUNS)];
      if (block === undefined) continue;
      const start = (run % BLOCK_RUNS) * STRIDE;
      if (!isOlder) this.#thinnedBelow ??= block[start];
      this.#roomyBlock().set(block.subarray(start, start + STRIDE), this.#lastCount * STRIDE);
      this.#lastCount += 1;
    }
  }

  get #runCount(): number {
    return this.#full.length * BLOCK_RUNS + this.#lastCount;
  }

  /** Takes a sync into the newest run where it is its next neighbour. */
  #extends({ upstreamOffset, downstreamOffset }: OffsetSync): boolean {
    const last = this.#last;
    const run = this.#lastCount - 1;
    if (run < 0) return false;
    const count = at(last, run, 2);
    const isNext =
      at(last, run, 0) + count === upstreamOffset && at(last, run, 1) + count === downstreamOffset;
    if (isNext) last[run * STRIDE + 2] = count + 1n;
    return isNext;
  }

  /** The last block, with room for one more run. */
  #roomyBlock(): BigInt64Array {
    const last = this.#last;
    if (this.#lastCount * STRIDE < last.length) return last;
    if (this.#lastCount === BLOCK_RUNS) {
      this.#full.push(last);
      this.#lastCount = 0;
    }
    const runs = this.#lastCount;
    const more = Math.max(1, Math.floor(runs / GROWTH));
    const block = new BigInt64Array(Math.min(BLOCK_RUNS, runs + more) * STRIDE);
    if (runs > 0) {
      block.set(last);
      this.#bytes -= last.byteLength;
    }
    this.#bytes += block.byteLength;
    this.#last = block;
    return block;
  }

  /** The index of the last block that begins at or below an upstream offset; of the first one where none does. */
  #blockAt(upstreamOffset: bigint): number {
    let low = 0;
    let high = this.#full.length;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (at(this.#block(middle), 0, 0) <= upstreamOffset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #block(index: number): BigInt64Array {
    return this.#full[index] ?? this.#last;
  }

  #runsIn(index: number): number {
    return index === this.#full.length ? this.#lastCount : BLOCK_RUNS;
  }
}

/** The first sync of a run. */
function syncAt(block: BigInt64Array, run: number): OffsetSync {
  return { upstreamOffset: at(block, run, 0), downstreamOffset: at(block, run, 1) };
}

/** The newest sync of a run at or below an upstream offset. Most runs are one sync, and cost no arithmetic. */
function floorIn(block: BigInt64Array, run: number, upstreamOffset: bigint): OffsetSync {
  const first = syncAt(block, run);
  const count = at(block, run, 2);
  if (count === 1n) return first;
  const step = upstreamOffset - first.upstreamOffset;
  const taken = step < count ? step : count - 1n;
  return {
    upstreamOffset: first.upstreamOffset + taken,
    downstreamOffset: first.downstreamOffset + taken,
  };
}

function at(block: BigInt64Array, run: number, part: number): bigint {
  const value = block[run * STRIDE + part];
  if (value === undefined) throw new RangeError(`no run ${run} in a block of ${block.length}`);
  return value;
}

/** The last run of the first `count` that begins at or below an upstream offset, -1 where there is none. */
function lastRunAt(block: BigInt64Array, count: number, upstreamOffset: bigint): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(block, middle, 0) <= upstreamOffset) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
