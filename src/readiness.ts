import { messageOf } from './caught.js';
import type { ClusterAccess } from './cluster/access.js';
import { judge } from './health/failure.js';
import { missingPieceInWords, type MissingPiece } from './missing-pieces.js';
import type { Mirror, MirrorState } from './replication/mirror.js';
import { resolveTopics, type TopicSelector } from './replication/topic-names.js';
import { missingTopics } from './topic-readiness.js';
import { findUncommittedCopy } from './uncommitted-copies.js';
import { untilAborted, untilDeadline, withinDeadline } from './wait.js';
import type { World } from './world.js';

/** @internal What was learned before a switch: `obstacles` refuse it, `warnings` go into its report. */
export interface Readiness {
  readonly obstacles: readonly string[];
  readonly warnings: readonly string[];
  /** What is behind both. */
  readonly missing: readonly MissingPiece[];
}

/** @internal What a look at a target that answers begins with. */
export const NOTHING_SEEN: Readiness & { targetAnswers: true; topicsSeen: false } = {
  obstacles: [],
  warnings: [],
  missing: [],
  targetAnswers: true,
  topicsSeen: false,
};

/** A flow whose last heartbeat arrived longer ago than this is reported as standing still, in milliseconds. */
const SILENT_MIRROR_MS = 10_000;

/** Longest look at both clusters' topics before a planned switch, in milliseconds. */
const TOPICS_LOOK_MS = 1_000;

/** Longest look at the mirror before a switch, in milliseconds. */
const MIRROR_LOOK_MS = 3_000;

/**
 * What of the time for `prepare` the look leaves over, in milliseconds: its outcome has to be told in time, or the switch
 * would be refused because the *target* did not answer.
 */
const MARGIN_MS = 50;

/**
 * Reads MirrorMaker's records of a flow to their end, and says what is wrong with it. Whoever plans a switch must be able
 * to read them; for an unplanned one nothing here is more than a warning.
 *
 * @param options.deadlineAtMs - when the answer has to be there, on the world's monotonic clock.
 * @internal
 */
export async function mirrorReadiness(
  mirror: Mirror,
  {
    world,
    planned,
    deadlineAtMs,
    signal,
  }: { world: World; planned: boolean; deadlineAtMs: number; signal: AbortSignal },
): Promise<Readiness> {
  const lookMs = Math.min(MIRROR_LOOK_MS, deadlineAtMs - MARGIN_MS - world.nowMs());
  const unread = await look(mirror, lookMs, { world, signal });
  const missing = [...unread, ...silence(mirror.state())];
  const findings = missing.map(missingPieceInWords);
  return planned && unread.length > 0
    ? { obstacles: findings, warnings: [], missing }
    : { obstacles: [], warnings: findings, missing };
}

/** Why MirrorMaker's records are not known as they are now; empty where they are. */
async function look(
  mirror: Mirror,
  lookMs: number,
  { world, signal }: { world: World; signal: AbortSignal },
): Promise<readonly MissingPiece[]> {
  let because = 'there was no time left to read them (switch.prepareMs)';
  if (lookMs > 0) {
    try {
      const looked = await withinDeadline(
        world,
        world.nowMs() + lookMs,
        (limit) => mirror.refresh({ signal: limit }),
        { signal },
      );
      if (looked.kind === 'settled') return [];
      because = `reading them took longer than ${Math.round(lookMs)} ms`;
    } catch (error) {
      signal.throwIfAborted();
      because = messageOf(error);
    }
  }
  const { source, target, isComplete, ageMs, topics } = mirror.state();
  const failed = topics.find(({ failure }) => failure !== undefined);
  const isRefused = failed?.failure !== undefined && judge(failed.failure).about === 'auth';
  return [
    {
      kind: isRefused ? 'no-rights' : 'no-mirror',
      source,
      target,
      ageMs: isComplete ? ageMs : undefined,
      because:
        failed?.failure === undefined ? because : `${failed.topic}: ${failed.failure.message}`,
    },
  ];
}

/** A dead source sends no heartbeats: for an unplanned switch that is what one expects, and only worth a line. */
function silence({ source, target, heartbeat }: MirrorState): readonly MissingPiece[] {
  if (heartbeat === undefined) return [{ kind: 'no-heartbeat', source, target }];
  const { arrivedAgeMs: silentMs } = heartbeat;
  return silentMs <= SILENT_MIRROR_MS ? [] : [{ kind: 'silent-mirror', source, target, silentMs }];
}

/** What {@link copyReadiness} asks, and of whom. */
interface CopyReadinessParts {
  readonly selectors: readonly TopicSelector[];
  /** The source and the target. */
  readonly clusters: readonly [ClusterAccess, ClusterAccess];
  readonly aliases: readonly string[];
  readonly world: World;
  readonly deadlineAtMs: number;
  readonly signal: AbortSignal;
}

/**
 * What is wrong with the copies of the topics that are read here, on the cluster that a planned switch goes to.
 *
 * @returns undefined where the clusters did not tell their topics soon: that says nothing about them.
 * @internal
 */
export async function copyReadiness(
  mirror: Mirror,
  { selectors, clusters, aliases, world, signal, ...parts }: CopyReadinessParts,
): Promise<readonly MissingPiece[] | undefined> {
  const { source, target, policy } = mirror;
  const [from, to] = clusters;
  const deadlineAtMs = parts.deadlineAtMs - MARGIN_MS;
  const looking = Promise.all([from.topics(), to.topics()]);
  const looked = await untilDeadline(
    world,
    Math.min(world.nowMs() + TOPICS_LOOK_MS, deadlineAtMs),
    untilAborted(signal, looking),
  ).catch(() => undefined);
  if (looked?.kind !== 'settled') return undefined;
  const [topics, there] = looked.value;
  const here = { alias: source, aliases, topics, policy };
  const missing = missingTopics(selectors, here, { alias: target, topics: there });
  const copy = await findUncommittedCopy(mirror, {
    topics: resolveTopics(selectors, here).map(({ topic }) => ({
      topic,
      partitionCount: topics.get(topic) ?? 0,
    })),
    ...{ clusters, world, deadlineAtMs, signal },
  });
  return copy === undefined ? missing : [...missing, copy];
}
