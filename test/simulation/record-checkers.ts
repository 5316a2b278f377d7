import { type HistoryEvent, logName, positionsOf, type Run } from './history.js';
import { Ledger } from './ledger.js';

/**
 * I1. Everything is healed and drained at the end, so an acknowledged record that no handler finished is lost.
 *
 * Allowed: what retention has removed, or went with its topic, before it was handled, where no log of a cluster that the group is on at
 * the end holds it. And the records of a group that does not start because the service chose `onMissingPosition: 'fail'` and a position
 * is unavailable. What is not handled then waits for a person; that nothing is handled all the same is checked by I14.
 */
export function acknowledgedIsHandled(run: Run): readonly string[] {
  if (run.onMissingPosition === 'fail' && run.events.some(hasUnavailable)) return [];
  const ledger = new Ledger(run);
  for (const event of run.events) ledger.take(event);
  const { removed, within } = remains(run);
  const isLost = (id: string): boolean => removed.has(id) && !within.has(id);
  return run.events.flatMap((event) =>
    event.kind === 'acknowledged' && !ledger.has(event.id) && !isLost(event.id)
      ? [`${event.id} was acknowledged at ${event.atMs} and never handled`]
      : [],
  );
}

/** Records that are not in every log any more that had them; and those within the group's reach at the end. */
function remains({ logs, finalClusters }: Run): Record<'removed' | 'within', ReadonlySet<string>> {
  const removed = new Set<string>();
  const within = new Set<string>();
  for (const { cluster, low, ids, isEnded = false } of logs) {
    for (const [offset, id] of ids) {
      if (isEnded || offset < low) removed.add(id);
      else if (finalClusters.includes(cluster)) within.add(id);
    }
  }
  return { removed, within };
}

function hasUnavailable(event: Run['events'][number]): boolean {
  return (
    event.kind === 'planned' && event.plan.partitions.some(({ kind }) => kind === 'unavailable')
  );
}

/** Errors that promise that nothing was sent. */
const NOT_SENT = new Set(['ERR_FAILOVER_HOLD_FULL', 'ERR_FAILOVER_HOLD_TIMEOUT']);

/** I2. What was rejected as certainly not sent is in no log. */
export function notSentIsNowhere({ events, logs }: Run): readonly string[] {
  const places = new Map(
    logs.flatMap((log) => [...log.ids.values()].map((id) => [id, logName(log)])),
  );
  return events.flatMap((event) => {
    const place = event.kind === 'send-failed' ? places.get(event.id) : undefined;
    return event.kind === 'send-failed' && NOT_SENT.has(event.code) && place !== undefined
      ? [`${event.id} failed with ${event.code}, and is in ${place}`]
      : [];
  });
}

/**
 * I1. After a switch a process names what it was told is on the source, and is not on the target: all of it, and nothing that was there when
 * the switch had ended.
 */
export function theTailIsNamed({ events }: Run): readonly string[] {
  return events.flatMap((event) => {
    if (event.kind !== 'searched') return [];
    const { process, switchEpoch, missing, named, wasThere } = event;
    const known = new Set(named);
    return [
      ...missing
        .filter((id) => !known.has(id))
        .map(
          (id) =>
            `${id} is not mirrored, and process ${process} did not say so in epoch ${switchEpoch}`,
        ),
      ...wasThere.map(
        (id) => `${id} was mirrored, and process ${process} named it in epoch ${switchEpoch}`,
      ),
    ];
  });
}

/** I1. What is sent again was named as not mirrored, and is sent again once. */
export function nothingIsReplayedTwice({ replays }: Run): readonly string[] {
  const known = new Map<string, string>();
  return replays.flatMap(({ origin, id, place }) => {
    const at = `${place.offset} of ${logName(place)}`;
    const before = known.get(origin);
    known.set(origin, at);
    return before === undefined
      ? []
      : [`${id} of ${origin} was replayed at ${before} and at ${at}`];
  });
}

