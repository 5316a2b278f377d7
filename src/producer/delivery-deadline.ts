import type { CancelTimer, World } from '../world.js';
import type { PendingSend } from './pending-send.js';

/** @internal What a {@link DeliveryDeadline} works with. */
export interface DeliveryDeadlineParts {
  readonly world: Pick<World, 'nowMs' | 'after'>;
  /** Every send that is not settled, in a list of its own. */
  pending(): readonly PendingSend[];
  /** Settles a send whose time is over. */
  onOverdue(send: PendingSend): void;
}

/**
 * Sees to it that each send is settled when its time is over, wherever it is. One timer for all of them: a send costs a comparison, and what was
 * settled long ago is not looked at.
 *
 * @internal
 */
export class DeliveryDeadline {
  readonly #parts: DeliveryDeadlineParts;
  #cancelTimer: CancelTimer | undefined;

  constructor(parts: DeliveryDeadlineParts) {
    this.#parts = parts;
  }

  /** A send has begun. Those of one producer have the same time, so the timer that runs is never too late for a newer one. */
  watch({ deadlineAtMs }: PendingSend): void {
    this.#arm(deadlineAtMs);
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #arm(atMs: number): void {
    if (this.#cancelTimer !== undefined) return;
    const { world } = this.#parts;
    this.#cancelTimer = world.after(Math.max(0, atMs - world.nowMs()), () => {
      this.#cancelTimer = undefined;
      this.#look();
    });
  }

  #look(): void {
    const { world, pending, onOverdue } = this.#parts;
    const nowMs = world.nowMs();
    let nextAtMs = Number.POSITIVE_INFINITY;
    for (const send of pending()) {
      if (send.deadlineAtMs <= nowMs) onOverdue(send);
      else nextAtMs = Math.min(nextAtMs, send.deadlineAtMs);
    }
    // Where user code has sent something meanwhile, the timer runs already.
    if (nextAtMs < Number.POSITIVE_INFINITY) this.#arm(nextAtMs);
  }
}
