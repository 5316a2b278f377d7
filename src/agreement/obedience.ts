import type { AgreedDecision } from './agreement.js';
import { groupPlace, placeAnew, placeOf, type Placed } from './place.js';

/** @internal What {@link Obedience} looks at, and whom it tells. */
export interface ObedienceParts {
  readonly aliases: readonly string[];
  self(): Placed;
  /** The decision in force, as far as it is known. */
  decision(): AgreedDecision | undefined;
  onObeyed(): void;
}

/**
 * What the fleet's decisions are to this process: where they want it, and which of them it has obeyed.
 *
 * @internal
 */
export class Obedience {
  readonly #parts: ObedienceParts;
  #epoch = 0;

  constructor(parts: ObedienceParts) {
    this.#parts = parts;
  }

  /** The newest decision that it has obeyed. */
  get epoch(): number {
    return this.#epoch;
  }

  /** What was obeyed in an earlier life of the process. */
  remember(epoch: number): void {
    this.#epoch = Math.max(this.#epoch, epoch);
  }

  obeyed(epoch: number): void {
    if (epoch <= this.#epoch) return;
    this.#epoch = epoch;
    this.#parts.onObeyed();
  }

  placeIn(decision: AgreedDecision): string {
    return placeOf(decision, this.#parts.self(), this.#parts.aliases);
  }

  /** Where a group is to be read by the decision in force; undefined where it says nothing of groups. */
  placeOfGroup(group: string): string | undefined {
    const decision = this.#parts.decision();
    return decision?.only === undefined
      ? undefined
      : groupPlace(decision, group, this.#parts.aliases);
  }

  /** The decision in force, with the cluster that it wants this process to work with. */
  get own(): AgreedDecision | undefined {
    const decision = this.#parts.decision();
    return decision === undefined ? undefined : { ...decision, cluster: this.placeIn(decision) };
  }

  /** As {@link Fleet.standing}. */
  standing(active: string): AgreedDecision | undefined {
    const { own } = this;
    if (own === undefined) return undefined;
    if (own.epoch <= this.#epoch) {
      const { aliases, self } = this.#parts;
      const decision = this.#parts.decision();
      const cluster = decision && placeAnew(decision, self(), active, aliases);
      return cluster === undefined ? undefined : { ...own, cluster };
    }
    if (own.cluster !== active) return own;
    this.obeyed(own.epoch);
    return undefined;
  }
}
