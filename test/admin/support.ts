import type { MemoryWorld } from '../../src/testing/index.js';
import { ordersWorld } from '../support/memory-service.js';

/** Two clusters, each with a topic that tells it from the other: `only-on-A` and `only-on-B`. */
export function labelledWorld(): MemoryWorld {
  const memory = ordersWorld();
  for (const { alias } of memory.clusters) memory.cluster(alias).createTopic(`only-on-${alias}`, 1);
  return memory;
}
