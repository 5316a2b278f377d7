import { contentHash, type RecordContent } from '../position/fingerprint.js';
import type { LedgerRecord } from './contents.js';

/** @internal Records whose copies are looked for. */
export interface SoughtRecords {
  /** In the order of their log. */
  readonly records: readonly LedgerRecord[];
  /** Each cluster has given the records a time of its own: they are known by their content alone. */
  readonly isAppendTime: boolean;
}

/**
 * Finds the copies of acknowledged records among the records of the other cluster's log: MirrorMaker copies timestamp, key, value and headers byte by byte. Each
 * record that is read stands for one. Two records that are alike to the millisecond cannot be told apart: the lower one is found first. Does no I/O.
 *
 * @internal
 */
export class Copies {
  readonly #isByTime: boolean;
  readonly #last: number | undefined;
  readonly #byKey = new Map<string, Sought[]>();
  #through: number | undefined;

  constructor({ records, isAppendTime }: SoughtRecords) {
    this.#isByTime = !isAppendTime;
    this.#last = records.at(-1)?.offset;
    for (const record of records) {
      const key = this.#keyOf(record);
      const alike = this.#byKey.get(key) ?? [];
      this.#byKey.set(key, alike);
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
    const alike = this.#byKey.get(this.#keyOf(copy));
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

  /** Time is known without a look at the content; few have the same. */
  #keyOf(record: RecordContent): string {
    return this.#isByTime ? record.timestamp : contentHash(record);
  }
}

interface Sought {
  readonly record: LedgerRecord;
  hash: string | undefined;
}
