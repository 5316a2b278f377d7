import { answerByDeadline } from './wait.js';
import type { World } from './world.js';

/**
 * Those who wait until something that is looked at again and again is so.
 *
 * @internal
 */
export class Waiters {
  readonly #looks = new Set<() => void>();

  /** Something has changed. */
  look(): void {
    for (const look of this.#looks) look();
  }

  /** Resolves when `isSo`, or when the signal is aborted. Never rejects. */
  until(isSo: () => boolean, signal: AbortSignal): Promise<void> {
    if (isSo() || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        this.#looks.delete(look);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const look = (): void => {
        if (isSo()) end();
      };
      this.#looks.add(look);
      signal.addEventListener('abort', end, { once: true });
    });
  }

  /** Resolves when `isSo`, after `maxWaitMs`, or when the signal is aborted. Never rejects. */
  within(
    world: World,
    maxWaitMs: number,
    isSo: () => boolean,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<void> {
    const deadlineAtMs = world.nowMs() + maxWaitMs;
    return answerByDeadline(world, deadlineAtMs, (limit) => this.until(isSo, limit), { signal });
  }
}
