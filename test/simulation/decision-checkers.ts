import { Obedience } from './agreement-checkers.js';
import { blameMs, proofMs, Truth } from './clusters-truth.js';
import type { EventOf, HistoryEvent, Run } from './history.js';
import type { Wish } from './source.js';

const HOUR_MS = 3_600_000;

/** What the source has said to a machine, by the rules: what may be followed, while a history is read. */
class Heard {
  readonly #hosts = new Map<number, number>();
  readonly #highest = new Map<number, number>();
  readonly #wishes = new Map<number, { readonly wish: Wish; readonly sinceMs: number }>();
  readonly #isCurrent = new Map<number, boolean>();
  /** When the last good word was no longer the newest. */
  readonly #spoiltAtMs = new Map<number, number>();
  /** When each switch began, by process and epoch. */
  readonly #begunAtMs = new Map<string, number>();
  /**
   * What a switch has overtaken, by machine: no news to a process that restarts there. Not sure where the state file may say
   * less: it is damaged, or the disk was full.
   */
  readonly #overtaken = new Map<number, { readonly wish: Wish; readonly isSure: boolean }>();
  /** What was last heard on a machine, and what an earlier process had heard there when one started. */
  readonly #onHost = new Map<number, Wish>();
  readonly #before = new Map<number, Wish | undefined>();
  /** The cluster that was last opened on a machine. */
  readonly #opened = new Map<number, string>();

  take(event: HistoryEvent): void {
    switch (event.kind) {
      case 'started': {
        this.#hosts.set(event.process, event.host);
        const before = this.#onHost.get(event.host);
        if (!event.isIntact) this.#lose(event.host);
        this.#before.set(event.process, event.isIntact || event.isOlder ? before : undefined);
        return;
      }
      case 'switching':
        // The epoch may be the one of a switch that was refused before.
        if (event.from === event.to)
          this.#begunAtMs.delete(`${event.process} ${event.switchEpoch}`);
        else this.#begunAtMs.set(`${event.process} ${event.switchEpoch}`, event.atMs);
        return;
      case 'opened':
        this.#open(event);
        return;
      case 'told':
        this.#hear(event);
        return;
      default:
    }
  }

  #hostOf(process: number): number {
    return this.#hosts.get(process) ?? -process;
  }

  #lose(host: number): void {
    this.#highest.delete(host);
    this.#onHost.delete(host);
    this.#opened.delete(host);
    const overtaken = this.#overtaken.get(host);
    if (overtaken !== undefined) this.#overtaken.set(host, { ...overtaken, isSure: false });
  }

  /** A start, a way back, and going on where it was halted have overtaken nothing. */
  #open({ process, switchEpoch, cluster }: EventOf<'fenced' | 'opened'>): void {
    const host = this.#hostOf(process);
    this.#opened.set(host, cluster);
    const begunAtMs = this.#begunAtMs.get(`${process} ${switchEpoch}`);
    if (begunAtMs === undefined) return;
    const last = this.last(process);
    // A machine's state file may say what an earlier process has heard, or may not: it died too early, or the disk was full.
    const before = this.#before.get(process);
    const isSaid = before !== undefined && (last === undefined || isSameWish(last.wish, before));
    if (isSaid && before.cluster !== cluster && !this.#overtaken.has(host)) {
      this.#overtaken.set(host, { wish: before, isSure: false });
    }
    if (last !== undefined && last.sinceMs < begunAtMs && last.wish.cluster !== cluster) {
      this.#overtaken.set(host, { wish: last.wish, isSure: true });
    }
  }

  #hear({ process, wish, atMs }: EventOf<'told'>): void {
    const host = this.#hostOf(process);
    const highest = this.#highest.get(host) ?? 0;
    const isGood = wish !== undefined && (wish.epoch ?? 0) >= highest;
    if (!isGood && this.#isCurrent.get(process) === true) this.#spoiltAtMs.set(process, atMs);
    this.#isCurrent.set(process, isGood);
    if (!isGood) return;
    this.#highest.set(host, wish.epoch ?? highest);
    this.#onHost.set(host, wish);
    const before = this.#wishes.get(process);
    const sinceMs = before !== undefined && isSameWish(before.wish, wish) ? before.sinceMs : atMs;
    this.#wishes.set(process, { wish, sinceMs });
    const overtaken = this.#overtaken.get(host);
    if (overtaken !== undefined && !isSameWish(overtaken.wish, wish)) this.#overtaken.delete(host);
  }

  /** What a process may follow now. One that has slept hears everything in one moment. */
  current(process: number, atMs: number): Wish | undefined {
    const isCurrent = this.#isCurrent.get(process) === true;
    const isHeard = isCurrent || this.#spoiltAtMs.get(process) === atMs;
    return isHeard ? this.last(process)?.wish : undefined;
  }

  /** Was what it hears overtaken, perhaps by a switch of a process that ran on its machine before? */
  overtaken(process: number): 'surely' | 'perhaps' | 'no' {
    const overtaken = this.#overtaken.get(this.#hostOf(process));
    return overtaken === undefined ? 'no' : overtaken.isSure ? 'surely' : 'perhaps';
  }

  /** The cluster that was last opened on its machine. */
  opened(process: number): string | undefined {
    return this.#opened.get(this.#hostOf(process));
  }

  /** The last good word that it heard, and since when. */
  last(process: number): { readonly wish: Wish; readonly sinceMs: number } | undefined {
    return this.#wishes.get(process);
  }
}

