import type { Commit, LogRange } from '../cluster/access.js';
import type { Mirror } from '../replication/mirror.js';
import { gatherBounds, type MirroredEvidence } from './bounds.js';
import { verdictOn } from './checkpoint-bound.js';
import { newestCommit, readMetadataOf } from './commit-metadata.js';
import { highest } from './highest.js';
import type { HandledPosition, UntouchedPartition } from './need.js';
import { type OffsetSpan, partBelow } from './offset-span.js';
import type { Gathered } from './recognise.js';

/**
 * Goes back for what retention had removed on the source before the group came to it ({@link HandledPosition.removed}), where the target may still have the
 * copies. Pure.
 *
 * The group's position there, and whatever was committed since, say that all below was handled; these records were not. So nothing counts that lies
 * behind the first of them, neither on the source nor in checkpoints, and no commit on the target, which MirrorMaker may have made of such a checkpoint
 * (`sync.group.offsets.enabled`). What was handled since is handled again.
 *
 * Not where the copies are gone as well, nor where no offset sync is known and the log cannot be told to hold copies: it is empty, its ends are unknown, or it is shared (Identity).
 * In another log a missing sync proves nothing: it may be lost, or elsewhere. Where nothing is left to go by, because the offset syncs cannot be read, the target is read from its beginning, whatever is to happen to a group that nothing is known of.
 *
 * @internal
 */
export function goingBack(gathered: Gathered, range: LogRange | undefined): Gathered {
  const { mirrored, bounds } = gathered;
  if (mirrored?.removed === undefined) return gathered;
  const { first, last } = mirrored.removed;
  const { mirror, upstreamTopic, partition } = mirrored;
  const isUnsynced = mirror.syncsAround(upstreamTopic, partition, first).kind === 'no-sync';
  const isKnownToHoldCopies = range !== undefined && range.high > 0n && !mirrored.isShared;
  if (isUnsynced && !isKnownToHoldCopies) return gathered;
  const removed = `${upstreamTopic} ${first} to ${last} were removed on ${mirror.source} before the group had handled them`;
  if (range !== undefined && areCopiesBelow(mirrored, last, range.low)) {
    const note = `${removed}, and they are not in this log any more`;
    return { ...gathered, bounds: { ...bounds, notes: [...bounds.notes, note] } };
  }
  const own = bounds.bounds.find(({ method }) => method === 'own-commit');
  // Up to there it was handled, as far as is known, and is handled again.
  const deliveredOnTarget = highest(mirrored.deliveredOnTarget, own?.offset);
  const evidence = { ...asOf(mirrored, first), deliveredOnTarget };
  const found = gatherBounds({ ownCommit: undefined, mirrored: evidence });
  return {
    ...gathered,
    mirrored: evidence,
    bounds: {
      ...found,
      bounds: found.bounds.length > 0 ? found.bounds : [{ method: 'earliest', offset: 0n }],
      voidCommit: own?.offset ?? bounds.voidCommit,
      missing: bounds.missing,
      notes: [...found.notes, `${removed}: it goes back to their copies`],
    },
  };
}

/**
 * What was not handled below the group's position, by whoever knows the position: the process or a progress record, or else the newest commit, on the source, at this
 * member's join, or in a checkpoint, by its metadata. Pure.
 *
 * @param commit - the group's commit on the source.
 * @internal
 */
export function removedOf(
  told: Told,
  commit: Pick<Commit, 'offset' | 'metadata'> | undefined,
): OffsetSpan | undefined {
  const { processed, untouched, checkpoint, mirror, upstreamTopic, partition } = told;
  const isDoubted = checkpoint !== undefined && verdictOn(checkpoint, told).kind === 'doubted';
  const newest = newestCommit(commit, isDoubted ? undefined : checkpoint);
  const isOwn =
    processed !== undefined &&
    (newest === undefined ||
      processed.rewoundBelow !== undefined ||
      processed.offset >= newest.offset);
  if (isOwn) return partBelow(processed.removed, processed.offset);
  const atJoin = untouched?.committed;
  const isOfJoin =
    atJoin !== undefined &&
    commit === undefined &&
    (newest === undefined || atJoin >= newest.offset);
  if (isOfJoin) return partBelow(untouched?.removed, atJoin);
  const log = { cluster: mirror.source, physicalTopic: upstreamTopic, partition };
  const said = newest && readMetadataOf(newest, log);
  if (said !== undefined || newest === commit) return said?.removed;
  // A checkpoint that names nothing, junk or of a commit without metadata, takes back nothing that is known.
  return (
    (processed && partBelow(processed.removed, processed.offset)) ??
    (commit && readMetadataOf(commit, log)?.removed) ??
    (atJoin === undefined ? undefined : partBelow(untouched?.removed, atJoin))
  );
}

type Told = Pick<
  MirroredEvidence,
  'checkpoint' | 'mirror' | 'upstreamTopic' | 'partition' | 'hasAllSyncs'
> & {
  readonly processed: Pick<HandledPosition, 'offset' | 'rewoundBelow' | 'removed'> | undefined;
  readonly untouched?: Pick<UntouchedPartition, 'committed' | 'removed'> | undefined;
};

/** What is known of the group, without all that lies behind a record. */
function asOf(evidence: MirroredEvidence, first: bigint): MirroredEvidence {
  const { sourceCommit, checkpoint, processed } = evidence;
  const deliveredBelow = processed?.deliveredBelow;
  // Others have handled more, which comes again as well.
  const isKnown = [sourceCommit, checkpoint?.upstreamOffset].every(
    (one) => one === undefined || deliveredBelow === undefined || one <= deliveredBelow,
  );
  const recent = processed?.recent.all().filter(({ offset }) => offset < first) ?? [];
  return {
    ...evidence,
    sourceCommit: sourceCommit !== undefined && sourceCommit > first ? undefined : sourceCommit,
    checkpoint:
      checkpoint !== undefined && checkpoint.upstreamOffset > first ? undefined : checkpoint,
    carried: [],
    processed: {
      deliveredBelow: isKnown ? deliveredBelow : undefined,
      rewoundBelow: processed?.rewoundBelow,
      offset: first,
      recent: { all: () => recent, few: () => recent },
    },
  };
}

/**
 * True where the copies of all records up to one lie before a place of the log that they are in.
 *
 * @internal
 */
export function areCopiesBelow(
  {
    mirror,
    upstreamTopic,
    partition,
  }: { readonly mirror: Pick<Mirror, 'syncsAround'> } & Pick<
    MirroredEvidence,
    'upstreamTopic' | 'partition'
  >,
  last: bigint,
  place: bigint,
): boolean {
  const around = mirror.syncsAround(upstreamTopic, partition, last + 1n);
  if (around.kind !== 'known' || around.replay !== undefined) return false;
  return around.ceiling !== undefined && around.ceiling.downstreamOffset <= place;
}
