import type { ClusterAccess, LogRange } from '../cluster/access.js';
import { contentHash, type RecordContent } from '../position/fingerprint.js';
import { untilAborted } from '../wait.js';
import { recordsOf, timesOf, type LedgerRecord } from './contents.js';
import { Copies, type SoughtRecords } from './copies.js';
import type { LedgerLog, LedgerReader, OpenBatch } from './ledger.js';

/** @internal Where a log is read. */
export interface ReadOn {
  readonly access: ClusterAccess;
  /** The topic's name there. */
  readonly topic: string;
  readonly signal: AbortSignal;
}

/** Records at the end of a log that are looked at, to see how far it is mirrored: first the last one, then some more of them. */
const TAIL_RECORDS = [1n, 64n] as const;
/** Bytes of one answer, and answers, that are read of them. */
const TAIL_BYTES = 65_536;
const TAIL_FETCHES = 4;

/** Segments in which the original of a copy is looked for: the newest ones. */
const NEWEST_SEGMENTS = 8;

/** Batches that may hold the copy's original: their times say so. Beyond it the look is given up; the next one may be luckier. */
const MAX_CANDIDATES = 64;

/** A fetch behind which nothing has come waits so long, in milliseconds. */
const EMPTY_WAIT_MS = 100;

/** Brokers that lead a partition no more refuse, and are looked for anew. */
const LEADERS_MAX_AGE_MS = 60_000;

/**
 * How far a log is mirrored, by a look at the last records of its copy. Cheap: an answer or two.
 *
 * @returns the offset, on the cluster that has acknowledged it, of a record whose copy is there; undefined where none of them is known.
 * @internal
 */
export async function seenAtEnd(
  log: LedgerLog,
  reader: LedgerReader,
  on: ReadOn,
): Promise<number | undefined> {
  const range = await rangeOf(log.partition, on, LEADERS_MAX_AGE_MS);
  if (range === undefined || range.low >= range.high) return undefined;
  const batches = reader.batches(log, { newest: NEWEST_SEGMENTS });
  for (const count of TAIL_RECORDS) {
    const from = range.high - count;
    const copies: ReadRecord[] = [];
    const tail = { ...on, maxBytes: TAIL_BYTES, maxFetches: TAIL_FETCHES };
    await readTo(range.high, from > range.low ? from : range.low, log.partition, tail, (copy) => {
      copies.push(copy);
      return true;
    });
    for (const copy of copies.toReversed()) {
      const through = await originalOf(copy, batches);
      if (through !== undefined) return through;
    }
  }
  return undefined;
}

/** The place of the record that this is a copy of. */
async function originalOf(
  copy: ReadRecord,
  batches: readonly OpenBatch[],
): Promise<number | undefined> {
  const timeMs = Number(copy.timestamp);
  const candidates = batches.filter((batch) => mayHold(batch, timeMs)).slice(0, MAX_CANDIDATES);
  const found = new Copies(await soughtIn(candidates));
  found.look(copy);
  return found.through;
}

/** @internal What of a log was not found on the other cluster. */
export interface SearchedLog {
  /** Of those whose contents are known. */
  readonly unmirrored: readonly LedgerRecord[];
  /** The highest offset whose copy was found. */
  readonly through: number | undefined;
}

/** @internal The records of batches of one log. @throws as {@link recordsOf}. */
export async function soughtIn(batches: readonly OpenBatch[]): Promise<SoughtRecords> {
  return { records: await recordsIn(batches), isAppendTime: isAppendTime(batches) };
}

/**
 * Looks for records of a log among what the other cluster has had since: to the end that its log has now.
 *
 * @param maxFetches - answers that are read at most. Default: as many as it takes.
 * @internal
 */
export async function search(
  { partition }: Pick<LedgerLog, 'partition'>,
  sought: SoughtRecords,
  on: ReadOn,
  maxFetches?: number,
): Promise<SearchedLog> {
  const { access, topic, signal } = on;
  const { records } = sought;
  const copies = new Copies(sought);
  const range = records.length === 0 ? undefined : await rangeOf(partition, on);
  if (range !== undefined) {
    // No record there is as late as the first one of these: then none is a copy of them.
    const from = await untilAborted(
      signal,
      access.offsetOfTime(topic, partition, firstTimeOf(sought)),
    );
    if (from !== undefined) {
      await readTo(range.high, from, partition, { ...on, maxFetches }, (copy) => {
        copies.look(copy);
        return !copies.areAllFound;
      });
    }
  }
  const { through } = copies;
  const isMirrored = ({ offset }: LedgerRecord): boolean =>
    through !== undefined && offset <= through;
  return { unmirrored: records.filter((record) => !isMirrored(record)), through };
}

