import type { Holding } from './phase-context.js';
import type { Participant, SwitchTurn } from './participant.js';

/**
 * The participants of one process, and whom of them the switch or the halt in force has reached: they come and go at any
 * moment, and each hears of both exactly once.
 *
 * @internal
 */
export class Participants {
  readonly #members = new Set<Participant>();
  /** Whom the switch under way holds: nobody before `hold`, and from `open` on, where a new session is there for all. */
  #holding: Holding | 'nobody' = 'nobody';
  readonly #held = new Set<Participant>();
  /** Those that have heard of the newest halt: to hear of it twice would be to crash twice. */
  readonly #halted = new Set<Participant>();

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  list(): readonly Participant[] {
    return [...this.#members];
  }

  /** @param turn - the switch under way, if there is one: it may hold whoever comes. */
  add(participant: Participant, turn: SwitchTurn | undefined): void {
    this.#members.add(participant);
    if (turn !== undefined) this.#hold(participant, turn);
  }

  remove(participant: Participant): void {
    this.#members.delete(participant);
    this.#held.delete(participant);
    this.#halted.delete(participant);
  }

  hold(whom: Holding, turn: SwitchTurn): void {
    this.#holding = whom;
    for (const participant of this.list()) this.#hold(participant, turn);
  }

  #hold(participant: Participant, turn: SwitchTurn): void {
    const isMeant =
      this.#holding === 'all' || (this.#holding === 'users' && participant.usesOthers);
    if (!isMeant || this.#held.has(participant)) return;
    this.#held.add(participant);
    participant.hold(turn);
  }

  /** The switch holds nobody any more: a new session is there, or a halt ended it. */
  letGo(): void {
    this.#holding = 'nobody';
    this.#held.clear();
  }

  /** A halt begins. */
  halt(error: Error): void {
    this.letGo();
    this.#halted.clear();
    this.haltOthers(error);
  }

  /** The halt goes on: tells whoever has not heard of it. */
  haltOthers(error: Error): void {
    for (const participant of this.list()) {
      if (this.#halted.has(participant)) continue;
      this.#halted.add(participant);
      participant.halt(error);
    }
  }
}
