import type { AgreedDecision } from '../agreement/agreement.js';
import type { Decision, View } from './strategy.js';

/** @internal What a process does about a decision that its fleet has made. A source that it sees dead is not drained. */
export function obeying(
  { cluster, mode, reason, by }: AgreedDecision,
  view: View,
): Extract<Decision, { kind: 'switch' }> {
  const planned = mode !== 'unplanned' && !isActiveUnhealthy(view);
  return { kind: 'switch', to: cluster, planned, reason, by };
}

/** @internal Is the active cluster known not to work, in any respect? */
export function isActiveUnhealthy({ active, clusters }: View): boolean {
  const health = clusters.find(({ alias }) => alias === active)?.health;
  return health?.produce.kind === 'unhealthy' || health?.consume.kind === 'unhealthy';
}
