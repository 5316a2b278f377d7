import type { GroupPlan, PartitionPlan } from '../position/plan.js';
import type { UpstreamLog } from '../position/upstream.js';
import { records, sumOf, type RecordCount } from '../record-count.js';
import type { HeartbeatState } from '../replication/mirror.js';
import type { AcknowledgedEnd } from '../session-work.js';
import { unreachable } from '../unreachable.js';
import type { OffsetRange, RecoveryPoint, UnhandledRecords, UnmirroredLog } from './exactness.js';

/**
 * What the source has of each log that a group reads, or that this process's producers have written to, and the target has not. Where
 * the source says itself where its logs end it is counted; where it is dead, what was acknowledged and seen is a lower limit. Pure.
 *
 * @internal
 */
export function unmirroredLogs(
  groups: readonly GroupPlan[],
  ends: readonly AcknowledgedEnd[],
): readonly UnmirroredLog[] {
  const logs = new Map<string, UnmirroredLog>();
  for (const plan of groups.flatMap(({ partitions }) => partitions)) {
    if (plan.upstream === undefined) continue;
    const { topic } = plan.upstream;
    const key = keyOf(topic, plan.partition);
    const log = unmirroredLog(plan, plan.upstream, ends);
    const known = logs.get(key);
    if (known === undefined || isMore(log.records, known.records)) logs.set(key, log);
  }
  for (const { topic, partition, end } of ends) {
    const key = keyOf(topic, partition);
    if (logs.has(key)) continue;
    const because = 'no group of this process reads it, so its mirror is not followed here';
    logs.set(key, {
      topic,
      partition,
      records: { kind: 'unknown', because },
      mirroredEnd: undefined,
      knownEnd: String(end),
    });
  }
  return [...logs.values()];
}

/** @internal Records of one partition that were neither handled nor mirrored; undefined where the log was born on the target. Pure. */
export function unhandledOf(
  { upstream, partition }: PartitionPlan,
  ends: readonly AcknowledgedEnd[],
): UnhandledRecords | undefined {
  if (upstream === undefined) return undefined;
  const { mirrored, handledEnd } = upstream;
  const end = endOf(upstream, partition, ends);
  const open = openAbove(mirrored, end);
  if (mirrored.kind === 'unknown' || end === undefined) return { records: open, range: undefined };
  if (handledEnd === undefined) {
    const because = `how far the group had come in ${upstream.topic} is not known`;
    return { records: { kind: 'unknown', because }, range: undefined };
  }
  const first = handledEnd > mirrored.end ? handledEnd : mirrored.end;
  const count = open.kind === 'unknown' ? open : records(open.kind, end.offset - first);
  const range =
    end.offset > first
      ? { topic: upstream.topic, partition, first: String(first), last: String(end.offset - 1n) }
      : undefined;
  return { records: count, range };
}

/** @internal Records of one partition that were not handled, and that retention was quicker with. Pure. */
export function goneOf({ upstream, partition }: PartitionPlan): OffsetRange | undefined {
  if (upstream?.gone === undefined) return undefined;
  const { first, last } = upstream.gone;
  return { topic: upstream.topic, partition, first: String(first), last: String(last) };
}

/** @internal Pure. */
export function recoveryPointOf(
  unmirrored: readonly UnmirroredLog[],
  heartbeat: HeartbeatState | undefined,
): RecoveryPoint {
  if (unmirrored.length > 0)
    return { records: sumOf(unmirrored.map((log) => log.records)), heartbeat };
  const because = 'this process reads nothing, and has written nothing, that is mirrored';
  return { records: { kind: 'unknown', because }, heartbeat };
}

interface LogEnd {
  readonly kind: 'asked' | 'seen';
  readonly offset: bigint;
}

function unmirroredLog(
  plan: PartitionPlan,
  upstream: UpstreamLog,
  ends: readonly AcknowledgedEnd[],
): UnmirroredLog {
  const { partition } = plan;
  const { topic, mirrored } = upstream;
  const end = endOf(upstream, partition, ends);
  const found = openAbove(mirrored, end);
  // Handled on the source, and looked for on the target in vain.
  const awaitedCount = plan.kind === 'resume' ? plan.awaited.length : 0;
  const isLess =
    found.kind === 'unknown' || (found.kind === 'atLeast' && found.count < awaitedCount);
  return {
    topic,
    partition,
    records: isLess && awaitedCount > 0 ? { kind: 'atLeast', count: awaitedCount } : found,
    mirroredEnd: mirrored.kind === 'unknown' ? undefined : String(mirrored.end),
    knownEnd: end === undefined ? undefined : String(end.offset),
  };
}

function endOf(
  { topic, end }: UpstreamLog,
  partition: number,
  ends: readonly AcknowledgedEnd[],
): LogEnd | undefined {
  const written = ends.find((one) => one.topic === topic && one.partition === partition)?.end;
  if (end.kind === 'unknown') {
    return written === undefined ? undefined : { kind: 'seen', offset: written };
  }
  return written !== undefined && written > end.offset ? { ...end, offset: written } : end;
}

/** What lies between the mirror's end and the log's. */
function openAbove(mirrored: UpstreamLog['mirrored'], end: LogEnd | undefined): RecordCount {
  if (mirrored.kind === 'unknown') return { kind: 'unknown', because: mirrored.because };
  if (end === undefined) return { kind: 'unknown', because: 'where the log ends is not known' };
  const count = end.offset - mirrored.end;
  switch (mirrored.kind) {
    case 'known':
      return records(end.kind === 'asked' ? 'counted' : 'atLeast', count);
    case 'atMost':
      return records('atLeast', count);
    case 'atLeast':
      if (end.kind === 'asked') return records(count > 0n ? 'atMost' : 'counted', count);
      return {
        kind: 'unknown',
        because:
          'how much is mirrored is known as a lower limit only: the copies share the log with records that were born on the target, or the topic was made anew there',
      };
    default:
      return unreachable(mirrored);
  }
}

/** Of two groups that read the same log, one may know more of it. */
function isMore(one: RecordCount, other: RecordCount): boolean {
  if (other.kind === 'unknown') return one.kind !== 'unknown';
  return one.kind !== 'unknown' && one.count > other.count;
}

function keyOf(topic: string, partition: number): string {
  return `${partition} ${topic}`;
}
