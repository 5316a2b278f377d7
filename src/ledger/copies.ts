import { contentHash, type RecordContent } from '../position/fingerprint.js';
import type { LedgerRecord } from './contents.js';

/**
 * Finds the copies of acknowledged records among the records of the other cluster's log: MirrorMaker copies timestamp, key, value and headers byte by byte. Each
 * record that is read stands for one. Two records that are alike to the millisecond cannot be told apart: the lower one is found first. Pure.
 *
 * @internal
 */
export class Copies {
  readonly #isByTime: boolean;
  readonly #last: number | undefined;
  readonly #byTime = new Map<string, Sought[]>();
  #through: number | undefined;

  /**
   * @param records - in the order of their log.
   * @param isAppendTime - each cluster has given the records a time of its own: they are known by their content alone.
   */
  constructor(records: readonly LedgerRecord[], isAppendTime: boolean) {
    this.#isByTime = !isAppendTime;
    this.#last = records.at(-1)?.offset;
    for (const record of records) {
      const key = this.#keyOf(record);
      const alike = this.#byTime.get(key) ?? [];
      this.#byTime.set(key, alike);
      alike.push({ record, hash: undefined });
    }
  }

  /** The highest offset whose copy was seen: MirrorMaker keeps the order, so those before it are mirrored as well. */
  get through(): number | undefined {
    return this.#through;
  }

  /** True where nothing more is to be found. */
  get areAllFound(): boolean {
    return this.#through === this.#last;
  }

  /** Looks at a record of the other cluster's log. */
  look(copy: RecordContent): void {
    const alike = this.#byTime.get(this.#keyOf(copy));
    if (alike === undefined) return;
    const hash = contentHash(copy);
    const index = alike.findIndex((one) => {
      one.hash ??= contentHash(one.record);
      return one.hash === hash;
    });
    const [found] = index < 0 ? [] : alike.splice(index, 1);
    if (found === undefined) return;
    const { offset } = found.record;
    if (this.#through === undefined || offset > this.#through) this.#through = offset;
  }

  #keyOf({ timestamp }: RecordContent): string {
    return this.#isByTime ? timestamp : '';
  }
}

interface Sought {
  readonly record: LedgerRecord;
  hash: string | undefined;
}
