import { rounded, type Range } from '../statistics.js';
import { isAsPredicted, type Judgement } from './judge.js';
import type { Workload } from './workload.js';

/** @internal */
export const PART_NAMES = [
  'switches',
  'roundTrip',
  'translate',
  'overhead',
  'standby',
  'ledger',
] as const;
/** @internal */
export type PartName = (typeof PART_NAMES)[number];

/** @internal */
export interface Spread {
  readonly p50: number;
  readonly p95: number;
}

/** How a group was made to leave A: with all others at once by kill -9, or by an order while A lives on and is written to. @internal */
export type Loss = 'killed' | 'fenced';

/** One group that was switched. @internal */
export interface SwitchedGroup extends Judgement {
  readonly workload: Workload;
  readonly loss: Loss;
  /** Of the way home; all else is of the way out. */
  readonly home: Judgement;
}

/** @internal Sums over groups that were switched. */
export interface SwitchesFigures {
  readonly runs: number;
  /** Switches in which no record was handled twice. */
  readonly exact: number;
  /** Records, over all switches. */
  readonly skipped: number;
  readonly duplicates: number;
  /** Switches in which another number of records was handled twice than the report says ({@link isAsPredicted}). */
  readonly mispredicted: number;
  /** Of those: switches in which it was more than the report allows for. */
  readonly exceeded: number;
}

/** @internal */
export interface Result {
  readonly switches?: SwitchesFigures & {
    /** Of `runs`: those with records that are the same as others in everything, so that recognition cannot tell them apart. */
    readonly withTwins: SwitchesFigures;
    /** The planned switches home of the same groups. */
    readonly home: SwitchesFigures;
    /** Beside `runs`, both ways. Groups with `autoCommit: false` that have committed nothing: by the guide what they handled is handled again. */
    readonly withoutAutoCommit: SwitchesFigures;
  };
  readonly roundTrip?: RoundTripFigures;
  readonly translate?: TranslationFigures;
  readonly overhead?: OverheadFigures;
  readonly standby?: StandbyFigures;
  readonly ledger?: LedgerFigures;
}

/** @internal Records. */
export interface RoundTripFigures {
  /** What the group had not handled when A was killed. */
  readonly lag: number;
  readonly skipped: number;
  readonly twice: number;
  /** Of `twice`: before the way home. */
  readonly twiceAway: number;
  /** What the reports allow for; undefined where they say that it cannot be known. */
  readonly predictedAway: number | undefined;
  readonly predictedHome: number | undefined;
}

/** @internal Milliseconds for all partitions of one group. */
export interface TranslationFigures {
  readonly partitions: number;
  /** This library, warm: median. */
  readonly ms: number;
  /** This library's reading of the topics before that, once in the life of a process. */
  readonly readMs: number;
  readonly remoteClusterUtilsFirstMs: number;
  /** Median. */
  readonly remoteClusterUtilsRepeatMs: number;
}

/** @internal Wrapper by bare kafkajs. */
export interface OverheadFigures {
  /** Of records a second. */
  readonly ratio: number;
  readonly ratioRange: Range;
  /** Of CPU time for a record. */
  readonly cpuRatio: number;
  readonly cpuRatioRange: Range;
  /** The dispatcher's own work for a record, in nanoseconds of CPU, and as a share of bare kafkajs's CPU for a record. */
  readonly addedNs: number;
  readonly addedShare: number;
  /** Of bare kafkajs's time, in which it waits for the broker. Near 0 the throughput is that of the CPU. */
  readonly waitingShare: number;
  /** Progress records that were written meanwhile. */
  readonly progressRecords: number;
}

/** @internal From the decision to the first new record handled, in a planned switch unless it says otherwise. */
export interface StandbyFigures {
  readonly coldMs: Spread;
  readonly hotMs: Spread;
  readonly hotUnplannedMs: Spread;
  /** To the acknowledgement of a send that was made together with it. */
  readonly coldAckMs: Spread;
  readonly hotAckMs: Spread;
}

/** @internal The costliest way in which the syncs may lie. */
export interface LedgerFigures {
  /** Syncs that are known afterwards, one by one. */
  readonly syncs: number;
  /** Memory for them. */
  readonly bytes: number;
  readonly shapes: readonly LedgerShape[];
}

/** @internal */
export interface LedgerShape {
  readonly name: string;
  readonly put: number;
  readonly syncs: number;
  readonly bytes: number;
}

/**
 * @param runs - so many groups count; with `autoCommit: false` the position is the user's, so those stand beside them.
 * @internal
 */
