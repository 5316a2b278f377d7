import type { Mirror } from '../../src/replication/mirror.js';

/** A flow of which nothing is known. */
export const NO_MIRROR: Pick<
  Mirror,
  'translate' | 'syncsAround' | 'refresh' | 'restartedAtWallMs'
> = {
  translate: () => ({ kind: 'unavailable', reason: 'no-sync' }),
  syncsAround: () => ({ kind: 'not-read' }),
  refresh: () => Promise.resolve(),
  restartedAtWallMs: () => undefined,
};