/** @internal What the cluster that has acknowledged a log's records still has of them. */
export interface ReconciledLog {
  readonly present: readonly number[];
  /** In their place is nothing, or something else: an unclean election, retention, a topic that was made anew. */
  readonly lost: readonly number[];
}

/**
 * Looks at each place of the log, on the cluster that has acknowledged its records: is it still the same record?
 *
 * @internal
 */
export async function reconcile(
  log: LedgerLog,
  reader: LedgerReader,
  on: ReadOn,
): Promise<ReconciledLog> {
  const batches = reader.batches(log);
  const isByTime = !isAppendTime(batches);
  const records = new Map((await recordsIn(batches)).map((record) => [record.offset, record]));
  const offsets = [...records.keys()].toSorted((a, b) => a - b);
  const [first = 0] = offsets;
  const last = offsets.at(-1) ?? -1;
  const present: number[] = [];
  const range = await rangeOf(log.partition, on);
  const from = range && (range.low > BigInt(first) ? range.low : BigInt(first));
  const end = range && (range.high < BigInt(last + 1) ? range.high : BigInt(last + 1));
  if (from !== undefined && end !== undefined) {
    await readTo(end, from, log.partition, on, (there) => {
      const record = records.get(Number(there.offset));
      if (record !== undefined && isSame(record, there, isByTime)) present.push(record.offset);
      return true;
    });
  }
  const known = new Set(present);
  return { present, lost: offsets.filter((offset) => !known.has(offset)) };
}

function isSame(one: RecordContent, other: RecordContent, isByTime: boolean): boolean {
  return (
    (!isByTime || one.timestamp === other.timestamp) && contentHash(one) === contentHash(other)
  );
}

/** The clocks of two clusters' brokers differ by less, in milliseconds. */
const CLOCKS_DIFFER_MS = 3_600_000;

/** From when on copies may be there, in milliseconds; a little earlier, so that brokers that look for it miss none. */
function firstTimeOf({ records, isAppendTime: isByOtherClock }: SoughtRecords): number {
  const firstMs = records.reduce(
    (first, { timestamp }) => Math.min(first, Number(timestamp)),
    Number.POSITIVE_INFINITY,
  );
  return Math.max(0, firstMs - (isByOtherClock ? CLOCKS_DIFFER_MS : 1));
}

async function rangeOf(
  partition: number,
  { access, topic, signal }: ReadOn,
  leadersMaxAgeMs = 0,
): Promise<LogRange | undefined> {
  const options = { isolation: 'read_uncommitted', leadersMaxAgeMs } as const;
  const ranges = await untilAborted(signal, access.ranges(topic, options));
  return ranges?.get(partition);
}

/** A record as it was read, in kafkajs's shape. */
type ReadRecord = Awaited<ReturnType<ClusterAccess['fetch']>>['records'][number];

/** Reads up to an end, or until the reader has enough, or was given as much as it may. */
async function readTo(
  end: bigint,
  from: bigint,
  partition: number,
  {
    access,
    topic,
    signal,
    maxBytes,
    maxFetches = Number.POSITIVE_INFINITY,
  }: ReadOn & { readonly maxBytes?: number; readonly maxFetches?: number | undefined },
  onRecord: (record: ReadRecord) => boolean,
): Promise<void> {
  let position = from;
  for (let count = 0; position < end && count < maxFetches; count += 1) {
    const { records, nextOffset } = await untilAborted(
      signal,
      access.fetch(topic, partition, position, {
        maxWaitMs: EMPTY_WAIT_MS,
        isolation: 'read_uncommitted',
        ...(maxBytes === undefined ? {} : { maxBytes }),
      }),
    );
    for (const record of records) {
      if (BigInt(record.offset) < end && !onRecord(record)) return;
    }
    position = nextOffset;
  }
}

async function recordsIn(batches: readonly OpenBatch[]): Promise<readonly LedgerRecord[]> {
  const records: LedgerRecord[] = [];
  for (const batch of batches) records.push(...(await recordsOf(batch)));
  return records;
}

function mayHold(batch: OpenBatch, timeMs: number): boolean {
  if (batch.appendTimeMs !== undefined) return true;
  const { firstMs, lastMs } = timesOf(batch);
  return firstMs <= timeMs && timeMs <= lastMs;
}

function isAppendTime(batches: readonly OpenBatch[]): boolean {
  return batches.some(({ appendTimeMs }) => appendTimeMs !== undefined);
}
