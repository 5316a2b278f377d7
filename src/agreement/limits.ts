import type { PhaseDeadlines } from '../switch/operations.js';
import type { Agreement, AgreementLimits, Quorum } from './agreement.js';

/** Members are not counted any more when they were silent for so many heartbeats. */
const SILENT_HEARTBEATS = 3;

const DEFAULT_HEARTBEAT_MS = 2_000;

/** @internal What is wrong between options, in words; undefined: nothing. */
export function wrongLease({
  leaseMs,
  heartbeatMs = DEFAULT_HEARTBEAT_MS,
}: {
  readonly leaseMs?: number | undefined;
  readonly heartbeatMs?: number | undefined;
}): string | undefined {
  const leastMs = SILENT_HEARTBEATS * heartbeatMs;
  if (leaseMs === undefined || leaseMs >= leastMs) return undefined;
  return `must be at least three heartbeatMs (${leastMs}), or a single late heartbeat stops the service`;
}

/** @internal Limits with their defaults. */
export interface ResolvedLimits extends Required<
  Pick<AgreementLimits, 'heartbeatMs' | 'onUnknownAtStart'>
> {
  readonly quorum: Quorum;
  readonly leaseMs: number | undefined;
  readonly instance: string | undefined;
  /** Members that were not heard for so long have no voice, and do not count, in milliseconds. */
  readonly silentMs: number;
}

/** @internal Fills in the defaults. */
export function resolveLimits(limits: AgreementLimits): ResolvedLimits {
  const { quorum = { share: 0.5 }, heartbeatMs = DEFAULT_HEARTBEAT_MS } = limits;
  return {
    quorum,
    heartbeatMs,
    leaseMs: limits.leaseMs,
    instance: limits.instance,
    onUnknownAtStart: limits.onUnknownAtStart ?? 'last-applied',
    silentMs: SILENT_HEARTBEATS * heartbeatMs,
  };
}

/** @internal How long a switch waits for others. A member that is silent is waited for a lease; one that is at work, as long as that may take it. */
export function barrierMs(
  agreement: Agreement | undefined,
  { drainMs, handlersMs }: Pick<PhaseDeadlines, 'drainMs' | 'handlersMs'>,
): number {
  if (agreement === undefined) return 0;
  const { leaseMs, silentMs } = resolveLimits(agreement.limits);
  return (leaseMs ?? silentMs) + drainMs + handlersMs;
}
