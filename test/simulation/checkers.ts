import { logName, type FinalLog, type HistoryEvent, type Run } from './history.js';

/** What a checker found: the invariant by its number, and the evidence in words. */
export interface Violation {
  readonly invariant: string;
  readonly evidence: string;
}

type Checker = (run: Run) => readonly string[];
type Handled = Extract<HistoryEvent, { kind: 'handling' | 'handled' | 'handler-failed' }>;

/** The invariants that apply so far, by their numbers in the reliability notes. */
export const CHECKERS: Readonly<Record<string, Checker>> = {
  I1: acknowledgedIsHandled,
  I3: plansSkipNothing,
  I5: commitsAtTheEndSkipNothing,
  I7: nothingIsWrittenAfterTheFence,
  I14: noSilentReset,
  I16: commitsNeverRunAhead,
  I17: contract,
  I18: positionsBeforeHandling,
};

/** Checks a run against every invariant. */
export function check(run: Run): readonly Violation[] {
  return Object.entries(CHECKERS).flatMap(([invariant, checker]) =>
    checker(run).map((evidence) => ({ invariant, evidence })),
  );
}

/** Everything is healed and drained at the end, so an acknowledged record that no handler finished is lost. */
function acknowledgedIsHandled({ events }: Run): readonly string[] {
  const handled = new Set(events.flatMap((event) => (event.kind === 'handled' ? event.id : [])));
  return events.flatMap((event) =>
    event.kind === 'acknowledged' && !handled.has(event.id)
      ? [`${event.id} was acknowledged at ${event.atMs} and never handled`]
      : [],
  );
}

/** Every target record below a plan's position had been handled when the plan was made. */
function plansSkipNothing({ events, logs }: Run): readonly string[] {
  const byLog = new Map(logs.map((log) => [logName(log), log]));
  const handled = new Set<string>();
  const violations: string[] = [];
  for (const event of events) {
    if (event.kind === 'handled') handled.add(event.id);
    if (event.kind !== 'planned') continue;
    for (const one of event.plan.partitions) {
      if (one.kind !== 'resume') continue;
      const place = {
        cluster: event.plan.cluster,
        topic: one.physicalTopic,
        partition: one.partition,
      };
      for (const id of below(byLog.get(logName(place)), one.offset)) {
        if (handled.has(id)) continue;
        violations.push(
          `${logName(place)} resumes at ${one.offset} by ${one.method}, but ${id} before it was not handled`,
        );
        break;
      }
    }
  }
  return violations;
}

function below(log: FinalLog | undefined, offset: bigint): readonly string[] {
  return log === undefined ? [] : [...log.ids].flatMap(([at, id]) => (at < offset ? id : []));
}

/** Below the last commit of each log nothing is unhandled: such a record would never be delivered again. */
function commitsAtTheEndSkipNothing(run: Run): readonly string[] {
  const last = new Map<string, bigint>();
  const handled = new Set<string>();
  for (const event of run.events) {
    if (event.kind === 'committed') last.set(logName(event.place), event.place.offset);
    if (event.kind === 'handled') handled.add(event.id);
  }
  return run.logs.flatMap((log) => {
    const offset = last.get(logName(log));
    if (offset === undefined) return [];
    const skipped = below(log, offset).filter((id) => !handled.has(id));
    return skipped.length === 0
      ? []
      : [`${logName(log)} is committed to ${offset}, but ${skipped.join(', ')} was never handled`];
  });
}

/** Once every process that worked with a cluster has fenced it, nobody writes Produce or OffsetCommit to it. */
function nothingIsWrittenAfterTheFence({ events }: Run): readonly string[] {
  const open = new Map<string, Set<number>>();
  const violations: string[] = [];
  for (const event of events) {
    if (event.kind === 'opened') {
      const processes = open.get(event.cluster) ?? new Set();
      open.set(event.cluster, processes.add(event.process));
    }
    if (event.kind === 'fenced') open.get(event.cluster)?.delete(event.process);
    if (event.kind !== 'written' || open.get(event.cluster)?.size !== 0) continue;
    violations.push(
      `${event.apiName} was written to ${event.cluster} at ${event.atMs}, after its fence`,
    );
  }
  return violations;
}

