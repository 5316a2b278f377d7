import type { ClusterAccess } from '../cluster/access.js';
import { untilAborted } from '../wait.js';
import { recordsOf, timesOf, type LedgerRecord } from './contents.js';
import { Copies } from './copies.js';
import type { LedgerLog, LedgerReader, OpenBatch } from './ledger.js';

/** @internal Where the copies of a log are. */
export interface CopiedTo {
  readonly access: ClusterAccess;
  /** The topic's name there. */
  readonly remoteTopic: string;
  readonly signal: AbortSignal;
}

/** How many records at the end of a log are looked at, to see how far it is mirrored. */
const TAIL_RECORDS = 32n;
const TAIL_BYTES = 65_536;

/** Segments in which the original of a copy is looked for: the newest ones. */
const NEWEST_SEGMENTS = 8;

/** Batches that may hold the copy's original: their times say so. Beyond it the look is given up; the next one may be luckier. */
const MAX_CANDIDATES = 64;

/** A fetch behind which nothing has come waits so long, in milliseconds. */
const EMPTY_WAIT_MS = 100;

/**
 * How far a log is mirrored, by a look at the last records of its copy. Cheap: one small answer.
 *
 * @returns the offset, on the cluster that has acknowledged it, of a record whose copy is there; undefined where none of them is known.
 * @internal
 */
export async function seenAtEnd(
  log: LedgerLog,
  reader: LedgerReader,
  to: CopiedTo,
): Promise<number | undefined> {
  const { access, remoteTopic, signal } = to;
  const ranges = await untilAborted(
    signal,
    access.ranges(remoteTopic, { isolation: 'read_uncommitted', leadersMaxAgeMs: 60_000 }),
  );
  const range = ranges?.get(log.partition);
  if (range === undefined || range.low >= range.high) return undefined;
  const from = range.high - TAIL_RECORDS;
  const copies: ReadCopy[] = [];
  await readTo(
    range.high,
    from > range.low ? from : range.low,
    log,
    { ...to, maxBytes: TAIL_BYTES },
    (copy) => {
      copies.push(copy);
      return true;
    },
  );
  const batches = reader.batches(log, NEWEST_SEGMENTS);
  for (const copy of copies.toReversed()) {
    const timeMs = Number(copy.timestamp);
    const candidates = batches.filter((batch) => mayHold(batch, timeMs)).slice(0, MAX_CANDIDATES);
    const found = new Copies(await recordsIn(candidates), isAppendTime(batches));
    found.look(copy);
    if (found.through !== undefined) return found.through;
  }
  return undefined;
}

/** @internal What of a log was not found on the other cluster. */
export interface SearchedLog {
  /** Of those whose contents are known. */
  readonly unmirrored: readonly LedgerRecord[];
  readonly through: number | undefined;
}

/**
 * Looks for every record of a log among what the other cluster has had since: to the end that its log has now.
 *
 * @internal
 */
export async function search(
  log: LedgerLog,
  reader: LedgerReader,
  to: CopiedTo,
): Promise<SearchedLog> {
  const { access, remoteTopic, signal } = to;
  const { partition } = log;
  const batches = reader.batches(log);
  const records = await recordsIn(batches);
  const copies = new Copies(records, isAppendTime(batches));
  const ranges = await untilAborted(
    signal,
    access.ranges(remoteTopic, { isolation: 'read_uncommitted' }),
  );
  const range = ranges?.get(partition);
  if (range !== undefined && records.length > 0) {
    const firstMs = Math.min(...records.map(({ timestamp }) => Number(timestamp)));
    // No record there is as late as the first one of these: then none is a copy of them.
    const from = await untilAborted(signal, access.offsetOfTime(remoteTopic, partition, firstMs));
    if (from !== undefined) {
      await readTo(range.high, from, log, to, (copy) => {
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

/** A record as it was read, in kafkajs's shape. */
type ReadCopy = Awaited<ReturnType<ClusterAccess['fetch']>>['records'][number];

/** Reads up to an end, or until the reader has enough. */
async function readTo(
  end: bigint,
  from: bigint,
  { partition }: LedgerLog,
  { access, remoteTopic, signal, maxBytes }: CopiedTo & { readonly maxBytes?: number },
  onRecord: (record: ReadCopy) => boolean,
): Promise<void> {
  for (let position = from; position < end;) {
    const { records, nextOffset } = await untilAborted(
      signal,
      access.fetch(remoteTopic, partition, position, {
        maxWaitMs: EMPTY_WAIT_MS,
        isolation: 'read_uncommitted',
        ...(maxBytes === undefined ? {} : { maxBytes }),
      }),
    );
    for (const record of records) if (!onRecord(record)) return;
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
