import type { ClusterAccess, LogRange } from '../cluster/access.js';
import { contentHash, type RecordContent } from '../position/fingerprint.js';
import { sleep, untilAborted } from '../wait.js';
import type { World } from '../world.js';
import { recordsOf, timesOf, type LedgerRecord } from './contents.js';
import { Copies, markOf, type FoundCopy, type SoughtRecords } from './copies.js';
import type { LedgerLog, LedgerReader, OpenBatch } from './ledger-reader.js';

/** @internal Where a log is read. */
export interface ReadOn {
  readonly world: World;
  readonly access: ClusterAccess;
  /** The topic's name there. */
  readonly topic: string;
  readonly signal: AbortSignal;
}

/** Records at the end of a log that are looked at, to see how far it is mirrored: first the last one, then some more of them. */
const TAIL_RECORDS = [1n, 64n] as const;
/** Bytes of one answer of them, and how many answers are read at most. */
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

/** After so many records that were taken apart others get their turn: heartbeats, sends. */
const RECORDS_IN_A_ROW = 500;

/**
 * How far a log is mirrored, by a look at the last records of its copy. Cheap: an answer or two.
 *
 * @returns a record whose copy is there; undefined where none of them is known; `ambiguous` where one is the copy of one of several records that look the same: only who reads
 *   them in their order can say of which.
 * @internal
 */
export async function seenAtEnd(
  log: LedgerLog,
  reader: LedgerReader,
  on: ReadOn,
): Promise<FoundCopy | 'ambiguous' | undefined> {
  const range = await rangeOf(log.partition, on, LEADERS_MAX_AGE_MS);
  if (range === undefined || range.low >= range.high) return undefined;
  const batches = reader.batches(log, { newest: NEWEST_SEGMENTS }).map((batch) => ({
    batch,
    ...timesOf(batch),
  }));
  for (const count of TAIL_RECORDS) {
    const from = range.high - count;
    const copies: ReadRecord[] = [];
    const tail = { ...on, maxBytes: TAIL_BYTES, maxFetches: TAIL_FETCHES };
    await readTo(range.high, from > range.low ? from : range.low, log.partition, tail, (copy) => {
      copies.push(copy);
      return true;
    });
    for (const copy of copies.toReversed()) {
      const timeMs = Number(copy.timestamp);
      const candidates = batches
        .filter(
          ({ batch, firstMs, lastMs }) =>
            batch.appendTimeMs !== undefined || (firstMs <= timeMs && timeMs <= lastMs),
        )
        .slice(0, MAX_CANDIDATES)
        .map(({ batch }) => batch);
      const found = new Copies(await soughtIn(candidates, log, on));
      found.look(copy);
      if (found.isAmbiguous) return 'ambiguous';
      if (found.highest !== undefined) return found.highest;
    }
  }
  return undefined;
}

/** @internal What of a log was found on the other cluster. */
export interface SearchedLog {
  /** Not found, and behind all that was. */
  readonly unmirrored: readonly LedgerRecord[];
  /**
   * Nobody can say: not found, and something behind it was (MirrorMaker has left it out, or its copy was removed); or the other cluster gives the copies a time of its own, and the
   * records have theirs.
   */
  readonly unknown: readonly LedgerRecord[];
  readonly highest: FoundCopy | undefined;
}

/** @internal The records of batches of one log. @throws as {@link recordsOf}. */
export async function soughtIn(
  batches: readonly OpenBatch[],
  { copiedAt, copiedMark }: Pick<LedgerLog, 'copiedAt' | 'copiedMark'>,
  { world, signal }: Pick<ReadOn, 'world' | 'signal'>,
): Promise<SoughtRecords> {
  const records: LedgerRecord[] = [];
  let inARow = 0;
  for (const batch of batches) {
    const more = await recordsOf(batch);
    for (const record of more) records.push(record);
    inARow += more.length;
    if (inARow < RECORDS_IN_A_ROW) continue;
    inARow = 0;
    await sleep(world, 0, { signal });
  }
  const isAppendTime = batches.some(({ appendTimeMs }) => appendTimeMs !== undefined);
  return { records, isAppendTime, copiedAt, copiedMark };
}

/**
 * Looks for records of a log among what the other cluster has had since: to the end that its log has now.
 *
 * @param maxFetches - answers that are read at most. Default: as many as it takes.
 * @internal
 */
export async function search(
  { partition }: Pick<LedgerLog, 'partition'>,
  given: SoughtRecords,
  on: ReadOn,
  maxFetches?: number,
): Promise<SearchedLog> {
  const { access, topic, signal } = on;
  const { records } = given;
  const range = records.length === 0 ? undefined : await rangeOf(partition, on);
  // Made anew there: what was found before is gone.
  const isAnew = range !== undefined && (await isMadeAnew(partition, range, given, on));
  const sought = isAnew ? { ...given, copiedAt: -1n } : given;
  const copies = new Copies(sought);
  let hasOtherTime = false;
  if (range !== undefined) {
    // No record there is as late as the first one of these: then none is a copy of them.
    const at = await untilAborted(
      signal,
      access.offsetOfTime(topic, partition, firstTimeOf(sought)),
    );
    const from = at === undefined || at > sought.copiedAt ? at : sought.copiedAt + 1n;
    if (from !== undefined) {
      await readTo(range.high, from, partition, { ...on, maxFetches }, (copy) => {
        hasOtherTime ||= !sought.isAppendTime && copy.batchContext?.timestampType === APPEND_TIME;
        copies.look(copy);
        return !copies.areAllFound;
      });
    }
  }
  const { highest } = copies;
  const missing = records.filter((record) => !copies.isFound(record));
  const isUnknown = ({ offset }: LedgerRecord): boolean =>
    hasOtherTime || (highest !== undefined && offset < highest.offset);
  return {
    unmirrored: missing.filter((record) => !isUnknown(record)),
    unknown: missing.filter((record) => isUnknown(record)),
    highest,
  };
}

/** Whether the topic was deleted on the other cluster and is there again: in the place of the copy that was found last is another record, or none. */
async function isMadeAnew(
  partition: number,
  { low, high }: LogRange,
  { copiedAt, copiedMark }: SoughtRecords,
  on: ReadOn,
): Promise<boolean> {
  if (copiedAt >= high) return true;
  if (copiedMark === undefined || copiedAt < low) return false;
  let isAnother = false;
  await readTo(copiedAt + 1n, copiedAt, partition, { ...on, maxBytes: TAIL_BYTES }, (record) => {
    isAnother = BigInt(record.offset) === copiedAt && markOf(record) !== copiedMark;
    return false;
  });
  return isAnother;
}

/** kafkajs's and Kafka's number of it. */
const APPEND_TIME = 1;

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
  const sought = await soughtIn(reader.batches(log), log, on);
  const records = new Map(sought.records.map((record) => [record.offset, record]));
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
      if (record !== undefined && isSame(record, there, sought)) present.push(record.offset);
      return true;
    });
  }
  const known = new Set(present);
  return { present, lost: offsets.filter((offset) => !known.has(offset)) };
}

/** On its own cluster a record has the very time that it was acknowledged with. */
function isSame(
  one: RecordContent,
  other: RecordContent,
  { isAppendTime }: SoughtRecords,
): boolean {
  return (
    (isAppendTime || one.timestamp === other.timestamp) && contentHash(one) === contentHash(other)
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
