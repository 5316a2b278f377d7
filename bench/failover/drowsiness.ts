import type { World } from 'kafkajs-failover';
import type { MemoryWorld } from 'kafkajs-failover/testing';

/**
 * A process that stands still for a while: garbage collection, a blocked event loop, a virtual machine that is moved. Seen
 * from inside, timers are late, and nothing is answered until then.
 *
 * kafkajs's own timers stay on time: the kit has one clock for all clients. They find what a late one would find, no answer.
 *
 * @internal
 */
export class Drowsiness {
  readonly world: World;
  readonly #memory: MemoryWorld;
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(memory: MemoryWorld) {
    this.#memory = memory;
    this.world = {
      ...memory.world,
      after: (delayMs, callback) => this.#after(delayMs, callback),
    };
  }

  /** Stands still. Resolves when the process is awake. */
  async sleep(ms: number): Promise<void> {
    const { clock, clusters } = this.#memory;
    this.#untilMs = clock.nowMs() + ms;
    for (const cluster of clusters) cluster.freeze();
    await clock.sleep(ms);
    for (const cluster of clusters) cluster.thaw();
  }

  #after(delayMs: number, callback: () => void): () => void {
    const { world } = this.#memory;
    const fire = (): void => {
      const leftMs = this.#untilMs - world.nowMs();
      if (leftMs > 0) cancel = world.after(leftMs, fire);
      else callback();
    };
    let cancel = world.after(delayMs, fire);
    return () => cancel();
  }
}
