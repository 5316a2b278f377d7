import type { ClusterAccess, LogRange } from '../cluster/access.js';
import { sleep, untilDeadline } from '../wait.js';
import { PartitionMap } from '../replication/partition-map.js';
import type { World } from '../world.js';

/** @internal A log, and how far commits in it may reach. */
export interface CommittableRange extends LogRange {
  /**
   * The log's end for a reader with isolation `read_uncommitted`, whose commits lie behind open transactions, beyond `high`.
   * Asked only where a commit does; `high` otherwise.
   */
  readonly end: bigint;
}

/** How old the knowledge of leaders may be, in milliseconds: whoever asks for ends has just asked for all topics. */
const LEADERS_KNOWN_MS = 5_000;

/** A new leader may not know for a moment how far its log is replicated: a commit beyond its end is looked at once more. */
const SECOND_LOOK_MS = 500;

/**
 * Where the logs of the target begin and end. A commit beyond an end means that the log is another one, and that the commit is
 * replaced; so nothing of the kind is said lightly.
 *
 * @param commitOf - the highest own commit of the groups in a partition.
 * @internal
 */
export async function logRanges(
  topics: readonly string[],
  target: ClusterAccess,
  world: World,
  commitOf: (topic: string, partition: number) => bigint | undefined,
): Promise<ReadonlyMap<string, ReadonlyMap<number, CommittableRange>>> {
  const ranges = new Map<string, ReadonlyMap<number, CommittableRange>>();
  await Promise.all(
    topics.map(async (topic) => {
      const found = await target.ranges(topic, { leadersMaxAgeMs: LEADERS_KNOWN_MS });
      if (found === undefined) return;
      const known = new Map(
        [...found].map(([partition, range]) => [partition, { ...range, end: range.high }]),
      );
      ranges.set(topic, known);
      for (const delayMs of [0, SECOND_LOOK_MS]) {
        const beyond = [...known].filter(
          ([partition, { end }]) => (commitOf(topic, partition) ?? end) > end,
        );
        if (beyond.length === 0) return;
        if (delayMs > 0) await sleep(world, delayMs);
        const ends = await target.ranges(topic, { isolation: 'read_uncommitted' });
        for (const [partition, range] of beyond) {
          known.set(partition, { ...range, end: ends?.get(partition)?.high ?? range.end });
        }
      }
    }),
  );
  return ranges;
}

/**
 * Where the source's logs end. Nothing depends on it, so a source that does not answer in time costs nothing; topics that do not exist
 * are left out.
 *
 * @internal
 */
export async function askEnds(
  topics: readonly string[],
  source: Pick<ClusterAccess, 'ranges'> | undefined,
  { world, untilMs }: { readonly world: World; readonly untilMs: number },
): Promise<PartitionMap<bigint>> {
  const nothing = new PartitionMap<bigint>();
  if (source === undefined) return nothing;
  const asking = Promise.all(
    topics.map(async (topic) => {
      const ranges = await source.ranges(topic, { leadersMaxAgeMs: LEADERS_KNOWN_MS });
      return [topic, ranges] as const;
    }),
  );
  const answer = await untilDeadline(world, untilMs, asking).catch(() => undefined);
  if (answer?.kind !== 'settled') return nothing;
  const ends = new PartitionMap<bigint>();
  for (const [topic, ranges] of answer.value) {
    for (const [partition, { high }] of ranges ?? []) ends.set(topic, partition, high);
  }
  return ends;
}
