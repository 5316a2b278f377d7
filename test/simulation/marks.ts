import { AGREEMENT_MARKS } from './agreement-marks.js';
import { DECISION_MARKS } from './decision-marks.js';
import { logName, type Run } from './history.js';
import { LOG_MARKS } from './log-marks.js';

/**
 * Things that must happen in some run, or the simulation never gets to the hard cases. Each mark tells whether a run
 * shows it.
 */
export const MARKS: Readonly<Record<string, (run: Run) => boolean>> = {
  'a planned switch completed': (run) => hasFact(run, 'planned switch completed'),
  'an unplanned switch completed': (run) => hasFact(run, 'unplanned switch completed'),
  'a switch home': ({ events }) =>
    events.some(
      (event) => event.kind === 'opened' && event.switchEpoch > 1 && event.cluster === 'A',
    ),
  'unmirrored records were named': (run) => hasFact(run, 'unmirrored records named'),
  'unmirrored records were replayed': (run) => hasFact(run, 'unmirrored records replayed'),
  'unmirrored records came before their replay': (run) =>
    hasFact(run, 'unmirrored records came before their replay'),
  'unmirrored records were not replayed': (run) =>
    hasFact(run, 'unmirrored records were not replayed'),
  'a replayed record was mirrored as well': ({ replays, logs }) =>
    replays.some(({ id, place }) =>
      logs.some(
        (log) =>
          log.cluster === place.cluster &&
          log.topic !== place.topic &&
          [...log.ids.values()].includes(id),
      ),
    ),
  'nothing was unmirrored after a switch': (run) => hasFact(run, 'nothing unmirrored'),
  'sends waited in the hold buffer': (run) => hasFact(run, 'sends held'),
  'sends were resent': (run) => hasFact(run, 'sends resent'),
  'a record was handled twice': ({ events }) => {
    const seen = new Set<string>();
    return events.some((event) => {
      if (event.kind !== 'handled') return false;
      if (seen.has(event.id)) return true;
      seen.add(event.id);
      return false;
    });
  },
  'records stayed behind on the source and were handled later': ({ events, logs }) => {
    const planned = new Map<string, bigint>();
    const late = new Set<string>();
    for (const event of events) {
      if (event.kind === 'planned') {
        for (const one of event.plan.partitions) {
          const end = one.kind === 'resume' ? one.offset + one.maxRereadCount : 0n;
          const log = {
            cluster: event.plan.cluster,
            topic: one.physicalTopic,
            partition: one.partition,
          };
          planned.set(logName(log), end);
        }
      }
      if (event.kind !== 'handled') continue;
      const end = planned.get(logName(event.place));
      const isCopy = event.place.topic.includes('.');
      if (isCopy && end !== undefined && event.place.offset >= end) late.add(event.id);
    }
    return late.size > 0 && logs.length > 0;
  },
  'a partition had no bound': ({ events }) =>
    events.some(
      (event) =>
        event.kind === 'planned' &&
        event.plan.partitions.some(
          // Of an empty log nothing has to be known.
          (one) => one.kind === 'resume' && one.method === 'earliest' && one.notes.length > 0,
        ),
    ),
  'a position was exact': (run) => hasMethod(run, 'exact'),
  'handled records were awaited': ({ events }) =>
    events.some(
      (event) =>
        event.kind === 'planned' &&
        event.plan.partitions.some((one) => one.kind === 'resume' && one.awaited.length > 0),
    ),
  'a position came from a checkpoint': (run) => hasMethod(run, 'checkpoint'),
  'a position came from an offset sync': (run) => hasMethod(run, 'offset-sync'),
  'a position came from an own commit': (run) => hasMethod(run, 'own-commit'),
  'a handler was overtaken by the fence': ({ events }) => {
    let running = 0;
    return events.some((event) => {
      if (event.kind === 'handling') running += 1;
      if (event.kind === 'handled' || event.kind === 'handler-failed') running -= 1;
      return event.kind === 'fenced' && running > 0;
    });
  },
  'a handler sent while a planned switch drained': (run) => hasFact(run, 'receipt sent in drain'),
  'a handler failed': ({ events }) => events.some(({ kind }) => kind === 'handler-failed'),
  'a switch was refused': (run) => hasFact(run, 'refused'),
  'a switch was rolled back': (run) => hasFact(run, 'rolled back'),
  'a phase overran': ({ events }) =>
    events.some((event) => event.kind === 'fact' && event.what.endsWith('overran')),
  'a commit of an older epoch was refused': ({ events }) =>
    events.some((event) => event.kind === 'fact' && event.what.startsWith('commit refused')),
  'the hold buffer was full': (run) => hasFact(run, 'hold buffer full'),
  'a process crashed': ({ events }) => events.some(({ kind }) => kind === 'crashed'),
  'a consumer left during a switch': (run) => duringSwitch(run, 'consumer-stopping'),
  'a process crashed during a switch': (run) => duringSwitch(run, 'crashed'),
  'the fleet was on both clusters at a time': ({ events }) => {
    const places = new Map<number, string>();
    return events.some((event) => {
      if (event.kind === 'opened') places.set(event.process, event.cluster);
      return event.kind === 'handling' && new Set(places.values()).size > 1;
    });
  },
  'a handler outlived the switch and ended in the next epoch': ({ events }) => {
    const epochs = new Map<number, number>();
    return events.some((event) => {
      if (event.kind === 'opened') epochs.set(event.process, event.switchEpoch);
      return event.kind === 'handled' && event.switchEpoch < (epochs.get(event.process) ?? 0);
    });
  },
  'a mirror copied records again': ({ logs }) =>
    logs.some(({ ids }) => new Set(ids.values()).size < ids.size),
  'a group chose to skip': (run) => hasMethod(run, 'latest'),
  'a group did not start': ({ events }) =>
    events.some(
      (event) =>
        event.kind === 'planned' && event.plan.partitions.some((one) => one.kind === 'unavailable'),
    ),
  'positions were found at the start of a process': ({ events }) =>
    events.some((event) => event.kind === 'planned' && event.switchEpoch === 1),
  'an outcome was unknown': ({ events }) =>
    events.some(
      (event) => event.kind === 'send-failed' && event.code === 'ERR_FAILOVER_OUTCOME_UNKNOWN',
    ),
  ...DECISION_MARKS,
  ...AGREEMENT_MARKS,
  ...LOG_MARKS,
};

function hasFact({ events }: Run, what: string): boolean {
  return events.some((event) => event.kind === 'fact' && event.what === what);
}

/** Between the first phase of a switch and the opening of the cluster it leads to, in any process. */
function duringSwitch({ events }: Run, kind: 'consumer-stopping' | 'crashed'): boolean {
  const switching = new Set<number>();
  return events.some((event) => {
    if (event.kind === 'phase') switching.add(event.process);
    if (event.kind === 'opened') switching.delete(event.process);
    return event.kind === kind && switching.has(event.process);
  });
}

function hasMethod({ events }: Run, method: string): boolean {
  return events.some(
    (event) =>
      event.kind === 'planned' &&
      event.plan.partitions.some((one) => one.kind === 'resume' && one.method === method),
  );
}

/** The marks that a run shows. */
export function marksOf(run: Run): readonly string[] {
  return Object.entries(MARKS).flatMap(([name, shows]) => (shows(run) ? [name] : []));
}
