import type { CancelTimer, World } from '../world.js';

/** @internal What waits. */
export interface Holdable {
  /** Estimated size of keys, values and headers. */
  readonly bytes: number;
  /** How many records it has. */
  readonly recordCount: number;
  /** Since when it waits, on the monotonic clock; undefined only before it has ever been in a buffer. */
  readonly heldAtMs: number | undefined;
}

/** @internal Limits of a {@link HoldBuffer}. */
export interface HoldBufferOptions<T> {
  readonly world: World;
  /** Most bytes that wait. An item that does not fit is refused; 0 refuses everything. */
  readonly maxBytes: number;
  /** Most records that wait; likewise. */
  readonly maxRecords: number;
  /** Longest wait of one item, in milliseconds. */
  readonly maxWaitMs: number;
  /** Hears of each item that waited too long; it has left the buffer then. */
  onTimeout(item: T): void;
}

/**
 * Charged for each item on top of its bytes, for the promise and the objects around it. So a flood of empty records is
 * bounded as well.
 */
export const HOLD_OVERHEAD_BYTES = 128;

/**
 * Where sends wait while no cluster is open: in order, bounded in bytes, records and time.
 *
 * Items are ordered by `heldAtMs` (the oldest is in front, and what is put back is older than what came after it), so
 * one timer, for the first item, watches over all.
 *
 * @internal
 */
export class HoldBuffer<T extends Holdable> {
  readonly #options: HoldBufferOptions<T>;
  #items = new Set<T>();
  #bytes = 0;
  #recordCount = 0;
  #cancelTimer: CancelTimer | undefined;

  constructor(options: HoldBufferOptions<T>) {
    this.#options = options;
  }

  get count(): number {
    return this.#items.size;
  }

  /** Bytes that wait, {@link HOLD_OVERHEAD_BYTES} of each item included. */
  get bytes(): number {
    return this.#bytes;
  }

  get recordCount(): number {
    return this.#recordCount;
  }

  /** How much of the limit that is nearest is used: 1 is all of it, and a put back item may exceed that. */
  get fullness(): number {
    const { maxBytes, maxRecords } = this.#options;
    return Math.max(this.#bytes / maxBytes, this.#recordCount / maxRecords);
  }

  /** Adds an item at the end. @returns the limit that it would exceed; it is not added then. */
  offer(item: T): 'bytes' | 'records' | undefined {
    const { maxBytes, maxRecords } = this.#options;
    if (this.#bytes + chargeOf(item) > maxBytes) return 'bytes';
    if (this.#recordCount + item.recordCount > maxRecords) return 'records';
    this.#items.add(item);
    this.#charge(item, 1);
    this.#arm();
    return undefined;
  }

  /**
   * Puts items back in front, in their order. They were accepted once and are never refused, so the buffer may exceed its
   * limit by what was in flight; nothing new fits until that is gone.
   */
  putBack(items: readonly T[]): void {
    if (items.length === 0) return;
    this.#items = new Set([...items, ...this.#items]);
    for (const item of items) this.#charge(item, 1);
    this.#disarm();
    this.#arm();
  }

  /** What waits, in order; also what comes while it is read. */
  items(): Iterable<T> {
    return this.#items.values();
  }

  /** Takes an item out; false where it is not there. */
  remove(item: T): boolean {
    if (!this.#items.delete(item)) return false;
    this.#charge(item, -1);
    if (this.count === 0) this.#disarm();
    return true;
  }

  /** Takes everything out, in order. */
  takeAll(): readonly T[] {
    const items = [...this.#items];
    this.#items.clear();
    this.#bytes = 0;
    this.#recordCount = 0;
    this.#disarm();
    return items;
  }

  #charge(item: T, sign: 1 | -1): void {
    this.#bytes += sign * chargeOf(item);
    this.#recordCount += sign * item.recordCount;
  }

  #arm(): void {
    const [first] = this.#items;
    if (first === undefined || this.#cancelTimer !== undefined) return;
    const { world, maxWaitMs } = this.#options;
    const delayMs = Math.max(0, queuedAtMs(first) + maxWaitMs - world.nowMs());
    this.#cancelTimer = world.after(delayMs, () => {
      this.#cancelTimer = undefined;
      this.#expire();
      // The first item may have been taken since: then the timer was early for the one that is first now.
      this.#arm();
    });
  }

  #disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #expire(): void {
    const { world, maxWaitMs, onTimeout } = this.#options;
    const nowMs = world.nowMs();
    for (const item of this.#items) {
      if (queuedAtMs(item) + maxWaitMs > nowMs) return;
      this.remove(item);
      onTimeout(item);
    }
  }
}

/** @internal For comparing: what never waited is in front of what does. */
export function queuedAtMs({ heldAtMs }: Holdable): number {
  return heldAtMs ?? Number.NEGATIVE_INFINITY;
}

function chargeOf(item: Holdable): number {
  return item.bytes + HOLD_OVERHEAD_BYTES;
}
