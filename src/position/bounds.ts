import type { Checkpoint } from '../replication/checkpoint-store.js';
import type { Mirror } from '../replication/mirror.js';
import type { OffsetSync } from '../replication/records.js';
import { checkpointBound, isOfVoidCheckpoint } from './checkpoint-bound.js';
import type { FoundCopies } from './exact.js';
import type { HandledRecord } from './fingerprint.js';
import { behindLastHandled, handledBelowOf, isHandledBeyond } from './handled-below.js';
import { highest } from './highest.js';
import type { MissingBound } from './missing.js';
import type { OffsetSpan } from './offset-span.js';
import type { PartitionFacts, PositionMethod } from './plan.js';
import type { HandledPosition, UntouchedPartition } from './need.js';

/** @internal One sound lower bound for a target partition: everything below `offset` was handled by the group. */
export interface Bound {
  readonly method: PositionMethod;
  readonly offset: bigint;
  /**
   * What it comes from names so much, where that is more than counts here: beyond the log's end it is of another log, or junk, and nothing of it
   * counts.
   */
  readonly named?: bigint;
  /** True where the last record that this process has handled was met there, or what looks like it. */
  readonly isOfLast?: boolean;
}

/** @internal What is known of a group in one log of the target. */
export interface Evidence {
  /** The group's own commit in this log on the target. */
  readonly ownCommit: bigint | undefined;
  /**
   * What the source and its mirror know; undefined for a log that was born on the target: no mirror leads to it, and what
   * the group handled of its copy on the source cannot be told from MirrorMaker's records alone.
   */
  readonly mirrored: MirroredEvidence | undefined;
}

/** @internal What the source and its mirror know of a log. */
export interface MirroredEvidence {
  readonly mirror: Pick<Mirror, 'source' | 'target' | 'translate' | 'syncsAround' | 'foreignFrom'>;
  /** True where the log also holds records that were born on the target: the Identity policy. */
  readonly isShared: boolean;
  /** The topic on the source. */
  readonly upstreamTopic: string;
  readonly partition: number;
  readonly checkpoint: Checkpoint | undefined;
  /** The newest offset sync, of before the target's log was asked for its end. */
  readonly newestSync?: OffsetSync | undefined;
  /** Up to here, with it, records were copied to a log of the target that is gone. */
  readonly copiedBefore?: bigint | undefined;
  /** One that does not count: the group was set back since. */
  readonly outdated?: Checkpoint | undefined;
  /** The group's commit on the source; undefined where there is none, or the source did not answer. */
  readonly sourceCommit: bigint | undefined;
  /** How far this process itself came on the source. */
  readonly processed:
    Pick<HandledPosition, 'offset' | 'deliveredBelow' | 'rewoundBelow' | 'recent'> | undefined;
  /** Where this process has the partition there, and nothing is known to be handled: what is known all the same. */
  readonly untouched?: Pick<UntouchedPartition, 'deliveredBelow'> | undefined;
  /**
   * The offset syncs of this log are known as they are now. Not so where they are kept on the source, and that is not asked; where none at all is found where
   * they are looked for; or where a checkpoint was made of one that is lost.
   */
  readonly hasAllSyncs: boolean;
  /** MirrorMaker has written no sync of this log yet, for certain. */
  readonly isUnsynced?: boolean;
  /**
   * No handler of this process was given a record of the *target's* log at or above it, in earlier epochs there; undefined
   * where none was given any.
   */
  readonly deliveredOnTarget: bigint | undefined;
  /** As {@link removedOf}. */
  readonly removed?: OffsetSpan | undefined;
  /** As {@link carriedRecords}: what the checkpoint brings along. Empty, or left out: nothing that counts. */
  readonly carried?: readonly HandledRecord[] | undefined;
}

/** @internal What {@link gatherBounds} finds. */
export type Bounds = Omit<
  PartitionFacts,
  'topic' | 'physicalTopic' | 'partition' | 'range' | 'upstream'
>;

