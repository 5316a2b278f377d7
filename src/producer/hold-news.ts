import type { EventSink } from '../events.js';
import { endOf, type SwitchTurn } from '../switch/participant.js';

/**
 * What is told of sends that wait: each event once per switch.
 *
 * @internal
 */
export class HoldNews {
  /** The switch that is waited for; a planned one that fails goes on as another one, back to its source. */
  turn: SwitchTurn | undefined = undefined;
  readonly #producer: string;
  readonly #events: EventSink;
  #told: ReadonlySet<HoldEvent> = new Set();

  constructor(producer: string, events: EventSink) {
    this.#producer = producer;
    this.#events = events;
  }

  switchStarted(turn: SwitchTurn): void {
    this.turn = turn;
    this.#told = new Set();
  }

  tell(name: HoldEvent): void {
    if (this.#told.has(name)) return;
    this.#told = new Set([...this.#told, name]);
    const { turn } = this;
    this.#events.emit(name, { producer: this.#producer, cluster: turn?.to }, turn);
  }

  /** In words, for whoever waits in vain. `isReleased`: the switch is over, and only single topics do not get through. */
  waitsFor(isReleased: boolean): { turn: SwitchTurn | undefined; why: string } {
    const { turn } = this;
    const why = isReleased
      ? 'behind a send of its topic that has had no answer since a switch'
      : `for ${endOf(turn)}`;
    return { turn, why };
  }
}

type HoldEvent = 'producer.held' | 'producer.hold-filling' | 'producer.hold-full';
