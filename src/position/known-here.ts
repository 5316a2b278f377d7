import { PartitionMap } from '../replication/partition-map.js';
import type { GroupNeed, HandledPosition, UntouchedPartition } from './need.js';
import type { Recorded, RecordedPosition } from './progress-record.js';
import { positionOf, withRecorded, type KnownPosition } from './recorded.js';

/** @internal What this process itself knows of a group. */
export interface KnownHere {
  readonly processed: PartitionMap<KnownPosition>;
  /** The same by the memory of this process alone. */
  readonly own: PartitionMap<HandledPosition>;
  /** Logs of the source of which nothing is known to be handled. */
  readonly untouched: PartitionMap<UntouchedPartition>;
  readonly deliveredOnTarget: PartitionMap<bigint>;
  /** The same of the source, in epochs before this one: a handler that failed then may have handled what is not given to it again yet. */
  readonly deliveredOnSource: PartitionMap<bigint>;
  /** Where this process stood on the target before. */
  readonly earlier: PartitionMap<HandledPosition>;
  /** Where the group began on the source, by the plan of this process. */
  readonly begunAt: PartitionMap<bigint>;
  /** What members had written down of the source, where this process begins: it has handled nothing yet on either cluster. */
  readonly recordedOnly: PartitionMap<RecordedPosition>;
}

/** @internal */
export function knownHere(need: GroupNeed, recorded: Recorded, target: string): KnownHere {
  const deliveredOnTarget = new PartitionMap<bigint>();
  const deliveredOnSource = new PartitionMap<bigint>();
  for (const { cluster, physicalTopic, partition, below } of need.deliveredBefore) {
    const delivered = cluster === target ? deliveredOnTarget : deliveredOnSource;
    const known = delivered.get(physicalTopic, partition);
    if (known === undefined || below > known) delivered.set(physicalTopic, partition, below);
  }
  const recordedOnly = new PartitionMap<RecordedPosition>();
  const hasWorked = need.processed.length > 0 || need.deliveredBefore.length > 0;
  for (const one of hasWorked ? [] : recorded.onSource) {
    recordedOnly.set(one.physicalTopic, one.partition, one);
  }
  const untouched = new PartitionMap<UntouchedPartition>();
  for (const one of need.untouched) untouched.set(one.physicalTopic, one.partition, one);
  const own = processedPositions(need.processed);
  const begunAt = new PartitionMap<bigint>();
  for (const one of need.begunAt) begunAt.set(one.physicalTopic, one.partition, one.offset);
  const there = need.earlier.filter(({ cluster }) => cluster === target);
  return {
    processed: withRecorded(own, recorded.onSource),
    own,
    untouched,
    deliveredOnTarget,
    deliveredOnSource,
    begunAt,
    recordedOnly,
    earlier: earlierPositions([
      ...there.map(({ position }) => position),
      ...recorded.onTarget.map(positionOf),
    ]),
  };
}

/** Where several consumers of the process handled a partition in turn, the furthest one counts. */
function processedPositions(processed: readonly HandledPosition[]): PartitionMap<HandledPosition> {
  const positions = new PartitionMap<HandledPosition>();
  for (const one of processed) {
    const { physicalTopic, partition } = one;
    const known = positions.get(physicalTopic, partition) ?? one;
    const furthest = known.offset > one.offset ? known : one;
    positions.set(physicalTopic, partition, {
      ...furthest,
      deliveredBelow: higherOf(known.deliveredBelow, one.deliveredBelow),
    });
  }
  return positions;
}

/** Undefined, unknown, is higher than any. */
function higherOf(a: bigint | undefined, b: bigint | undefined): bigint | undefined {
  if (a === undefined || b === undefined) return undefined;
  return a > b ? a : b;
}

/** The furthest of each log, with the highest commit that any of them has seen. */
function earlierPositions(all: readonly HandledPosition[]): PartitionMap<HandledPosition> {
  const positions = processedPositions(all);
  for (const { physicalTopic, partition, committed } of all) {
    const known = positions.get(physicalTopic, partition);
    if (known === undefined || committed === undefined) continue;
    if (known.committed !== undefined && known.committed >= committed) continue;
    positions.set(physicalTopic, partition, { ...known, committed });
  }
  return positions;
}