/**
 * Collects every sound lower bound of a group's position in one log of the target. Pure. Why each is sound:
 *
 * - **own commit**: the group committed it in this very log, so everything below it was handled, whenever that was.
 *   Not so where it is the very place of a checkpoint that does not count: MirrorMaker has set it (`sync.group.offsets.enabled`), and goes on doing so
 *   after the topic was made anew (KAFKA-19107).
 * - **checkpoint (U, D)**: the group had committed U on the source, so every record before U was handled. MirrorMaker
 *   chose D so that only copies of records before U lie below D (D <= f(U)). U itself is a position of the *source*, never
 *   used as one of the target. It is dropped where an offset sync (u2, d2) with u2 >= U has d2 < D: then the first record
 *   at or after U lies below D, so the checkpoint speaks of a topic that was re-created since. It is dropped as well where
 *   it points among the second copies of a replay (`OffsetSyncStore`): these are not all there yet. And it counts no further than the syncs around U
 *   allow that MirrorMaker can have taken it from (`checkpoint-bound.ts`).
 * - **offset sync**: everything below U on the source was handled, U being the higher one of the group's commit there and
 *   of what this process handled; `translate` answers at or before f(U). The mirror may know more of U than the
 *   checkpoint, whose U is older. Where it names the very record that this process would have handled next it is called
 *   **exact**.
 *
 * Records that were handled and are recognised on the target come on top: `Search` says why these bounds are sound.
 *
 * In a **shared** log (Identity policy) these two speak of the copies only: records that were born on the target may lie
 * between them, unhandled, for example those of an instance that switched earlier. So they count at most up to the first
 * place where the log grew by more than was copied (`OffsetSyncStore.foreignFrom`); below it all records are copies.
 *
 * **User code moved back** (`rewoundBelow`): then only this process's own position says where the group is. Commits from
 * before are void, on the source as in checkpoints made of them; the own commit on the target is of an earlier epoch.
 *
 * A bound is missing, never guessed, where there is nothing to take it from.
 *
 * `handledBelow` limits the re-read from above: {@link handledBelowOf}.
 *
 * @internal
 */
export function gatherBounds({ ownCommit: committed, mirrored }: Evidence): Bounds {
  const bounds: Bound[] = [];
  const isVoid =
    mirrored !== undefined && committed !== undefined && isOfVoidCheckpoint(committed, mirrored);
  const ownCommit = isVoid ? undefined : committed;
  const missing: MissingBound[] = ownCommit === undefined ? [{ kind: 'no-own-commit' }] : [];
  const isRewound = mirrored?.processed?.rewoundBelow !== undefined;
  if (ownCommit !== undefined && !isRewound) {
    bounds.push({ method: 'own-commit', offset: ownCommit });
  }
  const found = {
    bounds,
    missing,
    voidCommit: isRewound || isVoid ? committed : undefined,
    awaited: [],
  };
  if (mirrored === undefined) {
    return { ...found, handledBelow: undefined, notes: [] };
  }
  const { evidence, notes: rewindNotes } = withoutVoid(mirrored);
  const translated: Bound[] = [];
  const { bound, notes: checkpointNotes } = checkpointBound(evidence);
  if (bound !== undefined) translated.push(bound);
  if (evidence.checkpoint === undefined && evidence.outdated === undefined) {
    missing.push({ kind: 'no-checkpoint' });
  }
  const notes = [...rewindNotes, ...checkpointNotes];
  addTranslation(translated, evidence, missing);
  const limit = handledBelowOf(evidence);
  // Where user code has moved back what was committed is handled again.
  const handledBelow = isRewound && limit !== undefined ? highest(limit, committed) : limit;
  if (mirrored.isShared && !hasKnownSyncs(mirrored)) {
    missing.push({ kind: 'no-origin' });
    return { ...found, handledBelow: undefined, notes };
  }
  bounds.push(...translated.map((bound) => withinCopies(behindFirst(bound, mirrored), mirrored)));
  return { ...found, handledBelow, notes };
}

/**
 * The bounds of a log with what a search for the last handled records has found. Pure.
 *
 * @internal
 */
export function withFoundCopies(
  known: Bounds,
  { bound, awaited, isLastMet, isLookedBehind, notes }: FoundCopies,
  evidence: MirroredEvidence,
): Bounds {
  const all = { ...known, awaited, notes: [...known.notes, ...notes] };
  if (bound === undefined) return all;
  const limited = withinCopies(bound, evidence);
  const { processed, hasAllSyncs, carried = [] } = evidence;
  const isUncut = limited.offset === bound.offset && bound.method === 'exact';
  // Behind a commit the group may have handled more.
  const isOwn = carried.length === 0;
  const isNewest = !isOvertaken(evidence);
  const isWhole =
    isUncut &&
    isOwn &&
    isNewest &&
    !isCopiedAgain(evidence) &&
    !isHandledBeyond(evidence, bound.offset);
  // What handlers were given beyond the position is handled in part: the offset syncs say how far that may reach.
  const isKnown =
    isWhole &&
    isLookedBehind &&
    hasAllSyncs &&
    processed?.rewoundBelow === undefined &&
    processed?.deliveredBelow === processed?.offset &&
    !mayBeCopiedTwice(evidence, bound.offset);
  return {
    ...all,
    bounds: [
      isWhole
        ? bound
        : { ...limited, method: 'fingerprint', isOfLast: isLastMet && isOwn && isNewest },
      ...known.bounds,
    ],
    handledBelow: isKnown ? bound.offset : known.handledBelow,
  };
}

