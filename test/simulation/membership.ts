import type { HistoryEvent } from './history.js';

interface Contact {
  readonly begunAtMs: number;
  readonly endedAtMs: number;
}

/** So many contacts of a process are remembered: enough for a question about what another one had heard. */
const CONTACTS = 20;

/** Who was in contact with the agreement, and who can have heard whom, while a history is read from its beginning. */
export class Membership {
  readonly #contacts = new Map<number, Contact[]>();

  take(event: HistoryEvent): void {
    if (event.kind !== 'contact') return;
    const { process, sinceMs, atMs } = event;
    const all = this.#contacts.get(process);
    // With the first one it begins to listen, and has said nothing.
    if (all === undefined) this.#contacts.set(process, []);
    else all.push({ begunAtMs: sinceMs, endedAtMs: atMs });
    if (all !== undefined && all.length > CONTACTS) all.shift();
  }

  /** Everybody who was in contact within this time. */
  recent(nowMs: number, withinMs: number): readonly number[] {
    return [...this.#contacts].flatMap(([process, contacts]) => {
      const last = contacts.at(-1);
      return last !== undefined && nowMs - last.endedAtMs <= 2 * withinMs ? [process] : [];
    });
  }

  /**
   * Members whose statement of at most `withinMs` ago has certainly reached a process by now, itself among them: it was made before
   * the newest contact of the process began.
   */
  surelyHeardBy(process: number, nowMs: number, withinMs: number): readonly number[] {
    const listener = this.#contacts.get(process)?.at(-1);
    if (listener === undefined) return [];
    return [...this.#contacts].flatMap(([other, contacts]) => {
      if (other === process) return [other];
      const told = contacts.findLast(({ endedAtMs }) => endedAtMs <= listener.begunAtMs);
      return told !== undefined && nowMs - told.endedAtMs <= withinMs ? [other] : [];
    });
  }
}

/** Whom a person has told to go somewhere without asking its fleet, until that is done. */
export class OrderedAlone {
  readonly #orders = new Map<number, { readonly process: number; readonly to: string }>();

  take(event: HistoryEvent): void {
    if (event.kind === 'order-settled') this.#orders.delete(event.order);
    if (event.kind !== 'ordered' || event.alone === undefined) return;
    this.#orders.set(event.order, { process: event.process, to: event.alone });
  }

  allows(process: number, cluster: string): boolean {
    return [...this.#orders.values()].some((one) => one.process === process && one.to === cluster);
  }

  /** Is such an order under way? */
  isMoving(process: number): boolean {
    return [...this.#orders.values()].some((one) => one.process === process);
  }
}
