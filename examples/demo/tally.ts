import type { SwitchMeasurement } from 'kafkajs-failover';
import { costsOf, type Costs } from './costs.js';

/**
 * The demo's judge: compares every record's unique id, and nothing else. Pure, so that a test can prove that it would
 * report a lost, a skipped or a repeated record.
 */

/** A record that the producer service was told is safe, and the cluster that said so. */
export interface Acknowledgement {
  readonly seq: number;
  readonly cluster: string;
  readonly atMs: number;
}

/** One run of a handler to its end. */
export interface Handling {
  readonly seq: number;
  readonly member: string;
  readonly atMs: number;
}

/** A record as an independent reader found it in a log after the services had stopped. */
export interface LoggedRecord {
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly seq: number;
  /** The library has sent it again, because it was not mirrored. */
  readonly isReplay?: boolean;
}

/** The group's position: it promises that everything below `offset` was handled. */
export interface GroupCommit {
  readonly cluster: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** Where a member resumed in a partition, and how that was found. */
export interface ResumedAt {
  readonly partition: string;
  readonly offset: number;
  readonly method: string;
}

/** Everything that was seen in one act. Times are milliseconds of one monotonic clock that all processes share. */
export interface Evidence {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly planned: boolean;
  readonly members: readonly string[];
  readonly acknowledged: readonly Acknowledgement[];
  readonly handled: readonly Handling[];
  /** Every record of every cluster that could still be read at the end: both clusters, or the survivor. */
  readonly logged: readonly LoggedRecord[];
  readonly commits: readonly GroupCommit[];
  /** Where the group resumed, as each member has found it: the highest place of a partition counts. */
  readonly positions: readonly ResumedAt[];
  readonly callerErrors: number;
  /** What the library measured, in each service. */
  readonly measurements: readonly SwitchMeasurement[];
  /** When the cluster was killed, or the planned switch ordered. */
  readonly switchedAtMs: number;
  /** When the producer service stopped: a member that was silent until then was silent for all that time. */
  readonly stoppedAtMs: number;
}

/** What came of one act. Counts are records unless said otherwise. */
export interface Tally {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  readonly planned: boolean;
  readonly acknowledged: number;
  readonly acknowledgedBySource: number;
  /** Acknowledged by the source and found on the target. */
  readonly mirrored: number;
  /** Acknowledged by the source and not found on the target. */
  readonly unmirrored: number;
  /** Of the unmirrored: never handled either. They lie in the source's log until it comes back. */
  readonly unmirroredUnhandled: number;
  /** Different records that were handled at least once. */
  readonly handled: number;
  /** Acknowledged, present on the target, never handled. */
  readonly lostMirrored: number;
  /** Below a committed position of the group, in the log of that position, and never handled. */
  readonly skipped: number;
  /** Runs of the handler beyond one for each time that the record stands on the target. */
  readonly duplicates: number;
  /** Records that stand on the target more often than once: sent again after an unknown outcome, or copied twice. */
  readonly storedTwice: number;
  /** How the group's position was found, by partition of the target. */
  readonly methods: Readonly<Record<string, string>>;
  readonly callerErrors: number;
  readonly producerPauseMs: number;
  /** The longest pause of any member. */
  readonly consumerPauseMs: number;
  /** What the services' own reports say of it. */
  readonly costs: Costs;
  readonly memberPausesMs: readonly { readonly member: string; readonly pauseMs: number }[];
}

/** Counts one act. */
export function tally(evidence: Evidence): Tally {
  const { from, to, switchedAtMs, stoppedAtMs, members } = evidence;
  const handled = new Set(evidence.handled.map(({ seq }) => seq));
  const acknowledged = new Set(evidence.acknowledged.map(({ seq }) => seq));
  const bySource = new Set(
    evidence.acknowledged.filter(({ cluster }) => cluster === from).map(({ seq }) => seq),
  );
  const onTarget = new Set(
    evidence.logged.filter(({ cluster }) => cluster === to).map(({ seq }) => seq),
  );
  const unmirrored = [...bySource].filter((seq) => !onTarget.has(seq));
  const around = { switchedAtMs, stoppedAtMs };
  const memberPausesMs = members.map((member) => ({
    member,
    pauseMs: longestPauseMs(
      evidence.handled.filter((handling) => handling.member === member).map(({ atMs }) => atMs),
      around,
    ),
  }));
  return {
    name: evidence.name,
    from,
    to,
    planned: evidence.planned,
    acknowledged: acknowledged.size,
    acknowledgedBySource: bySource.size,
    mirrored: bySource.size - unmirrored.length,
    unmirrored: unmirrored.length,
    unmirroredUnhandled: unmirrored.filter((seq) => !handled.has(seq)).length,
    handled: handled.size,
    lostMirrored: [...acknowledged].filter((seq) => onTarget.has(seq) && !handled.has(seq)).length,
    skipped: skippedCount(evidence, handled),
    ...timesOver(evidence),
    methods: methodsOf(evidence.positions),
    callerErrors: evidence.callerErrors,
    producerPauseMs: longestPauseMs(
      evidence.acknowledged.map(({ atMs }) => atMs),
      around,
    ),
    consumerPauseMs: Math.max(0, ...memberPausesMs.map(({ pauseMs }) => pauseMs)),
    costs: costsOf(evidence.measurements),
    memberPausesMs,
  };
}

/** An act passes where nothing was skipped or lost, and where there was something to lose on both sides of the switch. */
export function passes(result: Tally): boolean {
  return (
    result.skipped === 0 &&
    result.lostMirrored === 0 &&
    result.mirrored > 0 &&
    result.acknowledged > result.acknowledgedBySource
  );
}

function timesOver({ handled, logged, to }: Evidence): Pick<Tally, 'duplicates' | 'storedTwice'> {
  const runs = timesEach(handled);
  const copies = timesEach(logged.filter(({ cluster }) => cluster === to));
  const beyond = [...runs].map(([seq, count]) => Math.max(0, count - (copies.get(seq) ?? 1)));
  return {
    duplicates: beyond.reduce((sum, count) => sum + count, 0),
    storedTwice: [...copies.values()].filter((count) => count > 1).length,
  };
}

function timesEach(list: readonly { readonly seq: number }[]): ReadonlyMap<number, number> {
  const times = new Map<number, number>();
  for (const { seq } of list) times.set(seq, (times.get(seq) ?? 0) + 1);
  return times;
}

/** Members that know less find a lower place; the group goes on at the highest one. */
function methodsOf(positions: readonly ResumedAt[]): Record<string, string> {
  const highest = new Map<string, ResumedAt>();
  for (const one of positions) {
    const known = highest.get(one.partition);
    if (known === undefined || one.offset > known.offset) highest.set(one.partition, one);
  }
  const sorted = [...highest].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([partition, { method }]) => [partition, method]));
}

