import type { Checkpoint } from '../replication/checkpoint-store.js';
import type { KnownPosition } from './recorded.js';

/** @internal What {@link isBeforeSetBack} holds a checkpoint against. */
export interface StandingOnSource {
  /** The group's commit on the source, asked now, or when its only member had joined; undefined: there is none, or it is not known. */
  readonly sourceCommit: bigint | undefined;
  /** How far it was handled there. */
  readonly processed: KnownPosition | undefined;
}

/**
 * Is a checkpoint of a time before the group was set back? MirrorMaker looks at a group once a minute, by default; whoever resets one and starts the
 * service again has its older, further place in a checkpoint until then, and the metadata of an older commit with it. Pure.
 *
 * A group's commits grow, so one that is further than where the group is now is older than a reset. That is known
 *
 * - by the group's commit on the source, where it can be asked;
 * - by what this process handled since it joined there, where the checkpoint was written before it had joined (later ones may be of
 *   another member that has taken over, unnoticed);
 * - by what a member has written down since.
 *
 * Without the checkpoint the position can only be lower. Where clocks differ it is so by what a group does in that time. A seek of user code is
 * `rewoundBelow`.
 *
 * @internal
 */
export function isBeforeSetBack(
  { upstreamOffset, recordedAtWallMs }: Checkpoint,
  { sourceCommit, processed }: StandingOnSource,
): boolean {
  if (processed?.rewoundBelow !== undefined) return false;
  if (sourceCommit !== undefined && sourceCommit < upstreamOffset) return true;
  if (processed === undefined || processed.offset >= upstreamOffset) return false;
  const knownSinceWallMs = processed.recordedAtWallMs ?? processed.joinedAtWallMs;
  return knownSinceWallMs !== undefined && recordedAtWallMs < knownSinceWallMs;
}
