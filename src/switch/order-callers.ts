import type { SwitchOutcome } from './report.js';

interface Caller {
  resolve(outcome: SwitchOutcome): void;
  reject(error: Error): void;
}

/**
 * Those who ordered switches and wait for the answer: each gets one. And how many wait for the start.
 *
 * @internal
 */
export class OrderCallers {
  readonly #waiting = new Map<number, Caller>();
  #count = 0;
  #startingCount = 0;

  /** True where nobody waits: neither for an order nor for the start. */
  get isEmpty(): boolean {
    return this.#waiting.size === 0 && this.#startingCount === 0;
  }

  /** Somebody waits for the start, until the answer is called. */
  starts(): () => void {
    this.#startingCount += 1;
    return () => {
      this.#startingCount -= 1;
    };
  }

  /** @param order - hands the order over, under its number. */
  wait(order: (orderId: number) => void): Promise<SwitchOutcome> {
    this.#count += 1;
    const orderId = this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(orderId, { resolve, reject });
      order(orderId);
    });
  }

  resolve(orderIds: readonly number[], outcome: SwitchOutcome): void {
    for (const orderId of orderIds) this.#take(orderId)?.resolve(outcome);
  }

  reject(orderIds: readonly number[], error: Error): void {
    for (const orderId of orderIds) this.#take(orderId)?.reject(error);
  }

  #take(orderId: number): Caller | undefined {
    const caller = this.#waiting.get(orderId);
    this.#waiting.delete(orderId);
    return caller;
  }
}
