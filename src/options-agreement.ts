import * as z from 'zod';
import type { AgreementLimits } from './agreement/agreement.js';
import { wrongLease } from './agreement/limits.js';
import type { ConsulSignalOptions } from './options-consul.js';
import { consulShape, hasOneToken, twoTokens } from './options-consul-shape.js';
import { checkOptions } from './options-error.js';
import { timerFrom } from './options-values.js';

/**
 * How a fleet decides in logs on its own clusters, and what these are called.
 *
 * @public
 */
export interface KafkaAgreementOptions extends Omit<AgreementLimits, 'leaseMs'> {
  /**
   * Names the two topics on both clusters: `__<topicPrefix>.decisions` and `__<topicPrefix>.members`. Processes with the same one
   * are one fleet: give each service its own. Letters, digits, `.`, `_` and `-`; at most 200. Default `kafkajs-failover`.
   */
  readonly topicPrefix?: string;
}

/**
 * Which key holds the fleet's decisions, how its Consul is reached, and how the fleet decides. Where an option is left out, the
 * environment variable of Consul's own command line counts, as for {@link consulSignal}.
 *
 * @public
 */
export interface ConsulAgreementOptions
  extends Omit<ConsulSignalOptions, 'key' | 'token'>, AgreementLimits {
  /**
   * The key that holds the decision in force, for example `kafka/active`; members say that they live in keys below
   * `kafka/active/members/`. One key is one fleet. Slashes are kept, and none may be its end; everything else is encoded.
   */
  readonly key: string;
  /**
   * An ACL token that may write the key and those of the members: `key "kafka/active" { policy = "write" }` and
   * `key_prefix "kafka/active/members/" { policy = "write" }`; sent in a header only. Default: `CONSUL_HTTP_TOKEN`, else none.
   */
  readonly token?: string;
}

/** The options that every agreement has. */
const limitsShape = {
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
  heartbeatMs: timerFrom(100).optional(),
  leaseMs: timerFrom(1).optional(),
  instance: z
    .string()
    .regex(/^[A-Za-z0-9._-]+$/, 'may hold letters, digits, ".", "_" and "-" only')
    .max(200)
    .optional(),
  onUnknownAtStart: z.enum(['last-applied', 'fail']).optional(),
};

/** @internal What belongs to every agreement, and what to its store. */
export function splitLimits<Options extends AgreementLimits>(
  options: Options,
): { limits: AgreementLimits; source: Omit<Options, keyof AgreementLimits> } {
  const { quorum, heartbeatMs, leaseMs, instance, onUnknownAtStart, ...source } = options;
  return {
    limits: {
      ...(quorum === undefined ? {} : { quorum }),
      ...(heartbeatMs === undefined ? {} : { heartbeatMs }),
      ...(leaseMs === undefined ? {} : { leaseMs }),
      ...(instance === undefined ? {} : { instance }),
      ...(onUnknownAtStart === undefined ? {} : { onUnknownAtStart }),
    },
    source,
  };
}

/** Kafka's names have at most 249 characters, with what follows the prefix. */
const MAX_PREFIX_LENGTH = 200;

const kafkaShape = z.strictObject(
  {
    ...limitsShape,
    leaseMs: z
      .undefined({
        error:
          'is not possible with kafkaAgreement: a fleet that has left a dead cluster cannot hear what might be decided there, ' +
          'and all of it would stop itself. Leave it out, or take consulAgreement',
      })
      .optional(),
    topicPrefix: z
      .string()
      .regex(/^[A-Za-z0-9._-]+$/, 'may hold letters, digits, ".", "_" and "-" only')
      .max(MAX_PREFIX_LENGTH)
      .optional(),
  },
  "must be an object, for example kafkaAgreement({ topicPrefix: 'billing' })",
);

/**
 * Checks what `kafkaAgreement` is given.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - names the option, the value and the remedy.
 * @internal
 */
export function checkKafkaAgreement(options: unknown): void {
  checkOptions(kafkaShape, options, { at: ['kafkaAgreement'] });
}

const consulAgreement = z
  .strictObject(
    {
      ...consulShape,
      key: consulShape.key.refine((key) => !key.endsWith('/'), 'must not end with a slash'),
      ...limitsShape,
    },
    "must be an object, for example consulAgreement({ key: 'kafka/active' })",
  )
  .refine(hasOneToken, twoTokens)
  .superRefine((limits, context) => {
    const message = wrongLease(limits);
    if (message !== undefined) context.addIssue({ code: 'custom', path: ['leaseMs'], message });
  });

/**
 * Checks what `consulAgreement` is given.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - names the option, the value and the remedy.
 * @internal
 */
export function checkConsulAgreement(options: unknown): void {
  checkOptions(consulAgreement, options, { at: ['consulAgreement'] });
}
