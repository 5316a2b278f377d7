import { fileURLToPath } from 'node:url';
import { join, resolve } from 'node:path';

/** @internal The folder of this file: the pom and the supervisor script lie here. */
export const stackDirectory: string = fileURLToPath(new URL('.', import.meta.url));

/**
 * Where jars, run directories and kept data lie: `STACK_CACHE` of the environment, else the ignored `.cache` in the
 * repo's root.
 *
 * @internal
 */
export function cacheDirectoryFrom(env: NodeJS.ProcessEnv): string {
  return resolve(env['STACK_CACHE'] || fileURLToPath(new URL('../.cache', import.meta.url)));
}

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