function skippedCount({ commits, logged }: Evidence, handled: ReadonlySet<number>): number {
  const positions = new Map(commits.map((commit) => [logName(commit), commit.offset]));
  const skipped = logged.filter((record) => {
    const position = positions.get(logName(record));
    return position !== undefined && record.offset < position && !handled.has(record.seq);
  });
  return new Set(skipped.map(({ seq }) => seq)).size;
}

function logName({
  cluster,
  topic,
  partition,
}: {
  cluster: string;
  topic: string;
  partition: number;
}): string {
  return `${cluster}/${topic}/${partition}`;
}

/**
 * The longest silence that reaches past the switch. Silence at the end counts too: whoever never came back has paused at
 * least until the producer stopped.
 */
function longestPauseMs(
  timesMs: readonly number[],
  { switchedAtMs, stoppedAtMs }: { switchedAtMs: number; stoppedAtMs: number },
): number {
  const times = [...timesMs].sort((a, b) => a - b);
  if ((times.at(-1) ?? 0) < stoppedAtMs) times.push(stoppedAtMs);
  let longestMs = 0;
  // Whoever never did anything has been silent at least since the switch.
  let previousMs = times.length === 1 ? switchedAtMs : (times[0] ?? switchedAtMs);
  for (const atMs of times) {
    if (atMs > switchedAtMs && previousMs < stoppedAtMs) {
      longestMs = Math.max(longestMs, atMs - previousMs);
    }
    previousMs = atMs;
  }
  return Math.round(longestMs);
}
