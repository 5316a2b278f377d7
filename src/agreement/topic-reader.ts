import { ENDLESS_RETRIES, retry, sleep } from '../wait.js';
import type { World } from '../world.js';
import type { ControlLog, ControlRecords } from './agreement.js';

/** How long a read of a follower waits for the next record, in milliseconds. */
const FOLLOW_WAIT_MS = 1_000;

/** Pause where a read brings nothing although there is something (a broker's quota), in milliseconds. */
const STANDSTILL_MS = 50;

/** @internal What a reader is made of. */
export interface TopicReaderParts {
  readonly world: World;
  readonly log: ControlLog;
  /** Where it begins: at the beginning, or so many records before the end. */
  readonly from: 'beginning' | { readonly beforeEnd: bigint };
  /** In the order of the log, each once; again where the topic was made anew. */
  onRecords(records: ControlRecords['records']): void;
}

/**
 * Reads a log from one place on, for whoever asks: one follower that waits for what comes, and others who want to know now what
 * is there. Each record is told once, whoever brings it.
 *
 * @internal
 */
export class TopicReader {
  readonly #parts: TopicReaderParts;
  #next: bigint | undefined;

  constructor(parts: TopicReaderParts) {
    this.#parts = parts;
  }

  /** Reads on until the signal is aborted, whatever happens. */
  async follow(signal: AbortSignal): Promise<void> {
    const { world } = this.#parts;
    while (!signal.aborted) {
      try {
        await retry(world, { ...ENDLESS_RETRIES, signal }, () =>
          this.#readOn({ maxWaitMs: FOLLOW_WAIT_MS, signal }),
        );
      } catch (error) {
        // Nothing else ends the retrying.
        if (!signal.aborted) throw error;
      }
    }
  }

  /** Resolves when everything was told that was there when it was called. Rejects where the cluster does not answer. */
  async readToEnd(signal: AbortSignal): Promise<void> {
    while (!(await this.#readOn({ maxWaitMs: 0, signal }))) {
      // On to the next part.
    }
  }

  /** @returns true at the end of the log. */
  async #readOn(options: { maxWaitMs: number; signal: AbortSignal }): Promise<boolean> {
    const { world, log } = this.#parts;
    const from = this.#next ?? (await this.#start(options.signal));
    const answer = await log.read(from, options);
    options.signal.throwIfAborted();
    this.#take(from, answer);
    const isAtEnd = answer.next >= answer.end;
    if (!isAtEnd && answer.next === from) await sleep(world, STANDSTILL_MS, options);
    return isAtEnd;
  }

  async #start(signal: AbortSignal): Promise<bigint | 'beginning'> {
    const { log, from } = this.#parts;
    if (from === 'beginning') return from;
    const { end } = await log.read('end', { maxWaitMs: 0, signal });
    return end > from.beforeEnd ? end - from.beforeEnd : 0n;
  }

  /** Another read may have brought some of it meanwhile. */
  #take(from: bigint | 'beginning', { records, next }: ControlRecords): void {
    const [first] = records;
    // The topic was made anew: its offsets begin again.
    const isAnew =
      from !== 'beginning' && (next < from || (first !== undefined && first.offset < from));
    const known = isAnew ? undefined : this.#next;
    this.#next = known === undefined || next > known ? next : known;
    const fresh = records.filter(({ offset }) => known === undefined || offset >= known);
    if (fresh.length > 0) this.#parts.onRecords(fresh);
  }
}
