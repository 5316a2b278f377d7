import * as z from 'zod';
import { FailoverOptionsError } from './errors.js';
import type { ConsumerLimits, MirrorOptions } from './options.js';
import type { LedgerOptions, ProducerFailoverOptions, ProducerLimits } from './options-producer.js';
import type { ProgressOptions } from './options-progress.js';
import type { DedupLimits } from './options-dedup.js';
import type { FailbackLimits } from './options-failback.js';
import type { CanaryOptions, HealthOptions } from './options-health.js';
import { checkOptions } from './options-error.js';
import { isStrategy, timerFrom } from './options-values.js';
import type { Agreement } from './agreement/agreement.js';
import type { Strategy } from './strategy/strategy.js';
import type { PhaseDeadlines } from './switch/operations.js';

const milliseconds = z.int().min(0);
const aFunction = z.custom<never>((value) => typeof value === 'function', 'must be a function');
const anObject = z.custom<never>(
  (value) => typeof value === 'object' && value !== null,
  'must be an object',
);
const listOfBrokers = 'must be a list of at least one "host:port", or a function that returns one';
const broker = z.string().min(1, 'must be "host:port", for example "a1.example.com:9092"');
const brokers = z.union([z.array(broker).min(1, listOfBrokers), aFunction], listOfBrokers);

const aMessageId = 'must be the name of a header, or a function that tells the id of a message';

const CONNECTION = {
  ssl: z
    .union([z.boolean(), anObject], {
      error: "must be true, false or options of Node's tls.connect",
    })
    .optional(),
  sasl: anObject.optional(),
  connectionTimeout: milliseconds.optional(),
  authenticationTimeout: milliseconds.optional(),
  requestTimeout: milliseconds.optional(),
  socketFactory: aFunction.optional(),
};

const clusterShape = z.strictObject({
  ...CONNECTION,
  brokers,
  clusterId: z
    .string()
    .min(1, 'must not be empty; leave it out to learn it at the first contact')
    .optional(),
});

/** The characters of a Kafka topic name: an alias becomes part of one. */
const ALIAS = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/** JavaScript sorts the keys of an object that are whole numbers. */
const NOT_A_NUMBER = /^(?!\d+$)/;

/** A topic, by Kafka's rules. */
const topicName = z.string().regex(/^[A-Za-z0-9._-]{1,249}$/, 'must be the name of a topic');