export function switchesFigures(
  groups: readonly SwitchedGroup[],
  runs: number,
): NonNullable<Result['switches']> {
  const counted = groups.filter(isCounted).slice(0, runs);
  return {
    ...sums(counted),
    withTwins: sums(counted.filter(({ workload }) => workload.twins > 0)),
    home: sums(counted.map(({ home }) => home)),
    withoutAutoCommit: sums(
      groups.filter((group) => !isCounted(group)).flatMap((group) => [group, group.home]),
    ),
  };
}

/** Groups whose position is the library's: with `autoCommit: false` it is what user code commits. @internal */
export function isCounted({ workload }: Pick<SwitchedGroup, 'workload'>): boolean {
  return workload.commits !== 'off';
}

function sums(groups: readonly Judgement[]): SwitchesFigures {
  const sum = (figure: (group: Judgement) => number): number =>
    groups.reduce((all, group) => all + figure(group), 0);
  return {
    runs: groups.length,
    exact: groups.filter(({ twice }) => twice === 0).length,
    skipped: sum(({ skipped }) => skipped),
    duplicates: sum(({ twice }) => twice),
    mispredicted: groups.filter((group) => !isAsPredicted(group)).length,
    exceeded: groups.filter(({ twice, predicted = Infinity }) => twice > predicted).length,
  };
}

/** @internal */
export interface Row {
  readonly what: string;
  readonly figure: string;
  readonly goal?: { readonly words: string; readonly isMet: boolean };
}

const HOT_GOAL_MS = 200;
const COLD_GOAL_MS = 3_500;
const MEGABYTE = 1_000_000;

/** What was measured beside what it should be. @internal */
export function rowsOf(result: Result): readonly Row[] {
  const { switches, roundTrip, translate, overhead, standby, ledger } = result;
  return [
    ...(switches === undefined ? [] : switchesRows(switches)),
    ...(roundTrip === undefined ? [] : roundTripRows(roundTrip)),
    ...(translate === undefined ? [] : translateRows(translate)),
    ...(overhead === undefined ? [] : overheadRows(overhead)),
    ...(standby === undefined ? [] : standbyRows(standby)),
    ...(ledger === undefined ? [] : ledgerRows(ledger)),
  ];
}

function switchesRows(figures: NonNullable<Result['switches']>): readonly Row[] {
  const { runs, exact, skipped, duplicates, mispredicted, exceeded } = figures;
  const { withTwins, home, withoutAutoCommit: others } = figures;
  const name = `${runs} random switches`;
  return [
    {
      what: `${name}: without a record handled twice`,
      figure: `${exact} (${duplicates} records twice in the others)`,
      goal: { words: '99 of 100', isMet: exact >= 0.99 * runs },
    },
    {
      what: 'of them with equal records',
      figure: `${withTwins.runs}, ${withTwins.exact} without a record handled twice`,
    },
    {
      what: `${name}: records skipped`,
      figure: String(skipped),
      goal: { words: '0', isMet: skipped === 0 },
    },
    {
      what: `${name}: other re-reads than predicted`,
      figure: `${mispredicted}, more than predicted in ${exceeded}`,
      goal: { words: '0', isMet: mispredicted === 0 },
    },
    {
      what: `the ${home.runs} ways home: without a record handled twice`,
      figure: `${home.exact} (${home.duplicates} records twice in the others)`,
    },
    {
      what: `the ${home.runs} ways home: records skipped`,
      figure: String(home.skipped),
      goal: { words: '0', isMet: home.skipped === 0 },
    },
    {
      what: `the ${home.runs} ways home: other re-reads than predicted`,
      figure: `${home.mispredicted}, more than predicted in ${home.exceeded}`,
    },
    ...(others.runs === 0
      ? []
      : [
          {
            what: `beside them ${others.runs}, out and home, with autoCommit: false and no commit: records skipped`,
            figure: String(others.skipped),
            goal: { words: '0', isMet: others.skipped === 0 },
          },
          {
            what: 'and handled twice, as the guide says',
            figure: `${others.duplicates}, more than predicted in ${others.exceeded}`,
          },
        ]),
  ];
}

function roundTripRows(figures: RoundTripFigures): readonly Row[] {
  const { lag, skipped, twice, twiceAway, predictedAway, predictedHome } = figures;
  const name = `A to B to A, ${lag} records behind`;
  const zero = (count: number) => ({ words: '0', isMet: count === 0 });
  return [
    { what: `${name}: records skipped`, figure: String(skipped), goal: zero(skipped) },
    {
      what: `${name}: records handled twice`,
      figure:
        `${twice}: away ${twiceAway} (predicted ${predictedAway ?? 'unknown'}), ` +
        `home ${twice - twiceAway} (predicted ${predictedHome ?? 'unknown'})`,
      goal: zero(twice),
    },
  ];
}

