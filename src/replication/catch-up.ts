import type { ClusterAccess, LogRange } from '../cluster/access.js';
import { ENDLESS_QUICK_RETRIES, retry, sleep, untilAborted } from '../wait.js';
import type { World } from '../world.js';
import { unmirroredCount } from './mirrored.js';
import type { Mirror } from './mirror.js';

/** @internal Records of a source partition that the target does not seem to have. */
export interface UnmirroredRecords {
  /** The topic's name on the source. */
  readonly topic: string;
  readonly partition: number;
  /** An estimate: offsets, not records, where the source's log has holes. */
  readonly recordCount: bigint;
}

/** @internal How a wait for the mirror ended. */
export interface CatchUpOutcome {
  /** Empty where everything is mirrored. */
  readonly unmirrored: readonly UnmirroredRecords[];
  /** Topics whose end on the source could not be learned. */
  readonly unknown: readonly string[];
}

/** @internal What {@link catchUp} needs. */
export interface CatchUpParts {
  /** Names on the source; topics that do not exist there have nothing to mirror. */
  readonly topics: readonly string[];
  readonly source: ClusterAccess;
  readonly target: ClusterAccess;
  /** The flow from the source to the target. */
  readonly mirror: Mirror;
  readonly world: World;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
  /** Pause between two looks, in milliseconds. Default 50. */
  readonly pollMs?: number;
}

interface Pending {
  readonly topic: string;
  readonly partition: number;
  /** Taken once, at the start: what others write to the source later is not waited for. */
  readonly source: LogRange;
  /** Records that the target does not seem to have yet. */
  recordCount: bigint;
  /** Upstream offset of the newest sync at the last look. */
  syncedTo: bigint | undefined;
  recordsAfterSync: bigint | undefined;
}

/** Whoever waits for the mirror has asked for all topics a moment ago. */
const KNOWN_LEADERS = { leadersMaxAgeMs: 5_000 };

/** Enough to see whether the few offsets after the newest sync are records at all. */
const PROBE_BYTES = 65_536;

/**
 * Waits until the target has what the source holds of these topics now, as far as {@link unmirroredCount} can tell, or
 * until the signal is aborted. Never rejects: errors of the clusters are tried again.
 *
 * @internal
 */
export async function catchUp(parts: CatchUpParts): Promise<CatchUpOutcome> {
  const { topics, world, signal, pollMs = 50 } = parts;
  const unknown = new Set(topics);
  const pending: Pending[] = [];
  // Asked for at the same time: it is wanted before the target's ends, and waits for nothing.
  const news = parts.mirror.refresh({ signal });
  news.catch(() => {});
  const learning = Promise.all(
    topics.map(async (topic) => {
      pending.push(...(await sourceEnds(topic, parts)));
      unknown.delete(topic);
    }),
  );
  try {
    await learning;
    for (let isFirst = true; ; isFirst = false) {
      await look(pending, parts, isFirst ? news : undefined);
      if (pending.every(({ recordCount }) => recordCount === 0n)) break;
      await sleep(world, pollMs, { signal });
    }
  } catch {
    // Aborted, or an error that is a programming mistake: what is known so far is the answer.
  }
  return {
    unmirrored: pending
      .filter(({ recordCount }) => recordCount > 0n)
      .map(({ topic, partition, recordCount }) => ({ topic, partition, recordCount })),
    unknown: [...unknown],
  };
}

function sourceEnds(topic: string, parts: CatchUpParts): Promise<readonly Pending[]> {
  const { source, world, signal } = parts;
  return retry(world, { ...ENDLESS_QUICK_RETRIES, signal }, async () => {
    const ranges = await untilAborted(signal, source.ranges(topic, KNOWN_LEADERS));
    return [...(ranges ?? [])].map(([partition, range]) => ({
      topic,
      partition,
      source: range,
      recordCount: range.high - range.low,
      syncedTo: undefined,
      recordsAfterSync: undefined,
    }));
  });
}

/** Brings what is pending up to date. @param news - what the mirror was asked already. */
async function look(
  pending: readonly Pending[],
  parts: CatchUpParts,
  news?: Promise<void>,
): Promise<void> {
  const { mirror, target, world, signal } = parts;
  const open = pending.filter(({ recordCount }) => recordCount > 0n);
  if (open.length === 0) return;
  let asked = news;
  await retry(world, { ...ENDLESS_QUICK_RETRIES, signal }, async () => {
    // First the syncs, then the ends: a sync never names a record that the end does not count.
    await (asked ?? mirror.refresh({ signal }));
    asked = undefined;
    const names = [...new Set(open.map(({ topic }) => topic))];
    const ranges = new Map(
      await Promise.all(
        names.map(async (topic) => {
          const remoteTopic = mirror.policy.formatRemoteTopic(mirror.source, topic);
          return [
            topic,
            await untilAborted(signal, target.ranges(remoteTopic, KNOWN_LEADERS)),
          ] as const;
        }),
      ),
    );
    await Promise.all(
      open.map((one) => measure(one, ranges.get(one.topic)?.get(one.partition)?.high, parts)),
    );
  });
}

async function measure(
  one: Pending,
  targetEnd: bigint | undefined,
  { mirror, source, signal }: CatchUpParts,
): Promise<void> {
  const newestSync = mirror.newestSync(one.topic, one.partition);
  const isQuiet = newestSync !== undefined && newestSync.upstreamOffset === one.syncedTo;
  if (!isQuiet) one.recordsAfterSync = undefined;
  one.syncedTo = newestSync?.upstreamOffset;
  const facts = { source: one.source, targetEnd, newestSync };
  one.recordCount = unmirroredCount({ ...facts, recordsAfterSync: one.recordsAfterSync });
  // A log that ends with a transaction's marker never has a sync for its last offset: look at what is there.
  if (one.recordCount === 0n || !isQuiet || one.recordsAfterSync !== undefined) return;
  const next = newestSync.upstreamOffset + 1n;
  const { records, nextOffset } = await untilAborted(
    signal,
    source.fetch(one.topic, one.partition, next, { maxWaitMs: 0, maxBytes: PROBE_BYTES }),
  );
  if (nextOffset < one.source.high) return;
  const counted = records.filter(({ offset }) => BigInt(offset) < one.source.high).length;
  one.recordsAfterSync = BigInt(counted);
  one.recordCount = unmirroredCount({ ...facts, recordsAfterSync: one.recordsAfterSync });
}
