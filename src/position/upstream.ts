import type { LogRange } from '../cluster/access.js';
import type { SyncsAround } from '../replication/offset-sync-store.js';
import type { OffsetSync } from '../replication/records.js';
import type { MirroredEvidence } from './bounds.js';
import { highest } from './highest.js';
import type { MissingBound } from './missing.js';
import { missingBoundInWords, noTranslationInWords } from './missing.js';

/**
 * The log that a log of the target is a mirror of, and how far it is mirrored. All offsets are the source's.
 *
 * @public
 */
export interface UpstreamLog {
  /** Its topic on the source. */
  readonly topic: string;
  /**
   * Everything below `end` was copied to the target, and nothing from there on. `atLeast`: more may have been; `atMost`: less, because
   * MirrorMaker has copied records twice. What of it is not there any more: see `gone`. Too high by the records of a batch that MirrorMaker had to send twice since its newest offset sync:
   * nothing tells of these. And too low by gaps (the ends of transactions) behind which MirrorMaker had not written an offset sync when it, or the source, ended: it
   * has ten under way at most, and writes the others with its next commit of offsets.
   */
  readonly mirrored:
    | { readonly kind: 'known'; readonly end: bigint }
    | { readonly kind: 'atLeast'; readonly end: bigint }
    | { readonly kind: 'atMost'; readonly end: bigint }
    | { readonly kind: 'unknown'; readonly because: string };
  /**
   * Where it ends: as the source says now, or, where the source was not asked or did not answer, the end of what was seen of it, which
   * may be less.
   */
  readonly end:
    { readonly kind: 'asked' | 'seen'; readonly offset: bigint } | { readonly kind: 'unknown' };
  /** The group has handled everything below it; undefined where that is not known. */
  readonly handledEnd: bigint | undefined;
  /**
   * Records from `first` to `last` were not handled, as far as is known, and their copies are not on the target any more: retention has
   * removed them, or the topic was made anew there, and MirrorMaker does not copy again. More may be gone where `mirrored` is `atLeast`. They may still be on the source. Counted in offsets:
   * the end of a transaction counts like a record. Undefined where none are known.
   */
  readonly gone?: { readonly first: bigint; readonly last: bigint } | undefined;
}

const NEWEST = 2n ** 63n - 1n;

/**
 * How far a log of the source is mirrored, from the newest offset sync (u, d) and the end of the target's log: MirrorMaker writes a
 * sync behind every gap that it meets, so the copies behind d are those of u + 1, u + 2, ... Pure.
 *
 * Not known so are: a shared log, where the records behind d may be others', and one that was made anew and has no sync yet (then at least u was
 * copied); and a replay, where they are second copies (then at most so much).
 *
 * @param sourceEnd - the source's own word; undefined where it has none.
 * @param unread - why MirrorMaker's records are not known as they are now; empty where they are.
 * @internal
 */
export function upstreamOf(
  evidence: MirroredEvidence,
  range: LogRange,
  sourceEnd: bigint | undefined,
  unread: readonly MissingBound[],
): UpstreamLog {
  const { upstreamTopic, processed, sourceCommit, checkpoint } = evidence;
  const mirrored = mirroredOf(evidence, range, unread);
  const handledEnd = highest(processed?.offset, sourceCommit);
  const seen = highest(
    handledEnd,
    processed?.deliveredBelow,
    checkpoint?.upstreamOffset,
    mirrored.kind === 'unknown' ? undefined : mirrored.end,
  );
  const end =
    sourceEnd !== undefined
      ? ({ kind: 'asked', offset: sourceEnd } as const)
      : seen === undefined
        ? ({ kind: 'unknown' } as const)
        : ({ kind: 'seen', offset: seen } as const);
  const gone = unread.length > 0 ? undefined : goneBelow(evidence, range, handledEnd);
  return { topic: upstreamTopic, mirrored, end, handledEnd, gone };
}

/**
 * What the group had not handled and the log does not have: up to the last record that was copied to a log that is gone, and up to the first one whose copy is in this one.
 * Not known so in a shared log, and in one in which MirrorMaker makes second copies.
 */
function goneBelow(
  evidence: MirroredEvidence,
  range: LogRange,
  handledEnd: bigint | undefined,
): UpstreamLog['gone'] {
  if (handledEnd === undefined || evidence.isShared) return undefined;
  const { mirror, upstreamTopic, partition, copiedBefore } = evidence;
  const here = mirror.syncsAround(upstreamTopic, partition, handledEnd);
  if (here.kind !== 'known' || here.replay !== undefined) return undefined;
  const last = highest(lastBefore(evidence, range, here), copiedBefore);
  return last === undefined || last < handledEnd ? undefined : { first: handledEnd, last };
}

