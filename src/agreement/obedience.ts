import type { AgreedDecision } from './agreement.js';
import { unheardEpoch, type FleetState, type Hearing } from './fleet-state.js';
import { knownGroupPlace, placeAnew, placeOf, type Placed } from './place.js';

/** @internal What {@link Obedience} looks at, and whom it tells. */
export interface ObedienceParts {
  readonly aliases: readonly string[];
  self(): Placed;
  /** What is known of the fleet. */
  state(): FleetState;
  hearing(): Hearing;
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
  /** Groups that were read where the decision wants them: a person may have moved the process since, alone. */
  readonly #settled = new Set<string>();

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
    this.#settled.clear();
    this.#parts.onObeyed();
  }

  placeIn(decision: AgreedDecision): string {
    return placeOf(decision, this.#parts.self(), this.#parts.aliases);
  }

  /** Where a group is to be read that begins; undefined: wherever this process is. */
  placeOfGroup(group: string): string | undefined {
    return this.#settled.has(group) ? undefined : this.#placeOf(group);
  }

  /** By the decision that it has obeyed a group is to be read elsewhere. */
  isElsewhere(group: string, cluster: string): boolean {
    const isObeyed = this.#parts.state().decision?.epoch === this.#epoch;
    return isObeyed && (this.#placeOf(group) ?? cluster) !== cluster;
  }

  /** The decision in force, with the cluster that it wants this process to work with. */
  get own(): AgreedDecision | undefined {
    const { decision } = this.#parts.state();
    return decision === undefined ? undefined : { ...decision, cluster: this.placeIn(decision) };
  }

  /**
   * The decision that is still to be carried out by this process, which works with `active` and does nothing else. One that
   * wants it where it is is obeyed by staying. Its `cluster` is the one that it wants this process to work with.
   */
  standing(active: string): AgreedDecision | undefined {
    const { own } = this;
    if (own !== undefined && own.epoch > this.#epoch) {
      if (own.cluster !== active) return own;
      this.obeyed(own.epoch);
    }
    const cluster = this.#placeAnew(active);
    return cluster === undefined
      ? undefined
      : { ...(own ?? UNHEARD), epoch: unheardEpoch(this.#parts.state()) ?? this.#epoch, cluster };
  }

  /** Where it goes for groups that it has had only since it obeyed; undefined: it stays. */
  #placeAnew(active: string): string | undefined {
    const self = this.#parts.self();
    for (const group of self.groups) if (this.#placeOf(group) === active) this.#settled.add(group);
    const hasNew = self.groups.some((group) => !this.#settled.has(group));
    return hasNew ? placeAnew(self, active, (group) => this.#placeOf(group)) : undefined;
  }

  #placeOf(group: string): string | undefined {
    const { aliases, self, state, hearing } = this.#parts;
    const { instance } = self();
    return knownGroupPlace(state(), group, { aliases, instance, hearing: hearing() });
  }
}

/** Why a process goes where others are, by a decision that only they have heard. */
const UNHEARD = {
  mode: 'planned',
  reason: 'members of its groups are there',
  by: 'agreement',
} as const;