function translateRows(figures: TranslationFigures): readonly Row[] {
  const { partitions, ms, readMs, remoteClusterUtilsFirstMs: first } = figures;
  const repeat = figures.remoteClusterUtilsRepeatMs;
  const times = (other: number): string => `${other} ms, ${rounded(other / ms)} times this library`;
  return [
    {
      what: `translate a group of ${partitions} partitions, warm`,
      figure: `${ms} ms (after ${readMs} ms of reading, once)`,
      goal: { words: 'at most 5 ms', isMet: ms <= 5 },
    },
    {
      what: "MirrorMaker's RemoteClusterUtils, first call",
      figure: times(first),
      goal: { words: 'at least 100 times', isMet: first >= 100 * ms },
    },
    {
      what: "MirrorMaker's RemoteClusterUtils, repeated",
      figure: times(repeat),
      goal: { words: 'at least 15 times', isMet: repeat >= 15 * ms },
    },
  ];
}

function overheadRows(figures: OverheadFigures): readonly Row[] {
  const { ratio, ratioRange, cpuRatio, cpuRatioRange, progressRecords } = figures;
  const name = 'consumer with fingerprints and progress';
  const percent = (share: number): string => `${rounded(share * 100)} %`;
  const within = ({ low, high }: Range): string => `(95 %: ${low} to ${high})`;
  return [
    {
      what: `${name}: throughput, wrapper / bare`,
      figure: `${ratio} ${within(ratioRange)}, ${progressRecords} progress records`,
      goal: { words: 'at least 0.99', isMet: ratio >= 0.99 && progressRecords > 0 },
    },
    {
      what: `${name}: CPU per record, wrapper / bare`,
      figure: `${cpuRatio} ${within(cpuRatioRange)}`,
    },
    {
      what: "the dispatcher's own work for a record, without a broker",
      figure: `${figures.addedNs} ns of CPU, ${percent(figures.addedShare)} of bare kafkajs's`,
    },
    {
      what: 'bare kafkajs waits for the broker',
      figure: `${percent(figures.waitingShare)} of its time`,
    },
  ];
}

function standbyRows(figures: StandbyFigures): readonly Row[] {
  const { coldMs, hotMs, hotUnplannedMs, coldAckMs, hotAckMs } = figures;
  const row = (what: string, { p50, p95 }: Spread, goalMs?: number): Row => ({
    what: `${what} after the decision`,
    figure: `p50 ${p50}, p95 ${p95} ms`,
    ...(goalMs === undefined
      ? {}
      : { goal: { words: `p95 at most ${goalMs} ms`, isMet: p95 <= goalMs } }),
  });
  return [
    row('first new record, cold, group.initial.rebalance.delay.ms 3000,', coldMs, COLD_GOAL_MS),
    row('first new record, hot standby,', hotMs, HOT_GOAL_MS),
    row('first new record, hot standby, unplanned,', hotUnplannedMs, HOT_GOAL_MS),
    row('acknowledgement, cold,', coldAckMs),
    row('acknowledgement, hot standby,', hotAckMs),
  ];
}

function ledgerRows({ shapes }: LedgerFigures): readonly Row[] {
  return shapes.map(({ name, put, syncs, bytes }) => ({
    what: `${put} offset syncs, ${name}`,
    figure: `${rounded(bytes / MEGABYTE)} MB, ${syncs} of them known`,
    goal: { words: 'all in at most 32 MB', isMet: syncs === put && bytes <= 32 * MEGABYTE },
  }));
}

/** For people. @internal */
export function positionsTable(result: Result): string {
  const rows = rowsOf(result);
  const width = (cell: (row: Row) => string): number =>
    Math.max(0, ...rows.map((row) => cell(row).length));
  const [whatWidth, figureWidth] = [width(({ what }) => what), width(({ figure }) => figure)];
  return rows
    .map(({ what, figure, goal }) => {
      const line = `${what.padEnd(whatWidth)}  ${figure.padEnd(figureWidth)}`;
      if (goal === undefined) return line.trimEnd();
      return `${line}  ${goal.isMet ? 'met' : 'MISSED'}: ${goal.words}`;
    })
    .join('\n');
}

/** The one line for machines. @internal */
export function jsonLine(result: Result): string {
  return JSON.stringify(result);
}
