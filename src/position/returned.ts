import type { Bounds } from './bounds.js';
import { UNMOVED } from './correspondence.js';
import type { FoundCopies, SoughtLog } from './exact.js';
import type { HandledPosition } from './need.js';
import type { HandledCopies } from './retracing.js';

/**
 * How far the group had handled a log that was born on the target, before the switch away: on the way home.
 *
 * @param known - what the service knows now of the log, and of its copy on the source.
 * @returns undefined where nothing is known, or where the group was moved back since: by user code, there or here, or by hand (then its
 *   commit here is lower than the one that was confirmed, or there is one where none was).
 * @internal
 */
export function asLeft(
  earlier: HandledPosition | undefined,
  known: { readonly ofCopy: HandledPosition | undefined; readonly ownCommit: bigint | undefined },
): HandledPosition | undefined {
  if (earlier === undefined || earlier.rewoundBelow !== undefined) return undefined;
  if (known.ofCopy?.rewoundBelow !== undefined) return undefined;
  const { ownCommit } = known;
  const { committed } = earlier;
  const isAsLeft =
    committed === undefined
      ? ownCommit === undefined
      : ownCommit !== undefined && ownCommit >= committed;
  return isAsLeft ? earlier : undefined;
}

/**
 * Which copies of a log that was born on the target the group has handled on the source; undefined where that is not known. Pure.
 *
 * - **The group's**: from where it began there, by the plan of this process, up to its commit. Whoever commits says that all below it is handled.
 * - **This process's own**: from the first one that it was given, where that is not known, or where MirrorMaker has copied again: first copies that nobody has handled may
 *   lie before second ones that somebody has. Of another member, nothing then.
 *
 * @param own - how far this process has handled the copies, by its own memory.
 * @internal
 */
export function handledStretch(
  own: HandledPosition | undefined,
  { commit, begunAt, isCopiedAgain }: StretchEvidence,
): Pick<HandledCopies, 'from' | 'below' | 'deliveredBelow'> | undefined {
  if (commit === undefined) return undefined;
  // Where the commit is further somebody else has handled more, and may have been given more.
  const isFurther = own === undefined || commit > own.offset;
  const deliveredBelow = isFurther ? undefined : own.deliveredBelow;
  const handledFrom = own?.handledFrom;
  const isGroups = begunAt !== undefined && !isCopiedAgain && (handledFrom ?? begunAt) >= begunAt;
  if (isGroups) return { from: begunAt, below: commit, deliveredBelow };
  if (own === undefined || handledFrom === undefined) return undefined;
  // A topic that was made anew has taken the commit with it, not what is remembered.
  return { from: handledFrom, below: isFurther ? own.offset : commit, deliveredBelow };
}

/** @internal What else {@link handledStretch} goes by. */
export interface StretchEvidence {
  /** The group's commit in the copies. */
  readonly commit: bigint | undefined;
  /** Where the group began in the copies, by the plan of this process; undefined where that is not known. */
  readonly begunAt: bigint | undefined;
  /** MirrorMaker was restarted, and may have copied records a second time. */
  readonly isCopiedAgain: boolean;
}

/** @internal What to look for: each record at its very offset, or it is lost. */
export function soughtOnReturn(
  earlier: HandledPosition,
  log: Pick<SoughtLog, 'physicalTopic' | 'partition' | 'range'>,
): readonly SoughtLog[] {
  const handled = earlier.recent.all();
  return handled.length === 0 ? [] : [{ ...log, isShared: true, handled, correspondence: UNMOVED }];
}

/**
 * The bounds of a log that was born on the target, with a record that was handled there before and is at its very offset: the group had
 * handled everything below it. What is not found is lost (the cluster came back without the end of its log), and is not awaited. How much
 * of it was handled since on the other cluster, as copies, is not known. Pure.
 *
 * @internal
 */
export function withFoundEarlier(known: Bounds, { bound, notes }: FoundCopies): Bounds {
  if (bound === undefined) return { ...known, notes: [...known.notes, ...notes] };
  return { ...known, bounds: [{ ...bound, method: 'fingerprint' }, ...known.bounds] };
}
