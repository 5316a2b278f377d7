import type { InnerConsumer } from './inner-consumer.js';

/**
 * Members that were fenced and could not leave their group, because their cluster did not answer. When it is back, its
 * coordinator still counts them in until their session expires: nobody could commit for the group, and every join would
 * wait for them.
 *
 * @internal
 */
export class Ghosts {
  readonly #left = new Set<InnerConsumer>();

  /** Takes a member out of its group, now or when its cluster is come back to. */
  farewell(inner: InnerConsumer): void {
    this.#left.add(inner);
    void this.#leave(inner);
  }

  /** Before anybody joins on this cluster again. Never rejects. */
  async dismiss(alias: string): Promise<void> {
    const here = [...this.#left].filter(({ session }) => session.alias === alias);
    await Promise.all(here.map((inner) => this.#leave(inner)));
    // One attempt in each epoch: by the next one they have expired.
    for (const inner of here) this.#left.delete(inner);
  }

  async #leave(inner: InnerConsumer): Promise<void> {
    await inner.leave();
    if (inner.memberId === undefined) this.#left.delete(inner);
  }
}
