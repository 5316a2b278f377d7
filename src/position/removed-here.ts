import type { Commit } from '../cluster/access.js';
import type { Bound } from './bounds.js';
import { readMetadataOf, type CommittedLog } from './commit-metadata.js';
import type { HandledPosition } from './need.js';
import { type OffsetSpan, partBelow, union } from './offset-span.js';
import type { PartitionFacts } from './plan.js';

/**
 * What retention was quicker with than the group in a log of the target, before the group left it, as far as it is known: by the metadata of its commit there, and by what this process remembers. Pure.
 *
 * @internal
 */
export function removedEarlier(
  commit: Pick<Commit, 'offset' | 'metadata'> | undefined,
  returned: Pick<HandledPosition, 'removed'> | undefined,
  log: CommittedLog,
): OffsetSpan | undefined {
  const said = commit && readMetadataOf(commit, log)?.removed;
  return said === undefined ? returned?.removed : union(said, returned?.removed);
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
export function removedBelow(
  best: Bound,
  { range, upstream, removed, isHandledAsCopies }: Told,
): OffsetSpan | undefined {
  const isOfThisLog = upstream === undefined || best.method === 'own-commit';
  const isBefore = best.offset < range.low;
  const position = isBefore ? range.low : best.offset;
  const now = isBefore ? { first: best.offset, last: range.low - 1n } : undefined;
  const before = isOfThisLog ? removed : undefined;
  const below = partBelow(now === undefined ? before : union(now, before), position);
  return below === undefined || isHandledAsCopies?.(below.last) === true ? undefined : below;
}

/** @internal What a stay on the target before has left there, and whether it was handled since. */
export type EarlierStay = Pick<PartitionFacts, 'removed' | 'isHandledAsCopies'>;

type Told = Pick<PartitionFacts, 'range' | 'upstream'> & EarlierStay;