const shape = z.strictObject({
  ...CONNECTION,
  clusters: z.record(
    z
      .string()
      .regex(ALIAS, 'an alias may hold letters, digits, ".", "_" and "-"')
      .regex(
        NOT_A_NUMBER,
        'an alias must not be a whole number: JavaScript puts such names before all others, and the first cluster is the preferred one. Give it a letter, in MirrorMaker as well',
      ),
    clusterShape,
    {
      error:
        "must name two clusters by their MirrorMaker aliases, for example { A: { brokers: ['a1:9092'] }, B: { brokers: ['b1:9092'] } }",
    },
  ),
  brokers: brokers.optional(),
  clientId: z.string().optional(),
  reauthenticationThreshold: milliseconds.optional(),
  enforceRequestTimeout: z.boolean().optional(),
  retry: anObject.optional(),
  logLevel: z.int().optional(),
  logCreator: aFunction.optional(),
  strategy: z
    .custom<Strategy>(isStrategy, {
      error: ({ input }) => `must be a strategy, ${notAStrategy(input)}`,
    })
    .optional(),
  agreement: z
    .custom<Agreement>(isAgreement, {
      error: ({ input }) => `must be an agreement, ${notAnAgreement(input)}`,
    })
    .optional(),
  mirror: z
    .strictObject({
      policy: z.enum(['default', 'identity']).default('default'),
      separator: z
        .string()
        .regex(/^[A-Za-z0-9._-]+$/, 'may hold letters, digits, ".", "_" and "-" only')
        .default('.'),
      internalTopicSeparatorEnabled: z.boolean().default(true),
      offsetSyncsLocation: z.enum(['target', 'source']).default('target'),
    })
    .prefault({}),
  producer: z
    .strictObject({
      holdMaxBytes: z
        .int()
        .min(0)
        .default(32 * 1024 * 1024),
      holdMaxRecords: z.int().min(0).default(100_000),
      holdMaxWaitMs: timerFrom(0).default(30_000),
      deliveryTimeoutMs: timerFrom(1).default(120_000),
      onUnknownOutcome: z.enum(['resend', 'reject']).optional(),
      releaseJitterMs: timerFrom(0).default(0),
      messageIdHeader: z.string().min(1, 'must be the name of a header').optional(),
      hotStandby: z.boolean().default(false),
      ledgerMaxBytes: z
        .int()
        .min(0)
        .default(32 * 1024 * 1024),
      unmirroredFile: z.string().min(1).optional(),
      onUnmirrored: z.enum(['report', 'replay', 'hold']).default('report'),
      ledgerSpool: z
        .strictObject({
          directory: z.string().min(1, 'must be the path of a folder'),
          fsync: z.enum(['always', 'interval', 'never']).default('interval'),
        })
        .optional(),
    })
    .prefault({}),
  consumer: z
    .strictObject({
      onMissingPosition: z.enum(['earliest', 'latest', 'fail']).default('earliest'),
      topicRefreshMs: timerFrom(100).default(30_000),
      commitMetadata: z.boolean().default(true),
      hotStandby: z.boolean().default(false),
      progress: z
        .union(
          [
            z.literal(false),
            z.strictObject({
              everyMs: timerFrom(100).default(1_000),
              topic: topicName.max(200).default('kafkajs-failover'),
            }),
          ],
          { error: 'must be false, or options such as { everyMs: 1000 }' },
        )
        .prefault({}),
      dedup: z
        .strictObject({
          messageId: z.union([z.string().min(1), aFunction], aMessageId).optional(),
          maxEntries: z.int().min(1).max(1_000_000).default(100_000),
        })
        .optional(),
    })
    .prefault({}),
  switch: z
    .strictObject({
      prepareMs: timerFrom(0).default(5_000),
      agreeMs: timerFrom(0).default(5_000),
      drainMs: timerFrom(0).default(10_000),
      handlersMs: timerFrom(0).default(5_000),
      catchUpMs: timerFrom(0).default(10_000),
      translateMs: timerFrom(0).default(10_000),
      openMs: timerFrom(0).default(15_000),
    })
    .prefault({}),
  health: z
    .strictObject({
      intervalMs: timerFrom(1).default(500),
      timeoutMs: timerFrom(1).default(1_000),
      silentMs: timerFrom(1).default(2_000),
      goneMs: timerFrom(1).default(250),
      partialMs: timerFrom(1).default(15_000),
      recoveryMs: timerFrom(1).default(10_000),
      lagMs: timerFrom(1).default(300),
      canary: z
        .strictObject({
          topic: topicName,
          everyMs: timerFrom(100).default(2_000),
        })
        .optional(),
    })
    .prefault({}),
  failback: z
    .strictObject({
      dwellMs: z
        .int()
        .min(0)
        .max(3_600_000, 'must be at most 3600000: switches are remembered for an hour')
        .default(600_000),
      everyMs: timerFrom(1_000).default(30_000),
      lagMs: timerFrom(100).default(5_000),
      canary: z
        .strictObject({
          topic: topicName.refine(
            (name) => !name.startsWith('__'),
            'must not begin with "__": MirrorMaker would leave it out',
          ),
          timeoutMs: timerFrom(0).default(30_000),
        })
        .optional(),
    })
    .prefault({}),
  onWrongCluster: z.enum(['halt', 'follow']).optional(),
  stateFile: z.string().min(1, 'must be the path of a file').optional(),
  socketStalledAfterMs: timerFrom(1).default(10_000),
  world: anObject.optional(),
});

function isAgreement(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'open' in value && 'limits' in value;
}