/** A partition without a bound starts at its beginning, and only there. */
function noSilentReset({ events, logs }: Run): readonly string[] {
  const lows = new Map(logs.map((log) => [logName(log), log.low]));
  return events.flatMap((event) =>
    event.kind !== 'planned'
      ? []
      : event.plan.partitions.flatMap((one) => {
          if (one.kind !== 'resume') return [`a partition was not planned: ${one.because}`];
          const name = logName({
            cluster: event.plan.cluster,
            topic: one.physicalTopic,
            partition: one.partition,
          });
          if (one.method === 'latest') return [`${name} was reset to its end`];
          return one.method === 'earliest' && one.offset !== (lows.get(name) ?? 0n)
            ? [`${name} has no bound and starts at ${one.offset}, not at its beginning`]
            : [];
        }),
  );
}

/** Whenever a commit is seen, everything below it has been handled. */
function commitsNeverRunAhead({ events, logs }: Run): readonly string[] {
  const byLog = new Map(logs.map((log) => [logName(log), log]));
  const handled = new Set<string>();
  const violations: string[] = [];
  for (const event of events) {
    if (event.kind === 'handled') handled.add(event.id);
    if (event.kind !== 'committed') continue;
    const ahead = below(byLog.get(logName(event.place)), event.place.offset).find(
      (id) => !handled.has(id),
    );
    if (ahead === undefined) continue;
    violations.push(
      `${logName(event.place)} was committed to ${event.place.offset} at ${event.atMs}, before ${ahead} was handled`,
    );
  }
  return violations;
}

/** Promises settle in time; handlers of one logical partition never overlap in a consumer, nor start after its stop. */
function contract({ events, unsettledSends, sendLimitMs }: Run): readonly string[] {
  const violations = unsettledSends.map((id) => `the send of ${id} never settled`);
  const sentAtMs = new Map<string, number>();
  const running = new Map<string, Handled>();
  const stopped = new Set<string>();
  for (const event of events) {
    switch (event.kind) {
      case 'sent':
        sentAtMs.set(event.id, event.atMs);
        break;
      case 'acknowledged':
      case 'send-failed': {
        const tookMs = event.atMs - (sentAtMs.get(event.id) ?? event.atMs);
        if (tookMs > sendLimitMs) violations.push(`the send of ${event.id} took ${tookMs} ms`);
        break;
      }
      case 'handling': {
        const lane = `${event.consumer} ${event.logical}`;
        const other = running.get(lane);
        if (other !== undefined) {
          violations.push(`${lane}: ${event.id} was begun while ${other.id} was being handled`);
        }
        if (stopped.has(event.consumer)) {
          violations.push(`${event.consumer} was stopped, and then handled ${event.id}`);
        }
        running.set(lane, event);
        break;
      }
      case 'handled':
      case 'handler-failed':
        running.delete(`${event.consumer} ${event.logical}`);
        break;
      case 'consumer-stopped':
        stopped.add(event.consumer);
        break;
      default:
    }
  }
  return violations;
}

/** In a new epoch nothing is handled before a plan of that cluster, nor below the lowest position that was planned. */
function positionsBeforeHandling({ events }: Run): readonly string[] {
  const lowest = new Map<string, bigint>();
  const violations: string[] = [];
  const firstSeen = new Set<string>();
  for (const event of events) {
    if (event.kind === 'planned') {
      for (const one of event.plan.partitions) {
        if (one.kind !== 'resume') continue;
        const name = logName({
          cluster: event.plan.cluster,
          topic: one.physicalTopic,
          partition: one.partition,
        });
        const known = lowest.get(name);
        lowest.set(name, known === undefined || one.offset < known ? one.offset : known);
      }
    }
    if (event.kind !== 'handling' || event.switchEpoch === 1) continue;
    const name = logName(event.place);
    const key = `${event.consumer} ${event.switchEpoch} ${name}`;
    if (firstSeen.has(key)) continue;
    firstSeen.add(key);
    const floor = lowest.get(name);
    // A log that appeared after the plan has no position; it is read from its beginning.
    if (floor !== undefined && event.place.offset < floor) {
      violations.push(
        `${key} begins at ${event.place.offset}, below its planned position ${floor}`,
      );
    }
  }
  return violations;
}
