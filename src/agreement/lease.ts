import type { CancelTimer, World } from '../world.js';

/** @internal What follows from a lease. */
export interface LeaseListener {
  onEnded(): void;
  onRenewed(): void;
}

type LeaseState =
  /** Not begun. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'running'; readonly endsAtMs: number; readonly cancel: CancelTimer }
  /** Nobody writes; its time goes on. */
  | { readonly kind: 'paused'; readonly endsAtMs: number }
  /** A person has moved the process alone: it ends no more before it is renewed. */
  | { readonly kind: 'called-off' }
  /** Over until the agreement is heard again. */
  | { readonly kind: 'over' };

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
  #state: LeaseState = { kind: 'idle' };

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
    return this.#state.kind === 'over';
  }

  /** Begins, or goes on where it was paused: a new start is no contact. */
  start(): void {
    const state = this.#state;
    if (this.#leaseMs === undefined) return;
    if (state.kind === 'idle') this.#run(this.#world.nowMs() + this.#leaseMs);
    if (state.kind !== 'paused') return;
    if (this.#world.nowMs() < state.endsAtMs) this.#run(state.endsAtMs);
    // Over while nobody wrote: there is nothing to stop, and nothing may begin before it is renewed.
    else this.#state = { kind: 'over' };
  }

  /** No timer is left; its time goes on. */
  pause(): void {
    const state = this.#state;
    if (state.kind !== 'running') return;
    state.cancel();
    this.#state = { kind: 'paused', endsAtMs: state.endsAtMs };
  }

  /** It ends no more before it is renewed. */
  callOff(): void {
    if (this.#state.kind === 'running') this.#state.cancel();
    this.#state = { kind: 'called-off' };
  }

  /** Ends it where its time is over: a process that was stopped may write before its timers fire. */
  check(): void {
    const state = this.#state;
    if (state.kind !== 'running' && state.kind !== 'paused') return;
    if (this.#world.nowMs() < state.endsAtMs) return;
    if (state.kind === 'running') state.cancel();
    this.#state = { kind: 'over' };
    this.#listener.onEnded();
  }

  /** The agreement was in contact; the process began to speak at `sinceMs`. */
  renew(sinceMs: number): void {
    const state = this.#state;
    if (this.#leaseMs === undefined) return;
    const endsAtMs = sinceMs + this.#leaseMs;
    // It took longer than a lease: nobody counts on this process any more.
    if (this.#world.nowMs() >= endsAtMs) return;
    this.#run(endsAtMs);
    if (state.kind === 'over') this.#listener.onRenewed();
  }

  #run(endsAtMs: number): void {
    if (this.#state.kind === 'running') this.#state.cancel();
    const leftMs = Math.max(0, endsAtMs - this.#world.nowMs());
    const cancel = this.#world.after(leftMs, () => this.check());
    this.#state = { kind: 'running', endsAtMs, cancel };
  }
}
