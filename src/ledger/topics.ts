import type { ClusterAccess } from '../cluster/access.js';
import { withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { LedgerLog } from './ledger-reader.js';
import type { ReadOn } from './look.js';

/** @internal A topic on one cluster, by its name there. */
export interface TopicOn {
  readonly cluster: string;
  readonly topic: string;
}

/** @internal How the logs of both clusters are reached. */
export interface BothClusters {
  readonly world: World;
  readonly aliases: readonly [string, string];
  access(alias: string): ClusterAccess;
  /** Name of a topic of `cluster` on the other one. */
  remoteTopic(cluster: string, topic: string): string;
}

/** Longest time for one look at one log, in milliseconds. */
const LOOK_MAX_MS = 10_000;

/** @internal Where the copies of a log are. */
export function copyOf(
  { cluster, topic }: LedgerLog,
  { aliases, remoteTopic }: BothClusters,
): TopicOn {
  const other = aliases.find((alias) => alias !== cluster) ?? cluster;
  return { cluster: other, topic: remoteTopic(cluster, topic) };
}

/**
 * Works on a topic of a cluster, for a time. Rejects where it takes longer.
 *
 * @param ended - ends it.
 * @param deadlineAtMs - on the world's monotonic clock. Default: in ten seconds.
 * @internal
 */
export async function bounded<T>(
  { cluster, topic }: TopicOn,
  { world, access }: BothClusters,
  ended: AbortSignal,
  work: (on: ReadOn) => Promise<T>,
  deadlineAtMs: number = world.nowMs() + LOOK_MAX_MS,
): Promise<T> {
  ended.throwIfAborted();
  const result = await withinDeadline(
    world,
    deadlineAtMs,
    (signal) => work({ world, access: access(cluster), topic, signal }),
    { signal: ended },
  );
  if (result.kind === 'settled') return result.value;
  throw new Error(`cluster ${cluster} did not answer in time`);
}
