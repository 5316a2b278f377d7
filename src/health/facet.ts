import { unreachable } from '../unreachable.js';

/**
 * How well one thing works that a cluster does for us: being reached, taking records, serving groups. `sinceMs` (since when it is so)
 * and `failingSinceMs` are monotonic milliseconds, as `atMs` of an event.
 *
 * @public
 */
export type FacetHealth =
  /** Nothing can be said: not asked yet, nothing heard for long, or our own process is suspect. Unknown moves nothing. */
  | { readonly kind: 'unknown'; readonly sinceMs: number; readonly because: string }
  /**
   * It works. `failingSinceMs`: since then nothing worked, or an answer is late; not yet for long enough to say more. It stays for
   * `silentMs` after a failure. Such a cluster is not gone to without an order.
   */
  | {
      readonly kind: 'healthy';
      readonly sinceMs: number;
      readonly failingSinceMs: number | undefined;
    }
  /** It does not work, or hardly ever. */
  | { readonly kind: 'unhealthy'; readonly sinceMs: number; readonly because: string };

/**
 * One thing that was seen.
 *
 * @internal
 */
export interface Sample {
  /** When the attempt began, on the world's clock. */
  readonly startedAtMs: number;
  /** When its outcome was known. */
  readonly atMs: number;
  /** `gone`: every broker refused the connection, so nothing listens there. A stronger `fails`. */
  readonly says: 'works' | 'fails' | 'gone';
  readonly because: string;
}

/**
 * How much has to be seen before something is said. Milliseconds and counts.
 *
 * @internal
 */
export interface HealthLimits {
  /** Nothing worked for this long: unhealthy. */
  readonly silentMs: number;
  /** It answers, and one of the things that it does for us did not work for this long: unhealthy. */
  readonly partialMs: number;
  /** At least so many attempts failed in that time. */
  readonly minFailures: number;
  /** Every broker refused for this long: unhealthy. */
  readonly goneMs: number;
  /** At least so many attempts were refused in that time. */
  readonly minRefusals: number;
  /** The time that `failureRatio` looks back on. */
  readonly windowMs: number;
  /** This share of at least `minSamples` attempts failed, all over the window: unhealthy although some worked. */
  readonly failureRatio: number;
  readonly minSamples: number;
  /** So many attempts in a row worked: no longer unknown. */
  readonly minSuccesses: number;
  /** Nothing failed for this long: no longer unhealthy. */
  readonly recoveryMs: number;
  /** Nothing was seen for this long: unknown. */
  readonly staleMs: number;
}

/** @internal The state of one facet. */
export interface FacetState {
  readonly health: FacetHealth;
  /** What was seen within the window, the oldest first. */
  readonly samples: readonly Sample[];
  /**
   * Since when it is unhealthy and has worked again, not yet for long enough: no reason to leave it, none to go to it. Undefined where
   * that is not so.
   */
  readonly worksAgainSinceMs: number | undefined;
}

/** @internal What happens to a facet. */
export type FacetInput =
  | { readonly kind: 'sample'; readonly sample: Sample }
  /** Time passes. */
  | { readonly kind: 'look'; readonly atMs: number }
  /** What was seen counts no more: our own process was asleep, or a new session begins. */
  | { readonly kind: 'forget'; readonly atMs: number; readonly because: string };

/** More are not kept, however busy the traffic is. */
const MAX_SAMPLES = 256;

/** @internal Nothing is known. */
export function unknownFacet(atMs: number, because = 'not asked yet'): FacetState {
  return {
    health: { kind: 'unknown', sinceMs: atMs, because },
    samples: [],
    worksAgainSinceMs: undefined,
  };
}

/**
 * Pure. Evidence becomes a judgement only by number, duration and ratio together, and the way back takes longer than the way
 * down, so that neither one lost packet nor one lucky request moves anything.
 *
 * @internal
 */
export function reduceFacet(
  state: FacetState,
  input: FacetInput,
  limits: HealthLimits,
): FacetState {
  switch (input.kind) {
    case 'forget':
      return unknownFacet(input.atMs, input.because);
    case 'sample': {
      const { sample } = input;
      const samples = [...state.samples, sample].slice(-MAX_SAMPLES);
      return judged(state, samples, sample.atMs, limits);
    }
    case 'look':
      return judged(state, state.samples, input.atMs, limits);
    default:
      return unreachable(input);
  }
}

