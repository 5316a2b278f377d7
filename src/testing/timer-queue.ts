/** @internal A timer that waits to fire. `callback` is undefined once it was cancelled. */
export interface QueuedTimer {
  readonly atMs: number;
  /** Breaks ties: timers that are due at the same instant fire in the order in which they were started. */
  readonly sequence: number;
  callback: (() => void) | undefined;
}

/** Below this many timers the queue is never rebuilt. */
const MIN_CANCELLED_TIMERS = 1024;

/**
 * Timers in the order in which they fire: a binary heap. Cancelled timers stay until they come to the top, or until they
 * are the majority (kafkajs starts a 30 s limit for most of what it does, and cancels it a moment later).
 *
 * @internal
 */
export class TimerQueue {
  #heap: QueuedTimer[] = [];
  #sequence = 0;
  #cancelledCount = 0;

  /** Timers that will fire. */
  get size(): number {
    return this.#heap.length - this.#cancelledCount;
  }

  add(atMs: number, callback: () => void): QueuedTimer {
    const timer: QueuedTimer = { atMs, sequence: this.#sequence, callback };
    this.#sequence += 1;
    this.#heap.push(timer);
    this.#siftUp(this.#heap.length - 1);
    return timer;
  }

  /** Cancelling a timer twice, or after it fired, does nothing. */
  cancel(timer: QueuedTimer): void {
    if (timer.callback === undefined) return;
    timer.callback = undefined;
    this.#cancelledCount += 1;
    if (this.#cancelledCount < MIN_CANCELLED_TIMERS) return;
    if (this.#cancelledCount * 2 > this.#heap.length) this.#rebuild();
  }

  /** The due time of the next timer, undefined where there is none. */
  nextAtMs(): number | undefined {
    this.#dropCancelled();
    return this.#heap[0]?.atMs;
  }

  /** Takes the next timer out, as due time and callback. */
  take(): { atMs: number; callback: () => void } | undefined {
    this.#dropCancelled();
    const timer = this.#heap[0];
    if (timer?.callback === undefined) return undefined;
    const { atMs, callback } = timer;
    this.#removeTop();
    timer.callback = undefined;
    return { atMs, callback };
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0]?.callback === undefined) {
      this.#removeTop();
      this.#cancelledCount -= 1;
    }
  }

  #rebuild(): void {
    // A sorted array is a heap.
    this.#heap = this.#heap.filter((timer) => timer.callback !== undefined);
    this.#heap.sort((a, b) => (isBefore(a, b) ? -1 : 1));
    this.#cancelledCount = 0;
  }

  #removeTop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#siftDown(0);
  }

  #siftUp(start: number): void {
    const heap = this.#heap;
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfBefore(heap, index, parent)) return;
      index = parent;
    }
  }

  #siftDown(start: number): void {
    const heap = this.#heap;
    let index = start;
    for (;;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const leftTimer = heap[left];
      const rightTimer = heap[right];
      if (leftTimer === undefined) return;
      const child = rightTimer !== undefined && isBefore(rightTimer, leftTimer) ? right : left;
      if (!this.#swapIfBefore(heap, child, index)) return;
      index = child;
    }
  }

  #swapIfBefore(heap: QueuedTimer[], lower: number, upper: number): boolean {
    const lowerTimer = heap[lower];
    const upperTimer = heap[upper];
    if (lowerTimer === undefined || upperTimer === undefined) return false;
    if (!isBefore(lowerTimer, upperTimer)) return false;
    heap[lower] = upperTimer;
    heap[upper] = lowerTimer;
    return true;
  }
}

function isBefore(a: QueuedTimer, b: QueuedTimer): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence);
}
