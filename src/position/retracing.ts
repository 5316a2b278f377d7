import { messageOf } from '../caught.js';
import type { ClusterAccess, FetchedRecord, LogRange } from '../cluster/access.js';
import { untilAborted, withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { Bound, Bounds } from './bounds.js';
import type { Correspondence, Pair, PairsAround } from './correspondence.js';
import { Retrace, type PlaceRules } from './retrace.js';
import { syncAtOrAfter } from './search.js';

/** @internal What was handled on the source of the copies of a log that was born on the target. */
export interface HandledCopies {
  /** The copies' topic on the source. */
  readonly physicalTopic: string;
  /**
   * This process, or its group, has handled each record from here to `below` there. Of what lies before only that much is known that nothing is lost by going
   * on from here: it may not have been handled, where second copies follow.
   */
  readonly from: bigint;
  readonly below: bigint;
  /** No handler of this process was given one at or above it; undefined where that is not known. */
  readonly deliveredBelow: bigint | undefined;
  /** In earlier epochs no handler of this process was given one of the originals at or above it; undefined where none was given any. */
  readonly deliveredOnTarget: bigint | undefined;
  /** The group was never in the log of the originals itself: it has no commit there, and nobody has written down that it handled anything. */
  readonly isNew: boolean;
  /** From the originals to the copies. */
  readonly correspondence: Correspondence;
}

/** @internal What {@link retrace} needs. */
export interface RetraceParts {
  readonly target: Pick<ClusterAccess, 'fetch'>;
  /** Where the copies are. */
  readonly source: Pick<ClusterAccess, 'fetch' | 'ranges' | 'alias'>;
  readonly world: World;
  /** It ends then (the world's monotonic milliseconds), with what it has found. */
  readonly deadlineAtMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** @internal The log that was born on the target. */
export interface OriginalLog {
  readonly physicalTopic: string;
  readonly partition: number;
  readonly range: LogRange;
}

/** So many copies of one partition are gone through, at most. */
const MAX_COPIES = 1_000_000;

/** Originals before the place where the group had left: by them the copies are found among which to begin. */
const ANCHORS = 1_000;

const FETCH_BYTES = 524_288;

/** A fetch that brings nothing before the end is repeated after so long. */
const EMPTY_WAIT_MS = 50;

/**
 * Finds how many records of a log that was born on the target the group has handled on the source, as copies. Both clusters are read, so
 * that there is proof for each record ({@link Retrace}). Never rejects for a log: what cannot be read costs the bound, and is said.
 *
 * @param known - with the position at which the group had left the log.
 * @throws the reason of `signal`.
 * @internal
 */
export async function retrace(
  log: OriginalLog,
  copies: HandledCopies,
  known: Bounds,
  parts: RetraceParts,
): Promise<Bounds> {
  const leftAt = highestWithin(known, log.range) ?? (copies.isNew ? log.range.low : undefined);
  if (leftAt === undefined) return known;
  const { world, deadlineAtMs, signal, source } = parts;
  const said = (because: string): Bounds => ({
    ...known,
    notes: [...known.notes, `what was handled on ${source.alias} is not known here: ${because}`],
  });
  const found: Found = { retrace: undefined };
  try {
    const walk = (limit: AbortSignal): Promise<string | undefined> =>
      goThrough({ ...log, leftAt }, copies, found, { ...parts, limit });
    const ended = await withinDeadline(world, deadlineAtMs, walk, { signal });
    const because = ended.kind === 'settled' ? ended.value : 'reading took too long';
    return conclude(because === undefined ? known : said(because), found, copies, {
      isRead: because === undefined,
    });
  } catch (error) {
    signal?.throwIfAborted();
    return conclude(said(messageOf(error)), found, copies, { isRead: false });
  }
}

/** What was found so far: it counts, however the reading ends. */
interface Found {
  retrace: Retrace | undefined;
}

/** @returns why it did not come to the end; undefined where it did. */
async function goThrough(
  { physicalTopic, partition, range, leftAt }: OriginalLog & { leftAt: bigint },
  { physicalTopic: copiesTopic, from: handledFrom, below, correspondence }: HandledCopies,
  found: Found,
  { source, target, limit }: RetraceParts & { limit: AbortSignal },
): Promise<string | undefined> {
  const copied = (await untilAborted(limit, source.ranges(copiesTopic)))?.get(partition);
  if (copied === undefined) return `${copiesTopic} is not there any more`;
  if (below > copied.high)
    return `${copiesTopic}-${partition} ends at ${copied.high}, before ${below}`;
  const from = atLeast(leftAt - BigInt(ANCHORS), range.low);
  const originals = new Reading(target, { physicalTopic, partition, from, end: range.high }, limit);
  const copies = new Reading(
    source,
    {
      physicalTopic: copiesTopic,
      partition,
      from: atLeast(handledFrom, copied.low),
      end: below,
    },
    limit,
  );
  // The first copies are read meanwhile. What is wrong with them is heard below.
  const reading = copies.peek();
  reading.catch(() => {});
  const anchors = await originals.take(ANCHORS, leftAt);
  const retrace = new Retrace(anchors, { leftAt, ...rulesOf(correspondence) });
  found.retrace = retrace;
  if (!retrace.isOver) await reading;
  for (let count = 0; count < MAX_COPIES; count += 1) {
    let isAll = false;
    while (retrace.wantsOriginal && !isAll) {
      const original = await originals.next();
      if (original === undefined) isAll = true;
      else retrace.add(original);
    }
    const copy = retrace.isOver ? undefined : await copies.next();
    if (copy === undefined) {
      retrace.finish(isAll);
      return retrace.isOver
        ? `too many records of ${copiesTopic}-${partition} belong to none that is in ${physicalTopic}`
        : undefined;
    }
    retrace.look(copy);
  }
  return `more than ${MAX_COPIES} records of ${copiesTopic}-${partition} were handled there`;
}

/** @internal What the nearest pairs say of a place. */
export function rulesOf(correspondence: Correspondence): PlaceRules {
  return {
    placeOf(offset) {
      const around = correspondence.around(offset);
      const floor = around?.floor;
      if (floor?.handledAt !== offset || !isFirst(around, floor.soughtAt)) return undefined;
      return floor.soughtAt;
    },
    isPossible(offset, copyAt) {
      const around = correspondence.around(offset);
      return (
        isFirst(around, copyAt) &&
        isBehind(offset, copyAt, around?.floor) &&
        syncAtOrAfter({ offset }, copyAt, around?.ceiling)
      );
    },
    isCertain(offset, copyAt, since) {
      const around = correspondence.around(offset);
      if (around === undefined || !isFirst(around, copyAt)) return false;
      const { floor, ceiling } = around;
      if (floor?.handledAt === offset) return floor.soughtAt === copyAt;
      if (ceiling === undefined || !syncAtOrAfter({ offset }, copyAt, ceiling)) return false;
      return floor !== undefined && floor.handledAt >= since && copyAt > floor.soughtAt;
    },
  };
}

function isFirst(around: PairsAround | undefined, copyAt: bigint): boolean {
  return around?.firstUpTo === undefined || copyAt <= around.firstUpTo;
}

/** The copy of a later record lies behind that of an earlier one. */
function isBehind(offset: bigint, copyAt: bigint, floor: Pair | undefined): boolean {
  if (floor === undefined) return true;
  return floor.handledAt < offset ? copyAt > floor.soughtAt : copyAt >= floor.soughtAt;
}

/** What came of it. Pure. */
function conclude(
  known: Bounds,
  { retrace }: Found,
  { below, deliveredBelow, deliveredOnTarget = 0n }: HandledCopies,
  { isRead }: { isRead: boolean },
): Bounds {
  const result = retrace?.result();
  if (result?.offset === undefined) return known;
  const { offset } = result;
  // What handlers were given there before may have been handled, and comes again.
  const isBeyond = deliveredOnTarget > offset;
  const isWhole = isRead && result.isExact;
  const isExact = isWhole && !isBeyond;
  const bound: Bound = { method: isExact ? 'exact' : 'fingerprint', offset };
  const isKnown = isWhole && result.isEnd && deliveredBelow === below;
  return {
    ...known,
    bounds: [bound, ...known.bounds],
    handledBelow: isKnown ? atLeast(offset, deliveredOnTarget) : known.handledBelow,
  };
}

/** Where the group had left the log, by what is known. */
function highestWithin({ bounds }: Bounds, { low, high }: LogRange): bigint | undefined {
  let highest: bigint | undefined;
  for (const { offset } of bounds) {
    if (offset <= high && (highest === undefined || offset > highest)) highest = offset;
  }
  return highest === undefined ? undefined : atLeast(highest, low);
}

function atLeast(offset: bigint, low: bigint): bigint {
  return offset < low ? low : offset;
}

/** A part of a log. */
interface Stretch {
  readonly physicalTopic: string;
  readonly partition: number;
  readonly from: bigint;
  readonly end: bigint;
}

/** Its records, one by one. */
class Reading {
  readonly #access: Pick<ClusterAccess, 'fetch'>;
  readonly #stretch: Stretch;
  readonly #signal: AbortSignal;
  #records: readonly FetchedRecord[] = [];
  #index = 0;
  #position: bigint;

  constructor(access: Pick<ClusterAccess, 'fetch'>, stretch: Stretch, signal: AbortSignal) {
    this.#access = access;
    this.#stretch = stretch;
    this.#signal = signal;
    this.#position = stretch.from;
  }

  /** The next one, which stays so; undefined at the end. */
  async peek(): Promise<FetchedRecord | undefined> {
    const { physicalTopic, partition, end } = this.#stretch;
    while (this.#index >= this.#records.length && this.#position < end) {
      const { records, nextOffset } = await untilAborted(
        this.#signal,
        this.#access.fetch(physicalTopic, partition, this.#position, {
          maxWaitMs: EMPTY_WAIT_MS,
          maxBytes: FETCH_BYTES,
        }),
      );
      this.#records = records;
      this.#index = 0;
      this.#position = nextOffset;
    }
    const next = this.#records[this.#index];
    return next !== undefined && BigInt(next.offset) < end ? next : undefined;
  }

  /** So many, or those before an offset. */
  async take(count: number, before?: bigint): Promise<readonly FetchedRecord[]> {
    const taken: FetchedRecord[] = [];
    while (taken.length < count) {
      const one = await this.peek();
      if (one === undefined || (before !== undefined && BigInt(one.offset) >= before)) break;
      taken.push(one);
      this.#index += 1;
    }
    return taken;
  }

  async next(): Promise<FetchedRecord | undefined> {
    const record = await this.peek();
    this.#index += 1;
    return record;
  }
}
