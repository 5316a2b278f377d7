import { messageOf } from '../caught.js';
import type { EventSink } from '../events.js';
import { inParallel } from '../position/parallel.js';
import { ENDLESS_RETRIES, retry } from '../wait.js';
import type { LedgerRecord } from './contents.js';
import type { Ledger } from './ledger.js';
import type { LedgerLog, LedgerReader } from './ledger-reader.js';
import { search, soughtIn } from './look.js';
import {
  recordLines,
  unmirroredReport,
  type SearchedRecords,
  type UnmirroredReport,
} from './report.js';
import { joined, type Span } from './span.js';
import { bounded, copyOf, type BothClusters } from './topics.js';

/** @internal A switch, as the ledger has to know it. */
export interface LedgerSwitch {
  readonly from: string;
  readonly to: string;
  readonly switchEpoch: number;
  /** `unknown`: it was in an earlier life of the process. */
  readonly planned: boolean | 'unknown';
}

/** @internal What of a log was not found on the other cluster. */
export interface MissingRecords {
  readonly log: LedgerLog;
  /** Not empty. */
  readonly offsets: readonly number[];
}

/** @internal What a search has found. */
export interface SwitchSearch {
  readonly report: UnmirroredReport;
  readonly missing: readonly MissingRecords[];
}

/** @internal What {@link searchAfterSwitch} needs. */
export interface SwitchSearchParts extends BothClusters {
  readonly events: EventSink;
  readonly ledger: Ledger;
  /** Where the records go that are not mirrored; undefined: nowhere. */
  readonly file: string | undefined;
}

/** Logs that are searched at a time: each is in memory as a whole. */
const SEARCHED_AT_ONCE = 2;

/** @internal Longest time for a search, in milliseconds: of what was not looked at by then nobody can say whether it is mirrored. */
export const SEARCH_MAX_MS = 120_000;

/**
 * Searches the other cluster for all that the one that was left has acknowledged, and is not known to be mirrored.
 *
 * @throws the reason of `signal`; for nothing else.
 * @internal
 */
export async function searchAfterSwitch(
  { from, to, switchEpoch }: LedgerSwitch,
  reader: LedgerReader,
  parts: SwitchSearchParts,
  signal: AbortSignal,
): Promise<SwitchSearch> {
  const { world, ledger } = parts;
  // What was acknowledged there since, in a later activation, is another switch's.
  const logs = ledger
    .logs()
    .filter((one) => one.cluster === from && (one.isEarlier || one.switchEpoch < switchEpoch));
  const searched: SearchedRecords[] = [];
  const deadlineAtMs = world.nowMs() + SEARCH_MAX_MS;
  await inParallel(SEARCHED_AT_ONCE, logs, async (log, index) => {
    searched[index] = await searchLog(log, reader, parts, { deadlineAtMs, signal });
  });
  signal.throwIfAborted();
  ledger.forgetMirrored();
  const file = await write(searched, parts);
  const isWhole = ledger.isWhole(from);
  const searchedAtWallMs = world.wallMs();
  return {
    report: unmirroredReport({ from, to, searchedAtWallMs, isWhole, file }, searched),
    missing: logs.flatMap((log, index) => {
      const { offsets = [] } = searched[index] ?? {};
      return offsets.length === 0 ? [] : [{ log, offsets }];
    }),
  };
}

async function searchLog(
  log: LedgerLog,
  reader: LedgerReader,
  parts: SwitchSearchParts,
  { deadlineAtMs, signal }: { readonly deadlineAtMs: number; readonly signal: AbortSignal },
): Promise<SearchedRecords> {
  const { ledger, world, file } = parts;
  const { topic, partition, switchEpoch, kept, dropped } = log;
  const place = { topic, partition, switchEpoch };
  try {
    // What cannot be read now never will: that is no question to a cluster.
    const sought = await soughtIn(reader.batches(log), log, { world, signal });
    const { unmirrored, unknown, highest } = await bounded(
      copyOf(log, parts),
      parts,
      signal,
      // A cluster that does not answer is asked again, for a while.
      (on) => {
        const policy = { ...ENDLESS_RETRIES, signal: on.signal };
        return retry(world, policy, () => search(log, sought, on));
      },
      deadlineAtMs,
    );
    if (highest !== undefined) ledger.mirroredThrough(log, highest);
    const isOver = dropped === undefined || dropped.last <= (highest?.offset ?? -1);
    return {
      ...place,
      offsets: unmirrored.map(({ offset }) => offset),
      // Nobody wants them where no file is written, and they may be large.
      records: file === undefined ? [] : unmirrored,
      unknown: unknownOf(isOver ? undefined : dropped, unknown, place),
    };
  } catch {
    signal.throwIfAborted();
    const all = kept === undefined ? dropped : joined(dropped, kept);
    return { ...place, offsets: [], records: [], unknown: all };
  }
}

/** What was let go, and what was not found although something behind it was. */
function unknownOf(
  dropped: Span | undefined,
  records: readonly LedgerRecord[],
  { topic, partition }: Pick<SearchedRecords, 'topic' | 'partition'>,
): Span | undefined {
  return records.reduce<Span | undefined>(
    (span, { offset }) => joined(span, { topic, partition, first: offset, last: offset, count: 1 }),
    dropped,
  );
}

async function write(
  searched: readonly SearchedRecords[],
  { world, events, file: path }: SwitchSearchParts,
): Promise<string | undefined> {
  if (path === undefined || searched.every(({ records }) => records.length === 0)) return undefined;
  try {
    await world.writeText(path, recordLines(searched));
    return path;
  } catch (error) {
    events.emit('unmirrored.file-failed', { path, because: messageOf(error) });
    return undefined;
  }
}
