import { unreachable } from '../unreachable.js';
import {
  reduceFacet,
  unknownFacet,
  type FacetHealth,
  type FacetInput,
  type FacetState,
  type HealthLimits,
} from './facet.js';

/**
 * Our own opinion of one cluster. A cluster that answers questions and takes no records is unhealthy for producers only.
 *
 * @public
 */
export interface ClusterHealth {
  /** Does it take records? */
  readonly produce: FacetHealth;
  /** Does it serve consumer groups? */
  readonly consume: FacetHealth;
  /** Why we are not let in, where that is so. It says nothing about the cluster's health: see `healthStrategy`. */
  readonly refusedBecause: string | undefined;
}

/**
 * What is looked at separately. `reach` (does any broker answer?) counts for both others.
 *
 * @internal
 */
export type Facet = 'reach' | 'produce' | 'consume';

/** @internal What is known of one cluster. */
export interface HealthState {
  readonly facets: Readonly<Record<Facet, FacetState>>;
  readonly refusedBecause: string | undefined;
}

/** @internal What happens to the health of one cluster. */
export type HealthInput =
  | { readonly kind: 'facet'; readonly facet: Facet; readonly input: FacetInput }
  /** To all facets. */
  | { readonly kind: 'all'; readonly input: FacetInput }
  /** What was tried last may be long ago. */
  | { readonly kind: 'idle'; readonly atMs: number }
  /** Credentials, permissions or certificates: undefined once we are let in again. */
  | { readonly kind: 'refused'; readonly because: string | undefined };

/** @internal Nothing is known. */
export function unknownHealth(atMs: number): HealthState {
  const unknown = unknownFacet(atMs);
  return {
    facets: { reach: unknown, produce: unknown, consume: unknown },
    refusedBecause: undefined,
  };
}

/** @internal How much has to be seen of each facet before something is said. */
export type LimitsByFacet = Readonly<Record<Facet, HealthLimits>>;

/**
 * Being reached is asked all the time. Of the others nothing may be heard for hours. And a broker that is restarted takes its
 * partitions and groups away for ten seconds, which other brokers answer for: they get more time.
 *
 * @internal
 */
export function limitsByFacet(limits: HealthLimits): LimitsByFacet {
  const { partialMs } = limits;
  const others = {
    ...limits,
    silentMs: partialMs,
    goneMs: partialMs,
    staleMs: Number.POSITIVE_INFINITY,
  };
  return { reach: limits, produce: others, consume: others };
}

/** @internal Pure. */
export function reduceHealth(
  state: HealthState,
  input: HealthInput,
  limits: LimitsByFacet,
): HealthState {
  switch (input.kind) {
    case 'facet':
      return withFacet(state, input.facet, input.input, limits);
    case 'all':
      return (['reach', 'produce', 'consume'] as const).reduce(
        (next, facet) => withFacet(next, facet, input.input, limits),
        state,
      );
    case 'idle':
      return withoutOldFaults(state, input.atMs, limits.reach);
    case 'refused':
      return { ...state, refusedBecause: input.because };
    default:
      return unreachable(input);
  }
}

function withFacet(
  state: HealthState,
  facet: Facet,
  input: FacetInput,
  limits: LimitsByFacet,
): HealthState {
  const before = state.facets[facet];
  const next = reduceFacet(before, input, limits[facet]);
  return next === before ? state : { ...state, facets: { ...state.facets, [facet]: next } };
}

/**
 * What was wrong with a cluster when it was tried last can never be seen to be right while nobody tries it: whoever has left it would
 * never come back, and whoever works with it and sends nothing would leave it, as soon as there is somewhere to go, for a fault that
 * was put right long ago. So it is forgotten, once nothing was seen of it for long.
 */
function withoutOldFaults(
  state: HealthState,
  atMs: number,
  { windowMs }: HealthLimits,
): HealthState {
  const isOld = ({ health, samples }: FacetState): boolean =>
    health.kind === 'unhealthy' && !samples.some((sample) => atMs - sample.atMs <= windowMs);
  const { reach, produce, consume } = state.facets;
  if (!isOld(produce) && !isOld(consume)) return state;
  const forgotten = unknownFacet(atMs, `nothing was tried for more than ${windowMs} ms`);
  return {
    ...state,
    facets: {
      reach,
      produce: isOld(produce) ? forgotten : produce,
      consume: isOld(consume) ? forgotten : consume,
    },
  };
}

