import { absentMsOf } from './agreeing.js';
import { type EventOf, type HistoryEvent, logName, type Run } from './history.js';
import { Membership, OrderedAlone } from './membership.js';
import { DEADLINES } from './service.js';

/** Timers, and what takes no time. */
const SLACK_MS = 50;

/**
 * I7. With a lease a process writes nothing once it was not in contact with the agreement for so long; unless a person has moved it
 * alone since.
 */
export function nothingIsWrittenAfterTheLease({ events, agreement }: Run): readonly string[] {
  const leaseMs = agreement?.leaseMs;
  if (leaseMs === undefined) return [];
  const contactAtMs = new Map<number, number>();
  const movedAlone = new Set<number>();
  const alone = new OrderedAlone();
  return events.flatMap((event) => {
    alone.take(event);
    if (event.kind === 'ordered' && event.alone !== undefined) movedAlone.add(event.process);
    if (event.kind === 'contact') {
      // A contact during the move was before its end: from there on it needs none.
      if (!alone.isMoving(event.process)) movedAlone.delete(event.process);
      const before = contactAtMs.get(event.process) ?? Number.NEGATIVE_INFINITY;
      contactAtMs.set(event.process, Math.max(before, event.sinceMs));
    }
    if (event.kind !== 'written') return [];
    const { process, apiName, cluster, atMs } = event;
    const silentMs = atMs - (contactAtMs.get(process) ?? atMs);
    return silentMs <= leaseMs || movedAlone.has(process)
      ? []
      : [
          `process ${process} wrote ${apiName} to ${cluster} at ${atMs}, ${silentMs} ms after its last contact`,
        ];
  });
}

/**
 * I7. Who says to obey a decision has left every other cluster: it is fenced.
 *
 * Allowed: to have been moved `alone` since.
 */
export function obeyedIsFenced({ events, agreement }: Run): readonly string[] {
  if (agreement === undefined) return [];
  const open = new Map<number, string>();
  const stated = new Map<number, number>();
  const clusters = new Map<string, string>();
  const isAlone = new Set<number>();
  return events.flatMap((event) => {
    if (event.kind === 'ordered' && event.alone !== undefined) isAlone.add(event.process);
    if (event.kind === 'opened') open.set(event.process, event.cluster);
    if (event.kind === 'fenced') open.delete(event.process);
    if (event.kind === 'heard') {
      clusters.set(`${event.process} ${event.decision.epoch}`, event.decision.cluster);
    }
    if (event.kind !== 'stated') return [];
    const { process, epoch, atMs } = event;
    const before = stated.get(process);
    stated.set(process, epoch);
    if (before === epoch || isAlone.has(process)) return [];
    const cluster = clusters.get(`${process} ${epoch}`);
    const other = open.get(process);
    return cluster === undefined || other === undefined || other === cluster
      ? []
      : [
          `process ${process} says at ${atMs} that it obeys decision ${epoch} for ${cluster}, and works with ${other}`,
        ];
  });
}

/** A handler at work. */
type Call = Extract<HistoryEvent, { readonly id: string; readonly place: unknown }>;

/** Where a process is, since when, and for whom it has to wait before it handles anything there. */
interface Place {
  readonly cluster: string;
  readonly agreedEpoch: number;
  readonly openedAtMs: number;
  readonly isAlone: boolean;
}

/**
 * I17. No member of a group begins to handle records on the target while another one, in an older epoch, still handles one on the
 * source. It is not to be waited for when it was silent for a lease (without one: three heartbeats), when it has left and only its
 * handler runs on (`handlersMs`), or when the wait itself has come to its end.
 */
export function nobodyHandlesOnBothClusters({ events, agreement }: Run): readonly string[] {
  if (agreement === undefined) return [];
  const barrier = new Barrier(absentMsOf(agreement));
  return events.flatMap((event) => barrier.take(event));
}

