import type { ProducedRecord } from '../protocol.js';

/** @internal Which producer wrote, and whether inside a transaction. Shared by the records of one batch. */
export interface BatchOrigin {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly isTransactional: boolean;
}

/** @internal A record where it lies. */
export interface StoredRecord extends ProducedRecord {
  readonly offset: number;
  readonly origin: BatchOrigin;
  /** Set on the marker that ends a transaction; such a record takes an offset and reaches no handler. */
  readonly marker: 'commit' | 'abort' | undefined;
}

/** @internal An aborted transaction: its producer's records from `firstOffset` to the marker do not count. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly markerOffset: number;
}

/** @internal */
export type OffsetOfTime = { offset: number; timestampMs: number } | undefined;

/** What a record costs beside its bytes; close to what Kafka stores, and enough for the limits of a fetch. */
const RECORD_OVERHEAD_BYTES = 16;

const PLAIN: BatchOrigin = {
  producerId: -1,
  producerEpoch: -1,
  firstSequence: -1,
  isTransactional: false,
};

/**
 * One partition: records in order, open and ended transactions, the two ends of the log. Offsets are plain numbers here
 * (below 2^53); they become text or bigint at the edges.
 *
 * @internal
 */
export class MemoryLog {
  readonly #openTransactions = new Map<number, number>();
  readonly #watchers = new Set<() => void>();
  #records: StoredRecord[] = [];
  #aborted: AbortedTransaction[] = [];
  #lowOffset = 0;
  #nextOffset = 0;

  /** First offset that can be read. */
  get lowOffset(): number {
    return this.#lowOffset;
  }

  /** The high watermark: the next offset to be written. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** The last stable offset: where the first open transaction began, otherwise the end. */
  get stableOffset(): number {
    let offset = this.#nextOffset;
    for (const first of this.#openTransactions.values()) offset = Math.min(offset, first);
    return offset;
  }

  get records(): readonly StoredRecord[] {
    return this.#records;
  }

  get aborted(): readonly AbortedTransaction[] {
    return this.#aborted;
  }

  /** @returns the offset of the first record. */
  append(records: readonly ProducedRecord[], origin: BatchOrigin = PLAIN): number {
    const baseOffset = this.#nextOffset;
    const isOpening = origin.isTransactional && !this.#openTransactions.has(origin.producerId);
    if (isOpening) this.#openTransactions.set(origin.producerId, baseOffset);
    for (const record of records) this.#store(record, origin, undefined);
    this.wake();
    return baseOffset;
  }

  /** Ends the producer's transaction with a marker; does nothing where it has none open. */
  endTransaction(producerId: number, how: 'commit' | 'abort', timestampMs: number): void {
    const firstOffset = this.#openTransactions.get(producerId);
    if (firstOffset === undefined) return;
    this.#openTransactions.delete(producerId);
    const markerOffset = this.#nextOffset;
    if (how === 'abort') this.#aborted.push({ producerId, firstOffset, markerOffset });
    const record = {
      key: Buffer.from([0, 0, 0, how === 'commit' ? 1 : 0]),
      value: Buffer.alloc(6),
      headers: [],
      timestampMs,
    };
    const origin = { producerId, producerEpoch: 0, firstSequence: -1, isTransactional: true };
    this.#store(record, origin, how);
    this.wake();
  }

  isAborted(record: StoredRecord): boolean {
    const { producerId, isTransactional } = record.origin;
    if (!isTransactional || record.marker !== undefined) return false;
    return this.#aborted.some(
      (transaction) =>
        transaction.producerId === producerId &&
        record.offset >= transaction.firstOffset &&
        record.offset < transaction.markerOffset,
    );
  }

  /** Records from `offset` up to `end`, as many as fit into `maxBytes`, but at least one. */
  read(offset: number, end: number, maxBytes: number): StoredRecord[] {
    const found: StoredRecord[] = [];
    let bytes = 0;
    for (let index = this.#indexOf(offset); index < this.#records.length; index += 1) {
      const record = this.#records[index];
      if (record === undefined || record.offset >= end) break;
      bytes += sizeOf(record);
      if (bytes > maxBytes && found.length > 0) break;
      found.push(record);
    }
    return found;
  }

  /** Bytes that could be read from `offset`, counted up to `enough`. */
  bytesFrom(offset: number, end: number, enough: number): number {
    let bytes = 0;
    for (let index = this.#indexOf(offset); index < this.#records.length; index += 1) {
      const record = this.#records[index];
      if (record === undefined || record.offset >= end || bytes >= enough) break;
      bytes += sizeOf(record);
    }
    return bytes;
  }

  /** The first record below `end` whose timestamp is not earlier. */
  offsetOfTime(timestampMs: number, end: number): OffsetOfTime {
    for (const record of this.#records) {
      if (record.offset >= end) return undefined;
      if (record.timestampMs >= timestampMs) return record;
    }
    return undefined;
  }

  /** Retention, or an administrator: what lies below `offset` is gone. */
  trim(offset: number): void {
    this.#lowOffset = Math.max(this.#lowOffset, Math.min(offset, this.#nextOffset));
    this.#records = this.#records.slice(this.#indexOf(this.#lowOffset));
    this.#aborted = this.#aborted.filter(({ markerOffset }) => markerOffset >= this.#lowOffset);
  }

  /** Compaction: of each key only the newest record stays, and leaves holes behind it. Nothing moves. */
  compact(): void {
    const newest = new Map<string, number>();
    for (const { key, offset } of this.#records) {
      if (key !== null) newest.set(key.toString('latin1'), offset);
    }
    this.#records = this.#records.filter(
      ({ key, offset, marker }) =>
        marker !== undefined || key === null || newest.get(key.toString('latin1')) === offset,
    );
  }

  /** Calls `watcher` after each change of what can be read. Returns the way to stop it. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #store(record: ProducedRecord, origin: BatchOrigin, marker: StoredRecord['marker']): void {
    const { key, value, headers, timestampMs } = record;
    const offset = this.#nextOffset;
    this.#records.push({ key, value, headers, timestampMs, offset, origin, marker });
    this.#nextOffset += 1;
  }

  /** Calls every watcher. */
  wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** Index of the first record at or after `offset`. Without holes it is a subtraction. */
  #indexOf(offset: number): number {
    const records = this.#records;
    const first = records[0];
    if (first === undefined || offset <= first.offset) return 0;
    const guess = offset - first.offset;
    if (records[guess]?.offset === offset) return guess;
    let low = 0;
    let high = records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = records[middle]?.offset ?? Infinity;
      if (at < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function sizeOf({ key, value, headers }: StoredRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
  for (const [name, header] of headers) bytes += name.length + header.length;
  return bytes;
}
