import type { CancelTimer, World } from '../world.js';

interface Waiter {
  resolve(): void;
  reject(error: unknown): void;
  readonly cancelTimer: CancelTimer;
}

/**
 * Calls that can only go on when a cluster is open: `connect()` and `transaction()` during a switch. Each waits for a
 * bounded time.
 *
 * @internal
 */
export class OpenWaiters {
  readonly #world: World;
  readonly #waiters = new Set<Waiter>();

  constructor(world: World) {
    this.#world = world;
  }

  /**
   * Resolves when a cluster opens.
   *
   * @param deadlineAtMs - on the monotonic clock; then it rejects with what `timeout` makes.
   */
  wait(deadlineAtMs: number, timeout: () => Error): Promise<void> {
    return new Promise((resolve, reject) => {
      const delayMs = Math.max(0, deadlineAtMs - this.#world.nowMs());
      const waiter: Waiter = {
        resolve,
        reject,
        cancelTimer: this.#world.after(delayMs, () => {
          this.#waiters.delete(waiter);
          reject(timeout());
        }),
      };
      this.#waiters.add(waiter);
    });
  }

  resolveAll(): void {
    for (const waiter of this.#takeAll()) waiter.resolve();
  }

  rejectAll(error: unknown): void {
    for (const waiter of this.#takeAll()) waiter.reject(error);
  }

  #takeAll(): readonly Waiter[] {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.cancelTimer();
    return waiters;
  }
}
