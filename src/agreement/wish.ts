import type { World } from '../world.js';

/**
 * Where a member would have its fleet go, and since when.
 *
 * @internal
 */
export class Wish {
  readonly #world: World;
  readonly #longMs: number;
  #cluster: string | undefined;
  #sinceMs = 0;

  /** @param longMs - after this time whoever sees the same has said so. */
  constructor(world: World, longMs: number) {
    this.#world = world;
    this.#longMs = longMs;
  }

  get cluster(): string | undefined {
    return this.#cluster;
  }

  /** @returns true where it is another one than before. */
  set(cluster: string | undefined): boolean {
    if (this.#cluster === cluster) return false;
    this.#cluster = cluster;
    this.#sinceMs = this.#world.nowMs();
    return true;
  }

  get isOld(): boolean {
    return this.#world.nowMs() - this.#sinceMs > this.#longMs;
  }

  /** There is one, and others may still say that they see the same. */
  get isNew(): boolean {
    return this.#cluster !== undefined && !this.isOld;
  }
}
