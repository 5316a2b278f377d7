import type { LogRange } from '../cluster/access.js';
import type { Mirror } from '../replication/mirror.js';
import type { PartitionMap } from '../replication/partition-map.js';
import type { ReplicationPolicy } from '../replication/policy.js';
import type { Bounds } from './bounds.js';
import { toOriginals, UNMOVED } from './correspondence.js';
import type { FoundCopies, SoughtLog } from './exact.js';
import type { SourcePosition } from './plan.js';

/**
 * What is known of a log that was born on the target, on the way home: of its copy on the source, which was worked on since, and of the
 * work on it before the switch away.
 *
 * @internal
 */
export interface ReturnedEvidence {
  /** The flow from the target to the source, which made the copy. */
  readonly back: Pick<Mirror, 'syncsAround' | 'syncsAroundCopy'>;
  /** The log's topic, on the target. */
  readonly topic: string;
  /** How far the copy was handled; undefined where nothing of it was. */
  readonly ofCopy: SourcePosition | undefined;
  /** How far this process had handled the log itself. */
  readonly earlier: SourcePosition | undefined;
  /** The group's own commit in this log. */
  readonly ownCommit: bigint | undefined;
}

/**
 * @returns undefined where nothing is known: the log has no copy on the source, nobody has handled any of it; or what is known is void,
 *   because the group was moved back here while it worked elsewhere.
 * @internal
 */
export function returnedEvidence(
  { name, upstreamTopic }: { readonly name: string; readonly upstreamTopic: string | undefined },
  partition: number,
  {
    back,
    policy,
    processed,
    earlier,
    ownCommit,
  }: Pick<ReturnedEvidence, 'ownCommit'> & {
    readonly back: Mirror;
    readonly policy: ReplicationPolicy;
    readonly processed: PartitionMap<SourcePosition>;
    readonly earlier: PartitionMap<SourcePosition>;
  },
): ReturnedEvidence | undefined {
  if (upstreamTopic !== undefined) return undefined;
  const ofCopy = processed.get(policy.formatRemoteTopic(back.source, name), partition);
  const before = earlier.get(name, partition);
  const committed = before?.committed;
  const isMovedBack = committed !== undefined && ownCommit !== undefined && ownCommit < committed;
  if ((ofCopy === undefined && before === undefined) || isMovedBack) return undefined;
  return { back, topic: name, ofCopy, earlier: before, ownCommit };
}

/**
 * Where to look in the log: for the originals of what was handled of the copy, and for what was handled here before. Pure.
 *
 * @internal
 */
export function soughtOnReturn(
  returned: ReturnedEvidence,
  log: Pick<SoughtLog, 'physicalTopic' | 'partition' | 'range'>,
): readonly SoughtLog[] {
  const { back, topic, ofCopy, earlier } = returned;
  const sought: SoughtLog[] = [];
  if (ofCopy !== undefined && isCovered(returned, log.partition, log.range)) {
    const correspondence = toOriginals(back, topic, log.partition);
    sought.push({ ...log, isShared: false, handled: ofCopy.recent.all(), correspondence });
  }
  if (earlier !== undefined && earlier.rewoundBelow === undefined) {
    const handled = earlier.recent.all();
    sought.push({ ...log, isShared: false, handled, correspondence: UNMOVED });
  }
  return sought.filter(({ handled }) => handled.length > 0);
}

/**
 * Was everything copied that the group had not handled before it left? Of records from before the mirroring it knows nothing on the
 * other cluster, and has to handle them here. Pure.
 */
function isCovered(
  { back, topic, ownCommit }: ReturnedEvidence,
  partition: number,
  { low }: LogRange,
): boolean {
  const from = ownCommit !== undefined && ownCommit > low ? ownCommit : low;
  const around = back.syncsAround(topic, partition, from);
  return around.kind === 'known' && around.floor !== undefined;
}

/**
 * The bounds of a log that was born on the target, with a handled record that was found in it. Why that is sound:
 *
 * - The original of a record that was handled of the copy: MirrorMaker copies in order and leaves nothing out, so everything below it was
 *   copied below its copy, where the group has handled everything, or was handled here before the copying reached it. That
 *   the copying had reached so far back is looked at before ({@link isCovered}).
 * - A record that this process has handled here before, at its very offset: it handled everything below it.
 *
 * What is not found is lost here (the cluster came back without the end of its log), and will not come. But records may be here that
 * were handled before the switch away and were not copied: they are still awaited. Pure.
 *
 * @internal
 */
export function withFoundOriginals(
  known: Bounds,
  { bound, notes }: FoundCopies,
  { ofCopy, ownCommit }: ReturnedEvidence,
): Bounds {
  const awaited = ofCopy?.awaited ?? [];
  if (bound === undefined) return { ...known, notes: [...known.notes, ...notes] };
  // Others may have gone on since; what this process has handled of the copy last it knows.
  const isNewest = bound.method === 'exact' && ofCopy?.deliveredBelow === ofCopy?.offset;
  const isLimit = ofCopy !== undefined && isNewest && bound.offset > (known.handledBelow ?? -1n);
  const handledBelow = isLimit ? bound.offset : known.handledBelow;
  const found = { ...known, awaited, handledBelow };
  // Moved back by user code: what was committed here before is void.
  if (ofCopy?.rewoundBelow !== undefined) {
    return { ...found, bounds: [bound], voidCommit: ownCommit };
  }
  return { ...found, bounds: [bound, ...known.bounds] };
}