function isSameWish(a: Wish, b: Wish): boolean {
  return a.cluster === b.cluster && a.epoch === b.epoch;
}

/**
 * I10. Ignorance never switches. By health a process leaves only a cluster that really is in trouble, or was a moment ago, and
 * goes only to one that really works, or did a moment ago. By the source it goes only where that really says, in order, and where
 * that is news, after a restart on a machine whose state file is intact, too.
 */
export function ignoranceNeverSwitches({ events, automation, agreement }: Run): readonly string[] {
  if (automation === undefined) return [];
  const truth = new Truth();
  const heard = new Heard();
  const obedience = new Obedience();
  const starting = new Set<number>();
  return events.flatMap((event) => {
    truth.take(event);
    if (event.kind === 'started') starting.add(event.process);
    const isFirst = event.kind === 'opened' && starting.delete(event.process);
    // Where there is an agreement, that has the first word.
    const oldNews = isFirst && agreement === undefined ? oldNewsAtStart(event, heard) : [];
    heard.take(event);
    obedience.take(event);
    if (isFirst) return oldNews;
    // What the fleet has decided is obeyed, whatever this process knows.
    if (event.kind !== 'switching' || obedience.explains(event)) return [];
    const { process, from, to, atMs, reason } = event;
    const who = `process ${process} left ${from} for ${to} at ${atMs} (${reason})`;
    if (event.by === 'signal') {
      const wish = heard.current(process, atMs);
      if (wish?.cluster !== to) return [`${who}, and the source does not say so`];
      return heard.overtaken(process) === 'surely' ? [`${who}, and that was overtaken before`] : [];
    }
    if (event.by !== 'health') return [];
    const violations: string[] = [];
    const faultyAtMs = truth.faultyAtMs(from, process, atMs);
    if (!event.planned && atMs - faultyAtMs > blameMs(automation)) {
      violations.push(
        `${who} by health, and nothing was wrong with ${from} (last at ${faultyAtMs})`,
      );
    }
    const provableAtMs = truth.provableAtMs(to, process, atMs);
    if (atMs - provableAtMs > proofMs(automation)) {
      violations.push(
        `${who} by health, and ${to} could not be seen to work since ${provableAtMs}`,
      );
    }
    return violations;
  });
}

/** A process that restarts on another cluster than it was on, by a word that had been overtaken there. */
function oldNewsAtStart(
  { process, cluster, atMs }: EventOf<'fenced' | 'opened'>,
  heard: Heard,
): readonly string[] {
  const before = heard.opened(process);
  const isElsewhere = before !== undefined && before !== cluster;
  if (!isElsewhere || heard.current(process, atMs)?.cluster !== cluster) return [];
  return heard.overtaken(process) === 'surely'
    ? [`process ${process} began with ${cluster} at ${atMs}, by a word that was overtaken before`]
    : [];
}

/**
 * I11. No flapping: no automatic switch of a process within the cooldown after another switch, no more of them in an hour than
 * are allowed, and none home unless that was asked for. What was refused or rolled back was no switch, nor is to go on after a lease.
 */
