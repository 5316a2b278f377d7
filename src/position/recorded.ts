import type { Checkpoint } from '../replication/checkpoint-store.js';
import { PartitionMap } from '../replication/partition-map.js';
import type { HandledPosition } from './need.js';
import type { RecordedPosition } from './progress-record.js';

/** @internal Where a group is on the source, from the memory of this process or from what a member has written down. */
export interface KnownPosition extends HandledPosition {
  /** When it was written down, in wall-clock milliseconds since 1970; undefined for this process's own memory. */
  readonly recordedAtWallMs?: number;
}

/**
 * The positions of this process, and those that members have written down and are further. A process that user code has moved back knows
 * better than all that was written before. Pure.
 *
 * @internal
 */
export function withRecorded(
  own: PartitionMap<HandledPosition>,
  recorded: readonly RecordedPosition[],
): PartitionMap<KnownPosition> {
  const known = new PartitionMap<KnownPosition>();
  for (const one of own.values()) known.set(one.physicalTopic, one.partition, one);
  for (const one of recorded) {
    const { physicalTopic, partition, offset } = one;
    const mine = own.get(physicalTopic, partition);
    if (one.isPast) continue;
    if (mine !== undefined && (mine.rewoundBelow !== undefined || mine.offset >= offset)) continue;
    known.set(physicalTopic, partition, positionOf(one));
  }
  return known;
}

/** @internal A recorded position, for planning. */
export function positionOf({
  physicalTopic,
  partition,
  offset,
  atWallMs,
  rewoundBelow,
  committed,
  removed,
  recent,
}: RecordedPosition): KnownPosition {
  return {
    physicalTopic,
    partition,
    offset,
    recordedAtWallMs: atWallMs,
    // Its handlers may have been given more.
    deliveredBelow: undefined,
    rewoundBelow,
    handledFrom: undefined,
    committed,
    removed,
    recent: { all: () => recent, few: () => recent },
  };
}

/** Progress is written more often; and clocks differ. */
const MUCH_LATER_MS = 5_000;

/**
 * What was written down, unless something speaks against it: MirrorMaker has seen the group further back, long after it was written, so
 * it was moved back; or the offset syncs have begun anew since, so the log may be another one. (A group that handled on, and died
 * without a commit, and a MirrorMaker that crashed, look the same: then less is known than could be.) Pure.
 *
 * @param restartedAtWallMs - when the partition's offset syncs began anew.
 *
 * @internal
 */
export function stillValid(
  position: KnownPosition | undefined,
  checkpoint: Checkpoint | undefined,
  restartedAtWallMs: number | undefined,
): KnownPosition | undefined {
  if (position?.recordedAtWallMs === undefined) return position;
  const isOfOlderLog =
    restartedAtWallMs !== undefined && restartedAtWallMs > position.recordedAtWallMs;
  if (isOfOlderLog) return undefined;
  if (checkpoint === undefined) return position;
  const isLater = checkpoint.recordedAtWallMs > position.recordedAtWallMs + MUCH_LATER_MS;
  return isLater && checkpoint.upstreamOffset < position.offset ? undefined : position;
}
