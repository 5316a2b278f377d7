import { isProven, type ClusterHealth } from '../health/health.js';
import type { FacetHealth } from '../health/facet.js';
import { checkHealthStrategy } from '../options-calls.js';
import { knownAlias } from './known-alias.js';
import { obey } from './obey.js';
import type { ClusterView, Decision, PastSwitch, Strategy, View } from './strategy.js';

/**
 * When {@link healthStrategy} moves the service. How health is judged is `FailoverKafkaConfig.health`.
 *
 * @public
 */
export interface HealthStrategyOptions {
  /**
   * Alias of the cluster to start on where the state file names none. Default: the first configured one. Does not
   * matter once the service runs.
   */
  readonly initial?: string;
  /**
   * What must be unhealthy about the active cluster: taking records, serving groups, `'any'` of both or `'both'`. Default
   * `'any'`: a half-dead cluster is left. Does not affect the target, which must be proven in both respects.
   */
  readonly failoverOn?: 'any' | 'both' | 'produce' | 'consume';
  /**
   * `'manual'`: the way home is an operator's order (`switchTo`). `'automatic'`: a planned switch leads back to a cluster that
   * is preferred, as soon as every gate of the way home is open (`failback`, {@link FailbackGateName}). Default `'manual'`: a cluster that has just come back may lack records, and
   * goes away again more often than others do.
   */
  readonly failback?: 'manual' | 'automatic';
  /**
   * How long the preferred cluster must have been healthy without a break before the way home is open, in milliseconds: the gate `healthy`.
   * Default 600000. Also for `failback()`.
   */
  readonly stableMs?: number;
  /**
   * No automatic switch follows another switch, whoever ordered it, sooner than this, in milliseconds. Default 60000. 0: at
   * once. Does not affect orders, nor what a fleet has decided.
   */
  readonly cooldownMs?: number;
  /**
   * Automatic switches within an hour; after that many the service stays where it is, and says so by the event
   * `strategy.stayed`. Default 4. 0: no automatic switch at all. Does not affect orders, nor what a fleet has decided.
   */
  readonly maxSwitchesPerHour?: number;
  /**
   * The active cluster is unhealthy, and what it last answered was that it refuses our credentials, or we did not trust it.
   * `'ignore'`: it is left all the same. `'veto'`: the service stays, and says so by the event `strategy.stayed`: while credentials
   * are being changed, what looks like a dead cluster may be our own doing. That lasts until the cluster lets us in again, also if
   * it is really dead. Default `'ignore'`. Does not affect the target: one that refuses us is never gone to without an order.
   */
  readonly whenRefused?: 'ignore' | 'veto';
}

const HOUR_MS = 3_600_000;

const DEFAULTS = {
  failoverOn: 'any',
  failback: 'manual',
  stableMs: 600_000,
  cooldownMs: 60_000,
  maxSwitchesPerHour: 4,
  whenRefused: 'ignore',
} as const;

type Resolved = Required<Omit<HealthStrategyOptions, 'initial'>>;

/**
 * Leaves a cluster that is unhealthy, by an unplanned switch, for one that is seen to work. Stays where the health is unknown,
 * where no other cluster is proven, where credentials are refused, and where it has moved too often.
 *
 * Without an `agreement` each process decides for itself: processes of a fleet that see the clusters differently come to stand on
 * both. With one it only says what it would do, until the `quorum` is reached. `switchTo` goes before it in any case.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - at once, when an option is unknown or wrong; from `startOn`, when
 *   `initial` names a cluster that is not configured.
 * @example
 * ```ts
 * const kafka = new FailoverKafka({ clusters, strategy: healthStrategy() });
 * ```
 * @public
 */
export function healthStrategy(options: HealthStrategyOptions = {}): Strategy {
  checkHealthStrategy(options);
  const given = Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  );
  const resolved: Resolved = { ...DEFAULTS, ...given };
  return {
    name: 'health',
    watchesHealth: true,
    stableMs: resolved.stableMs,
    async startOn(sources, aliases) {
      const last = await sources.lastApplied();
      if (last !== undefined) return last;
      const { initial } = options;
      return initial === undefined ? undefined : knownAlias(initial, aliases, 'strategy.initial');
    },
    decide: (view) =>
      view.order === undefined ? decideByHealth(view, resolved) : obey(view.order, view.active),
  };
}