export function automaticSwitchesAreRare({ events, automation }: Run): readonly string[] {
  if (automation === undefined) return [];
  const { cooldownMs, maxSwitchesPerHour, failback } = automation.limits;
  const obedience = new Obedience();
  const begun = new Map<string, EventOf<'switching'>>();
  const done = new Map<number, { readonly atMs: number; readonly by: string }[]>();
  return events.flatMap((event) => {
    obedience.take(event);
    if (event.kind === 'switched') {
      const one = begun.get(`${event.process} ${event.switchEpoch}`);
      const all = done.get(event.process) ?? [];
      // Whoever goes on where it was, because the agreement is heard again, has not switched: nobody decided.
      const isGoingOn = one?.by === 'agreement' && one.from === one.to;
      const by = one?.by ?? 'operator';
      if (!isGoingOn) done.set(event.process, [...all, { atMs: event.atMs, by }]);
    }
    if (event.kind !== 'switching') return [];
    begun.set(`${event.process} ${event.switchEpoch}`, event);
    if (event.by !== 'health' || obedience.explains(event)) return [];
    const { process, atMs, to, planned } = event;
    const who = `process ${process} went to ${to} by health at ${atMs}`;
    const all = done.get(process) ?? [];
    const violations: string[] = [];
    const last = all.at(-1);
    if (last !== undefined && atMs - last.atMs < cooldownMs) {
      violations.push(`${who}, ${atMs - last.atMs} ms after another switch`);
    }
    const recent = all.filter((one) => one.by === 'health' && atMs - one.atMs < HOUR_MS);
    if (recent.length >= maxSwitchesPerHour) {
      violations.push(`${who}, after ${recent.length} automatic switches within an hour`);
    }
    if (planned && failback === 'manual') violations.push(`${who}, which is a way home`);
    return violations;
  });
}

/**
 * I19. When every fault is over and time has passed, every process is steady; on a cluster that works, where it decides by
 * health; and on the one that the source names, where that is news to it.
 *
 * Allowed: to stay with a dead cluster where the source has pinned it, or where the hour's automatic switches are spent, also by
 * the process that was there before and has left its state file. A switch that had opened its target when the process died counts among them.
 */
export function everybodyArrives({
  events,
  automation,
  agreement,
}: Pick<Run, 'events' | 'automation' | 'agreement'>): readonly string[] {
  // Where a fleet with an agreement has to be says its newest decision.
  if (automation === undefined || agreement !== undefined) return [];
  const truth = new Truth();
  const heard = new Heard();
  const begun = new Map<number, EventOf<'switching'>[]>();
  const done = new Map<number, EventOf<'switching'>[]>();
  const hosts = new Map<number, number>();
  const automaticOn = new Map<number | undefined, number>();
  const count = (process: number): void => {
    const host = hosts.get(process);
    automaticOn.set(host, (automaticOn.get(host) ?? 0) + 1);
  };
  /** Automatic switches that have opened their target and have not ended. */
  const openedBy = new Set<number>();
  return events.flatMap((event) => {
    truth.take(event);
    heard.take(event);
    if (event.kind === 'switching') {
      begun.set(event.process, [...(begun.get(event.process) ?? []), event]);
    }
    if (event.kind === 'switched') {
      const one = begun
        .get(event.process)
        ?.findLast((each) => each.switchEpoch === event.switchEpoch);
      if (one !== undefined) done.set(event.process, [...(done.get(event.process) ?? []), one]);
      openedBy.delete(event.process);
      if (one?.by === 'health') count(event.process);
    }
    if (event.kind === 'opened') {
      const run = begun.get(event.process)?.at(-1);
      const isAutomatic = run?.by === 'health' && run.switchEpoch === event.switchEpoch;
      if (isAutomatic) openedBy.add(event.process);
    }
    if (event.kind === 'crashed' && openedBy.delete(event.process)) count(event.process);
    if (event.kind === 'started') {
      hosts.set(event.process, event.host);
      // What a full disk left may say so.
      if (!event.isIntact && event.isOlder !== true) automaticOn.delete(event.host);
    }
    if (event.kind !== 'resting') return [];
    const { process, state, cluster, wish, atMs } = event;
    const who = `process ${process} is ${state} on ${cluster ?? 'no cluster'} at ${atMs}`;
    if (state !== 'steady' || cluster === undefined) return [who];
    const word = heard.last(process);
    const switches = done.get(process) ?? [];
    const isNews =
      word !== undefined &&
      heard.overtaken(process) === 'no' &&
      (switches.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) <= word.sinceMs;
    const isPossible = wish !== undefined && truth.faults(wish.cluster, process).length === 0;
    if (isPossible && isNews && automation.strategy !== 'health' && cluster !== wish.cluster) {
      return [`${who}, and the source has said ${wish.cluster} since ${word.sinceMs}`];
    }
    const faults = truth.faults(cluster, process);
    const mayStay =
      automation.strategy === 'follow' ||
      (automation.strategy === 'combined' && word?.wish.mode === 'pinned') ||
      (automaticOn.get(hosts.get(process)) ?? 0) >= automation.limits.maxSwitchesPerHour;
    return faults.length > 0 && !mayStay ? [`${who}, which is ${faults.join(', ')}`] : [];
  });
}
