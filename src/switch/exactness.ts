import type { UnmirroredReport } from '../ledger/report.js';
import type { MissingPiece } from '../missing-pieces.js';
import type { MissingBound } from '../position/missing.js';
import type { GroupPlan, PartitionPlan, PositionMethod } from '../position/plan.js';
import type { RecordCount } from '../record-count.js';
import type { HeartbeatState } from '../replication/mirror.js';
import type { AcknowledgedEnd, RereadCounter, SessionWork } from '../session-work.js';
import { records } from '../record-count.js';
import { recoveryPointOf, goneOf, unhandledOf, unmirroredLogs } from './loss.js';
import type { DecidedBy, PhaseReport } from './report.js';
import type { SwitchRun } from './state.js';

/**
 * What a switch costs, by group and partition: predicted by `plan()`, and measured after a switch. Plain JSON: offsets are strings,
 * as with kafkajs.
 *
 * @public
 */
export type ExactnessReport = SwitchPrediction | SwitchMeasurement;

/** @public What both have. */
export interface SwitchCosts<Partition extends PartitionPrediction = PartitionPrediction> {
  /** Alias of the cluster that is left. */
  readonly from: string;
  /** Alias of the cluster that is gone to. */
  readonly to: string;
  /** What an operator should know, in words. */
  readonly warnings: readonly string[];
  /** What is not there, and should be. */
  readonly missing: readonly MissingPiece[];
  /** One entry for each group that this process consumes in. */
  readonly groups: readonly {
    readonly groupId: string;
    readonly partitions: readonly Partition[];
  }[];
  /** The loss, log by log: what the source has and the mirror has not brought to the target. */
  readonly unmirrored: readonly UnmirroredLog[];
  /** The same in one number, and how far the mirror is behind. */
  readonly rpo: RecoveryPoint;
}

/** @public What a planned switch would cost now; an unplanned one, if the source died now, loses what is not mirrored. */
export interface SwitchPrediction extends SwitchCosts {
  /** Tells the two reports apart. */
  readonly kind: 'predicted';
  /** What would refuse a planned switch now. */
  readonly obstacles: readonly string[];
}

/** @public What a switch has cost, as far as this process can see it. */
export interface SwitchMeasurement extends SwitchCosts<PartitionMeasurement> {
  /** Tells the two reports apart. */
  readonly kind: 'measured';
  /** The activation that the switch led to. */
  readonly switchEpoch: number;
  /** Whether the source was expected to be alive. */
  readonly planned: boolean;
  /** Why, as it was ordered or decided. */
  readonly reason: string;
  /** Whose opinion it was. */
  readonly by: DecidedBy;
  /** Wall-clock milliseconds since 1970 at which the switch began. */
  readonly startedAtWallMs: number;
  /** From the decision to the end of the last phase, in milliseconds. */
  readonly durationMs: number;
  /** How long each phase took, in the order in which they ran. */
  readonly phases: readonly PhaseReport[];
  /** Ids of the producers and consumers that were not open yet when the switch ended. */
  readonly pending: readonly string[];
  /**
   * Which records this process's producers were told are on the source, and are not on the target. Undefined until that was searched for (`unmirrored.searched`; `switch.measured` does not wait for it), and
   * where the ledger is off (`producer.ledgerMaxBytes`).
   */
  readonly unmirroredRecords: UnmirroredReport | undefined;
  /** How long the work of this process's producers, and of its consumers, stood still. */
  readonly rto: { readonly producers: RecoveryTime; readonly consumers: RecoveryTime };
}

/** @public Where a group resumes in one partition of the target, and what that costs. */
export interface PartitionPrediction {
  /** The original topic. */
  readonly topic: string;
  /** The topic on the target. */
  readonly physicalTopic: string;
  /** The partition. */
  readonly partition: number;
  /** The next record to handle, on the target, and how it was found. */
  readonly position:
    | { readonly kind: 'resume'; readonly offset: string; readonly method: PositionMethod }
    | { readonly kind: 'unavailable'; readonly because: string };
  /** Records on the target that may be handled again: `maxRereadCount` of the plan. */
  readonly predictedReread: RecordCount;
  /** Records that were handled and are not on the target yet; they are recognised when they come, and not handled again. */
  readonly awaitedCount: number;
  /** Records that were neither handled nor mirrored; undefined where the log was born on the target. */
  readonly unhandled: UnhandledRecords | undefined;
  /**
   * Records of the source that were not handled, and whose copies are not on the target any more: retention has removed them, or the topic was
   * made anew there. They are not handled, unless the group goes back while they are still on the source. Undefined where none are known.
   */
  readonly gone: OffsetRange | undefined;
  /** Why the position could be no better. */
  readonly missing: readonly MissingBound[];
}

