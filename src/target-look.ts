import { copiedBothWays } from './both-directions.js';
import { messageOf } from './caught.js';
import type { ClusterAccess } from './cluster/access.js';
import { isWrongCluster } from './identities.js';
import { missingPieceInWords } from './missing-pieces.js';
import type { GroupNeed } from './position/need.js';
import { copyReadiness, mirrorReadiness, NOTHING_SEEN, type Readiness } from './readiness.js';
import type { Mirror } from './replication/mirror.js';
import { abortable, anyOf, untilAborted } from './wait.js';
import type { World } from './world.js';

/** @internal What is known of a cluster before a switch to it. */
export interface TargetReadiness extends Readiness {
  readonly targetAnswers: boolean;
  readonly topicsSeen: boolean;
}

/** @internal What {@link lookAtTarget} needs. */
export interface TargetLookParts {
  readonly target: string;
  readonly planned: boolean;
  readonly needs: readonly GroupNeed[];
  readonly aliases: readonly string[];
  readonly world: World;
  identify(): Promise<void>;
  /** The flow to the target. */
  mirror(): Mirror;
  /** The flow from it. */
  mirrorBack(): Mirror;
  access(alias: string): ClusterAccess;
  /** When the answer has to be there, on the world's monotonic clock. */
  readonly deadlineAtMs: number;
  readonly signal: AbortSignal;
}

/**
 * Asks the target who it is, and looks at the mirror and the topics meanwhile: what was seen counts where the target is the right cluster.
 * Changes nothing on either cluster.
 *
 * @internal
 */
export async function lookAtTarget(parts: TargetLookParts): Promise<TargetReadiness> {
  const { target, needs, signal } = parts;
  const done = abortable();
  const looking =
    needs.length === 0
      ? Promise.resolve(NOTHING_SEEN)
      : look({ ...parts, signal: anyOf(signal, done.signal) });
  // Heard below, where the target is the right one.
  looking.catch(() => {});
  try {
    await untilAborted(signal, parts.identify());
  } catch (error) {
    done.abort(new Error(`cluster ${target} is not looked at any more`));
    signal.throwIfAborted();
    const because = messageOf(error);
    const obstacle = isWrongCluster(error)
      ? because
      : `cluster ${target} does not answer: ${because}`;
    return { ...NOTHING_SEEN, obstacles: [obstacle], targetAnswers: false };
  }
  return looking;
}

async function look(parts: TargetLookParts): Promise<TargetReadiness> {
  const { target, planned, needs, aliases, world, deadlineAtMs, signal } = parts;
  const mirror = parts.mirror();
  const selectors = needs.flatMap((need) => need.selectors);
  const clusters = [parts.access(mirror.source), parts.access(target)] as const;
  findGroups(needs, planned ? clusters : [clusters[1]]);
  const [{ obstacles, warnings, missing }, seen] = await Promise.all([
    mirrorReadiness(mirror, { world, planned, deadlineAtMs, signal }),
    planned
      ? copyReadiness(mirror, { clusters, selectors, aliases, world, deadlineAtMs, signal })
      : [],
  ]);
  const copied = seen ?? [];
  const loops = copiedBothWays(mirror, parts.mirrorBack(), { selectors, aliases });
  const loopsInWords = loops.map(missingPieceInWords);
  return {
    // The source is alive, and so is the loop: going over would only lose the way back.
    obstacles: planned ? [...obstacles, ...loopsInWords] : obstacles,
    warnings: [...warnings, ...copied.map(missingPieceInWords), ...(planned ? [] : loopsInWords)],
    missing: [...missing, ...copied, ...loops],
    targetAnswers: true,
    topicsSeen: seen !== undefined,
  };
}

/** So that the switch, which asks in a moment, need not look for the brokers that keep the groups. Nobody waits for it. */
function findGroups(needs: readonly GroupNeed[], clusters: readonly ClusterAccess[]): void {
  for (const access of clusters) {
    for (const { groupId } of needs) access.committed(groupId, []).catch(() => {});
  }
}