function notAStrategy(given: unknown): string {
  if (isAgreement(given)) return 'not an agreement (give that as the option agreement)';
  return notCalled(given, /Strategy$/) ?? 'for example manualStrategy()';
}

function notAnAgreement(given: unknown): string {
  if (isStrategy(given)) return 'not a strategy (give that as the option strategy)';
  return notCalled(given, /Agreement$/) ?? "for example consulAgreement({ key: 'kafka/active' })";
}

/** For `healthStrategy` in the place of `healthStrategy()`. */
function notCalled(given: unknown, name: RegExp): string | undefined {
  if (typeof given !== 'function' || !name.test(given.name)) return undefined;
  return `not the function that makes one (did you forget to call it? ${given.name}())`;
}

/** @internal How health is judged, with defaults; undefined: no canary. */
export type ResolvedHealth = Required<Omit<HealthOptions, 'canary'>> & {
  readonly canary?: Required<CanaryOptions> | undefined;
};

/** @internal The groups of options that have defaults, with them. */
export interface CheckedGroups {
  readonly mirror: Required<MirrorOptions>;
  readonly producer: Omit<ProducerFailoverOptions, 'messageIdHeader'> &
    Omit<ProducerLimits, 'onUnknownOutcome'>;
  readonly consumer: Omit<ConsumerLimits, 'dedup'>;
  readonly dedup: DedupLimits | undefined;
  readonly hotStandby: { readonly consumers: boolean; readonly producers: boolean };
  readonly ledger: LedgerOptions;
  readonly progress: ProgressOptions | undefined;
  readonly switch: Omit<PhaseDeadlines, 'barrierMs'>;
  readonly health: ResolvedHealth;
  readonly failback: FailbackLimits;
  readonly socketStalledAfterMs: number;
}

/**
 * Checks the shape of the options against the one schema and fills in the defaults of their groups.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - for the first option that is wrong.
 * @internal
 */
export function checkShape(config: unknown): CheckedGroups {
  const checked = checkOptions(shape, config);
  const { mirror, producer, consumer, switch: deadlines, socketStalledAfterMs } = checked;
  const { health, failback } = checked;
  const {
    onUnknownOutcome,
    hotStandby: producers,
    ledgerMaxBytes,
    unmirroredFile,
    onUnmirrored,
    ledgerSpool,
    ...hold
  } = producer;
  const { progress, dedup, hotStandby: consumers, ...limits } = consumer;
  if (hold.releaseJitterMs > hold.holdMaxWaitMs) {
    throw new FailoverOptionsError(
      'producer.releaseJitterMs',
      hold.releaseJitterMs,
      `producer.releaseJitterMs: must be at most producer.holdMaxWaitMs (${hold.holdMaxWaitMs}), or what is held times out before it is released, got ${hold.releaseJitterMs}`,
    );
  }
  if (ledgerMaxBytes === 0 && onUnmirrored !== 'report') {
    throw new FailoverOptionsError(
      'producer.onUnmirrored',
      onUnmirrored,
      `producer.onUnmirrored: '${onUnmirrored}' needs records that are kept, and producer.ledgerMaxBytes is 0; leave that out, or set this to 'report'`,
    );
  }
  if (ledgerSpool !== undefined && ledgerMaxBytes === 0) {
    throw new FailoverOptionsError(
      'producer.ledgerSpool',
      ledgerSpool,
      'producer.ledgerSpool: needs producer.ledgerMaxBytes above 0, for it keeps what that bounds, got 0; leave one of both out',
    );
  }
  return {
    mirror,
    producer: onUnknownOutcome === undefined ? hold : { ...hold, onUnknownOutcome },
    consumer: limits,
    hotStandby: { consumers, producers },
    ledger: { maxBytes: ledgerMaxBytes, file: unmirroredFile, spool: ledgerSpool, onUnmirrored },
    progress: progress === false ? undefined : progress,
    dedup: dedup && { messageId: dedup.messageId, maxEntries: dedup.maxEntries },
    switch: deadlines,
    health,
    failback: { ...failback, canary: failback.canary },
    socketStalledAfterMs,
  };
}
