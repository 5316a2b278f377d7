import type { Commit } from '../cluster/access.js';
import type { MirroredEvidence } from './bounds.js';
import { verdictOn } from './checkpoint-bound.js';
import { newestCommit, readMetadataOf } from './commit-metadata.js';
import type { HandledRecord } from './fingerprint.js';

/** @internal What {@link carriedRecords} is asked about. */
export type CarriedEvidence = Pick<
  MirroredEvidence,
  'mirror' | 'upstreamTopic' | 'partition' | 'hasAllSyncs' | 'checkpoint' | 'processed'
>;

/**
 * The last handled records that the group's commit on the source names, or that a checkpoint brings along, whichever is further: members write them into the metadata of their commits, and MirrorMaker copies a
 * commit's metadata into its checkpoint, verbatim. `Search` looks for their copies, and the place behind the newest one that is met is a bound.
 * Empty where nothing counts. Pure.
 *
 * Why that is a sound bound:
 *
 * - **They were handled.** A member has named them in the very commit of U, as records below U: whoever commits U says that all below it is
 *   handled. `Search` needs no more than that, records that were handled, in their order; where U lies among the copies it never asks. So the upstream
 *   offset is no position here either, and a topic that was made anew, whose offsets mean other records, is not hit by an old number.
 * - **They belong to this checkpoint.** Metadata counts only beside the offset, and in the log (cluster, topic, partition), that it names itself. An
 *   operator's reset writes another offset, with no metadata or with its own. `sync.group.offsets` copies metadata of A beside an offset of B, and may bring it
 *   home in a checkpoint of the other flow: there the cluster is another one. So nothing that is older than the commit stays in force.
 * - **Nothing speaks against the checkpoint itself**: no offset sync contradicts it, and the partition's syncs have not begun anew since the commit
 *   (then the log may be another one).
 * - **User code has not moved back** in this process: then only its own position counts.
 *
 * It is a lower bound: the group may have handled more after that commit, so it is never called exact. Nothing is taken from it where this process
 * knows the group to be as far already, and records to look for.
 *
 * @param restartedAtWallMs - when the partition's offset syncs began anew.
 * @param commit - the group's commit on the source, where that answers: what other members have committed last is in no checkpoint yet.
 * @internal
 */
export function carriedRecords(
  evidence: CarriedEvidence,
  restartedAtWallMs: number | undefined,
  commit?: Pick<Commit, 'offset' | 'metadata'>,
): readonly HandledRecord[] {
  const { mirror, upstreamTopic, partition, checkpoint, processed } = evidence;
  const newest = newestCommit(commit, checkpoint);
  if (newest === undefined || processed?.rewoundBelow !== undefined) return [];
  const own = processed !== undefined && processed.offset >= newest.offset ? processed : undefined;
  if (own !== undefined && own.recent.all().length > 0) return [];
  const log = { cluster: mirror.source, physicalTopic: upstreamTopic, partition };
  const carried = readMetadataOf(newest, log);
  if (carried === undefined) return [];
  // The commit is older than its checkpoint, whatever the member's clock says.
  const atWallMs = Math.min(carried.atWallMs, checkpoint?.recordedAtWallMs ?? Infinity);
  if (restartedAtWallMs !== undefined && restartedAtWallMs > atWallMs) return [];
  if (newest === commit || checkpoint === undefined) return carried.recent;
  return verdictOn(checkpoint, evidence).kind === 'doubted' ? [] : carried.recent;
}

/**
 * The records to look for: those that a checkpoint brings along, behind those that this process knows of before them. All were handled, and they stand
 * in the order of their log. Pure.
 *
 * @internal
 */
export function soughtRecords({
  processed,
  carried = [],
}: Pick<MirroredEvidence, 'processed' | 'carried'>): readonly HandledRecord[] {
  const known = processed?.recent.all() ?? [];
  const [first] = carried;
  return first === undefined
    ? known
    : [...known.filter(({ offset }) => offset < first.offset), ...carried];
}
