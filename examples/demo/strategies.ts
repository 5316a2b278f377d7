import {
  combine,
  consulStrategy,
  fileStrategy,
  healthStrategy,
  manualStrategy,
  type Strategy,
} from 'kafkajs-failover';
import type { ServiceSettings, SourceAddress } from './messages.js';

/** The strategy of a service. A dead cluster is left by health, unless only orders count. */
export function strategyOf({
  strategy,
  source,
}: Pick<ServiceSettings, 'strategy' | 'source'>): Strategy {
  if (strategy === 'manual') return manualStrategy();
  if (source === undefined) return healthStrategy();
  return combine({ follow: following(source), orElse: healthStrategy() });
}

function following(source: SourceAddress): Strategy {
  return source.kind === 'consul'
    ? consulStrategy({ address: source.address, key: source.key })
    : fileStrategy({ path: source.path });
}
