import type { Commit } from '../cluster/access.js';
import type { Bound } from './bounds.js';
import { readMetadataOf, type CommittedLog } from './commit-metadata.js';
import type { OffsetRange, SourcePosition } from './need.js';
import type { PartitionFacts } from './plan.js';

/**
 * What the group had left unhandled in a log when it left the target, as far as it is known: by the metadata of its commit there, and by what this process remembers. Pure.
 *
 * @internal
 */
export function leftUnhandled(
  commit: Pick<Commit, 'offset' | 'metadata'> | undefined,
  returned: Pick<SourcePosition, 'unhandled'> | undefined,
  log: CommittedLog,
): OffsetRange | undefined {
  const said = commit && readMetadataOf(commit, log)?.unhandled;
  return both(said, returned?.unhandled);
}

/**
 * What lies below a position in its log, and was not handled: retention has removed it here. Its copies may be on the other cluster, so a later switch there goes back to
 * them, unless the group has handled them in between.
 *
 * ```
 *   handled            removed, not handled          the position
 *   ──────────┤├─────────────────────────────────────┤├────►
 *            best (a bound below the log's start)     low
 * ```
 *
 * What was left before counts as long as the position comes from this log: its own commit, or what is added to it on the way home. A bound by what was handled on the
 * other cluster is sound by itself: the group has gone back there. Pure.
 *
 * @internal
 */
export function unhandledBelow(
  best: Bound,
  { range, upstream, unhandled, isHandledAsCopies }: Told,
): OffsetRange | undefined {
  const isOfThisLog = upstream === undefined || best.method === 'own-commit';
  const position = best.offset < range.low ? range.low : best.offset;
  const removed =
    best.offset < range.low ? { first: best.offset, last: range.low - 1n } : undefined;
  const all = both(isOfThisLog ? unhandled : undefined, removed);
  if (all === undefined || all.first >= position) return undefined;
  const last = all.last < position ? all.last : position - 1n;
  return isHandledAsCopies?.(last) === true ? undefined : { first: all.first, last };
}

/** @internal What a stay on the target before has left there, and whether it was handled since. */
export type Left = Pick<PartitionFacts, 'unhandled' | 'isHandledAsCopies'>;

type Told = Pick<PartitionFacts, 'range' | 'upstream'> & Left;

function both(a: OffsetRange | undefined, b: OffsetRange | undefined): OffsetRange | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    first: a.first < b.first ? a.first : b.first,
    last: a.last > b.last ? a.last : b.last,
  };
}
