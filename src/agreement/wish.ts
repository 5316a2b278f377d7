import type { World } from '../world.js';

/**
 * Where a member would have its fleet go, and since when.
 *
 * @internal
 */
export class Wish {
  readonly #world: World;
  readonly #longMs: number;
  #wanted: { readonly cluster: string; readonly sinceMs: number } | undefined;

  /** @param longMs - after this time whoever sees the same has said so. */
  constructor(world: World, longMs: number) {
    this.#world = world;
    this.#longMs = longMs;
  }

  get cluster(): string | undefined {
    return this.#wanted?.cluster;
  }

  /** @returns true where it is another one than before. */
  set(cluster: string | undefined): boolean {
    if (this.cluster === cluster) return false;
    this.#wanted = cluster === undefined ? undefined : { cluster, sinceMs: this.#world.nowMs() };
    return true;
  }

  /** There is one, and whoever sees the same has had the time to say so. */
  get isOld(): boolean {
    return this.#wanted !== undefined && this.#world.nowMs() - this.#wanted.sinceMs > this.#longMs;
  }

  /** There is one, and others may still say that they see the same. */
  get isNew(): boolean {
    return this.#wanted !== undefined && !this.isOld;
  }
}
