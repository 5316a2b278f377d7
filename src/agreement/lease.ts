import type { CancelTimer, World } from '../world.js';

/** @internal What follows from a lease. */
export interface LeaseListener {
  onEnded(): void;
  onRenewed(): void;
}

/**
 * How long a process may go on without the agreement. Others count from when they last heard it; it counts from when it began to
 * speak, so it never goes on longer than they think.
 *
 * @internal
 */
export class Lease {
  readonly #world: World;
  readonly #leaseMs: number | undefined;
  readonly #listener: LeaseListener;
  #cancel: CancelTimer | undefined;
  #endsAtMs = Infinity;
  #isOver = false;

  /** @param leaseMs - undefined: it never ends. */
  constructor(world: World, leaseMs: number | undefined, listener: LeaseListener) {
    this.#world = world;
    this.#leaseMs = leaseMs;
    this.#listener = listener;
  }

  /** To be called before each byte that changes a cluster; undefined where there is nothing to check. */
  get guard(): (() => void) | undefined {
    return this.#leaseMs === undefined ? undefined : () => this.check();
  }

  /** True from its end until the agreement is heard again. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Begins, or goes on where it was paused: a new start is no contact. */
  start(): void {
    if (this.#leaseMs === undefined || this.#isOver) return;
    const nowMs = this.#world.nowMs();
    if (this.#endsAtMs === Infinity) this.#arm(nowMs);
    else if (nowMs < this.#endsAtMs) this.#wait();
    // Over while nobody wrote: there is nothing to stop, and nothing may begin before it is renewed.
    else this.#isOver = true;
  }

  /** No timer is left; its time goes on. */
  pause(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  /** It ends no more before it is renewed. */
  stop(): void {
    this.pause();
    this.#endsAtMs = Infinity;
    this.#isOver = false;
  }

  /** Ends it where its time is over: a process that was stopped may write before its timers fire. */
  check(): void {
    if (this.#isOver || this.#world.nowMs() < this.#endsAtMs) return;
    this.#cancel?.();
    this.#isOver = true;
    this.#listener.onEnded();
  }

  /** The agreement was in contact; the process began to speak at `sinceMs`. */
  renew(sinceMs: number): void {
    // It took longer than a lease: nobody counts on this process any more.
    if (this.#leaseMs !== undefined && this.#world.nowMs() - sinceMs >= this.#leaseMs) return;
    this.#arm(sinceMs);
    if (!this.#isOver) return;
    this.#isOver = false;
    this.#listener.onRenewed();
  }

  #arm(sinceMs: number): void {
    if (this.#leaseMs === undefined) return;
    this.#endsAtMs = sinceMs + this.#leaseMs;
    this.#wait();
  }

  #wait(): void {
    this.#cancel?.();
    const leftMs = Math.max(0, this.#endsAtMs - this.#world.nowMs());
    this.#cancel = this.#world.after(leftMs, () => this.check());
  }
}
