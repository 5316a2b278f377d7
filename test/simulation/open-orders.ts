import type { HistoryEvent } from './history.js';

/** Orders of an operator that have not settled yet, whose process lives. */
export class OpenOrders {
  readonly #processes = new Map<number, number>();

  get areSome(): boolean {
    return this.#processes.size > 0;
  }

  take(event: HistoryEvent): void {
    if (event.kind === 'ordered') this.#processes.set(event.order, event.process);
    if (event.kind === 'order-settled') this.#processes.delete(event.order);
    if (event.kind !== 'crashed') return;
    for (const [order, process] of this.#processes) {
      if (process === event.process) this.#processes.delete(order);
    }
  }
}
