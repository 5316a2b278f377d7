import type { PendingSend } from './pending-send.js';

/**
 * Sends that inner producers have, in the order in which they got them. A linked list through the sends themselves: it is
 * touched twice by every send, and a `Set` costs several times as much there.
 *
 * @internal
 */
export class InFlight {
  #first: PendingSend | undefined;
  #last: PendingSend | undefined;
  #count = 0;
  #onIdle: (() => void)[] = [];

  /** Sends that still wait for an answer. Parked ones have had theirs, and wait for the switch only. */
  get count(): number {
    return this.#count;
  }

  add(send: PendingSend): void {
    send.inFlight = true;
    send.previous = this.#last;
    if (this.#last === undefined) this.#first = send;
    else this.#last.next = send;
    this.#last = send;
    this.#count += 1;
  }

  remove(send: PendingSend): void {
    if (!send.inFlight) return;
    const { previous, next } = send;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    send.previous = undefined;
    send.next = undefined;
    send.inFlight = false;
    if (send.parked) send.parked = false;
    else this.#count -= 1;
    if (send.onLeft !== undefined) {
      const { onLeft } = send;
      send.onLeft = undefined;
      onLeft();
    }
    if (this.#onIdle.length > 0) this.#checkIdle();
  }

  /** Keeps a send whose inner promise was rejected by, or in the shadow of, the fence. */
  park(send: PendingSend, error: unknown): void {
    if (send.parked || !send.inFlight) return;
    send.parked = true;
    send.innerError = error;
    this.#count -= 1;
    this.#checkIdle();
  }

  /** It is under way again, in its place. */
  unpark(send: PendingSend): void {
    if (!send.parked || !send.inFlight) return;
    send.parked = false;
    this.#count += 1;
  }

  /** All of them, in order. */
  *[Symbol.iterator](): Generator<PendingSend> {
    for (let send = this.#first; send !== undefined; send = send.next) yield send;
  }

  /** Takes out every send, in order. */
  takeAll(): readonly PendingSend[] {
    const taken: PendingSend[] = [];
    for (let send = this.#first; send !== undefined; send = this.#first) {
      taken.push(send);
      this.remove(send);
    }
    return taken;
  }

  /** Resolves when no send waits for an answer. */
  whenIdle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle.push(resolve);
    });
  }

  #checkIdle(): void {
    if (this.#count > 0) return;
    const waiting = this.#onIdle;
    this.#onIdle = [];
    for (const resolve of waiting) resolve();
  }
}
