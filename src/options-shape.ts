import * as z from 'zod';
import { FailoverOptionsError } from './errors.js';
import { nearest } from './nearest.js';
import type {
  ConsumerLimits,
  MirrorOptions,
  ProducerFailoverOptions,
  ProducerLimits,
} from './options.js';
import type { Strategy } from './strategy/strategy.js';
import type { PhaseDeadlines } from './switch/operations.js';

const milliseconds = z.int().min(0);
const aFunction = z.custom<never>((value) => typeof value === 'function', 'must be a function');
const anObject = z.custom<never>(
  (value) => typeof value === 'object' && value !== null,
  'must be an object',
);
const brokers = z.union([z.array(z.string().min(1)).min(1), aFunction], {
  error: 'must be a list of at least one "host:port", or a function that returns one',
});

const CONNECTION = {
  ssl: z.union([z.boolean(), anObject]).optional(),
  sasl: anObject.optional(),
  connectionTimeout: milliseconds.optional(),
  authenticationTimeout: milliseconds.optional(),
  requestTimeout: milliseconds.optional(),
  socketFactory: aFunction.optional(),
};

const clusterShape = z.strictObject({
  ...CONNECTION,
  brokers,
  clusterId: z.string().min(1).optional(),
});

/** The characters of a Kafka topic name: an alias becomes part of one. */
const ALIAS = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

const shape = z.strictObject({
  ...CONNECTION,
  clusters: z.record(
    z.string().regex(ALIAS, 'an alias may hold letters, digits, ".", "_" and "-"'),
    clusterShape,
  ),
  brokers: brokers.optional(),
  clientId: z.string().optional(),
  reauthenticationThreshold: milliseconds.optional(),
  enforceRequestTimeout: z.boolean().optional(),
  retry: anObject.optional(),
  logLevel: z.int().optional(),
  logCreator: aFunction.optional(),
  strategy: z
    .custom<Strategy>(
      (value) =>
        typeof value === 'object' && value !== null && 'decide' in value && 'startOn' in value,
      'must be a strategy, for example manualStrategy()',
    )
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
      holdMaxWaitMs: milliseconds.default(30_000),
      onUnknownOutcome: z.enum(['resend', 'reject']).optional(),
      releaseJitterMs: milliseconds.default(0),
    })
    .prefault({}),
  consumer: z
    .strictObject({
      onMissingPosition: z.enum(['earliest', 'latest', 'fail']).default('earliest'),
      topicRefreshMs: z.int().min(100).default(30_000),
    })
    .prefault({}),
  switch: z
    .strictObject({
      prepareMs: milliseconds.default(5_000),
      drainMs: milliseconds.default(10_000),
      handlersMs: milliseconds.default(5_000),
      catchUpMs: milliseconds.default(10_000),
      translateMs: milliseconds.default(10_000),
      openMs: milliseconds.default(15_000),
    })
    .prefault({}),
  socketStalledAfterMs: z.int().min(1).default(10_000),
  world: anObject.optional(),
});

/** @internal The groups of options that have defaults, with them. */
export interface CheckedGroups {
  readonly mirror: Required<MirrorOptions>;
  readonly producer: ProducerFailoverOptions & Omit<ProducerLimits, 'onUnknownOutcome'>;
  readonly consumer: ConsumerLimits;
  readonly switch: PhaseDeadlines;
  readonly socketStalledAfterMs: number;
}

/**
 * Checks the shape of the options against the one schema and fills in the defaults of their groups.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - for the first option that is wrong.
 * @internal
 */
export function checkShape(config: unknown): CheckedGroups {
  const parsed = shape.safeParse(config);
  if (!parsed.success) throw optionsError(parsed.error, config);
  const { mirror, producer, consumer, switch: deadlines, socketStalledAfterMs } = parsed.data;
  const { onUnknownOutcome, ...hold } = producer;
  return {
    mirror,
    producer: onUnknownOutcome === undefined ? hold : { ...hold, onUnknownOutcome },
    consumer,
    switch: deadlines,
    socketStalledAfterMs,
  };
}

function optionsError(error: z.ZodError, config: unknown): FailoverOptionsError {
  const issue = error.issues[0];
  if (issue === undefined) {
    return new FailoverOptionsError('', config, 'The options could not be read.', { cause: error });
  }
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') return unknownOption(issue, path, error);
  const value = SECRET.test(path) ? undefined : valueAt(config, issue.path);
  const option = path === '' ? 'options' : path;
  return new FailoverOptionsError(
    option,
    value,
    `${option}: ${lowerFirst(issue.message)}, got ${shown(option, value)}`,
    { cause: error },
  );
}

function unknownOption(
  issue: z.core.$ZodIssueUnrecognizedKeys,
  path: string,
  cause: unknown,
): FailoverOptionsError {
  const key = issue.keys[0] ?? '';
  const option = path === '' ? key : `${path}.${key}`;
  const known = knownKeys(issue.path);
  const best = nearest(key, known);
  const remedy =
    best === undefined
      ? `Known options: ${known.join(', ')}`
      : `Did you mean ${JSON.stringify(best)}?`;
  return new FailoverOptionsError(
    option,
    // The value is left out: a misspelt `sasl` holds a password.
    undefined,
    `${option} is not an option. ${remedy}`,
    { cause },
  );
}

function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  const [first] = path;
  if (first === undefined) return Object.keys(shape.shape);
  if (first === 'clusters') return Object.keys(clusterShape.shape);
  const group = Object.entries(shape.shape).find(([name]) => name === first)?.[1];
  const inner = group instanceof z.ZodPrefault ? group.unwrap() : group;
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function valueAt(root: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** What is below these options is never shown: it holds secrets. */
const SECRET = /(^|\.)(sasl|ssl)(\.|$)/;

/** Values are shown short. */
function shown(option: string, value: unknown): string {
  if (SECRET.test(option)) return 'a value that is not shown';
  if (typeof value === 'function') return 'a function';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}
