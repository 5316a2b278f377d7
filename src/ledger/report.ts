import { Buffer } from 'node:buffer';
import type { ReplayStatus } from '../replay/report.js';
import type { LedgerRecord } from './contents.js';
import type { Span } from './span.js';

/**
 * What this process's producers were told is on the cluster that was left, and was not on the other one when that was searched for it: record by record, by identity
 * (timestamp, key, value and headers, which MirrorMaker copies byte by byte). Plain JSON.
 *
 * @public
 */
export interface UnmirroredReport {
  /** Alias of the cluster that has acknowledged the records. */
  readonly from: string;
  /** Alias of the cluster that was searched. */
  readonly to: string;
  /** Wall-clock milliseconds since 1970 at which the search ended. What MirrorMaker has brought later is not taken out. */
  readonly searchedAtWallMs: number;
  /** Records that were not found: the sum over all logs. */
  readonly recordCount: number;
  /**
   * True where that is all of what this process's producers were told, but for transactions and `acks: 0`: every log was searched, and the ledger had the contents of every
   * record, and of those that earlier lives of the process have left in `producer.ledgerSpool`.
   */
  readonly isComplete: boolean;
  /** Logs with something to tell. */
  readonly logs: readonly UnmirroredRecordsOfLog[];
  /** Where the records themselves were written to (`producer.unmirroredFile`); undefined where nowhere, or that has failed. */
  readonly file: string | undefined;
}

/** @public The records of one partition that were acknowledged in one activation, and were not found on the other cluster. */
export interface UnmirroredRecordsOfLog {
  /** The topic, by its name on the cluster that was left. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** The activation in which they were acknowledged. */
  readonly switchEpoch: number;
  /** How many were not found. */
  readonly recordCount: number;
  /** Their offsets on the cluster that was left, both included. */
  readonly ranges: readonly { readonly first: string; readonly last: string }[];
  /**
   * Records that were acknowledged, and of which nobody can say whether they are mirrored: the ledger had no room for them any more
   * (`producer.ledgerMaxBytes`), the log could not be searched, a record behind them is mirrored and they are not there, or the copies have a time of their own. At most so many, between these offsets. Undefined where there are none.
   */
  readonly unknown:
    { readonly first: string; readonly last: string; readonly maxCount: number } | undefined;
}

/**
 * What a cluster that was left still has of the records that it had acknowledged, and that are not known to be mirrored. What the ledger had let go (`unknown` of {@link UnmirroredReport}) is not in it. Plain JSON.
 *
 * @public
 */
export interface ReconciliationReport {
  /** Alias of the cluster. */
  readonly cluster: string;
  /** Records that are still where they were: MirrorMaker brings them when it works. */
  readonly presentCount: number;
  /** Records that are not: an election may have been unclean, retention may have been quicker, or the topic was made anew. */
  readonly lostCount: number;
  /** Partition by partition. */
  readonly logs: readonly ReconciledRecordsOfLog[];
}

/** @public What the cluster still has of one partition's records, and what it has lost. */
export interface ReconciledRecordsOfLog extends Pick<
  UnmirroredRecordsOfLog,
  'topic' | 'partition' | 'switchEpoch'
> {
  /** Offsets that still hold the same record, both included. */
  readonly present: UnmirroredRecordsOfLog['ranges'];
  /** Offsets that hold another record, or none, both included. */
  readonly lost: UnmirroredRecordsOfLog['ranges'];
}

/** @internal Adds up what a cluster still has, log by log. */
export function reconciliationReport(
  cluster: string,
  reconciled: readonly (Pick<SearchedRecords, 'topic' | 'partition' | 'switchEpoch'> & {
    readonly present: readonly number[];
    readonly lost: readonly number[];
  })[],
): ReconciliationReport {
  const countOf = (what: 'present' | 'lost'): number =>
    reconciled.reduce((sum, one) => sum + one[what].length, 0);
  return {
    cluster,
    presentCount: countOf('present'),
    lostCount: countOf('lost'),
    logs: reconciled.map(({ topic, partition, switchEpoch, present, lost }) => ({
      topic,
      partition,
      switchEpoch,
      present: rangesOf(present),
      lost: rangesOf(lost),
    })),
  };
}

