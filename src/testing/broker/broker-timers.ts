import type { CancelTimer } from '../../world.js';
import type { Clock } from '../clock.js';

/**
 * The timers of a broker's process: they do not fire while it is stopped by a signal (they fire at once when it goes on,
 * in their order), and they are gone when it dies.
 *
 * @internal
 */
export class BrokerTimers {
  readonly #clock: Clock;
  readonly #pending = new Set<CancelTimer>();
  #isFrozen = false;
  #overdue: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  after(delayMs: number, callback: () => void): CancelTimer {
    let isCancelled = false;
    const fire = (): void => {
      this.#pending.delete(cancel);
      if (!isCancelled) callback();
    };
    const stop = this.#clock.after(delayMs, () => {
      if (this.#isFrozen) this.#overdue.push(fire);
      else fire();
    });
    const cancel = (): void => {
      isCancelled = true;
      stop();
      this.#pending.delete(cancel);
    };
    this.#pending.add(cancel);
    return cancel;
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    const overdue = this.#overdue;
    this.#overdue = [];
    for (const fire of overdue) fire();
  }

  /** The process is gone, and its timers with it. */
  clear(): void {
    for (const cancel of [...this.#pending]) cancel();
    this.#overdue = [];
    this.#isFrozen = false;
  }
}