function judged(
  state: FacetState,
  all: readonly Sample[],
  atMs: number,
  limits: HealthLimits,
): FacetState {
  const { health: before, worksAgainSinceMs } = state;
  const newest = all.at(-1);
  if (newest === undefined) return state;
  const isRecent = (sample: Sample): boolean => atMs - sample.atMs <= limits.windowMs;
  const samples = all.every(isRecent) ? all : all.filter(isRecent);
  const failing = samples.slice(samples.findLastIndex(({ says }) => says === 'works') + 1);
  const isWorking = successesInARow(samples, failing) >= limits.minSuccesses;
  const backSinceMs = worksAgainSinceMs ?? (isWorking ? atMs : undefined);
  // What was seen before it worked again is the fault that is known already.
  const sinceBack =
    worksAgainSinceMs === undefined
      ? samples
      : samples.filter((sample) => sample.atMs > worksAgainSinceMs);
  const because =
    whySilent(failing, limits) ?? whyGone(failing, limits) ?? whyMostlyFailing(sinceBack, limits);
  if (because !== undefined) {
    const isOld = before.kind === 'unhealthy' && (isWorking || worksAgainSinceMs === undefined);
    const health: FacetHealth = isOld ? before : { kind: 'unhealthy', sinceMs: atMs, because };
    return changed(state, health, samples, isWorking ? backSinceMs : undefined);
  }
  if (atMs - newest.atMs > limits.staleMs && before.kind !== 'unhealthy') {
    const stale = `nothing was heard for more than ${limits.staleMs} ms`;
    const health: FacetHealth =
      before.kind === 'unknown' ? before : { kind: 'unknown', sinceMs: atMs, because: stale };
    return changed(state, health, samples, undefined);
  }
  const health = withoutFault(before, samples, failing, atMs, limits);
  // Stays until a fault is shown anew: one lost answer on the way back is none.
  return changed(state, health, samples, health.kind === 'unhealthy' ? backSinceMs : undefined);
}

/** The same state where nothing has changed: it is looked ten times a second. */
function changed(
  state: FacetState,
  health: FacetHealth,
  samples: readonly Sample[],
  worksAgainSinceMs: number | undefined,
): FacetState {
  const isSame =
    health === state.health &&
    samples === state.samples &&
    worksAgainSinceMs === state.worksAgainSinceMs;
  return isSame ? state : { health, samples, worksAgainSinceMs };
}

/** What is said where no fault is shown at the moment. */
function withoutFault(
  before: FacetHealth,
  samples: readonly Sample[],
  failing: readonly Sample[],
  atMs: number,
  limits: HealthLimits,
): FacetHealth {
  const failingSinceMs = failing[0]?.startedAtMs;
  switch (before.kind) {
    case 'healthy':
      return before.failingSinceMs === failingSinceMs ? before : { ...before, failingSinceMs };
    case 'unknown': {
      const worked = successesInARow(samples, failing);
      return worked >= limits.minSuccesses
        ? { kind: 'healthy', sinceMs: atMs, failingSinceMs: undefined }
        : before;
    }
    case 'unhealthy': {
      const cleanSinceMs = samples.findLast(({ says }) => says !== 'works')?.atMs ?? before.sinceMs;
      const isClean = atMs - Math.max(cleanSinceMs, before.sinceMs) >= limits.recoveryMs;
      return isClean && successesInARow(samples, failing) >= limits.minSuccesses
        ? { kind: 'healthy', sinceMs: atMs, failingSinceMs: undefined }
        : before;
    }
    default:
      return unreachable(before);
  }
}

function successesInARow(samples: readonly Sample[], failing: readonly Sample[]): number {
  if (failing.length > 0) return 0;
  const lastFault = samples.findLastIndex(({ says }) => says !== 'works');
  return samples.length - 1 - lastFault;
}

function whySilent(failing: readonly Sample[], limits: HealthLimits): string | undefined {
  const ms = spanMs(failing);
  return failing.length >= limits.minFailures && ms >= limits.silentMs
    ? `nothing worked for ${Math.round(ms)} ms, ${failing.length} attempts: ${lastReason(failing)}`
    : undefined;
}

function whyGone(failing: readonly Sample[], limits: HealthLimits): string | undefined {
  const refused = failing.slice(failing.findLastIndex(({ says }) => says !== 'gone') + 1);
  const ms = spanMs(refused);
  return refused.length >= limits.minRefusals && ms >= limits.goneMs
    ? `every broker refused for ${Math.round(ms)} ms, ${refused.length} attempts: ${lastReason(refused)}`
    : undefined;
}

function whyMostlyFailing(samples: readonly Sample[], limits: HealthLimits): string | undefined {
  const failed = samples.filter(({ says }) => says !== 'works');
  // Of a burst of failures at the window's end the other two say enough.
  const isSpread = spanMs(failed) >= limits.windowMs / 2;
  return isSpread &&
    samples.length >= limits.minSamples &&
    failed.length >= limits.failureRatio * samples.length
    ? `${failed.length} of ${samples.length} attempts failed: ${lastReason(failed)}`
    : undefined;
}

function lastReason(samples: readonly Sample[]): string {
  return samples.at(-1)?.because ?? '';
}

/** From the beginning of the first attempt to the end of the last. */
function spanMs(samples: readonly Sample[]): number {
  const [first] = samples;
  const last = samples.at(-1);
  return first === undefined || last === undefined ? 0 : last.atMs - first.startedAtMs;
}
