/** Who a fact is about: a cluster, a service, or the demo itself. */
const WHO_WIDTH = 10;

/** Records so far. */
export interface Flow {
  readonly acknowledged: number;
  /**
   * In the logs of the target. Can be more: a record is copied while its acknowledgement is still on its way to us, and one that is
   * sent again lies there twice.
   */
  readonly onTarget: number;
  readonly handled: number;
}

/** Prints the demo's progress, one fact a line, with seconds since its start. */
export class Timeline {
  readonly #write: (line: string) => void;
  readonly #nowMs: () => number;
  readonly #startedAtMs: number;
  #lastFlow = '';

  constructor({ write, nowMs }: { write: (line: string) => void; nowMs: () => number }) {
    this.#write = write;
    this.#nowMs = nowMs;
    this.#startedAtMs = nowMs();
  }

  /** A fact. `atMs` is when it happened, where that is not now. */
  fact(who: string, text: string, atMs: number = this.#nowMs()): void {
    const seconds = ((atMs - this.#startedAtMs) / 1000).toFixed(2).padStart(7);
    this.#write(`${seconds} s  ${who.padEnd(WHO_WIDTH)}  ${text}`);
  }

  /** How far the records have come. Written where there is something, and something new, to say. */
  flow(to: string, { acknowledged, onTarget, handled }: Flow): void {
    const more = onTarget - acknowledged;
    const why =
      more > 0
        ? ` (${more} more: their acknowledgement is under way, or they were sent again)`
        : '';
    const text = `acknowledged ${acknowledged}, on ${to} ${onTarget}${why}, handled ${handled}`;
    if (acknowledged + onTarget + handled === 0 || text === this.#lastFlow) return;
    this.#lastFlow = text;
    this.fact('flow', text);
  }

  /** Something between the facts: a heading, a table. */
  text(text: string): void {
    this.#write(text);
  }
}
