import { checkManualStrategy } from '../options-calls.js';
import { knownAlias } from './known-alias.js';
import { obey } from './obey.js';
import type { Strategy } from './strategy.js';

/**
 * Where the manual strategy finds the cluster to start on.
 *
 * @public
 */
export interface ManualStrategyOptions {
  /**
   * Alias of the cluster to start on where neither `environment` nor `file` nor the state file names one. Default: the first configured
   * cluster. Does not matter once the service runs.
   */
  readonly initial?: string;
  /** Name of an environment variable that holds an alias, read once at start. It goes before `file`. No default. */
  readonly environment?: string;
  /**
   * Path of a text file that holds an alias (white space around it is ignored), read once at start. A file that does
   * not exist is no opinion. No default.
   */
  readonly file?: string;
}

/**
 * Switches only when it is told to: by `failover.switchTo(...)`, or, at start, by an environment variable or a file.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - at once, when an option is unknown or no text; from `startOn`, when the variable, the file or `initial`
 *   names a cluster that is not configured. An empty variable or file is no opinion.
 * @example
 * ```ts
 * const strategy = manualStrategy({ environment: 'KAFKA_ACTIVE_CLUSTER', initial: 'A' });
 * ```
 * @public
 */
export function manualStrategy(options: ManualStrategyOptions = {}): Strategy {
  checkManualStrategy(options);
  return {
    name: 'manual',
    async startOn(sources, aliases) {
      const { environment, file, initial } = options;
      if (environment !== undefined) {
        const alias = sources.environment(environment)?.trim();
        if (alias !== undefined && alias !== '') {
          return knownAlias(alias, aliases, `strategy.environment (variable ${environment})`);
        }
      }
      if (file !== undefined) {
        const alias = (await sources.readText(file))?.trim();
        if (alias !== undefined && alias !== '') {
          return knownAlias(alias, aliases, `strategy.file (${file})`);
        }
      }
      const last = await sources.lastApplied();
      if (last !== undefined) return last;
      return initial === undefined ? undefined : knownAlias(initial, aliases, 'strategy.initial');
    },
    decide: ({ active, order }) =>
      order === undefined ? { kind: 'stay', because: 'no-order' } : obey(order, active),
  };
}
