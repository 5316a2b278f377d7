import { deferred, type Deferred } from '../deferred.js';

/**
 * What stands before every handler of one inner consumer.
 *
 * `hold` keeps kafkajs waiting inside its call of our handler: returning would resolve the offset, and throwing would
 * make kafkajs retry. Only `close` lets it go, with an error, when nothing of it matters any more.
 *
 * @internal
 */
export class Gate {
  /** Read for every message: a plain field. */
  isOpen: boolean;
  /**
   * True where what a running handler returns still counts: with kafkajs, while the gate is open, and in a `stop()` by
   * the user. False in a switch, where kafkajs would resolve a whole batch of which a part was handled.
   */
  passesResults = true;
  /** True after `close`: the inner consumer behind it counts no longer. */
  isOver = false;
  readonly #refusal: Deferred<never> = deferred<never>();
  readonly #onClosed = new Set<(error: Error) => void>();
  #error: Error | undefined;

  /** @param isOpen - false: nothing is handled before {@link open}. Default true. */
  constructor({ isOpen = true }: { isOpen?: boolean } = {}) {
    this.isOpen = isOpen;
  }

  /** Of one that was made shut. */
  open(): void {
    this.isOpen = this.#error === undefined && this.passesResults;
  }

  /** Nothing new is handled from now on, until `close`. */
  hold(): void {
    this.isOpen = false;
    this.passesResults = false;
  }

  /** Nothing new is handled any more, but handlers that run end as with kafkajs. */
  stop(error: Error): void {
    this.isOpen = false;
    this.#end(error);
  }

  /** Lets go of whoever waits. Idempotent: the first error stays. */
  close(error: Error): void {
    this.isOpen = false;
    this.passesResults = false;
    this.isOver = true;
    this.#end(error);
  }

  /** Settles when the gate is closed, by rejection. For a handler call that must not go on. */
  refuse(): Promise<never> {
    return this.#refusal.promise;
  }

  /** Calls `listener` once when the gate is closed (at once where it is); the answer removes it. */
  onClosed(listener: (error: Error) => void): () => void {
    if (this.#error !== undefined) {
      listener(this.#error);
      return () => {};
    }
    this.#onClosed.add(listener);
    return () => this.#onClosed.delete(listener);
  }

  #end(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#refusal.reject(error);
    for (const listener of [...this.#onClosed]) listener(error);
    this.#onClosed.clear();
  }
}
