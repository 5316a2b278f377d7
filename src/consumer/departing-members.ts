import type { InnerConsumer } from './inner-consumer.js';

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

  /** Takes out those of this cluster, before anybody joins on it again. Never rejects. */
  async takeOut(alias: string): Promise<void> {
    const here = [...this.#members].filter(({ session }) => session.alias === alias);
    await Promise.all(here.map((inner) => this.#leave(inner)));
    // One attempt in each epoch: by the next one they have expired.
    for (const inner of here) this.#members.delete(inner);
  }

  async #leave(inner: InnerConsumer): Promise<void> {
    await inner.leave();
    if (inner.memberId === undefined) this.#members.delete(inner);
  }
}