function decideByHealth(view: View, options: Resolved): Decision {
  const active = view.clusters.find(({ alias }) => alias === view.active);
  if (active === undefined) return { kind: 'stay', because: 'no-order' };
  const fault = faultOf(active.health, options.failoverOn);
  if (fault === undefined) return failBack(view, active, options);
  const why = `${view.active} is unhealthy: ${fault}`;
  const { refusedBecause } = active.health;
  if (refusedBecause === undefined || options.whenRefused === 'ignore') {
    return failOver(view, why, options);
  }
  const detail = `${why}; it does not let us in, which is a veto: ${refusedBecause}`;
  return { kind: 'stay', because: 'not-let-in', detail, isAlarming: true };
}

function failOver(view: View, why: string, options: Resolved): Decision {
  const others = view.clusters.filter(({ alias }) => alias !== view.active);
  const target = others.find(({ health }) => isReady(health));
  if (target === undefined) {
    const refused = others.find(({ health }) => health.refusedBecause !== undefined);
    if (refused !== undefined) {
      const detail = `${why}; ${refused.alias} does not let us in: ${refused.health.refusedBecause}`;
      return { kind: 'stay', because: 'not-let-in', detail, isAlarming: true };
    }
    const detail = `${why}; no other cluster is seen to work`;
    return { kind: 'stay', because: 'no-proven-target', detail, isAlarming: true };
  }
  return (
    tooOften(view, why, options) ?? {
      kind: 'switch',
      to: target.alias,
      planned: false,
      reason: why,
      by: 'health',
    }
  );
}

function failBack(view: View, active: ClusterView, options: Resolved): Decision {
  const stay: Decision = { kind: 'stay', because: 'active-well' };
  if (options.failback === 'manual') return stay;
  const home = view.clusters.find(
    ({ rank, health }) => rank < active.rank && isStable(health, view.nowMs, options.stableMs),
  );
  if (home === undefined) return stay;
  if (view.failback?.isOpen !== true) {
    return {
      kind: 'stay',
      because: 'way-home-shut',
      detail: view.failback?.whyNot ?? 'not looked at yet',
    };
  }
  const reason = `${home.alias} is preferred, and was healthy for ${options.stableMs} ms`;
  if (tooOften(view, reason, options) !== undefined) return stay;
  return { kind: 'switch', to: home.alias, planned: true, reason, by: 'health' };
}

function tooOften(view: View, why: string, options: Resolved): Decision | undefined {
  const last = view.switches.at(-1);
  if (last !== undefined && view.nowMs - last.atMs < options.cooldownMs) {
    const detail = `${why}; the last switch was less than ${options.cooldownMs} ms ago`;
    return { kind: 'stay', because: 'cooling-down', detail, isAlarming: true };
  }
  const isRecent = ({ atMs, by }: PastSwitch): boolean =>
    by === 'health' && view.nowMs - atMs < HOUR_MS;
  const count = view.switches.filter(isRecent).length;
  if (count < options.maxSwitchesPerHour) return undefined;
  const detail = `${why}; there were ${count} automatic switches within an hour, the most that are allowed`;
  return { kind: 'stay', because: 'budget-spent', detail, isAlarming: true };
}

/** What is wrong, where it is enough to leave for. */
function faultOf(
  { produce, consume }: ClusterHealth,
  failoverOn: Resolved['failoverOn'],
): string | undefined {
  const faults = [
    faultIn(produce, failoverOn === 'consume'),
    faultIn(consume, failoverOn === 'produce'),
  ].filter((fault) => fault !== undefined);
  if (failoverOn === 'both' && faults.length < 2) return undefined;
  return faults[0];
}

function faultIn(health: FacetHealth, isIgnored: boolean): string | undefined {
  return health.kind === 'unhealthy' && !isIgnored ? health.because : undefined;
}

function isReady({ produce, consume, refusedBecause }: ClusterHealth): boolean {
  return refusedBecause === undefined && isProven(produce) && isProven(consume);
}

function isStable(health: ClusterHealth, nowMs: number, stableMs: number): boolean {
  const { produce, consume } = health;
  return isReady(health) && nowMs - Math.max(produce.sinceMs, consume.sinceMs) >= stableMs;
}
