import { sleep } from '../wait.js';
import type { World } from '../world.js';

/** @internal How often something may be done. */
export interface PaceOptions {
  /** So many times at once. */
  readonly burst: number;
  /** Then once in so many milliseconds, on the world's clock. */
  readonly everyMs: number;
}

/**
 * A token bucket: holds up a loop that would spin, and nobody else. It is kept as the instant at which it is full again
 * (the generic cell rate algorithm), so that it needs no timer of its own.
 *
 * @internal
 */
export class Pace {
  readonly #world: World;
  readonly #options: PaceOptions;
  #fullAtMs: number;

  constructor(world: World, options: PaceOptions) {
    this.#world = world;
    this.#options = options;
    this.#fullAtMs = world.nowMs();
  }

  /** Resolves when it may be done once more. Rejects with the signal's reason, at once, when `signal` is aborted. */
  async next({ signal }: { signal: AbortSignal }): Promise<void> {
    const { burst, everyMs } = this.#options;
    const nowMs = this.#world.nowMs();
    const fullAtMs = Math.max(this.#fullAtMs, nowMs);
    this.#fullAtMs = fullAtMs + everyMs;
    const delayMs = fullAtMs - (burst - 1) * everyMs - nowMs;
    if (delayMs > 0) await sleep(this.#world, delayMs, { signal });
  }
}
