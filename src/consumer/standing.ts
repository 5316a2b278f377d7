import type { GroupPlan } from '../position/plan.js';
import type { GroupNeed, HandledPosition, UntouchedPartition } from '../position/need.js';
import { PartitionMap } from '../replication/partition-map.js';
import type { GroupMember } from './group-member.js';
import type { Lane } from './lane.js';
import type { PartitionProgress } from './progress.js';
import type { ResumePosition } from './resume.js';
import type { FailoverConsumerRunConfig } from './types.js';

/** @internal How far the partitions of a member were handled, and in which nothing was yet. */
export type Standing = Pick<GroupNeed, 'processed' | 'untouched'>;

/** @internal Of whoever has handled nothing. */
export const NOWHERE: Standing = { processed: [], untouched: [] };

/**
 * Where a member stands: next offset to handle of each partition that it has; with `autoCommit: false` what the user committed.
 *
 * @param member - its partitions, and what the group had committed when it got them.
 * @internal
 */
export function standingOf(
  lanes: readonly Lane[],
  member: Pick<GroupMember, 'assignment' | 'committedAtJoin' | 'joinedAtWallMs'>,
  { autoCommit = true }: Pick<FailoverConsumerRunConfig, 'autoCommit'>,
): Standing {
  const { joinedAtWallMs } = member;
  const processed = lanes.flatMap((lane) => {
    const position = positionOf(lane, autoCommit);
    return position === undefined ? [] : { ...position, joinedAtWallMs };
  });
  const known = new Set(processed.map((one) => `${one.partition} ${one.physicalTopic}`));
  const given = new Map(lanes.map((lane) => [`${lane.partition} ${lane.physicalTopic}`, lane]));
  const untouched = Object.entries(member.assignment).flatMap(([physicalTopic, partitions]) =>
    partitions.flatMap((partition) => {
      const log = `${partition} ${physicalTopic}`;
      if (known.has(log)) return [];
      const before = member.committedAtJoin(physicalTopic, partition);
      return [{ physicalTopic, partition, ...openPart(given.get(log)?.progress, before) }];
    }),
  );
  return { processed, untouched };
}

/** Of a partition whose position is not known. */
function openPart(
  progress: PartitionProgress | undefined,
  before: ReturnType<GroupMember['committedAtJoin']>,
): Omit<UntouchedPartition, 'physicalTopic' | 'partition'> {
  // Where it was sought, or others had it, nobody knows.
  if (progress?.mayOthersHaveHandledMore === true || progress?.sought !== undefined) return {};
  const tried = progress?.triedBelow();
  if (tried !== undefined) return { deliveredBelow: tried };
  if (before === undefined) return {};
  const removed = progress?.removed.range;
  return { ...before, deliveredBelow: before.committed ?? 0n, removed };
}

/** @internal Where a group began on a cluster, by this process's own plan. */
export class PlannedBeginning {
  readonly switchEpoch: number;
  readonly plan: GroupPlan;
  #positions: PartitionMap<Beginning> | undefined;

  constructor(switchEpoch: number, plan: GroupPlan) {
    this.switchEpoch = switchEpoch;
    this.plan = plan;
  }

  /** Undefined where the plan knows no position. */
  in(physicalTopic: string, partition: number): Beginning | undefined {
    if (this.#positions === undefined) {
      this.#positions = new PartitionMap();
      for (const one of this.plan.partitions) {
        if (one.kind === 'resume') this.#positions.set(one.physicalTopic, one.partition, one);
      }
    }
    return this.#positions.get(physicalTopic, partition);
  }
}

/** @internal A position of a plan, and what was not handled below it. */
export type Beginning = Pick<ResumePosition, 'offset' | 'removed'>;

/** @internal The places at which the group began, by that plan. */
export function begunAt(plan: GroupPlan | undefined): GroupNeed['begunAt'] {
  const partitions = plan?.partitions ?? [];
  return partitions.flatMap((one) => {
    // What was committed there before says nothing of this stay.
    if (one.kind !== 'resume' || one.voidCommit !== undefined) return [];
    const { physicalTopic, partition, offset } = one;
    return [{ physicalTopic, partition, offset }];
  });
}

/** @internal Where a consumer stood on each cluster when it left it: the log may have lost its end when the service comes back. */
export class EarlierStandings {
  readonly #clusters = new Map<string, readonly HandledPosition[]>();

  /** Of an older epoch there nothing is kept: others have worked on its partitions since. */
  add(cluster: string, { processed }: Standing): void {
    const positions = processed.map((one) => {
      // Hashed, so that no record is kept for it.
      const few = one.recent.few();
      return { ...one, recent: { all: () => few, few: () => few } };
    });
    this.#clusters.set(cluster, positions);
  }

  list(): GroupNeed['earlier'] {
    return [...this.#clusters].flatMap(([cluster, positions]) =>
      positions.map((position) => ({ cluster, position })),
    );
  }
}

function positionOf(
  { physicalTopic, partition, progress, recent }: Lane,
  autoCommit: boolean,
): HandledPosition | undefined {
  const offset = autoCommit ? progress.position() : progress.committed;
  if (offset === undefined) return undefined;
  const end = progress.triedBelow() ?? offset;
  return {
    physicalTopic,
    partition,
    offset,
    deliveredBelow: progress.mayOthersHaveHandledMore ? undefined : end > offset ? end : offset,
    // Without auto-commit the position is a commit, and a seek is none.
    rewoundBelow: autoCommit ? progress.rewoundBelow() : undefined,
    handledFrom: progress.delivered()?.first,
    committed: progress.committed,
    removed: progress.removed.range,
    recent: recent.below(offset),
  };
}
