import { messageOf } from '../caught.js';
import type { Mirror } from '../replication/mirror.js';
import { withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { MissingBound } from './missing.js';

/**
 * Brings the mirror's knowledge up to date; says what is not.
 *
 * @internal
 */
export async function refreshMirror(parts: {
  readonly mirror: Mirror;
  readonly world: World;
  readonly deadlineAtMs: number;
  readonly signal?: AbortSignal | undefined;
}): Promise<readonly MissingBound[]> {
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
