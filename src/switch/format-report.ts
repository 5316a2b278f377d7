import { missingPieceInWords, remedyOf } from '../missing-pieces.js';
import { missingBoundInWords } from '../position/missing.js';
import { countInWords, type RecordCount } from '../record-count.js';
import { unreachable } from '../unreachable.js';
import type {
  ExactnessReport,
  PartitionMeasurement,
  PartitionPrediction,
  RecoveryTime,
  SwitchMeasurement,
  SwitchPrediction,
} from './exactness.js';

/**
 * A report for people: plain lines and aligned columns, with what to do about what is missing. Takes the `prediction` of a plan, the
 * `measurement` of `switch.measured`, or `status().lastSwitch`. Pure; the text is for reading and may change in any version.
 *
 * @example
 * ```ts
 * kafka.on('switch.measured', ({ measurement }) => console.log(formatSwitchReport(measurement)));
 * ```
 * @public
 */
export function formatSwitchReport(report: ExactnessReport): string {
  const head = report.kind === 'measured' ? headOfSwitch(report) : headOfPlan(report);
  const groups = report.groups.flatMap(({ groupId, partitions }) => [
    '',
    ...groupLines(groupId, partitions),
  ]);
  return [...head, ...lossLines(report), ...groups, ...adviceLines(report)].join('\n');
}

/** As in 2026-11-27 02:31:04. */
const UTC = new Intl.DateTimeFormat('sv-SE', {
  timeZone: 'UTC',
  dateStyle: 'short',
  timeStyle: 'medium',
});

function headOfPlan({ from, to, obstacles }: SwitchPrediction): readonly string[] {
  const title = `A planned switch from ${from} to ${to}, if it were ordered now`;
  const verdict =
    obstacles.length === 0
      ? ['would go through']
      : ['would be REFUSED:', ...obstacles.map((obstacle) => `  ${obstacle}`)];
  return [title, ...verdict];
}

function headOfSwitch(report: SwitchMeasurement): readonly string[] {
  const { from, to, switchEpoch, planned, reason, by, phases, pending, rto } = report;
  const began = `${UTC.format(report.startedAtWallMs)} UTC`;
  return [
    `Switch ${switchEpoch} from ${from} to ${to}, ${planned ? 'planned' : 'unplanned'}, by ${by}: ${reason}`,
    `began ${began}, took ${inMs(report.durationMs)}: ${phases.map(phaseInWords).join(', ')}`,
    ...(pending.length === 0 ? [] : [`NOT OPEN YET when it ended: ${pending.join(', ')}`]),
    '',
    ...columns([
      ['producers', ...timeInWords(rto.producers, 'acknowledged', report)],
      ['consumers', ...timeInWords(rto.consumers, 'handled', report)],
    ]),
  ];
}

function phaseInWords({ phase, durationMs, overran }: SwitchMeasurement['phases'][number]): string {
  return `${phase} ${inMs(durationMs)}${overran ? ' (OVERRAN)' : ''}`;
}

function timeInWords(
  time: RecoveryTime,
  what: string,
  { from, to }: SwitchMeasurement,
): readonly string[] {
  switch (time.kind) {
    case 'measured': {
      const last = `last ${what} on ${from} ${aroundStart(time.lastMs)}`;
      return [
        `stood still for ${inMs(time.durationMs)}`,
        `${last}, first on ${to} ${aroundStart(time.firstMs)}`,
      ];
    }
    case 'open':
      return [
        `nothing new ${what} on ${to} yet`,
        `last ${what} on ${from} ${aroundStart(time.lastMs)}`,
      ];
    case 'idle':
      return [`nothing was ${what} on ${from}: not measured`];
    default:
      return unreachable(time);
  }
}

function aroundStart(ms: number): string {
  return ms < 0 ? `${inMs(-ms)} before it began` : `${inMs(ms)} after it began`;
}