/** I3. Every target record below a plan's position had been handled when the plan was made, or was there once more. */
export function plansSkipNothing(run: Run): readonly string[] {
  const ledger = new Ledger(run);
  return run.events.flatMap((event) => {
    ledger.take(event);
    if (event.kind !== 'planned') return [];
    return positionsOf(event).flatMap(({ log, one, end }) => {
      const missing =
        one.kind === 'resume' ? ledger.firstMissingAt(log, one.offset, end) : undefined;
      return one.kind === 'resume' && missing !== undefined
        ? [
            `${log} resumes at ${one.offset} by ${one.method}, but ${missing} before it was not handled`,
          ]
        : [];
    });
  });
}

/** I5. Nobody begins with a record of a log while one before it was not handled: there are rewinds, and no gaps. */
export function handlingLeavesNoGap(run: Run): readonly string[] {
  const ledger = new Ledger(run);
  const isNew = once();
  return run.events.flatMap((event) => {
    ledger.take(event);
    if (event.kind !== 'handling') return [];
    const { place, consumer, id } = event;
    const missing = ledger.firstMissing(logName(place), place.offset);
    return missing === undefined || !isNew(`${logName(place)} ${missing}`)
      ? []
      : [
          `${consumer} begins ${id} at ${place.offset} of ${logName(place)}, but ${missing} before it was not handled`,
        ];
  });
}

/**
 * I14. A partition without a bound starts as the service chose, and no other does: at its beginning, at its end, or not at
 * all. And a group that does not start handles nothing.
 */
export function noSilentReset({ events, onMissingPosition }: Run): readonly string[] {
  const beginnings = new Beginnings();
  const unstarted = new Set<string>();
  return events.flatMap((event) => {
    beginnings.take(event);
    if (event.kind === 'handling') {
      return unstarted.has(`${event.process} ${event.switchEpoch}`)
        ? [`${event.consumer} handles ${event.id}, although a position was unavailable`]
        : [];
    }
    if (event.kind !== 'planned') return [];
    const positions = positionsOf(event);
    const isUnstarted = positions.some(({ one }) => one.kind === 'unavailable');
    // The newest plan counts: the last words of another member may bring what was missing.
    const member = `${event.process} ${event.switchEpoch}`;
    if (isUnstarted) unstarted.add(member);
    else unstarted.delete(member);
    return positions.flatMap(({ log, one }) => {
      if (one.kind === 'unavailable') {
        return onMissingPosition === 'fail' ? [] : [`${log} was not planned: ${one.because}`];
      }
      if (one.method === 'latest' && onMissingPosition !== 'latest') {
        return [`${log} was reset to its end`];
      }
      // An empty log has one position, and it is called its beginning.
      return one.method === 'earliest' && !beginnings.has(log, one.offset)
        ? [`${log} has no bound and starts at ${one.offset}, not at its beginning`]
        : [];
    });
  });
}

/** Where logs begin, while a history is read: and where they began before, for a plan may be a little older. */
class Beginnings {
  readonly #lows = new Map<string, readonly [now: bigint, before: bigint]>();

  take(event: HistoryEvent): void {
    if (event.kind !== 'removed' && event.kind !== 'remade') return;
    const log = logName(event.place);
    const [before = 0n] = this.#lows.get(log) ?? [];
    this.#lows.set(log, [event.place.offset, before]);
  }

  has(log: string, offset: bigint): boolean {
    return (this.#lows.get(log) ?? [0n]).includes(offset);
  }
}

/** I16. Whenever a commit is seen, everything below it has been handled. */
export function commitsNeverRunAhead(run: Run): readonly string[] {
  const ledger = new Ledger(run);
  const isNew = once();
  return run.events.flatMap((event) => {
    ledger.take(event);
    if (event.kind !== 'committed') return [];
    const { place, atMs } = event;
    const ahead = ledger.firstMissing(logName(place), place.offset);
    return ahead === undefined || !isNew(`${logName(place)} ${ahead}`)
      ? []
      : [
          `${logName(place)} was committed to ${place.offset} at ${atMs}, before ${ahead} was handled`,
        ];
  });
}

/** One gap is one violation, however much is handled behind it. */
function once(): (what: string) => boolean {
  const known = new Set<string>();
  return (what) => known.size !== known.add(what).size;
}