/**
 * The acknowledged records that are kept until they are mirrored.
 *
 * @public
 */
export interface LedgerStatus {
  /** Memory that is taken for them, in pieces of up to 256 KiB. */
  readonly bytes: number;
  /** `producer.ledgerMaxBytes`. */
  readonly maxBytes: number;
  /** What is done with what a switch has left behind (`producer.onUnmirrored`). */
  readonly replay: ReplayStatus;
  /** Bytes of its files in `producer.ledgerSpool`; 0 where there is none. */
  readonly spoolBytes: number;
}

/** @internal What became of the search for one log. */
export interface SearchedRecords {
  readonly topic: string;
  readonly partition: number;
  readonly switchEpoch: number;
  /** Of the records that were not found. */
  readonly offsets: readonly number[];
  /** They themselves, where somebody wants them. */
  readonly records: readonly LedgerRecord[];
  /** Of whom nobody can tell. */
  readonly unknown: Span | undefined;
}

/** @internal Adds up what was found, log by log. */
export function unmirroredReport(
  {
    from,
    to,
    searchedAtWallMs,
    isWhole,
    file,
  }: Pick<UnmirroredReport, 'from' | 'to' | 'searchedAtWallMs' | 'file'> & {
    /** Nothing is lost that an earlier life of the process had kept. */
    readonly isWhole: boolean;
  },
  searched: readonly SearchedRecords[],
): UnmirroredReport {
  const logs = searched
    .filter(({ offsets, unknown }) => offsets.length > 0 || unknown !== undefined)
    .map(({ topic, partition, switchEpoch, offsets, unknown }) => ({
      topic,
      partition,
      switchEpoch,
      recordCount: offsets.length,
      ranges: rangesOf(offsets),
      unknown: unknown && {
        first: String(unknown.first),
        last: String(unknown.last),
        maxCount: unknown.count,
      },
    }));
  return {
    from,
    to,
    searchedAtWallMs,
    recordCount: logs.reduce((sum, { recordCount }) => sum + recordCount, 0),
    isComplete: isWhole && logs.every(({ unknown }) => unknown === undefined),
    logs,
    file,
  };
}

/** @internal Offsets in ascending order, as ranges. */
export function rangesOf(offsets: readonly number[]): UnmirroredRecordsOfLog['ranges'] {
  const ranges: { first: number; last: number }[] = [];
  for (const offset of offsets) {
    const open = ranges.at(-1);
    if (open !== undefined && open.last + 1 === offset) open.last = offset;
    else ranges.push({ first: offset, last: offset });
  }
  return ranges.map(({ first, last }) => ({ first: String(first), last: String(last) }));
}

/**
 * The records themselves, one JSON object a line. Key, value and the values of headers are in base64; null stays null. Values of one header's name stand together.
 *
 * @internal
 */
export function recordLines(searched: readonly SearchedRecords[]): string {
  const lines = searched.flatMap(({ topic, partition, switchEpoch, records }) =>
    records.map(({ offset, timestamp, key, value, headers }) =>
      JSON.stringify({
        topic,
        partition,
        switchEpoch,
        offset: String(offset),
        timestamp,
        key: base64(key),
        value: base64(value),
        headers: Object.entries(headers ?? {}).flatMap(([name, content]) =>
          (Array.isArray(content) ? content : [content]).map((one) => [name, base64(one)]),
        ),
      }),
    ),
  );
  return lines.map((line) => `${line}\n`).join('');
}

function base64(content: unknown): string | null {
  if (Buffer.isBuffer(content)) return content.toString('base64');
  return typeof content === 'string' ? Buffer.from(content).toString('base64') : null;
}
