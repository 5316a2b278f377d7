import type { ClusterAccess, FetchedRecord } from './cluster/access.js';
import type { MissingPiece } from './missing-pieces.js';
import { contentHash } from './position/fingerprint.js';
import { inParallel, PARALLEL_SCANS } from './position/parallel.js';
import type { Mirror } from './replication/mirror.js';
import type { OffsetSync } from './replication/records.js';
import { untilAborted, withinDeadline } from './wait.js';
import type { World } from './world.js';

/** @internal What {@link findUncommittedCopy} needs. */
export interface UncommittedCopyParts {
  /** The source's topics that the groups read. */
  readonly topics: readonly { readonly topic: string; readonly partitionCount: number }[];
  /** The source and the target. */
  readonly clusters: readonly [ReadingAccess, ReadingAccess];
  readonly world: World;
  /** It ends then (the world's monotonic milliseconds), and has found nothing. */
  readonly deadlineAtMs: number;
  readonly signal: AbortSignal;
}

type ReadingAccess = Pick<ClusterAccess, 'fetch' | 'ranges'>;

/** Longest look, in milliseconds. */
const LOOK_MS = 1_000;

/** So many partitions are looked at, at most. Those without a hole in what was copied cost nothing and do not count. */
const MAX_PARTITIONS = 64;

/** So many offsets before the newest hole are read on the source. */
const WINDOW = 1_000n;

/** So many fetches of a window, at most. */
const MAX_FETCHES = 4;

/** So many suspects of a partition are compared with their copies, the newest first. */
const MAX_SUSPECTS = 4;

const FETCH_BYTES = 262_144;
const WAIT_MS = 50;

const NEWEST = 2n ** 63n - 1n;

/**
 * Looks for one proof that MirrorMaker copies what was never committed (its default, `isolation.level=read_uncommitted`): on the target
 * such a record is an ordinary one, and handlers are given it.
 *
 * The proof: an offset sync names a record of the source that no reader of committed records is given, and that record and the
 * one at the sync's place on the target are the same, byte for byte. Without all three nothing is said. MirrorMaker writes a sync behind
 * every end of a transaction, so one that is aborted after another one has ended is named by one.
 *
 * Only the neighbourhood of the newest hole in the copied offsets is read, and nothing where there is no hole: without transactions it
 * asks nothing. Where the source does not answer it cannot be known. Never rejects, but with the signal's reason.
 *
 * @internal
 */
export async function findUncommittedCopy(
  mirror: Pick<Mirror, 'source' | 'target' | 'policy' | 'syncsAround'>,
  parts: UncommittedCopyParts,
): Promise<MissingPiece | undefined> {
  const { world, deadlineAtMs, signal } = parts;
  const untilMs = Math.min(deadlineAtMs, world.nowMs() + LOOK_MS);
  const looked = await withinDeadline(world, untilMs, (limit) => look(mirror, parts, limit), {
    signal,
  }).catch(() => undefined);
  signal.throwIfAborted();
  return looked?.kind === 'settled' ? looked.value : undefined;
}

async function look(
  mirror: Pick<Mirror, 'source' | 'target' | 'policy' | 'syncsAround'>,
  { topics, clusters }: UncommittedCopyParts,
  signal: AbortSignal,
): Promise<MissingPiece | undefined> {
  const [source, target] = clusters;
  const { policy } = mirror;
  const suspicious = topics
    .flatMap(({ topic, partitionCount }) =>
      Array.from({ length: partitionCount }, (_, partition) => {
        const hole = newestHole(mirror, topic, partition);
        return hole === undefined ? [] : [{ topic, partition, hole }];
      }).flat(),
    )
    .slice(0, MAX_PARTITIONS);
  const found: MissingPiece[] = [];
  await inParallel(PARALLEL_SCANS, suspicious, async ({ topic, partition, hole }) => {
    if (found.length > 0) return;
    const suspects = await hidden(mirror, source, { topic, partition, hole }, signal);
    for (const { upstreamOffset, downstreamOffset } of suspects.slice(-MAX_SUSPECTS).toReversed()) {
      const physicalTopic = policy.formatRemoteTopic(mirror.source, topic);
      const [original, copy] = await untilAborted(
        signal,
        Promise.all([
          recordAt(source, { topic, partition, offset: upstreamOffset }),
          recordAt(target, { topic: physicalTopic, partition, offset: downstreamOffset }),
        ]),
      );
      if (original === undefined || copy === undefined || !isSame(original, copy)) continue;
      found.push({
        kind: 'uncommitted-copies',
        source: mirror.source,
        target: mirror.target,
        topic,
        partition,
        offset: String(upstreamOffset),
        copy: { topic: physicalTopic, offset: String(downstreamOffset) },
      });
      return;
    }
  });
  return found[0];
}

