import * as z from 'zod';
import type { AgreementLimits } from './agreement/agreement.js';
import { checkOptions } from './options-error.js';

/**
 * How a fleet decides in logs on its own clusters, and what these are called.
 *
 * @public
 */
export interface KafkaAgreementOptions extends AgreementLimits {
  /**
   * Names the two topics on both clusters: `__<topicPrefix>.decisions` and `__<topicPrefix>.members`. Processes with the same one
   * are one fleet. Letters, digits, `.`, `_` and `-`. Default `kafkajs-failover`.
   */
  readonly topicPrefix?: string;
}

/** The longest delay that Node's timers take. */
const MAX_TIMER_MS = 2_147_483_647;

/** Members are not counted any more when they were silent for so many heartbeats. */
const SILENT_HEARTBEATS = 3;

const DEFAULT_HEARTBEAT_MS = 2_000;

/** @internal The options that every agreement has, for its own check. */
export const limitsShape: {
  readonly [Option in keyof AgreementLimits]-?: z.ZodType<AgreementLimits[Option] | undefined>;
} = {
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
};

/** @internal What is wrong between options, in words; undefined: nothing. */
export function wrongLease({
  leaseMs,
  heartbeatMs = DEFAULT_HEARTBEAT_MS,
}: {
  leaseMs?: number | undefined;
  heartbeatMs?: number | undefined;
}): string | undefined {
  const leastMs = SILENT_HEARTBEATS * heartbeatMs;
  if (leaseMs === undefined || leaseMs >= leastMs) return undefined;
  return `must be at least three heartbeatMs (${leastMs}), or a single late heartbeat stops the service`;
}

/** Kafka's names have at most 249 characters, with what follows the prefix. */
const MAX_PREFIX_LENGTH = 200;

const kafkaShape = z
  .strictObject(
    {
      ...limitsShape,
      topicPrefix: z
        .string()
        .regex(/^[A-Za-z0-9._-]+$/, 'may hold letters, digits, ".", "_" and "-" only')
        .max(MAX_PREFIX_LENGTH)
        .optional(),
    },
    "must be an object, for example kafkaAgreement({ topicPrefix: 'billing' })",
  )
  .superRefine((options, context) => {
    const message = wrongLease(options);
    if (message !== undefined) context.addIssue({ code: 'custom', path: ['leaseMs'], message });
  });

/**
 * Checks what `kafkaAgreement` is given.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - names the option, the value and the remedy.
 * @internal
 */
export function checkKafkaAgreement(options: unknown): void {
  checkOptions(kafkaShape, options, { at: ['kafkaAgreement'] });
}
