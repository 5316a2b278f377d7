import type { ClusterAccess } from '../cluster/access.js';
import type { ClusterSession } from '../cluster/session.js';
import { untilAborted } from '../wait.js';
import type { PhysicalOffset } from './commits.js';
import type { Assignment } from './consumer-events.js';
import { aheadOf, type ResumePosition } from './resume.js';

/**
 * Where logs ended before a consumer began to read them from their end (`fromBeginning: false`).
 *
 * kafkajs finds the end anew in every join, as long as the group has no commit, and what came since the join before is
 * skipped. A join of the library's own making (new topics, a planned switch that goes back) must not do that: before it the
 * group gets a commit where it has none.
 *
 * @internal
 */
export interface LogEnds {
  readonly alias: string;
  /** The end of each partition, or that the topic was not there: then all of it came later. Others are not known. */
  readonly topics: ReadonlyMap<string, ReadonlyMap<number, bigint> | 'absent'>;
}

/** @internal Asks for the ends of these topics. What cannot be told is left out: then it is as with kafkajs. */
export async function logEnds(access: ClusterAccess, names: readonly string[]): Promise<LogEnds> {
  const topics = new Map<string, ReadonlyMap<number, bigint> | 'absent'>();
  await Promise.allSettled(
    names.map(async (name) => {
      const ranges = await access.ranges(name);
      const ends = [...(ranges ?? [])].map(([partition, { high }]) => [partition, high] as const);
      topics.set(name, ranges === undefined ? 'absent' : new Map(ends));
    }),
  );
  return { alias: access.alias, topics };
}

/** @internal What a member knows of a partition that it has: see `Dispatcher.reached`. */
export interface Reached {
  /** Its next record; undefined where it was given none. */
  readonly offset: bigint | undefined;
  /** True where the group has a commit, or user code has chosen the position. */
  readonly isSettled: boolean;
}

/**
 * Where the group stands in the partitions of a member in which it may have no commit. They count only where it has none
 * (`ifNone`): what it had committed before this member got the partition nobody knows here. Pure.
 *
 * @internal
 */
export function beginningsOf(
  ends: LogEnds,
  assignment: Assignment,
  dispatcher: { reached(topic: string, partition: number): Reached },
): readonly ResumePosition[] {
  return Object.entries(assignment).flatMap(([topic, partitions]) => {
    const known = ends.topics.get(topic);
    if (known === undefined) return [];
    return partitions.flatMap((partition): ResumePosition[] => {
      const { offset, isSettled } = dispatcher.reached(topic, partition);
      const beginning = offset ?? (known === 'absent' ? 0n : known.get(partition));
      if (isSettled || beginning === undefined) return [];
      return [{ topic, partition, offset: beginning, metadata: '', ifNone: true }];
    });
  });
}

/**
 * What a member commits for the group before it leaves, beside what it has handled. Nothing where the group's commits
 * cannot be read. Never rejects.
 *
 * @internal
 */
export async function firstCommits(
  beginnings: readonly ResumePosition[],
  handled: readonly PhysicalOffset[],
  parts: {
    readonly session: ClusterSession;
    readonly access: () => ClusterAccess;
    readonly config: { readonly groupId: string };
  },
): Promise<readonly (PhysicalOffset & { readonly offset: string })[]> {
  const { session, access, config } = parts;
  const isHandled = ({ topic, partition }: ResumePosition): boolean =>
    handled.some((one) => one.topic === topic && one.partition === partition);
  const open = beginnings.filter((one) => !isHandled(one));
  if (open.length === 0) return [];
  const topics = [...new Set(open.map(({ topic }) => topic))];
  try {
    const existing = await untilAborted(session.signal, access().committed(config.groupId, topics));
    return aheadOf(open, existing).map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset: String(offset),
    }));
  } catch {
    return [];
  }
}
