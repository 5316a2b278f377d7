import type { Clock } from '../clock.js';

/** @internal One direction of one connection: what was sent first arrives first, however the latency changes. */
export interface Direction {
  lastArrivalAtMs: number;
}

/**
 * The network between the clients and one cluster.
 *
 * @internal
 */
export class Link {
  readonly #clock: Clock;
  readonly #held: (() => void)[] = [];
  #isCut = false;
  /** Milliseconds that anything takes from one end to the other. */
  latencyMs: number;

  constructor(clock: Clock, latencyMs: number) {
    this.#clock = clock;
    this.latencyMs = latencyMs;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Lets `arrive` happen at the other end: after the latency, or once a cut is healed (TCP sends again until then). */
  carry(direction: Direction, arrive: () => void): void {
    const nowMs = this.#clock.nowMs();
    const arrivalAtMs = Math.max(direction.lastArrivalAtMs, nowMs + this.latencyMs);
    direction.lastArrivalAtMs = arrivalAtMs;
    this.#clock.after(arrivalAtMs - nowMs, () => {
      if (this.#isCut) this.#held.push(arrive);
      else arrive();
    });
  }

  /** From now on nothing arrives, in either direction. */
  cut(): void {
    this.#isCut = true;
  }

  /** What was held arrives now, in the order in which it was sent. */
  heal(): void {
    this.#isCut = false;
    for (const arrive of this.#held.splice(0)) arrive();
  }
}
