import { highest } from '../position/highest.js';

/**
 * What `eachBatch` with `eachBatchAutoResolve: false` says of the records of one partition: a handler that has ended well has handled what it
 * resolved, and nothing else. One that failed, or still runs, may have handled all that it was given.
 *
 * @internal
 */
export class BatchWords {
  /** Of the batch whose handler has not ended well (yet). */
  #openBelow: bigint | undefined = undefined;
  /** Of those before it that failed. */
  #failedBelow: bigint | undefined = undefined;
  #lastMessage: bigint | undefined = undefined;

  /** No record at or above it was handled without having been resolved. */
  get triedBelow(): bigint | undefined {
    return highest(this.#openBelow, this.#failedBelow);
  }

  /**
   * A handler is about to be called.
   *
   * @param lastMessage - the last record that it is given. The batch may go on behind it: the end of a transaction, aborted records.
   * @param last - where the batch ends.
   */
  begins(lastMessage: string, last: string): void {
    this.#failedBelow = this.triedBelow;
    this.#openBelow = BigInt(last) + 1n;
    this.#lastMessage = BigInt(lastMessage);
  }

  /** It has ended well. */
  settles(): void {
    this.#openBelow = undefined;
  }

  /** True where the whole batch was resolved: no record is left in it. */
  areAll(resolved: string | undefined): boolean {
    const last = this.#lastMessage;
    return resolved !== undefined && last !== undefined && BigInt(resolved) >= last;
  }
}
