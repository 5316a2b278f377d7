import type { OffsetSyncStore } from './offset-sync-store.js';
import type { OffsetSync } from './records.js';

/**
 * Why an upstream offset has no translation.
 *
 * - `not-read`: the offset-syncs topic has not been read to its end yet.
 * - `not-readable`: the offset syncs are on the source (`offset-syncs.topic.location`) and cannot be read there.
 * - `no-sync`: MirrorMaker has written no offset sync for the partition: nothing of it was mirrored, or syncs are off.
 * - `before-oldest-sync`: the offset is older than every sync that is kept: mirroring began later, the source was
 *   rewound, or the target's topic was re-created.
 *
 * @public
 */
export type NoTranslation = 'not-read' | 'not-readable' | 'no-sync' | 'before-oldest-sync';

/**
 * Where on the target a group resumes whose next record on the source is at a given upstream offset.
 *
 * @public
 */
export type Translation =
  /** The next record is at `offset`, or is the first one that will be written from there on. */
  | { readonly kind: 'exact'; readonly offset: bigint }
  | {
      /** The next record is at or after `offset`: no record is skipped from there, some may be read again. */
      readonly kind: 'atOrBefore';
      readonly offset: bigint;
      /** The next record is at most this many target offsets after `offset`; undefined where no newer sync limits it. */
      readonly distance: bigint | undefined;
    }
  | { readonly kind: 'unavailable'; readonly reason: NoTranslation };

/**
 * Translates an upstream offset (the next record to read on the source) through the offset syncs. Pure, MirrorMaker's own
 * rule for the offset; on top it says how good the answer is. Never extrapolates.
 *
 * Let (u1, d1) be the newest kept sync with u1 <= U, (u2, d2) the oldest kept one with u2 >= U, and f(U) the target
 * position of the first record whose upstream offset is U or more. MirrorMaker copies in order, so positions on the target
 * rise with upstream offsets:
 *
 * ```
 *   source   u1 . . U . . u2          d1 < f(U) for U > u1: what is copied after u1 lies after d1
 *             \     ?     |           f(U) <= d2: record u2 is at d2, and u2 >= U
 *   target     d1 . . . . d2
 * ```
 *
 * - **U = u1 is exact**: the next record itself is the one that the sync names, so it is at d1. (A sync speaks of a
 *   replicated *record*, a commit of the *next* record to read: only where both are the same record may it be called so.)
 * - **U > u1 gives d1 + 1**, a lower bound and no more. Not even U = u1 + 1 is exact by itself: between d1 and the copy of
 *   u1 + 1 there may be a second copy of u1 (MirrorMaker is at-least-once), or a foreign record. How much further it
 *   could be is known where a newer sync exists: f(U) <= d2.
 * - **d2 = d1 + 1 closes the gap**, and then d1 + 1 is exact: nothing fits in between.
 *
 * Adding U - u1 instead (`d1 + (U - u1)`) skips records where the source has gaps (transaction markers, compaction); it is
 * what MirrorMaker did until 3.5 (KAFKA-12468).
 *
 * **During a replay** (MirrorMaker crashed and copies again from an older offset) the answer is where the *first* copies
 * are, as the syncs before the crash say: the second ones are not all there yet, and if the source dies they never will be.
 * It is a lower bound without a limit, because records before U lie among the second copies once more. MirrorMaker itself,
 * and so its checkpoints, goes by the second copies at once ({@link translateAsMirrorMaker}).
 *
 * @param upstreamOffset - the next record to read, as a commit on the source says it.
 * @internal
 */
export function translate(
  store: OffsetSyncStore,
  topic: string,
  partition: number,
  upstreamOffset: bigint,
): Translation {
  const around = store.around(topic, partition, upstreamOffset);
  if (around.kind !== 'known') return { kind: 'unavailable', reason: around.kind };
  const { floor, ceiling, replay } = around;
  if (replay !== undefined) {
    const first = fromSyncs(upstreamOffset, replay.floor, undefined);
    return first.kind === 'exact'
      ? { kind: 'atOrBefore', offset: first.offset, distance: undefined }
      : first;
  }
  return fromSyncs(upstreamOffset, floor, ceiling);
}

/**
 * Translates as MirrorMaker does when it makes a checkpoint: as {@link translate}, but also among the second copies of a
 * replay. For comparisons and for simulating it; positions are found by {@link translate}.
 *
 * @internal
 */
export function translateAsMirrorMaker(
  store: OffsetSyncStore,
  topic: string,
  partition: number,
  upstreamOffset: bigint,
): Translation {
  const around = store.around(topic, partition, upstreamOffset);
  if (around.kind !== 'known') return { kind: 'unavailable', reason: around.kind };
  return fromSyncs(upstreamOffset, around.floor, around.ceiling);
}

function fromSyncs(
  upstreamOffset: bigint,
  floor: OffsetSync | undefined,
  ceiling: OffsetSync | undefined,
): Translation {
  if (floor === undefined) return { kind: 'unavailable', reason: 'before-oldest-sync' };
  if (floor.upstreamOffset === upstreamOffset) {
    return { kind: 'exact', offset: floor.downstreamOffset };
  }
  const offset = floor.downstreamOffset + 1n;
  if (ceiling === undefined) return { kind: 'atOrBefore', offset, distance: undefined };
  const distance = ceiling.downstreamOffset - offset;
  if (distance === 0n) return { kind: 'exact', offset };
  // Syncs that contradict each other (only a store that keeps them on a downstream decrease has such) limit nothing.
  return { kind: 'atOrBefore', offset, distance: distance > 0n ? distance : undefined };
}
