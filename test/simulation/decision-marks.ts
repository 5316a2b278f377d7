import type { Fault } from './conditions.js';
import type { EventOf, Run } from './history.js';

const HALF_DEAD: ReadonlySet<Fault> = new Set([
  'produce-hangs',
  'no-replicas',
  'coordinator-hangs',
]);

/** A cluster with one of these answers nothing. */
const DEAD: ReadonlySet<Fault> = new Set(['down', 'frozen', 'cut']);

/** Both clusters dead for so long, and still nothing moved: long enough for each of them to have been judged. */
const BOTH_DEAD_MS = 2_500;

/** What must happen in some run where the processes decide for themselves. */
export const DECISION_MARKS: Readonly<Record<string, (run: Run) => boolean>> = {
  'a health failover': (run) =>
    switchesOf(run).some(({ by, planned }) => by === 'health' && !planned),
  'an automatic failback': (run) =>
    switchesOf(run).some(({ by, planned }) => by === 'health' && planned),
  'a half-dead cluster was left': ({ events }) => {
    const faults = new Map<string, readonly Fault[]>();
    return events.some((event) => {
      if (event.kind === 'condition' && event.process === undefined) {
        faults.set(event.cluster, event.faults);
      }
      if (event.kind !== 'switching' || event.by !== 'health') return false;
      const now = faults.get(event.from) ?? [];
      return now.length > 0 && now.every((fault) => HALF_DEAD.has(fault));
    });
  },
  'both clusters failed and nothing moved': ({ events, automation }) => {
    const dead = new Set<string>();
    let sinceMs: number | undefined;
    return events.some((event) => {
      if (event.kind === 'switching') sinceMs = undefined;
      if (event.kind !== 'condition' || event.process !== undefined) return false;
      const wasLong = sinceMs !== undefined && event.atMs - sinceMs > BOTH_DEAD_MS;
      if (event.faults.some((fault) => DEAD.has(fault))) dead.add(event.cluster);
      else dead.delete(event.cluster);
      sinceMs = dead.size > 1 ? event.atMs : undefined;
      return wasLong && automation !== undefined;
    });
  },
  'a cooldown held a switch back': (run) => stayed(run, 'cooling-down'),
  'the budget of an hour was spent': (run) => stayed(run, 'budget-spent'),
  'pinned held a switch back': (run) => stayed(run, 'pinned'),
  'a switch by signal': (run) => switchesOf(run).some(({ by }) => by === 'signal'),
  "a signal's garbage was refused": (run) =>
    refusals(run).some((because) => !because.includes('is older than')),
  'an older epoch was refused': (run) =>
    refusals(run).some((because) => because.includes('is older than')),
  'a restart came back by its state file': ({ events }) => {
    const intact = new Set<number>();
    return events.some((event) => {
      if (event.kind === 'started' && event.isIntact) intact.add(event.process);
      if (event.kind !== 'opened') return false;
      return intact.delete(event.process) && event.switchEpoch > 1;
    });
  },
  'a state file was of no use': ({ events }) =>
    events.some((event) => event.kind === 'fact' && event.what.startsWith('state file:')),
  'a process alone could not reach a cluster': ({ events }) =>
    events.some((event) => event.kind === 'condition' && event.process !== undefined),
};

function switchesOf({ events }: Run): readonly EventOf<'switching'>[] {
  return events.filter((event) => event.kind === 'switching');
}

function stayed({ events }: Run, because: EventOf<'stayed'>['because']): boolean {
  return events.some((event) => event.kind === 'stayed' && event.because === because);
}

function refusals({ events }: Run): readonly string[] {
  return events.flatMap((event) =>
    event.kind === 'fact' && event.what.startsWith('signal refused:') ? [event.what] : [],
  );
}
