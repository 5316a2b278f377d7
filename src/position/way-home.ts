import type { Commit } from '../cluster/access.js';
import type { Mirror } from '../replication/mirror.js';
import { readMetadataOf } from './commit-metadata.js';
import { toCopies } from './correspondence.js';
import { highest } from './highest.js';
import type { KnownHere } from './known-here.js';
import type { Gathered } from './recognise.js';
import { areCopiesBelow } from './removed.js';
import { removedEarlier } from './removed-here.js';
import type { HandledCopies } from './retracing.js';
import { asLeft, handledStretch } from './returned.js';

/** @internal What is known of a group in one log of the target, and in the copies of it on the source. */
export interface WayHomeParts {
  readonly log: {
    readonly name: string;
    readonly upstreamTopic: string | undefined;
    readonly origin: string | undefined;
  };
  readonly partition: number;
  /** The group's commit in the log. */
  readonly ownCommit: Commit | undefined;
  /** The topic on the source that holds the copies of the log. */
  readonly copiesTopic: string;
  /** The group's commit in the copies. */
  readonly commitInCopies: Commit | undefined;
  readonly known: KnownHere;
  /** The flow from the target to the source. */
  readonly mirrorBack: Pick<Mirror, 'translate' | 'syncsAround' | 'restartedAtWallMs'>;
  /** Aliases. */
  readonly target: string;
  readonly source: string;
}

/**
 * What is known of a log of the target from an earlier stay there, and of what was handled of it on the source since, as copies. Pure.
 *
 * @internal
 */
export function onTheWayHome(parts: WayHomeParts): Pick<Gathered, 'returned' | 'copies' | 'left'> {
  const { log, partition, ownCommit, target } = parts;
  const { returned, copies } =
    log.upstreamTopic === undefined
      ? handledSince(parts)
      : { returned: undefined, copies: undefined };
  const place = { cluster: target, physicalTopic: log.name, partition };
  const isCopied = log.upstreamTopic === undefined || log.origin === undefined;
  const left = {
    removed: removedEarlier(ownCommit, returned, place),
    isHandledAsCopies: isCopied ? handledAsCopies(parts) : undefined,
  };
  return { returned, copies, left };
}

/** Of a log that was born on the target. */
function handledSince({
  log: { name },
  partition,
  ownCommit,
  copiesTopic: physicalTopic,
  commitInCopies,
  known,
  mirrorBack,
}: WayHomeParts): Pick<Gathered, 'returned' | 'copies'> {
  const ofCopy = known.processed.get(physicalTopic, partition);
  const before = known.earlier.get(name, partition);
  const returned = asLeft(before, { ofCopy, ownCommit: ownCommit?.offset });
  const stretch = handledStretch(known.own.get(physicalTopic, partition), {
    commit: commitInCopies?.offset,
    begunAt: known.begunAt.get(physicalTopic, partition),
    isCopiedAgain: mirrorBack.restartedAtWallMs(name, partition) !== undefined,
  });
  const deliveredOnTarget = known.deliveredOnTarget.get(name, partition);
  const isNew = before === undefined && ownCommit === undefined && deliveredOnTarget === undefined;
  const isAsLeft = returned !== undefined || (isNew && ofCopy?.rewoundBelow === undefined);
  if (!isAsLeft || stretch === undefined) return { returned, copies: undefined };
  // What failed in an epoch before, or was not committed, is given again.
  const deliveredThere = known.deliveredOnSource.get(physicalTopic, partition);
  const isBeyond = deliveredThere !== undefined && deliveredThere > stretch.below;
  const copies: HandledCopies = {
    ...{ physicalTopic, ...stretch, isNew, deliveredOnTarget },
    correspondence: toCopies(mirrorBack, name, partition),
    deliveredBelow: isBeyond ? undefined : stretch.deliveredBelow,
  };
  return { returned, copies };
}

/**
 * Goes by what this process and its siblings know, and by commits that say themselves that they are of the copies: MirrorMaker sets an idle group on the source to where it had
 * been on the target (`sync.group.offsets.enabled`), and that says nothing of what was handled there.
 */
function handledAsCopies({
  log: { name },
  partition,
  copiesTopic: physicalTopic,
  commitInCopies,
  known,
  mirrorBack: mirror,
  source,
}: WayHomeParts): (offset: bigint) => boolean {
  const said =
    commitInCopies &&
    readMetadataOf(commitInCopies, { cluster: source, physicalTopic, partition })?.offset;
  const processed = known.processed.get(physicalTopic, partition);
  const own = processed?.rewoundBelow === undefined ? processed?.offset : undefined;
  const below = highest(said, own);
  return (offset) =>
    below !== undefined &&
    areCopiesBelow({ mirror, upstreamTopic: name, partition }, offset, below);
}
