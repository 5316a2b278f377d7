import type { AgreedDecision } from '../../src/agreement/agreement.js';
import { combine } from '../../src/strategy/combine.js';
import { followStrategy } from '../../src/strategy/follow.js';
import { healthStrategy } from '../../src/strategy/health.js';
import { manualStrategy } from '../../src/strategy/manual.js';
import type { Strategy } from '../../src/strategy/strategy.js';
import type { DecidedBy } from '../../src/switch/report.js';
import { unreachable } from '../../src/unreachable.js';
import { ACTIVE_CLUSTER } from './process-world.js';
import type { ServiceParts } from './service.js';

/** The strategy of one process, as the scenario says. */
export function strategyOf({ scenario, source, number, note }: ServiceParts): Strategy {
  const { automation } = scenario;
  if (automation === undefined) return manualStrategy({ environment: ACTIVE_CLUSTER });
  const follow = followStrategy(source.signalFor(number, note));
  const health = healthStrategy(automation.limits);
  switch (automation.strategy) {
    case 'health':
      return health;
    case 'follow':
      return follow;
    case 'manual':
      return manualStrategy();
    case 'combined':
      return combine({ follow, orElse: health });
    default:
      return unreachable(automation.strategy);
  }
}

/** Remembers whose opinion each decision was: the events of a switch do not tell. */
export class Decisions {
  readonly #by = new Map<string, DecidedBy>();

  watch(strategy: Strategy): Strategy {
    return {
      ...strategy,
      decide: (view) => {
        const decision = strategy.decide(view);
        if (decision.kind === 'switch') {
          this.#by.set(`${decision.to} ${decision.reason}`, decision.by ?? 'operator');
        }
        return decision;
      },
    };
  }

  /** What its fleet has decided is somebody's opinion, too. */
  heard({ cluster, reason, by }: AgreedDecision): void {
    this.#by.set(`${cluster} ${reason}`, by);
  }

  /** Whose opinion led there, for this reason. */
  whose(to: string, reason: string): DecidedBy {
    const isGoingOn = reason === 'the agreement is heard again';
    return this.#by.get(`${to} ${reason}`) ?? (isGoingOn ? 'agreement' : 'operator');
  }
}
