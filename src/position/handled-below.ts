import type { Translation } from '../replication/translate.js';
import { unreachable } from '../unreachable.js';
import type { MirroredEvidence } from './bounds.js';
import { highest } from './highest.js';

/**
 * From where on the group has handled no record of a log of the target, as far as is known: it limits from above what is handled again. Pure.
 *
 * This process had the partition last, and its handlers were given nothing from V on (`deliveredBelow`). So nothing is handled from the copy of V on,
 * and the offset syncs say where that is at most:
 *
 * - a sync names the copy of V - 1, or of a later record before V that no handler was given: behind it, to the offset. MirrorMaker copies in order, and
 *   of a batch that it had to send twice it names the copies that were confirmed last;
 * - else at the copy that the next sync names, or it is not known.
 *
 * What handlers were given on the target itself, in an earlier epoch, counts as well. It is not known
 *
 * - where the group's commit or checkpoint is ahead of V: another member went on from there;
 * - from a commit alone: handling runs ahead of commits;
 * - where not all syncs are known that there are: MirrorMaker may have copied again what it had copied before, and second copies lie behind the
 *   first ones.
 *
 * @internal
 */
export function handledBelowOf(evidence: MirroredEvidence): bigint | undefined {
  const { processed, untouched, deliveredOnTarget, hasAllSyncs } = evidence;
  const { sourceCommit, checkpoint } = evidence;
  const below = (processed ?? untouched)?.deliveredBelow;
  if (below === undefined) return undefined;
  if ([sourceCommit, checkpoint?.upstreamOffset].some((one) => one !== undefined && one > below))
    return undefined;
  // Second copies of what was never handled are new, too.
  if (below === 0n) return highest(0n, deliveredOnTarget);
  if (!hasAllSyncs) return undefined;
  const end = copiesEndOf(evidence, below);
  return end === undefined ? undefined : highest(end, deliveredOnTarget);
}

/** Behind the last copy of a record below an offset, at most. */
function copiesEndOf(evidence: MirroredEvidence, below: bigint): bigint | undefined {
  const { mirror, upstreamTopic, partition, processed } = evidence;
  const named =
    below === processed?.offset
      ? behindLastHandled(evidence)
      : behindNamed(evidence, below - 1n, below);
  if (named !== undefined) return named;
  const translation = mirror.translate(upstreamTopic, partition, below);
  return translation.kind === 'unavailable' ? undefined : upperEnd(translation);
}

/**
 * The place behind the copy that a sync names, where that is the copy of the last record that was handled, or of one that came after it and that
 * nobody was given. Whatever lies behind it was not handled. Undefined where no sync does.
 *
 * @internal
 */
export function behindLastHandled(evidence: MirroredEvidence): bigint | undefined {
  const { processed } = evidence;
  if (processed === undefined) return undefined;
  const { offset, deliveredBelow, recent } = processed;
  // What others have written down of it has no record in it that is large.
  const last = deliveredBelow === undefined ? undefined : recent.all().at(-1)?.offset;
  return behindNamed(evidence, last ?? offset - 1n, offset);
}

/** Behind the copy of a record from `first` on and below `end`, where a sync names it. */
function behindNamed(
  { mirror, upstreamTopic, partition }: MirroredEvidence,
  first: bigint,
  end: bigint,
): bigint | undefined {
  const around = mirror.syncsAround(upstreamTopic, partition, end - 1n);
  if (around.kind !== 'known' || around.replay !== undefined) return undefined;
  const { floor } = around;
  const isNamed = floor !== undefined && floor.upstreamOffset >= first;
  return isNamed ? floor.downstreamOffset + 1n : undefined;
}

/** Handlers of this process were given records from there on before, on the target itself. Pure. @internal */
export function isHandledBeyond(
  { deliveredOnTarget }: Pick<MirroredEvidence, 'deliveredOnTarget'>,
  offset: bigint,
): boolean {
  return deliveredOnTarget !== undefined && deliveredOnTarget > offset;
}

function upperEnd(translation: Exclude<Translation, { kind: 'unavailable' }>): bigint | undefined {
  switch (translation.kind) {
    case 'exact':
      return translation.offset;
    case 'atOrBefore':
      return translation.distance === undefined
        ? undefined
        : translation.offset + translation.distance;
    default:
      return unreachable(translation);
  }
}
