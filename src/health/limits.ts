import type { HealthOptions } from '../options-health.js';
import type { HealthLimits } from './facet.js';

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

/** @internal When evidence makes a judgement: what the options say, and what they do not. */
export function limitsOf({
  silentMs,
  goneMs,
  partialMs,
  recoveryMs,
  intervalMs,
  timeoutMs,
}: Required<HealthOptions>): HealthLimits {
  const staleMs = STALE_INTERVALS * intervalMs + 2 * timeoutMs;
  return { ...ATTEMPTS, silentMs, goneMs, partialMs, recoveryMs, staleMs };
}