/** @internal What is said of the cluster. */
export function healthOf({ facets, refusedBecause }: HealthState): ClusterHealth {
  const reach = shown(facets.reach);
  return {
    produce: worse(reach, facets.produce),
    consume: worse(reach, facets.consume),
    refusedBecause,
  };
}

/**
 * What works again after it did not is neither left nor gone to before it is healthy: after an outage of our own network both
 * clusters come back at nearly the same time, and the one that does so first is no reason to leave the other.
 */
function shown({ health, worksAgainSinceMs }: FacetState): FacetHealth {
  if (health.kind !== 'unhealthy' || worksAgainSinceMs === undefined) return health;
  const because = `it has worked again, not yet for long; before: ${health.because}`;
  return { kind: 'unknown', sinceMs: health.sinceMs, because };
}

/** @internal Does no cluster answer at the moment? Then what our traffic shows proves nothing. */
export function isNoneReached(states: Iterable<HealthState>): boolean {
  const all = [...states];
  return (
    all.length > 1 &&
    all.every(({ facets: { reach } }) => isFailing(reach.health) && !worksNow(reach))
  );
}

function worksNow({ samples, worksAgainSinceMs }: FacetState): boolean {
  return worksAgainSinceMs !== undefined && samples.at(-1)?.says === 'works';
}

/**
 * A cluster that cannot be reached serves nothing; what has not been tried is taken for as good as the way to it, though not for
 * longer than nothing is held against it.
 */
function worse(reach: FacetHealth, facet: FacetState): FacetHealth {
  if (reach.kind !== 'healthy') return reach;
  if (facet.health.kind === 'unknown') {
    const { sinceMs } = facet.health;
    return sinceMs > reach.sinceMs ? { ...reach, sinceMs } : reach;
  }
  const own = shown(facet);
  if (own.kind === 'unknown') return own;
  if (own.kind === 'unhealthy' || own.failingSinceMs !== undefined) return own;
  return reach;
}

/**
 * When the last question failed that is not older than this; undefined: none. One answer after it proves nothing yet: losses of
 * our own network take both clusters away, and give them back one after the other.
 *
 * @internal
 */
export function lastFailureMs({ facets }: HealthState, sinceMs: number): number | undefined {
  const failed = facets.reach.samples.findLast(({ says }) => says !== 'works');
  return failed !== undefined && failed.atMs >= sinceMs ? failed.startedAtMs : undefined;
}

/**
 * A cluster that has not answered the last question, or failed a moment ago, is no proven one, however well it answered before:
 * what has taken the other cluster away may have taken this one as well.
 *
 * @internal
 */
export function withDoubt(health: ClusterHealth, sinceMs: number): ClusterHealth {
  const doubted = (facet: FacetHealth): FacetHealth =>
    isProven(facet) && facet.kind === 'healthy' ? { ...facet, failingSinceMs: sinceMs } : facet;
  return { ...health, produce: doubted(health.produce), consume: doubted(health.consume) };
}

/**
 * Both clusters as they are decided by. Where neither can be reached, or the other one is failing as well, our own network is
 * the likelier cause: then nothing is known of either.
 *
 * @internal
 */
export function withMutualDoubt(
  healths: ReadonlyMap<string, ClusterHealth>,
): ReadonlyMap<string, ClusterHealth> {
  const all = [...healths.values()];
  const allFail =
    all.length > 1 && all.every((one) => isFailing(one.produce) && isFailing(one.consume));
  if (!allFail) return healths;
  const unknown: FacetHealth = {
    kind: 'unknown',
    sinceMs: Math.max(
      ...all.flatMap(({ produce, consume }) => [failingSince(produce), failingSince(consume)]),
    ),
    because: 'no cluster can be reached: our own network is the likelier cause',
  };
  return new Map(
    [...healths].map(([alias, one]) => [alias, { ...one, produce: unknown, consume: unknown }]),
  );
}

function failingSince(health: FacetHealth): number {
  return health.kind === 'healthy' ? (health.failingSinceMs ?? health.sinceMs) : health.sinceMs;
}

/** @internal Does it fail at the moment, for however short a time? */
export function isFailing(health: FacetHealth): boolean {
  return (
    health.kind === 'unhealthy' ||
    (health.kind === 'healthy' && health.failingSinceMs !== undefined)
  );
}

/** @internal Is it seen to work at the moment? Only such a cluster may be switched to without being asked. */
export function isProven(health: FacetHealth): boolean {
  return health.kind === 'healthy' && health.failingSinceMs === undefined;
}
