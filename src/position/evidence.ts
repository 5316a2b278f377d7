import type { Commit } from '../cluster/access.js';
import type { Mirror } from '../replication/mirror.js';
import type { PartitionMap } from '../replication/partition-map.js';
import type { MirroredEvidence } from './bounds.js';
import { carriedRecords } from './carried-records.js';
import type { KnownHere } from './known-here.js';
import { withoutOverruled } from './overruled.js';
import { stillValid, type KnownPosition } from './recorded.js';
import { isBeforeSetBack } from './set-back.js';
import { removedOf } from './removed.js';

/** @internal What {@link evidenceOf} is put together from. */
export interface EvidenceParts {
  /** The log's name on the target, the topic that it is copied from, and the cluster that its name tells. */
  readonly log: {
    readonly name: string;
    readonly upstreamTopic: string | undefined;
    readonly origin: string | undefined;
  };
  readonly partition: number;
  readonly groupId: string;
  /** The group's commits on the source. */
  readonly sourceCommits: PartitionMap<Commit>;
  /** The group's commit on the target. */
  readonly ownCommit: bigint | undefined;
  readonly known: KnownHere;
  readonly mirror: Mirror;
  readonly hasAllSyncs: boolean;
}

/** @internal All that is known of a group in a mirrored log, and that nothing overrules; undefined for a log that was born on the target. Pure. */
export function evidenceOf({
  log: { name, upstreamTopic, origin },
  partition,
  groupId,
  sourceCommits,
  ownCommit,
  known,
  mirror,
  hasAllSyncs,
}: EvidenceParts): MirroredEvidence | undefined {
  if (upstreamTopic === undefined) return undefined;
  const latest = mirror.checkpoint(groupId, name, partition);
  const untouched = known.untouched.get(upstreamTopic, partition);
  const restartedAtWallMs = mirror.restartedAtWallMs(upstreamTopic, partition);
  const asked = sourceCommits.get(upstreamTopic, partition);
  const sourceCommit = asked?.offset ?? untouched?.committed;
  const position = known.processed.get(upstreamTopic, partition);
  const processed = stillValid(position, latest, restartedAtWallMs);
  const deliveredBefore = known.deliveredOnSource.get(upstreamTopic, partition);
  const isOutdated = latest !== undefined && isBeforeSetBack(latest, { sourceCommit, processed });
  const hasSync = mirror.syncsAround(upstreamTopic, partition, 0n).kind !== 'no-sync';
  // A checkpoint is translated by a sync: there was one, and it is lost.
  const isSyncLost = !hasSync && latest !== undefined;
  const areAllKnown = hasAllSyncs && !isSyncLost;
  const evidence = {
    mirror,
    isShared: origin === undefined,
    upstreamTopic,
    partition,
    newestSync: mirror.newestSync(upstreamTopic, partition),
    copiedBefore: mirror.copiedBefore(upstreamTopic, partition),
    sourceCommit,
    deliveredOnTarget: known.deliveredOnTarget.get(name, partition),
    hasAllSyncs: areAllKnown,
    isUnsynced: areAllKnown && !hasSync,
    ...(isOutdated
      ? { checkpoint: undefined, outdated: latest, ...withoutLimit(processed) }
      : {
          checkpoint: latest,
          processed: processed && withEarlier(processed, deliveredBefore),
          untouched: untouched && withEarlier(untouched, deliveredBefore),
        }),
  };
  const carried = carriedRecords(evidence, restartedAtWallMs, asked);
  const removed = removedOf(evidence, asked);
  return withoutOverruled({ ...evidence, carried, removed }, ownCommit, known);
}

/** What handlers were given in an earlier epoch may have been handled as well, and not come as far again. */
function withEarlier<T extends { readonly deliveredBelow?: bigint | undefined }>(
  standing: T,
  before: bigint | undefined,
): T {
  const { deliveredBelow } = standing;
  const isFurther = deliveredBelow !== undefined && before !== undefined && before > deliveredBelow;
  return isFurther ? { ...standing, deliveredBelow: before } : standing;
}

/** Before the group was set back it had handled more: what comes again is not limited by where it stands now. */
function withoutLimit(processed: KnownPosition | undefined): Pick<MirroredEvidence, 'processed'> {
  return { processed: processed && { ...processed, deliveredBelow: undefined } };
}