/** @public The same, and what became of it. */
export interface PartitionMeasurement extends PartitionPrediction {
  /**
   * Records that were really handled again, by this process, as far as it remembers what it had handled: `unknown` where another
   * process has the partition, or had it.
   */
  readonly reread: RecordCount;
}

/** @public Records of a log of the source that the group has not handled, and that are not on the target: they are handled once they appear. */
export interface UnhandledRecords {
  /** How many, counted in offsets of the source: the end of a transaction counts like a record. */
  readonly records: RecordCount;
  /** The first and the last known one of them, on the source; undefined where none is known. */
  readonly range: OffsetRange | undefined;
}

/** @public Offsets of one log, both included. */
export interface OffsetRange {
  /** The topic, by its name on the source. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** The lowest. */
  readonly first: string;
  /** The highest. */
  readonly last: string;
}

/** @public What of one log of the source is not on the target. */
export interface UnmirroredLog {
  /** The topic, by its name on the source. */
  readonly topic: string;
  /** The partition. */
  readonly partition: number;
  /** How many, counted in offsets of the source: the end of a transaction counts like a record. */
  readonly records: RecordCount;
  /**
   * The first offset that is not on the target; undefined where that is not known. A lower limit where the plan's `upstream.mirrored` is `atLeast`, an upper one where
   * it is `atMost`.
   */
  readonly mirroredEnd: string | undefined;
  /**
   * The offset behind the last record that is known. Where the source does not answer: the end of what this process's producers were told, and
   * its consumers have seen. Undefined where nothing is known.
   */
  readonly knownEnd: string | undefined;
}

/** @public How much is lost if the source never comes back. */
export interface RecoveryPoint {
  /** Records that the source has acknowledged and the mirror has not brought: the sum over all logs that are known. */
  readonly records: RecordCount;
  /**
   * The newest heartbeat that had come through the mirror when the switch began: how old it was, and how long ago it had come. Undefined
   * where none had, or this process does not follow the mirror: it has no consumer.
   */
  readonly heartbeat: HeartbeatState | undefined;
}

/**
 * How long work stood still, from the last record on the source to the first one on the target. Instants are milliseconds since the
 * switch began, negative before it. What the service itself was silent counts: look at `lastMs`.
 *
 * - `measured`: the work goes on.
 * - `open`: nothing has been done on the target yet.
 * - `idle`: nothing was done on the source, so there is nothing to measure.
 *
 * @public
 */
export type RecoveryTime =
  | {
      readonly kind: 'measured';
      readonly durationMs: number;
      readonly lastMs: number;
      readonly firstMs: number;
    }
  | { readonly kind: 'open'; readonly lastMs: number }
  | { readonly kind: 'idle' };

/** @internal */
export interface PredictionParts {
  readonly from: string;
  readonly to: string;
  readonly obstacles: readonly string[];
  readonly warnings: readonly string[];
  readonly missing: readonly MissingPiece[];
  readonly groups: readonly GroupPlan[];
  /** How far this process's producers know that the source's logs reach. */
  readonly ends: readonly AcknowledgedEnd[];
  readonly heartbeat: HeartbeatState | undefined;
}

/** @internal What a switch would cost. Pure. */
export function predictionOf(parts: PredictionParts): SwitchPrediction {
  const { obstacles } = parts;
  return { kind: 'predicted', ...costsOf(parts), obstacles };
}

