import { messageOf } from '../caught.js';
import type { ClusterAccess, LogRange } from '../cluster/access.js';
import { untilAborted, withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { Correspondence, Pair, PairsAround } from './correspondence.js';
import type { HandledRecord } from './fingerprint.js';
import { inParallel, PARALLEL_SCANS } from './parallel.js';
import { IN_A_ROW, isWhereEnclosed, isWherePredicted, Search, syncAtOrAfter } from './search.js';

/** @internal What {@link findCopies} needs. */
export interface FindCopiesParts {
  readonly target: Pick<ClusterAccess, 'fetch' | 'isCompacted'>;
  readonly world: World;
  /** The scans end then (the world's monotonic milliseconds), with what they have found. */
  readonly deadlineAtMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** @internal A log of the target in which handled records are looked for. */
export interface SoughtLog {
  readonly physicalTopic: string;
  readonly partition: number;
  /** From where they were handled. */
  readonly correspondence: Correspondence;
  /** True where it also holds records that were born on the target: the Identity policy. */
  readonly isShared: boolean;
  /** True where MirrorMaker has written no offset sync of it yet, for certain. */
  readonly isUnsynced?: boolean;
  /** As it is now; records that come later are not looked at. */
  readonly range: LogRange;
  /** In the order of the log in which they were handled. */
  readonly handled: readonly HandledRecord[];
}

/** @internal What came of a search: a bound, and what is still expected. */
export interface FoundCopies {
  /** Undefined where no handled record was found. */
  readonly bound: { readonly method: 'exact' | 'fingerprint'; readonly offset: bigint } | undefined;
  /** Handled records whose copies were not found. */
  readonly awaited: readonly HandledRecord[];
  /** True where the last of the handled records was found. */
  readonly isLastMet: boolean;
  /** True where all was looked at behind the bound, up to the log's end, to a copy that a sync names, or for longer than MirrorMaker's batches: no second copies lie there unseen. */
  readonly isLookedBehind: boolean;
  readonly notes: readonly string[];
}

/** So many records of one partition are looked at, at most. Behind the best bound there are rarely more than some hundred. */
const MAX_SCANNED = 100_000;

const FETCH_BYTES = 262_144;

/** A fetch that brings nothing before the end (an open transaction, tiered storage) is repeated after so long. */
const EMPTY_WAIT_MS = 50;

/**
 * Looks for the copies of the last handled records in logs of the target, several at a time. Nothing is handed to a handler. Never
 * rejects for a log: what cannot be read costs its bound, and is said.
 *
 * @throws the reason of `signal`.
 * @internal
 */
export async function findCopies(
  logs: readonly SoughtLog[],
  parts: FindCopiesParts,
): Promise<readonly FoundCopies[]> {
  const found: FoundCopies[] = [];
  await inParallel(PARALLEL_SCANS, logs, async (log, index) => {
    found[index] = await findIn(log, parts);
  });
  return found;
}

async function findIn(log: SoughtLog, parts: FindCopiesParts): Promise<FoundCopies> {
  const { physicalTopic } = log;
  const start = startOf(log);
  if (start === undefined) {
    const note =
      'where the copies of the last handled records begin is not known: no offset sync leads there';
    return { ...NOTHING_FOUND, notes: log.handled.length === 0 ? [] : [note] };
  }
  const { from, handled } = start;
  try {
    const { world, deadlineAtMs, signal, target } = parts;
    const scanned = await withinDeadline(
      world,
      deadlineAtMs,
      async (limit) => {
        const isCompacted = await target.isCompacted(physicalTopic).catch(() => true);
        const search = new Search(handled, rulesOf(log, isCompacted));
        const end = await scan(log, from, search, parts, limit);
        return { search, end, isCompacted };
      },
      { signal },
    );
    if (scanned.kind === 'overrun') return nothing('reading the records took too long');
    return conclude({ ...scanned.value, log, from, handled });
  } catch (error) {
    signalled(parts.signal);
    return nothing(`the records cannot be read: ${messageOf(error)}`);
  }
}

function signalled(signal: AbortSignal | undefined): void {
  signal?.throwIfAborted();
}

const NOTHING_FOUND: Omit<FoundCopies, 'notes'> = {
  bound: undefined,
  awaited: [],
  isLastMet: false,
  isLookedBehind: false,
};

function nothing(because: string): FoundCopies {
  return {
    ...NOTHING_FOUND,
    notes: [`the last handled records were not looked for on the target: ${because}`],
  };
}

/**
 * Where a scan begins: at or before the copy of the first record that is looked for. Below that place nothing of them may be
 * missing, so what retention may have removed on the target is not looked for. A log that is there from its very beginning
 * can be searched without offset syncs. Pure.
 */
function startOf({
  correspondence,
  range,
  handled,
}: SoughtLog): { from: bigint; handled: readonly HandledRecord[] } | undefined {
  for (const [index, { offset }] of handled.entries()) {
    const from = correspondence.atOrBefore(offset) ?? 0n;
    if (from >= range.low) return { from, handled: handled.slice(index) };
  }
  return undefined;
}

/**
 * Before the first record of both logs. It counts as the pair before a record where no offset sync is there yet, and nothing speaks against it: MirrorMaker began
 * a moment ago. It writes the first sync of a partition after the first copies, and has ten under way at most: the first one that is written may be of a later record.
 */
const BEFORE_THE_FIRST: Pair = { handledAt: -1n, soughtAt: -1n };

/** Nothing is known to have shifted the places of copies against those of the records, from the beginning of both logs to the first sync that was written. */
function areUnshifted(around: PairsAround | undefined, isUnsynced: boolean): boolean {
  if (around === undefined) return isUnsynced;
  const { floor, ceiling, firstUpTo } = around;
  return floor === undefined && firstUpTo === undefined && ceiling?.handledAt === ceiling?.soughtAt;
}

/** What the nearest pairs say of a place. */
function rulesOf(
  { correspondence, isShared, isUnsynced = false }: SoughtLog,
  isCompacted: boolean,
): ConstructorParameters<typeof Search>[1] {
  const isAsFar = (record: HandledRecord, copyAt: bigint): boolean =>
    isWherePredicted(record, copyAt, correspondence.around(record.offset)?.floor);
  const isBeforeNext = (record: HandledRecord, copyAt: bigint): boolean =>
    syncAtOrAfter(record, copyAt, correspondence.around(record.offset)?.ceiling);
  return {
    isShared,
    isPredicted(record, copyAt, { solidFrom, inARow }) {
      const around = correspondence.around(record.offset);
      const isFromStart = areUnshifted(around, isUnsynced);
      // Without a sync before them nothing else says that nothing is missing there: as many as there can be, then.
      if (isFromStart && inARow < Math.min(IN_A_ROW, Number(record.offset) + 1)) return false;
      const floor = isFromStart ? BEFORE_THE_FIRST : around?.floor;
      const isSolid = floor !== undefined && solidFrom <= floor.soughtAt + 1n;
      return isSolid && isWherePredicted(record, copyAt, floor);
    },
    isCertain(record, copyAt, solidFrom) {
      const around = isShared ? undefined : correspondence.around(record.offset);
      return around !== undefined && isWhereEnclosed(record, { copyAt, solidFrom }, around);
    },
    isBeforeNext,
    isPossible: (record, copyAt) =>
      isBeforeNext(record, copyAt) && (!isCompacted || isAsFar(record, copyAt)),
  };
}

/** Reads on until the search is over, or the log. Answers how far it came. */
async function scan(
  { physicalTopic, partition, range }: SoughtLog,
  from: bigint,
  search: Search,
  { target }: FindCopiesParts,
  signal: AbortSignal,
): Promise<bigint> {
  let position = from;
  for (let count = 0; position < range.high && count < MAX_SCANNED && !search.isOver;) {
    const { records, nextOffset } = await untilAborted(
      signal,
      target.fetch(physicalTopic, partition, position, {
        maxWaitMs: EMPTY_WAIT_MS,
        maxBytes: FETCH_BYTES,
      }),
    );
    for (const record of records) if (BigInt(record.offset) < range.high) search.look(record);
    count += Math.max(1, records.length);
    position = nextOffset;
  }
  return position;
}

/** What a search that came to `end` has shown. Pure. */
function conclude({
  search,
  log: { range, correspondence },
  from,
  end,
  handled,
  isCompacted,
}: {
  search: Search;
  log: SoughtLog;
  from: bigint;
  end: bigint;
  handled: readonly HandledRecord[];
  isCompacted: boolean;
}): FoundCopies {
  const isRead = end >= range.high;
  const {
    offset,
    awaited: missing,
    isExact,
    isUnbroken,
    isCut,
    isLookedBehind,
  } = search.result({
    isWhole: isRead && !search.isOver,
  });
  // What a search does not look at any more may have been read all the same.
  const isWhole = isRead && !isCut;
  // Where not all of the log was looked at, what is missing may be in it: whatever looks like it would not be handled.
  const isKnown = isWhole && !isCompacted;
  // Where MirrorMaker has been at a record, or beyond, its copy went with a log that is gone, or there was none.
  const mayCome = ({ offset }: HandledRecord): boolean =>
    correspondence.around(offset)?.ceiling === undefined;
  const awaited = isKnown ? missing.filter(mayCome) : [];
  if (offset === undefined) {
    if (from >= range.high) return { ...NOTHING_FOUND, awaited, notes: [] };
    const looked = isCut
      ? 'before a record that is none of them'
      : isWhole
        ? "up to the log's end"
        : `in the first ${end - from} offsets`;
    const because =
      'not mirrored yet, removed by compaction, or changed on the way (a transform, LogAppendTime)';
    const notes = [
      `none of the last ${handled.length} handled records was found ${looked}: ${because}`,
    ];
    return { ...NOTHING_FOUND, awaited, notes };
  }
  // Behind the copy there is nothing: whatever was handled after it is not on the target.
  const isAtEnd = isWhole && isUnbroken && offset >= range.high && missing.length > 0;
  const recognised =
    'records that were handled are not on the target yet: they are recognised when they come';
  const method = isExact || isAtEnd ? 'exact' : 'fingerprint';
  const notes = awaited.length === 0 ? [] : [`${awaited.length} ${recognised}`];
  return {
    bound: { method, offset },
    awaited,
    isLastMet: missing.length === 0,
    isLookedBehind: isLookedBehind || isRead,
    notes,
  };
}
