import type { World } from '../world.js';
import type { MemberState } from './agreement.js';

/**
 * What this process says of itself, under one name and in one life.
 *
 * @internal
 */
export class Statements {
  readonly #world: World;
  readonly #incarnation: string;
  readonly instance: string;
  #sequence = 0;

  /** @param given - the name that was chosen for it. Default: the client id and random characters. */
  constructor(world: World, given: string | undefined, clientId: string | undefined) {
    this.#world = world;
    this.#incarnation = Math.floor(world.random() * 36 ** 8).toString(36);
    const prefix = clientId?.replaceAll(/[^A-Za-z0-9._-]/g, '-') ?? 'member';
    this.instance = given ?? `${prefix}-${this.#incarnation}`;
  }

  next(facts: Pick<MemberState, 'cluster' | 'groups' | 'obeyedEpoch' | 'wants'>): MemberState {
    // Where the clock is right, a restarted process that keeps its name is above what was heard of it before.
    this.#sequence = Math.max(this.#sequence + 1, Math.floor(this.#world.wallMs()));
    return {
      instance: this.instance,
      incarnation: this.#incarnation,
      sequence: this.#sequence,
      ...facts,
    };
  }
}
