import type { EventSink } from '../events.js';

/**
 * What is wrong with an agreement, told once although it shows again with every exchange.
 *
 * @internal
 */
export class Complaints {
  readonly #agreement: string;
  readonly #events: EventSink;
  #refused: string | undefined;
  #isFailing = false;

  constructor(agreement: string, events: EventSink) {
    this.#agreement = agreement;
    this.#events = events;
  }

  failed(because: string): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#events.emit('agreement.failed', { agreement: this.#agreement, because });
  }

  reached(): void {
    this.#isFailing = false;
  }

  /** It holds what is no decision. */
  refused(because: string): void {
    if (because === this.#refused) return;
    this.#refused = because;
    this.#events.emit('agreement.refused', { agreement: this.#agreement, because });
  }

  /** It holds a decision again: what is refused from now on is news. */
  decided(): void {
    this.#refused = undefined;
  }
}
