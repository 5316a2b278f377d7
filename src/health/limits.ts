import type { ResolvedHealth } from '../options-shape.js';
import type { HealthLimits } from './facet.js';
import type { HealthPace } from './monitor.js';

const ATTEMPTS = {
  minFailures: 2,
  minRefusals: 3,
  windowMs: 30_000,
  failureRatio: 0.8,
  minSamples: 10,
  minSuccesses: 2,
} as const;

/** A cluster that was not heard of for so many intervals, and the time of one question, is unknown. */
const STALE_INTERVALS = 6;

/** Pause between two questions to a cluster that does not work, in milliseconds. */
const RETRY_MS = 100;

/** Part of a question's limit after which a cluster that has not answered is not seen to work. */
const UNANSWERED_SHARE = 0.4;

/** @internal How often clusters are asked. */
export function paceOf({ intervalMs, lagMs, timeoutMs }: ResolvedHealth): HealthPace {
  const unansweredMs = timeoutMs * UNANSWERED_SHARE;
  return { intervalMs, retryMs: RETRY_MS, lagMs, unansweredMs };
}

/** @internal When evidence makes a judgement: what the options say, and what they do not. */
export function limitsOf({
  silentMs,
  goneMs,
  partialMs,
  recoveryMs,
  intervalMs,
  timeoutMs,
}: ResolvedHealth): HealthLimits {
  const staleMs = STALE_INTERVALS * intervalMs + 2 * timeoutMs;
  return { ...ATTEMPTS, silentMs, goneMs, partialMs, recoveryMs, staleMs };
}
