import type { PartitionProgress } from './progress.js';

/** @internal What is known of a group's beginning in a log, beside what was delivered. */
export interface BegunHere {
  /** What the group had committed when this member got the partition; undefined where that is not known. */
  readonly committedAtJoin: bigint | undefined;
  /** It is known to have begun here, or before: by the plan, or because the service reads from the beginning. Undefined where it is not. */
  readonly begunAt: bigint | undefined;
}

/**
 * Whether the group has handled the record at an offset, for certain: it has begun at or before it, and come past it, and the record was not removed before. Pure.
 *
 * @internal
 */
export function hasHandled(
  offset: bigint,
  progress: Pick<PartitionProgress, 'position' | 'everDelivered' | 'removed'> | undefined,
  { committedAtJoin, begunAt }: BegunHere,
): boolean {
  const position = progress?.position() ?? committedAtJoin;
  if (position === undefined || position <= offset) return false;
  const first = progress?.everDelivered()?.first;
  const hasBegun = [first, begunAt].some((at) => at !== undefined && at <= offset);
  const removed = progress?.removed.range;
  const isRemoved = removed !== undefined && removed.first <= offset && offset <= removed.last;
  return hasBegun && !isRemoved;
}