function lossLines(report: ExactnessReport): readonly string[] {
  const { from, to, rpo, unmirrored } = report;
  const { heartbeat } = rpo;
  const age =
    heartbeat === undefined
      ? 'no heartbeat of the mirror is known'
      : `newest heartbeat of the mirror: ${inMs(heartbeat.sentAgeMs)} old, came ${inMs(heartbeat.arrivedAgeMs)} before`;
  const open = unmirrored.filter(({ records }) => !isNothing(records));
  const logs = open.map(({ topic, partition, records, mirroredEnd }) => [
    `  ${topic}[${partition}]`,
    inWords(records),
    mirroredEnd === undefined ? '' : `mirrored up to ${mirroredEnd}`,
  ]);
  return ['', `On ${from} and not on ${to}: ${inWords(rpo.records)} (${age})`, ...columns(logs)];
}

function groupLines(
  groupId: string,
  partitions: readonly (PartitionPrediction | PartitionMeasurement)[],
): readonly string[] {
  const isMeasured = partitions.some((one) => 'reread' in one);
  const told = partitions.filter(isRemarkable);
  const quietCount = partitions.length - told.length;
  const rows = told.map((one) => [
    `  ${one.physicalTopic}[${one.partition}]`,
    ...(one.position.kind === 'resume'
      ? [one.position.offset, one.position.method]
      : ['-', 'NOT STARTED']),
    countInWords(one.predictedReread),
    ...('reread' in one ? [countInWords(one.reread)] : []),
    String(one.awaitedCount),
    unhandledInWords(one),
  ]);
  const titles = [
    '  partition',
    'from',
    'by',
    'again, predicted',
    ...(isMeasured ? ['really'] : []),
    'awaited',
    'neither handled nor mirrored',
  ];
  const why = told.flatMap((one) =>
    one.position.kind === 'unavailable'
      ? [`  ${one.physicalTopic}[${one.partition}]: ${one.position.because}`]
      : isGuess(one)
        ? [
            `  ${one.physicalTopic}[${one.partition}]: ${one.missing.map(missingBoundInWords).join('; ')}`,
          ]
        : [],
  );
  return [
    `group ${groupId}, ${partitions.length} partitions`,
    ...(rows.length === 0 ? [] : columns([titles, ...rows])),
    ...(quietCount === 0
      ? []
      : [`  ${quietCount} partitions: at the very next record, nothing again, nothing missing`]),
    ...why,
  ];
}

/** Where nothing is known and something may be handled again. */
function isGuess({ position, predictedReread }: PartitionPrediction): boolean {
  if (position.kind !== 'resume' || isNothing(predictedReread)) return false;
  return position.method === 'earliest' || position.method === 'latest';
}

function isRemarkable(one: PartitionPrediction | PartitionMeasurement): boolean {
  const { position, predictedReread, awaitedCount, unhandled } = one;
  if (position.kind === 'unavailable' || awaitedCount > 0 || !isNothing(predictedReread))
    return true;
  if (unhandled !== undefined && !isNothing(unhandled.records)) return true;
  return 'reread' in one && one.reread.kind !== 'unknown' && !isNothing(one.reread);
}

function unhandledInWords({ unhandled }: PartitionPrediction): string {
  if (unhandled === undefined) return '-';
  const { records, range } = unhandled;
  if (range === undefined) return countInWords(records);
  return `${countInWords(records)}: ${range.topic}[${range.partition}] ${range.first}..${range.last}`;
}

function adviceLines({ missing, warnings }: ExactnessReport): readonly string[] {
  const pieces = missing.map((piece) => [missingPieceInWords(piece), remedyOf(piece)] as const);
  const said = new Set(pieces.map(([words]) => words));
  const others = [...new Set(warnings)].filter((warning) => !said.has(warning));
  return [
    ...(pieces.length === 0 ? [] : ['', 'missing']),
    ...pieces.flatMap(([words, remedy]) => [`  ${words}`, `    to do: ${remedy}`]),
    ...(others.length === 0 ? [] : ['', 'warnings']),
    ...others.map((warning) => `  ${warning}`),
  ];
}

function isNothing(count: RecordCount): boolean {
  return count.kind !== 'unknown' && count.kind !== 'atLeast' && count.count === 0;
}

function inWords(count: RecordCount): string {
  if (count.kind === 'unknown') return `unknown: ${count.because}`;
  return `${countInWords(count)} ${count.count === 1 ? 'offset' : 'offsets'}`;
}

function inMs(ms: number): string {
  return ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`;
}

/** Cells under each other; the last one of a row ends where it ends. */
function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
