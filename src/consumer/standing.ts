import type { GroupNeed, GroupPlan, SourcePosition } from '../position/plan.js';
import { PartitionMap } from '../replication/partition-map.js';
import type { Lane } from './lane.js';
import type { FailoverConsumerRunConfig } from './types.js';

/** @internal How far the partitions of a member were handled, and in which nothing was yet. */
export type Standing = Pick<GroupNeed, 'processed' | 'untouched'>;

/** @internal Of whoever has handled nothing. */
export const NOWHERE: Standing = { processed: [], untouched: [] };

/**
 * Where a member stands: next offset to handle of each partition that it has; with `autoCommit: false` what the user committed.
 *
 * @param assignment - partitions of the member, by physical topic.
 * @internal
 */
export function standingOf(
  lanes: readonly Lane[],
  assignment: Readonly<Record<string, readonly number[]>>,
  { autoCommit = true }: Pick<FailoverConsumerRunConfig, 'autoCommit'>,
): Standing {
  const processed = lanes.flatMap((lane) => positionOf(lane, autoCommit) ?? []);
  const known = new Set(processed.map((one) => `${one.partition} ${one.physicalTopic}`));
  const untouched = Object.entries(assignment).flatMap(([physicalTopic, partitions]) =>
    partitions
      .filter((partition) => !known.has(`${partition} ${physicalTopic}`))
      .map((partition) => ({ physicalTopic, partition })),
  );
  return { processed, untouched };
}

/** @internal Where a group began on a cluster, by this process's own plan. */
export interface PlannedBeginning {
  readonly switchEpoch: number;
  readonly plan: GroupPlan;
}

/**
 * With the places at which the group began on the cluster, by the plan that this process made. Pure.
 *
 * @internal
 */
export function withBeginnings(standing: Standing, plan: GroupPlan | undefined): Standing {
  if (plan === undefined) return standing;
  const places = new PartitionMap<bigint>();
  for (const one of plan.partitions) {
    if (one.kind === 'resume') places.set(one.physicalTopic, one.partition, one.offset);
  }
  const processed = standing.processed.map((one) => {
    return { ...one, groupFrom: places.get(one.physicalTopic, one.partition) };
  });
  return { ...standing, processed };
}

/** @internal Where a consumer stood on each cluster when it left it: the log may have lost its end when the service comes back. */
export class EarlierStandings {
  readonly #clusters = new Map<string, readonly SourcePosition[]>();

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
): SourcePosition | undefined {
  const offset = autoCommit ? progress.position() : progress.committed;
  if (offset === undefined) return undefined;
  const end = progress.deliveredBelow() ?? offset;
  return {
    physicalTopic,
    partition,
    offset,
    deliveredBelow: progress.isTakenOver ? undefined : end > offset ? end : offset,
    // Without auto-commit the position is a commit, and a seek is none.
    rewoundBelow: autoCommit ? progress.rewoundBelow() : undefined,
    handledFrom: progress.delivered()?.first,
    committed: progress.committed,
    recent: recent.below(offset),
  };
}
