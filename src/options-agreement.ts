import * as z from 'zod';
import type { AgreementLimits } from './agreement/agreement.js';

/** The longest delay that Node's timers take. */
const MAX_TIMER_MS = 2_147_483_647;

/** Members are not counted any more when they were silent for so many heartbeats. */
const SILENT_HEARTBEATS = 3;

const DEFAULT_HEARTBEAT_MS = 2_000;

/** @internal The options that every agreement has, for its own check. */
export const limitsShape: Readonly<Record<string, z.ZodType>> = {
  quorum: z
    .union(
      [
        z.strictObject({ voices: z.int().min(1) }),
        z.strictObject({ share: z.number().min(0).lt(1) }),
      ],
      {
        error:
          'must be { voices: n } with a whole number of at least 1, or { share: s } with at least 0 and below 1',
      },
    )
    .optional(),
  heartbeatMs: z.int().min(100).max(MAX_TIMER_MS).optional(),
  leaseMs: z.int().min(1).max(MAX_TIMER_MS).optional(),
  instance: z
    .string()
    .regex(/^[A-Za-z0-9._-]+$/, 'may hold letters, digits, ".", "_" and "-" only')
    .max(200)
    .optional(),
  onUnknownAtStart: z.enum(['last-applied', 'fail']).optional(),
} as const;

/** @internal What is wrong between options, in words; undefined: nothing. */
export function wrongLease({
  leaseMs,
  heartbeatMs = DEFAULT_HEARTBEAT_MS,
}: AgreementLimits): string | undefined {
  const leastMs = SILENT_HEARTBEATS * heartbeatMs;
  if (leaseMs === undefined || leaseMs >= leastMs) return undefined;
  return `must be at least three heartbeatMs (${leastMs}), or a single late heartbeat stops the service, got ${leaseMs}`;
}
