import { checkCombine } from '../options-calls.js';
import { pinnedBy } from './follow.js';
import { obey } from './obey.js';
import type { Strategy } from './strategy.js';

/**
 * Two strategies, the second one asked where the first has nothing to say.
 *
 * @public
 */
export interface CombinedStrategies {
  /** Its word goes first: for example `consulStrategy(...)`. */
  readonly follow: Strategy;
  /** Decides where that has no news: for example `healthStrategy()`. */
  readonly orElse: Strategy;
}

/**
 * An outside source that may move the service, or forbid that it is moved, and a strategy for everything that the source has
 * no word on.
 *
 * In this order:
 *
 * 1. an operator's order (`switchTo`),
 * 2. news of `follow`: it wants another cluster since the last switch,
 * 3. a source of `follow` whose last good value has the mode `pinned`: nothing moves, also while it cannot be read,
 * 4. `orElse`.
 *
 * A source that cannot be read moves nothing by that; `orElse` goes on deciding, because a source may die together with the
 * cluster.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - one of the two is missing or no strategy.
 * @example
 * ```ts
 * const strategy = combine({ follow: consulStrategy({ key: 'kafka/active' }), orElse: healthStrategy() });
 * ```
 * @public
 */
export function combine(strategies: CombinedStrategies): Strategy {
  checkCombine(strategies);
  const { follow, orElse } = strategies;
  const signals = [...(follow.signals ?? []), ...(orElse.signals ?? [])];
  const names = (follow.signals ?? []).map(({ name }) => name);
  return {
    name: `${follow.name}, or else ${orElse.name}`,
    signals,
    stableMs: Math.max(follow.stableMs ?? 0, orElse.stableMs ?? 0),
    watchesHealth: follow.watchesHealth === true || orElse.watchesHealth === true,
    startOn: async (sources, aliases) =>
      (await follow.startOn(sources, aliases)) ?? (await orElse.startOn(sources, aliases)),
    decide(view) {
      if (view.order !== undefined) return obey(view.order, view.active);
      const first = follow.decide(view);
      if (first.kind === 'switch') return first;
      const pin = pinnedBy(view.signals.filter(({ name }) => names.includes(name)));
      if (pin === undefined) return orElse.decide(view);
      const other = orElse.decide(view);
      if (other.kind === 'stay') return other;
      const detail = `${pin.name} forbids automatic switches; otherwise: ${other.reason}`;
      return { kind: 'stay', because: 'pinned', detail, isAlarming: true };
    },
  };
}
