import { healthStrategy, manualStrategy, type Strategy } from 'kafkajs-failover';
import type { StrategyName } from './messages.js';

/** The strategy of a service. */
export function strategyOf(name: StrategyName): Strategy {
  return name === 'health' ? healthStrategy() : manualStrategy();
}