interface Hole {
  /** The oldest sync of the partition. */
  readonly oldest: OffsetSync;
  /** The first one behind the newest hole. */
  readonly behind: OffsetSync;
}

/**
 * The newest place where MirrorMaker copied fewer records than the source has offsets, as markers of transactions make it. How far both
 * logs are apart only grows from sync to sync, so it is found by halves. Pure.
 */
function newestHole(
  mirror: Pick<Mirror, 'syncsAround'>,
  topic: string,
  partition: number,
): Hole | undefined {
  const atOrAfter = (offset: bigint): OffsetSync | undefined => {
    const around = mirror.syncsAround(topic, partition, offset);
    return around.kind === 'known' ? around.ceiling : undefined;
  };
  const end = mirror.syncsAround(topic, partition, NEWEST);
  const newest = end.kind === 'known' ? end.floor : undefined;
  const oldest = atOrAfter(0n);
  if (newest === undefined || oldest === undefined) return undefined;
  const distance = distanceOf(newest);
  if (distance <= distanceOf(oldest)) return undefined;
  // Behind `before` the distance is smaller than at `behind`.
  let before = oldest.upstreamOffset;
  let behind = newest;
  while (behind.upstreamOffset - before > 1n) {
    const middle = before + (behind.upstreamOffset - before) / 2n;
    const sync = atOrAfter(middle) ?? newest;
    if (distanceOf(sync) < distance) before = sync.upstreamOffset;
    else if (sync.upstreamOffset < behind.upstreamOffset) behind = sync;
    else before = middle;
  }
  return { oldest, behind };
}

function distanceOf({ upstreamOffset, downstreamOffset }: OffsetSync): bigint {
  return upstreamOffset - downstreamOffset;
}

/** Syncs around the hole whose record no reader of committed records is given, in their order. */
async function hidden(
  mirror: Pick<Mirror, 'syncsAround'>,
  source: ReadingAccess,
  { topic, partition, hole }: { topic: string; partition: number; hole: Hole },
  signal: AbortSignal,
): Promise<readonly OffsetSync[]> {
  const range = (await untilAborted(signal, source.ranges(topic)))?.get(partition);
  if (range === undefined) return [];
  const end = lowest(hole.behind.upstreamOffset + 1n, range.high);
  let position = highest(range.low, hole.oldest.upstreamOffset, end - WINDOW);
  const suspects: OffsetSync[] = [];
  const addUpTo = (next: bigint): void => {
    for (; position < lowest(next, end); position += 1n) {
      const around = mirror.syncsAround(topic, partition, position);
      const floor = around.kind === 'known' ? around.floor : undefined;
      if (floor?.upstreamOffset === position) suspects.push(floor);
    }
  };
  for (let count = 0; count < MAX_FETCHES && position < end; count += 1) {
    const { records, nextOffset } = await untilAborted(
      signal,
      source.fetch(topic, partition, position, { maxWaitMs: WAIT_MS, maxBytes: FETCH_BYTES }),
    );
    for (const { offset } of records) {
      addUpTo(BigInt(offset));
      position = BigInt(offset) + 1n;
    }
    addUpTo(nextOffset);
    if (position < nextOffset) position = nextOffset;
  }
  return suspects;
}

/** Committed or not; undefined where there is none at that offset. */
async function recordAt(
  access: ReadingAccess,
  { topic, partition, offset }: { topic: string; partition: number; offset: bigint },
): Promise<FetchedRecord | undefined> {
  const { records } = await access.fetch(topic, partition, offset, {
    maxWaitMs: WAIT_MS,
    maxBytes: FETCH_BYTES,
    isolation: 'read_uncommitted',
  });
  return records.find((record) => BigInt(record.offset) === offset);
}

function isSame(original: FetchedRecord, copy: FetchedRecord): boolean {
  return original.timestamp === copy.timestamp && contentHash(original) === contentHash(copy);
}

function lowest(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function highest(...offsets: readonly bigint[]): bigint {
  return offsets.reduce((a, b) => (a > b ? a : b));
}
