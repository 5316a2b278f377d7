import type { FacetHealth } from '../../src/health/facet.js';
import type { ClusterHealth } from '../../src/health/health.js';
import type { SignalState } from '../../src/signals/signal-state.js';
import type { StartSources, View } from '../../src/strategy/strategy.js';
import { manualWorld, type ManualWorld } from '../support/manual-world.js';

export const HEALTHY: FacetHealth = { kind: 'healthy', sinceMs: 0, failingSinceMs: undefined };
export const FAILING: FacetHealth = { kind: 'healthy', sinceMs: 0, failingSinceMs: 900_000 };
export const UNKNOWN: FacetHealth = { kind: 'unknown', sinceMs: 0, because: 'not asked yet' };
export const UNHEALTHY: FacetHealth = { kind: 'unhealthy', sinceMs: 0, because: 'it is dead' };

/** The same in both respects, unless told otherwise. */
export function healthOf(facet: FacetHealth, more: Partial<ClusterHealth> = {}): ClusterHealth {
  return { produce: facet, consume: facet, refusedBecause: undefined, ...more };
}

/** A is active and preferred; nothing is known of either cluster; an hour and more has passed since the start. */
export function viewOf({
  A = healthOf(UNKNOWN),
  B = healthOf(UNKNOWN),
  ...more
}: Partial<View> & { A?: ClusterHealth; B?: ClusterHealth } = {}): View {
  return {
    nowMs: 10_000_000,
    active: 'A',
    switchEpoch: 1,
    clusters: [
      { alias: 'A', rank: 0, health: A },
      { alias: 'B', rank: 1, health: B },
    ],
    signals: [],
    order: undefined,
    switches: [],
    failback: undefined,
    ...more,
  };
}

/** What a strategy is given at its start: an empty world, no outside source, no state file, unless told otherwise. */
export function sourcesOf({
  world = manualWorld(),
  signals = [],
  lastApplied,
}: {
  world?: ManualWorld;
  signals?: readonly SignalState[];
  lastApplied?: string;
} = {}): StartSources {
  return {
    environment: (name) => world.environment(name),
    readText: (path) => world.readText(path),
    signals: () => Promise.resolve(signals),
    lastApplied: () => Promise.resolve(lastApplied),
  };
}
