import type { AgreementContext } from './agreement/agreement.js';
import type { ClusterCanary } from './health/monitor.js';
import type { CanaryOptions } from './options-health.js';

/** @internal Of a topic whose records nobody reads later, for where it is made. */
export const CANARY_SETTINGS = { 'cleanup.policy': 'delete', 'retention.ms': '3600000' } as const;

/** @internal What a canary writes with on a cluster; undefined where nothing is to be written. */
export function canaryOn(
  openLog: AgreementContext['log'],
  alias: string,
  canary: Required<CanaryOptions> | undefined,
): ClusterCanary | undefined {
  if (canary === undefined) return undefined;
  const log = openLog(alias, canary.topic, CANARY_SETTINGS);
  return {
    everyMs: canary.everyMs,
    write: () => log.append('canary', 'is it taken?'),
    close: () => void log.close(),
  };
}
