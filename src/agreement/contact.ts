/**
 * When the agreement was heard, and how far back silence means something: of the time without contact nothing can be said, so others
 * who were heard just before it are not silent yet when it ends.
 *
 * @internal
 */
export class Contact {
  readonly #silentMs: number;
  /** When exchanges that succeeded were begun, the newest first: as many as `silentMs` of contact may take. */
  #begunAtMs: readonly number[] = [];
  #isLost = false;

  /** @param silentMs - members that were not heard for so long, in time with contact, do not count. */
  constructor(silentMs: number) {
    this.#silentMs = silentMs;
  }

  /** When the last exchange that succeeded was begun: others may have heard this process from then on. */
  get lastAtMs(): number | undefined {
    return this.#begunAtMs[0];
  }

  /** True where an exchange that was begun then, or later, has succeeded. */
  reachedSince(sinceMs: number): boolean {
    return this.lastAtMs !== undefined && this.lastAtMs >= sinceMs;
  }

  /** Whether there is nothing to wait for: it was reached since then, or cannot be. */
  needNotWaitSince(sinceMs: number): boolean {
    return this.reachedSince(sinceMs) || this.#isLost;
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
  reached(begunAtMs: number): void {
    this.#begunAtMs = [begunAtMs, ...this.#begunAtMs].slice(0, MOST_EXCHANGES);
    this.#isLost = false;
  }

  /**
   * Members that were not heard since then were silent for long: back from now until there was `silentMs` of contact. What lies between
   * two exchanges is contact, up to half of `silentMs`: others are heard twice in that time.
   */
  silentSinceMs(nowMs: number): number {
    let leftMs = this.#silentMs;
    let untilMs = nowMs;
    for (const begunAtMs of this.#begunAtMs) {
      const isOpen = untilMs === nowMs && this.#isLost;
      const contactMs = isOpen ? 0 : Math.min(untilMs - begunAtMs, this.#silentMs / 2);
      if (contactMs >= leftMs) return untilMs - leftMs;
      leftMs -= contactMs;
      untilMs = begunAtMs;
    }
    return untilMs - leftMs;
  }
}

/** Exchanges follow each other closely where something changes; those of a quick minute are enough. */
const MOST_EXCHANGES = 100;
