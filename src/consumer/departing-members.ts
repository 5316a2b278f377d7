import { sleep } from '../wait.js';
import type { World } from '../world.js';
import type { InnerConsumer } from './inner-consumer.js';

/** A broker that has just started answers for no group until it has loaded them all; so many times a member is asked out. */
const MAX_ATTEMPTS = 6;

/** Between two of them, in milliseconds. Joining would wait for a dead member's session: half a minute by default. */
const ATTEMPT_PAUSE_MS = 500;

/**
 * Members that were fenced and could not leave their group, because their cluster did not answer. When it is back, its
 * coordinator still counts them in until their session expires: nobody could commit for the group, and every join would
 * wait for them.
 *
 * @internal
 */
export class DepartingMembers {
  readonly #members = new Set<InnerConsumer>();

  /** Takes a member out of its group, now or when its cluster is come back to. */
  add(inner: InnerConsumer): void {
    this.#members.add(inner);
    void this.#leave(inner);
  }

  /** Takes out those of this cluster, before anybody joins on it again. Never rejects; ends with `signal`. */
  async takeOut(alias: string, world: World, signal: AbortSignal): Promise<void> {
    const here = [...this.#members].filter(({ session }) => session.alias === alias);
    await Promise.all(here.map((inner) => this.#leaveInTime(inner, world, signal)));
    // By the next epoch they have expired.
    for (const inner of here) this.#members.delete(inner);
  }

  async #leaveInTime(inner: InnerConsumer, world: World, signal: AbortSignal): Promise<void> {
    await this.#leave(inner);
    let left = MAX_ATTEMPTS - 1;
    for (; left > 0 && this.#members.has(inner) && !signal.aborted; left -= 1) {
      await sleep(world, ATTEMPT_PAUSE_MS, { signal }).catch(() => {});
      await this.#leave(inner);
    }
  }

  async #leave(inner: InnerConsumer): Promise<void> {
    await inner.leave();
    if (inner.memberId === undefined) this.#members.delete(inner);
  }
}
