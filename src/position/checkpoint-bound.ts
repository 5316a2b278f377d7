import type { Checkpoint } from '../replication/checkpoint-store.js';
import type { SyncsAround } from '../replication/offset-sync-store.js';
import type { Bound, MirroredEvidence } from './bounds.js';

/**
 * What MirrorMaker's checkpoint says of the group's position, as far as the offset syncs bear it out. Pure.
 *
 * @internal
 */
export function checkpointBound(evidence: MirroredEvidence): {
  readonly bound?: Bound;
  readonly notes: readonly string[];
} {
  const { mirror, isShared, checkpoint, outdated } = evidence;
  if (outdated !== undefined) {
    return {
      notes: [
        `${nameOf(outdated)} does not count: the group was set back on ${mirror.source} since, and MirrorMaker has not seen it yet`,
      ],
    };
  }
  if (checkpoint === undefined) return { notes: [] };
  const { upstreamOffset, downstreamOffset } = checkpoint;
  const verdict = verdictOn(checkpoint, evidence);
  if (verdict.kind === 'doubted') return { notes: [`${verdict.because}, so it is not used`] };
  if (verdict.kind === 'confirmed') {
    return { bound: { method: 'checkpoint', offset: downstreamOffset }, notes: [] };
  }
  if (verdict.kind === 'newer' && !isShared) {
    return { bound: { method: 'unverified-checkpoint', offset: downstreamOffset }, notes: [] };
  }
  const { end } = verdict;
  if (end === undefined) return { notes: [] };
  const because =
    verdict.kind === 'newer'
      ? `where the offset syncs end that are known: beyond it records born on ${mirror.target} may lie among the copies`
      : `where ${upstreamOffset} is by the offset syncs that are known: it was taken from one of a topic that is gone, as a rule`;
  return {
    bound: { method: 'checkpoint', offset: end, named: downstreamOffset },
    notes: [`${nameOf(checkpoint)} counts up to ${end}, ${because}`],
  };
}

/**
 * Is this commit of the group on the target at the place of a checkpoint that does not count? Then MirrorMaker may have made it (`sync.group.offsets.enabled`).
 *
 * @internal
 */
export function isOfVoidCheckpoint(commit: bigint, evidence: MirroredEvidence): boolean {
  const { checkpoint, outdated, isShared } = evidence;
  if (outdated !== undefined) return commit === outdated.downstreamOffset;
  if (checkpoint === undefined || commit !== checkpoint.downstreamOffset) return false;
  // What lies behind the log's very first record only that record can tell: `behindFirst`.
  if (commit === 1n && !isShared) return true;
  const { kind } = verdictOn(checkpoint, evidence);
  return kind === 'doubted' || kind === 'contradicted';
}

/** @internal What the offset syncs that are known say of a checkpoint. */
export type CheckpointVerdict =
  | Reach
  /** One speaks against it, or it points among second copies: it says nothing of anybody. */
  | { readonly kind: 'doubted'; readonly because: string };

/** @internal Pure. */
export function verdictOn(
  checkpoint: Checkpoint,
  {
    mirror,
    upstreamTopic,
    partition,
    hasAllSyncs,
  }: Pick<MirroredEvidence, 'mirror' | 'upstreamTopic' | 'partition' | 'hasAllSyncs'>,
): CheckpointVerdict {
  const around = mirror.syncsAround(upstreamTopic, partition, checkpoint.upstreamOffset);
  const because = doubtOf(checkpoint, around);
  if (because !== undefined) return { kind: 'doubted', because };
  return reachOf(checkpoint, around, hasAllSyncs);
}

/** How far a checkpoint counts by the offset syncs that are known. */
type Reach =
  | { readonly kind: 'confirmed' }
  /** It was taken from a sync of a log that is gone; it counts up to here. */
  | { readonly kind: 'contradicted'; readonly end: bigint }
  /** It may be of a newer sync. The known ones can speak for this much of it; undefined: for nothing. */
  | { readonly kind: 'newer'; readonly end: bigint | undefined };

/**
 * MirrorMaker takes a checkpoint from the newest sync (u, d) at or below it that it has, as d where it is the very offset and d + 1 else. It reads the
 * syncs later than it writes them: after a remote topic was made anew it goes on for a moment with those of the log that is gone, and the checkpoint
 * stays where the group stands still. So one that reaches further than the known syncs allow is of
 *
 * - the log that is gone, where all syncs around it are known; where it lies more records behind the newest one below it than the source has there; and
 *   where the log that is there now was begun with a later record;
 * - or a newer sync. Known syncs are older than checkpoints where they are kept on the source, and it is cut off from here while MirrorMaker still reads it.
 */
function reachOf(
  { upstreamOffset, downstreamOffset }: Checkpoint,
  around: SyncsAround,
  hasAllSyncs: boolean,
): Reach {
  if (around.kind !== 'known') return { kind: 'newer', end: undefined };
  const { ceiling, madeAnewAt } = around;
  // What is older than a second copying is forgotten, but for the first sync of the log.
  const isOfAnother = madeAnewAt !== undefined && upstreamOffset < madeAnewAt.upstreamOffset;
  if (isOfAnother && downstreamOffset > 0n) return { kind: 'contradicted', end: 0n };
  const floor = around.floor ?? madeAnewAt;
  if (floor === undefined || isOfAnother) return { kind: 'confirmed' };
  // Beyond a sync of the very offset is beyond the ceiling, too: a doubt.
  const end = floor.downstreamOffset + 1n;
  if (downstreamOffset <= end) return { kind: 'confirmed' };
  const isAll = around.floor !== undefined && around.isThinned !== true;
  const isComplete = isAll && (ceiling !== undefined || hasAllSyncs);
  const distance = upstreamOffset - floor.upstreamOffset;
  const isTooFar = downstreamOffset > floor.downstreamOffset + distance;
  if (isComplete || isTooFar) return { kind: 'contradicted', end };
  return ceiling === undefined ? { kind: 'newer', end } : { kind: 'confirmed' };
}

/** What speaks against a checkpoint, in words; undefined where nothing does. */
function doubtOf(checkpoint: Checkpoint, around: SyncsAround): string | undefined {
  if (around.kind !== 'known') return undefined;
  const { downstreamOffset } = checkpoint;
  const name = nameOf(checkpoint);
  const { ceiling, replay } = around;
  if (replay !== undefined && downstreamOffset >= replay.beginsAt) {
    return `${name} points among the records from ${replay.beginsAt} on that MirrorMaker is copying a second time`;
  }
  if (ceiling !== undefined && ceiling.downstreamOffset < downstreamOffset) {
    return (
      `${name} contradicts the offset sync ${ceiling.upstreamOffset} -> ${ceiling.downstreamOffset}: ` +
      'the topic was re-created'
    );
  }
  return undefined;
}

function nameOf({ upstreamOffset, downstreamOffset }: Checkpoint): string {
  return `checkpoint ${upstreamOffset} -> ${downstreamOffset}`;
}
