import { contentHash, type RecordContent } from '../position/fingerprint.js';
import type { LedgerRecord } from './contents.js';

/** @internal Records whose copies are looked for. */
export interface SoughtRecords {
  /** In the order of their log. */
  readonly records: readonly LedgerRecord[];
  /** Each cluster has given the records a time of its own: they are known by their content alone. */
  readonly isAppendTime: boolean;
  /** Up to here every copy on the other cluster was found for another record; -1: none was. */
  readonly copiedAt: bigint;
  /** {@link markOf} the copy there; undefined where that is not known. */
  readonly copiedMark?: string | undefined;
}

/** @internal The highest record whose copy was found, and where. */
export interface FoundCopy {
  readonly offset: number;
  /** On the other cluster. */
  readonly copiedAt: bigint;
  /** {@link markOf} the copy. */
  readonly copiedMark: string;
}

/** @internal Tells a record from another one in the same place: of a topic that was made anew, for example. */
export function markOf(record: RecordContent): string {
  return `${record.timestamp} ${contentHash(record)}`;
}

/**
 * Finds the copies of acknowledged records among the records of the other cluster's log: MirrorMaker copies timestamp, key, value and headers byte by byte. Each
 * record that is read stands for one, once. Does no I/O.
 *
 * @internal
 */
export class Copies {
  readonly #sought: SoughtRecords;
  readonly #byKey = new Map<string, Sought[]>();
  readonly #found = new Set<number>();
  #highest: FoundCopy | undefined;
  #isAmbiguous = false;

  constructor(sought: SoughtRecords) {
    this.#sought = sought;
    for (const record of sought.records) {
      const key = this.#keyOf(record);
      const alike = this.#byKey.get(key) ?? [];
      this.#byKey.set(key, alike);
      alike.push({ record, hash: undefined });
    }
  }

  /** The highest record whose copy was seen: MirrorMaker keeps the order, so those before it are mirrored as well. */
  get highest(): FoundCopy | undefined {
    return this.#highest;
  }

  /** True where nothing more is to be found. */
  get areAllFound(): boolean {
    return this.#found.size === this.#sought.records.length;
  }

  /** True where a copy was seen that may be of any of several records. */
  get isAmbiguous(): boolean {
    return this.#isAmbiguous;
  }

  isFound({ offset }: LedgerRecord): boolean {
    return this.#found.has(offset);
  }

  /** Looks at a record of the other cluster's log. */
  look(copy: RecordContent & { readonly offset: string }): void {
    const alike = this.#byKey.get(this.#keyOf(copy));
    if (alike === undefined) return;
    const copiedAt = BigInt(copy.offset);
    if (copiedAt <= this.#sought.copiedAt) return;
    const hash = contentHash(copy);
    const isSame = (one: Sought): boolean => {
      one.hash ??= contentHash(one.record);
      return one.hash === hash;
    };
    const index = alike.findIndex(isSame);
    const [found] = index < 0 ? [] : alike.splice(index, 1);
    if (found === undefined) return;
    this.#isAmbiguous ||= alike.some(isSame);
    const { offset } = found.record;
    this.#found.add(offset);
    if (this.#highest === undefined || offset > this.#highest.offset) {
      this.#highest = { offset, copiedAt, copiedMark: `${copy.timestamp} ${hash}` };
    }
  }

  /** Time is known without a look at the content; few have the same. */
  #keyOf(record: RecordContent): string {
    return this.#sought.isAppendTime ? contentHash(record) : record.timestamp;
  }
}

interface Sought {
  readonly record: LedgerRecord;
  hash: string | undefined;
}
