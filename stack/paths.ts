import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

/** @internal The folder of this file: the pom and the supervisor script lie here. */
export const stackDirectory: string = fileURLToPath(new URL('.', import.meta.url));

/** @internal The ignored cache in the repo's root: jars, run directories, kept data. */
export const defaultCacheDirectory: string = fileURLToPath(new URL('../.cache', import.meta.url));

/** @internal What lies where in a cache directory. */
export interface CacheLayout {
  root: string;
  /** One directory per running stack; what a crash leaves here is removed by the next start. */
  runs: string;
  /** Directories of stacks that were stopped with `keepData`; nothing removes them. */
  kept: string;
  /** Logs of the last start that failed. */
  lastFailure: string;
}

/** @internal */
export function cacheLayout(root: string): CacheLayout {
  return {
    root,
    runs: join(root, 'runs'),
    kept: join(root, 'kept'),
    lastFailure: join(root, 'last-failure'),
  };
}
