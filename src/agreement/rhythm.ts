import { spread } from '../wait.js';
import type { World } from '../world.js';

/** While something depends on what others say, in milliseconds. */
const QUICK_MS = 100;

/** After a failure: soon, and spread, because the whole fleet may have lost the agreement at once; in milliseconds. */
const RETRY_MS = 500;

/**
 * When a member speaks next: at every heartbeat, at once where it has something new to say, and often while it waits for
 * others.
 *
 * @internal
 */
export class Rhythm {
  readonly #world: World;
  readonly #heartbeatMs: number;
  #quickCount = 0;
  /** Something new came while it was speaking. */
  #isHurried = false;
  /** A store that fails is not asked in a loop, whatever there is to say. */
  #isPatient = false;
  #wake = (): void => {};

  constructor(world: World, heartbeatMs: number) {
    this.#world = world;
    this.#heartbeatMs = heartbeatMs;
  }

  /** It speaks now: everything that is new is said with it. */
  begin(): void {
    this.#isHurried = false;
  }

  /** There is something new to say. */
  hurry(): void {
    this.#isHurried = true;
    if (!this.#isPatient) this.#wake();
  }

  /** Ends the rest, whatever it is for. */
  stop(): void {
    this.#wake();
  }

  /** Speaks often, until the answer is called. */
  quicken(): () => void {
    this.#quickCount += 1;
    this.hurry();
    return () => {
      this.#quickCount -= 1;
    };
  }

  /** Until it is time to speak again. */
  rest({ isFailing, isWanting }: { isFailing: boolean; isWanting: boolean }): Promise<void> {
    const isQuick = isWanting || this.#quickCount > 0;
    const calmMs = isFailing ? Math.min(RETRY_MS, this.#heartbeatMs) : this.#heartbeatMs;
    const restMs = isQuick ? QUICK_MS : calmMs;
    this.#isPatient = isFailing;
    if (this.#isHurried && !isFailing) return Promise.resolve();
    const spreadMs = spread(this.#world, restMs);
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#wake = () => {};
        resolve();
      };
      const cancel = this.#world.after(spreadMs, end);
      this.#wake = end;
    });
  }
}
