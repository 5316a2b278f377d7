import type { World } from '../world.js';

/** Two numbers of 40 bits each: no two producers of a company ever draw the same. */
const RANGE = 2 ** 40;

/**
 * Gives each message of one producer an id that no other message has: a random name of the producer, and a number.
 *
 * @internal
 */
export function messageIds(world: Pick<World, 'random'>): () => string {
  const draw = (): string => Math.floor(world.random() * RANGE).toString(36);
  const name = `${draw()}-${draw()}`;
  let count = 0;
  return () => {
    count += 1;
    return `${name}-${count.toString(36)}`;
  };
}