/** @internal What a measurement is made of. */
export interface MeasurementParts {
  readonly run: Pick<
    SwitchRun,
    'turn' | 'startedAtMs' | 'phases' | 'plans' | 'pending' | 'warnings' | 'missing'
  >;
  readonly startedAtWallMs: number;
  readonly durationMs: number;
  /** What was done on the source before, and on the target since. */
  readonly left: SessionWork | undefined;
  readonly entered: SessionWork | undefined;
  readonly heartbeat: HeartbeatState | undefined;
  readonly unmirroredRecords: UnmirroredReport | undefined;
}

/** @internal What a switch has cost, as far as is known now. Pure. */
export function measurementOf(parts: MeasurementParts): SwitchMeasurement {
  const { run, startedAtWallMs, durationMs, left, entered, heartbeat, unmirroredRecords } = parts;
  const { turn, startedAtMs, phases, plans, pending, warnings, missing } = run;
  const { from, to, switchEpoch, planned, reason, by } = turn;
  // Out of a halt the way may lead to the same cluster: then nothing was left.
  const ends = from === to ? [] : (left?.acknowledgedEnds() ?? []);
  const costs = costsOf({ from, to, warnings, missing, groups: plans, ends, heartbeat });
  const counters = entered?.counters ?? [];
  return {
    kind: 'measured',
    switchEpoch,
    planned,
    reason,
    by,
    startedAtWallMs,
    durationMs,
    phases,
    pending,
    unmirroredRecords,
    rto: {
      producers: timeBetween(
        left?.lastAcknowledgedAtMs,
        entered?.firstAcknowledgedAtMs,
        startedAtMs,
      ),
      consumers: timeBetween(left?.lastHandledAtMs, entered?.firstNewAtMs, startedAtMs),
    },
    ...costs,
    groups: costs.groups.map(({ groupId, partitions }) => ({
      groupId,
      partitions: partitions.map((one) => ({ ...one, reread: rereadOf(groupId, one, counters) })),
    })),
  };
}

function rereadOf(
  groupId: string,
  { physicalTopic, partition }: PartitionPrediction,
  counters: readonly RereadCounter[],
): RecordCount {
  const counter = counters.find(
    (one) =>
      one.groupId === groupId && one.physicalTopic === physicalTopic && one.partition === partition,
  );
  return counter?.count() ?? { kind: 'unknown', because: 'the group has not begun here' };
}

function timeBetween(
  lastAtMs: number | undefined,
  firstAtMs: number | undefined,
  startedAtMs: number,
): RecoveryTime {
  if (lastAtMs === undefined) return { kind: 'idle' };
  const lastMs = lastAtMs - startedAtMs;
  if (firstAtMs === undefined) return { kind: 'open', lastMs };
  const durationMs = Math.max(0, firstAtMs - lastAtMs);
  return { kind: 'measured', durationMs, lastMs, firstMs: firstAtMs - startedAtMs };
}

function costsOf(parts: Omit<PredictionParts, 'obstacles'>): SwitchCosts {
  const { from, to, warnings, missing, groups, ends, heartbeat } = parts;
  const unmirrored = unmirroredLogs(groups, ends);
  return {
    from,
    to,
    warnings,
    missing,
    groups: groups.map(({ groupId, partitions }) => ({
      groupId,
      partitions: partitions.map((plan) => partitionOf(plan, ends)),
    })),
    unmirrored,
    rpo: recoveryPointOf(unmirrored, heartbeat),
  };
}

function partitionOf(plan: PartitionPlan, ends: readonly AcknowledgedEnd[]): PartitionPrediction {
  const { topic, physicalTopic, partition, missing } = plan;
  const unhandled = unhandledOf(plan, ends);
  const gone = goneOf(plan);
  const log = { topic, physicalTopic, partition };
  if (plan.kind === 'unavailable') {
    const { because } = plan;
    return {
      ...log,
      position: { kind: 'unavailable', because },
      predictedReread: { kind: 'unknown', because },
      awaitedCount: 0,
      unhandled,
      gone,
      missing,
    };
  }
  const { offset, method, maxRereadCount, awaited } = plan;
  return {
    ...log,
    position: { kind: 'resume', offset: String(offset), method },
    predictedReread: records(maxRereadCount === 0n ? 'counted' : 'atMost', maxRereadCount),
    awaitedCount: awaited.length,
    unhandled,
    gone,
    missing,
  };
}