/**
 * The last record before the first one whose copy is in the log, by the newest offset sync (u, d) that does not lie behind the log's start: the copies behind d are
 * those of u + 1, u + 2, ...
 */
function lastBefore(
  { mirror, upstreamTopic, partition, newestSync }: MirroredEvidence,
  { low, high }: LogRange,
  here: PairOfSyncs,
): bigint | undefined {
  // It has none of the copies that were made before.
  if (isMadeAnew(newestSync, high)) return newestSync.upstreamOffset;
  const around = (offset: bigint): PairOfSyncs => {
    const there = mirror.syncsAround(upstreamTopic, partition, offset);
    return there.kind === 'known' ? there : { floor: undefined, ceiling: undefined };
  };
  const isBelow = (sync: OffsetSync | undefined): sync is OffsetSync =>
    sync !== undefined && sync.downstreamOffset <= low;
  const { floor: below, ceiling: above } = here;
  if (below === undefined && above !== undefined && !isBelow(above)) {
    return lastBeforeOldest(above, low);
  }
  let newest = below ?? above;
  if (!isBelow(newest)) return undefined;
  // Offsets of both logs only grow from sync to sync, so it is found by halves.
  let end = NEWEST;
  while (end - newest.upstreamOffset > 1n) {
    const middle = newest.upstreamOffset + (end - newest.upstreamOffset) / 2n;
    const { floor, ceiling } = around(middle);
    if (isBelow(ceiling)) newest = ceiling;
    else if (isBelow(floor) && floor.upstreamOffset > newest.upstreamOffset) newest = floor;
    else end = middle;
  }
  const ceiling = around(newest.upstreamOffset + 1n).ceiling?.upstreamOffset;
  const firstThere = newest.upstreamOffset + (low - newest.downstreamOffset);
  return (ceiling !== undefined && ceiling < firstThere ? ceiling : firstThere) - 1n;
}

/**
 * The same where no sync is left of what lay below the log's start (their topic is compacted): a first copy lies no further than its record, so the copies of the records below
 * `low` lay below it. Second copies have moved places up, by at least as many as the oldest sync lies further than its record, so as many records fewer are certain.
 */
function lastBeforeOldest(oldest: OffsetSync, low: bigint): bigint {
  const lessSecondCopies = oldest.upstreamOffset - (oldest.downstreamOffset - low);
  return (lessSecondCopies < low ? lessSecondCopies : low) - 1n;
}

/** The log was made anew, and no sync is of this one. */
function isMadeAnew(newestSync: OffsetSync | undefined, high: bigint): newestSync is OffsetSync {
  return newestSync !== undefined && newestSync.downstreamOffset >= high;
}

type PairOfSyncs = Pick<Extract<SyncsAround, { kind: 'known' }>, 'floor' | 'ceiling'>;

function mirroredOf(
  { mirror, isShared, upstreamTopic, partition, newestSync }: MirroredEvidence,
  { high }: LogRange,
  unread: readonly MissingBound[],
): UpstreamLog['mirrored'] {
  const [doubt] = unread;
  if (doubt !== undefined) return { kind: 'unknown', because: missingBoundInWords(doubt) };
  const readable = mirror.translate(upstreamTopic, partition, NEWEST);
  if (readable.kind === 'unavailable' && readable.reason !== 'before-oldest-sync') {
    return { kind: 'unknown', because: noTranslationInWords(readable.reason, mirror.source) };
  }
  const around = mirror.syncsAround(upstreamTopic, partition, NEWEST);
  if (around.kind !== 'known' || around.floor === undefined) {
    const reason = around.kind === 'not-read' ? 'not-read' : 'no-sync';
    return { kind: 'unknown', because: noTranslationInWords(reason, mirror.source) };
  }
  const { upstreamOffset, downstreamOffset } = around.floor;
  const next = upstreamOffset + 1n;
  // What was copied behind the sync went with the old log.
  if (isShared || isMadeAnew(newestSync, high)) return { kind: 'atLeast', end: next };
  const behind = high - downstreamOffset - 1n;
  const end = behind > 0n ? next + behind : next;
  return { kind: around.replay === undefined ? 'known' : 'atMost', end };
}
