import { messageOf } from '../caught.js';
import type { Mirror } from '../replication/mirror.js';
import { withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { MissingBound } from './missing.js';

/** @internal How well the mirror is known. */
export interface Refreshed {
  /** What of it is not known as it is now, in words; empty where all on the target is. */
  readonly unread: readonly MissingBound[];
  /** Every offset sync is known that there was when it was asked for, and they are where they are looked for. */
  readonly hasAllSyncs: boolean;
}

/**
 * Brings the mirror's knowledge up to date; says what is not.
 *
 * @param parts.sourceUntilMs - how long offset syncs on the source are waited for (the world's monotonic milliseconds); undefined where the source is
 *   not asked.
 * @internal
 */
export async function refreshMirror(parts: {
  readonly mirror: Mirror;
  readonly world: World;
  readonly deadlineAtMs: number;
  readonly sourceUntilMs: number | undefined;
  readonly signal?: AbortSignal | undefined;
}): Promise<Refreshed> {
  const { mirror } = parts;
  const syncs = mirror.syncsAreOnTarget ? undefined : syncsOfSource(parts);
  const unread = await unreadOf(parts);
  const areRead = syncs === undefined ? unread.length === 0 : await syncs;
  // Where there is none at all they may be elsewhere: MirrorMaker writes some for its own topics, at once.
  const hasAllSyncs = areRead && mirror.state().syncedPartitionCount > 0;
  return { unread, hasAllSyncs };
}

async function syncsOfSource(parts: Parameters<typeof refreshMirror>[0]): Promise<boolean> {
  const { mirror, world, sourceUntilMs } = parts;
  if (sourceUntilMs === undefined) return false;
  const read = (signal: AbortSignal): Promise<void> => mirror.refreshSyncs({ signal });
  const answer = withinDeadline(world, sourceUntilMs, read, parts);
  return (await answer.catch(() => undefined))?.kind === 'settled';
}

async function unreadOf(
  parts: Parameters<typeof refreshMirror>[0],
): Promise<readonly MissingBound[]> {
  const { mirror, world, deadlineAtMs } = parts;
  const flow = `${mirror.source}->${mirror.target}`;
  try {
    const refreshed = await withinDeadline(
      world,
      deadlineAtMs,
      (signal) => mirror.refresh({ signal }),
      parts,
    );
    if (refreshed.kind === 'settled') return [];
  } catch (error) {
    return notKnown(`MirrorMaker's records of ${flow} cannot be read: ${messageOf(error)}`);
  }
  return notKnown(
    mirror.state().isComplete
      ? `MirrorMaker's records of ${flow} are not up to date: reading them took too long`
      : `MirrorMaker's records of ${flow} are not known: reading them took too long`,
  );
}

/** @internal */
export function notKnown(because: string): readonly MissingBound[] {
  return [{ kind: 'not-known', because }];
}