/** Who handles what, and who has to be waited for, while a history is read from its beginning. */
class Barrier {
  readonly #absentMs: number;
  readonly #members = new Membership();
  /** Members that a process has surely known ever since its switch began: one that was silent for once need not be waited for. */
  readonly #known = new Map<number, readonly number[]>();
  readonly #places = new Map<number, Place>();
  readonly #fences = new Map<number, EventOf<'fenced'>[]>();
  readonly #calls = new Map<number, Map<string, Call>>();
  readonly #alone = new OrderedAlone();
  /** Processes that have handled something where they are, or have waited for as long as they have to. */
  readonly #isPast = new Set<number>();

  constructor(absentMs: number) {
    this.#absentMs = absentMs;
  }

  take(event: HistoryEvent): readonly string[] {
    this.#members.take(event);
    this.#alone.take(event);
    for (const [process, known] of this.#known) {
      if (this.#isPast.has(process)) continue;
      const heard = this.#heard({ process, atMs: event.atMs });
      if (known.some((one) => !heard.includes(one)))
        this.#known.set(
          process,
          known.filter((one) => heard.includes(one)),
        );
    }
    switch (event.kind) {
      case 'switching':
        this.#isPast.delete(event.process);
        this.#known.set(event.process, this.#heard(event));
        return [];
      case 'fact':
        if (event.what === 'barrier overran') this.#isPast.add(event.process);
        return [];
      case 'opened':
        this.#open(event);
        return [];
      case 'fenced':
        this.#fences.set(event.process, [...(this.#fences.get(event.process) ?? []), event]);
        return [];
      case 'crashed':
      case 'consumer-stopping':
        this.#calls.delete(event.process);
        return [];
      case 'handled':
      case 'handler-failed':
        this.#calls.get(event.process)?.delete(keyOf(event));
        return [];
      case 'handling': {
        const violations = this.#rivals(event);
        this.#isPast.add(event.process);
        const own = this.#calls.get(event.process) ?? new Map<string, Call>();
        this.#calls.set(event.process, own.set(keyOf(event), event));
        return violations;
      }
      default:
        return [];
    }
  }

  #open({ process, cluster, agreedEpoch = 0, atMs }: EventOf<'opened'>): void {
    const isAlone = this.#alone.allows(process, cluster);
    if (!this.#known.has(process)) this.#known.set(process, this.#heard({ process, atMs }));
    this.#places.set(process, { cluster, agreedEpoch, openedAtMs: atMs, isAlone });
  }

  /** Who is not silent, for one process. */
  #heard({ process, atMs }: { process: number; atMs: number }): readonly number[] {
    return this.#members.surelyHeardBy(process, atMs, this.#absentMs - SLACK_MS);
  }

  #rivals(call: Call): readonly string[] {
    const { process, atMs, id, place, switchEpoch } = call;
    const here = this.#places.get(process);
    if (here === undefined || here.cluster !== place.cluster || here.isAlone) return [];
    const barrierMs = this.#absentMs + DEADLINES.drainMs + DEADLINES.handlersMs;
    if (this.#isPast.has(process) || atMs - here.openedAtMs > barrierMs - SLACK_MS) return [];
    return (this.#known.get(process) ?? []).flatMap((other) => {
      if (other === process) return [];
      const rival = this.#handlesElsewhere(other, here, atMs);
      return rival === undefined
        ? []
        : [
            `process ${process} begins with ${id} on ${place.cluster} at ${atMs}, in epoch ${switchEpoch} by decision ${here.agreedEpoch}, while process ${other} handles ${rival.id} on ${rival.place.cluster}`,
          ];
    });
  }

  #handlesElsewhere(other: number, here: Place, nowMs: number): Call | undefined {
    const there = this.#places.get(other);
    if (there === undefined || there.isAlone) return undefined;
    const fences = this.#fences.get(other) ?? [];
    return [...(this.#calls.get(other)?.values() ?? [])].find(({ place, atMs }) => {
      if (place.cluster === here.cluster) return false;
      // Later ones are of places where it has been since.
      const fence = fences.find((one) => one.cluster === place.cluster && one.atMs >= atMs);
      if (fence !== undefined) return nowMs - fence.atMs < DEADLINES.handlersMs - SLACK_MS;
      return there.agreedEpoch < here.agreedEpoch;
    });
  }
}

function keyOf({ consumer, place, switchEpoch }: Call): string {
  return `${consumer} ${logName(place)} ${place.offset} ${switchEpoch}`;
}
