import type { Decision, OperatorOrder } from './strategy.js';

/** @internal What every strategy makes of an operator's order: it has the highest rank. */
export function obey(order: OperatorOrder, active: string): Decision {
  if (order.to === active) return { kind: 'stay', because: 'already-active' };
  const { to, planned, reason } = order;
  return { kind: 'switch', to, planned, reason, by: 'operator' };
}
