import { spread } from '../wait.js';
import type { CancelTimer, World } from '../world.js';
import { evidenceOf } from './traffic.js';

/** @internal What a canary is made of. */
export interface CanaryParts {
  readonly world: World;
  /** Time between the end of one record and the beginning of the next, in milliseconds. */
  readonly everyMs: number;
  /** Writes one record, and gives up by itself. */
  write(): Promise<void>;
  /** @param because - why it failed; undefined: it was acknowledged. */
  onOutcome(startedAtMs: number, because: string | undefined): void;
}

/**
 * Writes a small record to one cluster from time to time: without traffic nothing else shows whether it takes any. An error that
 * says nothing of the cluster (no rights, a wrong topic) is no evidence.
 *
 * @internal
 */
export class Canary {
  readonly #parts: CanaryParts;
  #cancel: CancelTimer | undefined;
  #isStopped = true;

  constructor(parts: CanaryParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#isStopped = false;
    void this.#write();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  async #write(): Promise<void> {
    const { world, everyMs, write, onOutcome } = this.#parts;
    const startedAtMs = world.nowMs();
    const failed = await write().then(
      () => undefined,
      (error: unknown) => ({ because: evidenceOf('produce', error) }),
    );
    if (this.#isStopped) return;
    if (failed === undefined) onOutcome(startedAtMs, undefined);
    else if (failed.because !== undefined) onOutcome(startedAtMs, failed.because);
    this.#cancel = world.after(spread(world, everyMs), () => void this.#write());
  }
}