/** Second copies of handled records lie behind the first ones. */
function isCopiedAgain({ mirror, upstreamTopic, partition, processed }: MirroredEvidence): boolean {
  if (processed === undefined) return false;
  const around = mirror.syncsAround(upstreamTopic, partition, processed.offset);
  return around.kind === 'known' && around.replay !== undefined;
}

/** Up to the next copy that a sync names lie more records than there can be copies: of a batch that MirrorMaker had to send twice, perhaps. */
function mayBeCopiedTwice(
  { mirror, upstreamTopic, partition, processed }: MirroredEvidence,
  position: bigint,
): boolean {
  if (processed === undefined) return false;
  const around = mirror.syncsAround(upstreamTopic, partition, processed.offset);
  if (around.kind !== 'known' || around.ceiling === undefined) return false;
  const { upstreamOffset, downstreamOffset } = around.ceiling;
  return downstreamOffset - position > upstreamOffset - processed.offset;
}

/** Another member has gone on from where this process was. */
function isOvertaken({ processed, sourceCommit, checkpoint }: MirroredEvidence): boolean {
  const isAhead = (other: bigint | undefined): boolean =>
    processed !== undefined && other !== undefined && other > processed.offset;
  return isAhead(sourceCommit) || isAhead(checkpoint?.upstreamOffset);
}

/** Without what was committed on the source before user code moved back. */
function withoutVoid(evidence: MirroredEvidence): {
  evidence: MirroredEvidence;
  notes: readonly string[];
} {
  const { mirror, processed, sourceCommit, checkpoint } = evidence;
  const rewoundBelow = processed?.rewoundBelow;
  if (processed === undefined || rewoundBelow === undefined) return { evidence, notes: [] };
  const isVoid = (offset: bigint | undefined): boolean =>
    offset !== undefined && offset > processed.offset && offset <= rewoundBelow;
  return {
    evidence: {
      ...evidence,
      sourceCommit: isVoid(sourceCommit) ? undefined : sourceCommit,
      checkpoint: isVoid(checkpoint?.upstreamOffset) ? undefined : checkpoint,
    },
    notes: [
      `the consumer was moved back on ${mirror.source} and stands at ${processed.offset}: what was committed before does not count`,
    ],
  };
}

function hasKnownSyncs({ mirror, upstreamTopic, partition }: MirroredEvidence): boolean {
  return mirror.syncsAround(upstreamTopic, partition, 0n).kind === 'known';
}

/**
 * Behind the log's very first record only that record itself can tell whether it is the one that was handled: MirrorMaker writes a sync where the place of a copy goes
 * back, and in a remote topic that was made anew with one record in it, it does not (0 follows 0).
 */
function behindFirst(bound: Bound, { isShared }: MirroredEvidence): Bound {
  if (bound.offset !== 1n || isShared) return bound;
  return cutTo(0n, bound);
}

function withinCopies(bound: Bound, evidence: MirroredEvidence): Bound {
  const { mirror, isShared, upstreamTopic, partition } = evidence;
  const foreignFrom = isShared ? mirror.foreignFrom(upstreamTopic, partition) : undefined;
  if (foreignFrom === undefined || foreignFrom >= bound.offset) return bound;
  return cutTo(foreignFrom, bound);
}

function cutTo(offset: bigint, { method, offset: whole, named = whole }: Bound): Bound {
  return { method: method === 'exact' ? 'offset-sync' : method, offset, named };
}

function addTranslation(
  bounds: Bound[],
  evidence: MirroredEvidence,
  missing: MissingBound[],
): void {
  const { mirror, upstreamTopic, partition, sourceCommit, processed } = evidence;
  const upstreamOffset = highest(processed?.offset, sourceCommit);
  if (upstreamOffset === undefined) {
    missing.push({ kind: 'no-source-position', source: mirror.source });
    return;
  }
  const translation = mirror.translate(upstreamTopic, partition, upstreamOffset);
  if (translation.kind === 'unavailable') {
    missing.push({
      kind: 'no-translation',
      reason: translation.reason,
      source: mirror.source,
    });
    return;
  }
  const isOwn = upstreamOffset === processed?.offset && !isOvertaken(evidence);
  const isNext = translation.kind === 'exact' || behindLastHandled(evidence) !== undefined;
  const isExact = isNext && isOwn && !isHandledBeyond(evidence, translation.offset);
  bounds.push({ method: isExact ? 'exact' : 'offset-sync', offset: translation.offset });
}
