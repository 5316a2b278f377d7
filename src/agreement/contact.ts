/**
 * When the agreement was heard, and how far back silence means something: of the time without contact nothing can be said, so others
 * who were heard just before it are not silent yet when it ends.
 *
 * @internal
 */
export class Contact {
  readonly #silentMs: number;
  #lastAtMs: number | undefined;
  #isLost = false;
  /** When contact began again, and what the horizon was when it had ended. */
  #resumed: { readonly atMs: number; readonly horizonMs: number } | undefined;

  /** @param silentMs - members that were not heard for so long, in time with contact, do not count. */
  constructor(silentMs: number) {
    this.#silentMs = silentMs;
  }

  /** When the last exchange that succeeded was begun: others may have heard this process from then on. */
  get lastAtMs(): number | undefined {
    return this.#lastAtMs;
  }

  /** True where an exchange that was begun then, or later, has succeeded. */
  reachedSince(sinceMs: number): boolean {
    return this.#lastAtMs !== undefined && this.#lastAtMs >= sinceMs;
  }

  /** True from a failure until the agreement is reached again. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** An exchange failed. */
  lost(): void {
    this.#isLost = true;
  }

  /** An exchange that was begun then has succeeded. */
  reached(begunAtMs: number, nowMs: number): void {
    if (this.#lastAtMs !== undefined && this.#isBrokenAt(begunAtMs, this.#lastAtMs)) {
      this.#resumed = { atMs: nowMs, horizonMs: this.silentSinceMs(begunAtMs) };
    }
    this.#lastAtMs = begunAtMs;
    this.#isLost = false;
  }

  /** Members that were not heard since then were silent for long. */
  silentSinceMs(nowMs: number): number {
    const last = this.#lastAtMs;
    if (last === undefined) return nowMs - this.#silentMs;
    return this.#horizonMs(this.#isBrokenAt(nowMs, last) ? last : nowMs);
  }

  #horizonMs(atMs: number): number {
    const listenedMs = this.#resumed === undefined ? Infinity : atMs - this.#resumed.atMs;
    return this.#resumed === undefined || listenedMs >= this.#silentMs
      ? atMs - this.#silentMs
      : this.#resumed.horizonMs + Math.max(0, listenedMs);
  }

  /** A process that was asleep has missed as much as one whose exchanges fail. */
  #isBrokenAt(atMs: number, lastAtMs: number): boolean {
    return this.#isLost || atMs - lastAtMs > this.#silentMs;
  }
}
