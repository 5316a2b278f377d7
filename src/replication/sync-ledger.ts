import type { OffsetSync } from './records.js';

/** Numbers that describe one run: the first upstream offset, the first downstream offset, how many syncs it has. */
const STRIDE = 3;

/** Runs of one full block: so many that blocks are few, so few that the last one is soon copied. */
const BLOCK_RUNS = 512;

/** A block grows by a quarter: most partitions have few syncs, and a million of them in many partitions are to fit into 32 MiB. */
const GROWTH = 4;

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

/** Thinned are only ledgers with more runs than this. */
const FEW_RUNS = 8;

/**
 * Every offset sync of one partition since the last rewind, where MirrorMaker keeps 64 (`SyncHistory`): so the newest sync at
 * or below an offset is the best one that was ever written, however far the group lags.
 *
 * Neighbours, (u, d) and (u + 1, d + 1), are kept as one run of 24 bytes; nothing else is merged: what lies between two syncs
 * that are further apart is not known, and is never made up.
 *
 * Syncs come in order, both offsets rising. Beyond 2^53, where no log gets, only the newest one is known.
 *
 * @internal
 */
export class SyncLedger {
  /** Runs in order, in blocks. All but the last one are full, and are not changed any more. */
  #blocks: Float64Array[] = [];
  /** Runs in the last block. */
  #lastCount = 0;
  #bytes = 0;
  #newest: OffsetSync;

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
    copy.#blocks = this.#blocks.slice(0, -1);
    const last = this.#blocks.at(-1);
    if (last !== undefined) copy.#blocks.push(last.slice());
    copy.#lastCount = this.#lastCount;
    copy.#bytes = this.#bytes;
    return copy;
  }

  /** Adds a sync that is not older than the newest one. */
  push(sync: OffsetSync): void {
    this.#newest = sync;
    if (sync.upstreamOffset > LARGEST || sync.downstreamOffset > LARGEST) return;
    const upstream = Number(sync.upstreamOffset);
    const downstream = Number(sync.downstreamOffset);
    if (this.#extends(upstream, downstream)) return;
    this.#roomyBlock().set([upstream, downstream, 1], this.#lastCount * STRIDE);
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
    const wanted = Number(upstreamOffset);
    const index = lastIndex(this.#blocks.length, (one) => at(this.#block(one), 0, 0) <= wanted);
    if (index < 0) return { floor: undefined, ceiling: this.#syncAt(0, 0, 0) ?? newest };
    const block = this.#block(index);
    const runs = this.#runsIn(index);
    const run = lastIndex(runs, (one) => at(block, one, 0) <= wanted);
    const step = Math.min(wanted - at(block, run, 0), at(block, run, 2) - 1);
    const floor = this.#syncAt(index, run, step);
    if (floor?.upstreamOffset === upstreamOffset) return { floor, ceiling: floor };
    const next = run + 1 < runs ? this.#syncAt(index, run + 1, 0) : this.#syncAt(index + 1, 0, 0);
    return { floor, ceiling: next ?? newest };
  }

  /** True where {@link thin} frees something. */
  get canThin(): boolean {
    return (this.#blocks.length - 1) * BLOCK_RUNS + this.#lastCount > FEW_RUNS;
  }

  /** Forgets every second run of the older half: bounds that are taken from there become coarser, and stay sound. */
  thin(): void {
    const runCount = (this.#blocks.length - 1) * BLOCK_RUNS + this.#lastCount;
    const blocks = this.#blocks;
    this.#blocks = [];
    this.#lastCount = 0;
    this.#bytes = 0;
    for (let run = 0; run < runCount; run += 1) {
      if (run < runCount / 2 && run % 2 === 1) continue;
      const block = blocks[Math.floor(run / BLOCK_RUNS)];
      if (block === undefined) continue;
      const start = (run % BLOCK_RUNS) * STRIDE;
      this.#roomyBlock().set(block.subarray(start, start + STRIDE), this.#lastCount * STRIDE);
      this.#lastCount += 1;
    }
  }

  /** Takes a sync into the newest run where it is its next neighbour. */
  #extends(upstream: number, downstream: number): boolean {
    const last = this.#blocks.at(-1);
    if (last === undefined) return false;
    const run = this.#lastCount - 1;
    const count = at(last, run, 2);
    if (at(last, run, 0) + count !== upstream || at(last, run, 1) + count !== downstream) {
      return false;
    }
    last[run * STRIDE + 2] = count + 1;
    return true;
  }

  /** The last block, with room for one more run. */
  #roomyBlock(): Float64Array {
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#lastCount * STRIDE < last.length) return last;
    const isFull = last === undefined || this.#lastCount === BLOCK_RUNS;
    const runs = isFull ? 0 : this.#lastCount;
    const more = Math.max(1, Math.floor(runs / GROWTH));
    const block = new Float64Array(Math.min(BLOCK_RUNS, runs + more) * STRIDE);
    if (isFull) {
      this.#blocks.push(block);
      this.#lastCount = 0;
      this.#bytes += block.byteLength;
    } else {
      block.set(last);
      this.#blocks[this.#blocks.length - 1] = block;
      this.#bytes += block.byteLength - last.byteLength;
    }
    return block;
  }

  #block(index: number): Float64Array {
    const block = this.#blocks[index];
    if (block === undefined) throw new RangeError(`no block ${index} of ${this.#blocks.length}`);
    return block;
  }

  #runsIn(index: number): number {
    return index === this.#blocks.length - 1 ? this.#lastCount : BLOCK_RUNS;
  }

  #syncAt(index: number, run: number, step: number): OffsetSync | undefined {
    const block = this.#blocks[index];
    if (block === undefined) return undefined;
    return {
      upstreamOffset: BigInt(at(block, run, 0) + step),
      downstreamOffset: BigInt(at(block, run, 1) + step),
    };
  }
}

function at(block: Float64Array, run: number, part: number): number {
  const value = block[run * STRIDE + part];
  if (value === undefined) throw new RangeError(`no run ${run} in a block of ${block.length}`);
  return value;
}

/** The last index below `count` for which `holds` is true, -1 where there is none; true ones come first. */
function lastIndex(count: number, holds: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
