import type { ISocketFactory, KafkaConfig } from 'kafkajs';
import * as z from 'zod';
import { FailoverOptionsError } from './errors.js';
import { nearest } from './nearest.js';
import type { MissingPosition } from './position/plan.js';
import { manualStrategy } from './strategy/manual.js';
import type { Strategy } from './strategy/strategy.js';
import type { PhaseDeadlines } from './switch/operations.js';
import { realWorld, type World } from './world.js';

/**
 * One cluster: kafkajs's own names and meanings. What is not given here is taken from the options beside `clusters`.
 *
 * @public
 */
export interface ClusterOptions extends Pick<
  KafkaConfig,
  'brokers' | 'ssl' | 'sasl' | 'connectionTimeout' | 'authenticationTimeout' | 'requestTimeout'
> {
  /** Opens this cluster's sockets. Default: kafkajs's own way (TCP or TLS, keep-alive 60 s). The fence wraps it. */
  readonly socketFactory?: ISocketFactory;
  /** The id that the cluster must have. Default: learned at the first contact and kept for the process's life. */
  readonly clusterId?: string;
}

/**
 * How MirrorMaker 2 is set up between the two clusters. It must say the same as MirrorMaker's own configuration.
 *
 * @public
 */
export interface MirrorOptions {
  /**
   * `replication.policy.class`: `'default'` names mirrored topics `A.orders`, `'identity'` keeps `orders` (then only one
   * direction may mirror at a time). Default `'default'`.
   */
  readonly policy?: 'default' | 'identity';
  /** `replication.policy.separator`. Default `'.'`. */
  readonly separator?: string;
  /**
   * `replication.policy.internal.topic.separator.enabled`: false keeps `.` in the names of MirrorMaker's internal
   * topics where `separator` is another one. Default true. Does not matter while `separator` is `'.'`.
   */
  readonly internalTopicSeparatorEnabled?: boolean;
  /**
   * `offset-syncs.topic.location`. Default `'target'`, which is what a failover needs: `'source'` (MirrorMaker's own
   * default) keeps the syncs on the cluster that died, and positions then come from checkpoints alone.
   */
  readonly offsetSyncsLocation?: 'target' | 'source';
}

/**
 * What producers do while no cluster is open.
 *
 * @public
 */
export interface ProducerFailoverOptions {
  /** Most bytes of keys, values and headers that wait during a switch; beyond it a send is refused at once. Default 33554432 (32 MiB). */
  readonly holdMaxBytes?: number;
  /** Longest wait of one send during a switch, in milliseconds; then it is rejected as certainly not sent. Default 30000. */
  readonly holdMaxWaitMs?: number;
  /**
   * A send that left the process and got no answer before the switch: `'resend'` it to the new cluster (at least once,
   * as kafkajs's own retries are), or `'reject'` it as unknown. Default `'resend'`, and `'reject'` for idempotent
   * producers.
   */
  readonly onUnknownOutcome?: 'resend' | 'reject';
}

/**
 * What consumers do where MirrorMaker knows less than they need.
 *
 * @public
 */
export interface ConsumerFailoverOptions {
  /**
   * Where a group resumes in a partition for which no sound position is known: `'earliest'` reads it again from its
   * beginning, `'latest'` may skip records, `'fail'` does not start the group. Default `'earliest'`. Each such partition
   * is named in the plan and the report.
   */
  readonly onMissingPosition?: MissingPosition;
  /** How often a subscription is resolved anew to find remote topics that appeared later, in milliseconds. Default 30000. */
  readonly topicRefreshMs?: number;
}

/**
 * How long each phase of a switch may take, in milliseconds. A phase that takes longer is reported and the switch goes
 * on (only `prepareMs` refuses it).
 *
 * @public
 */
export interface SwitchOptions {
  /** Looking at the target before anything is touched. Default 5000. */
  readonly prepareMs?: number;
  /** Planned: sends in flight and handlers finish, progress is committed. Default 10000. */
  readonly drainMs?: number;
  /** After the fence: handlers that still run finish. Default 5000. */
  readonly handlersMs?: number;
  /** Planned: the mirror brings the source's last records. Default 10000. */
  readonly catchUpMs?: number;
  /** Positions are found on the target. Default 10000. */
  readonly translateMs?: number;
  /** Producers and consumers connect to the target. Default 15000; they keep trying after it. */
  readonly openMs?: number;
}

/**
 * Options of {@link FailoverKafka}: kafkajs's `KafkaConfig`, with `clusters` in place of `brokers`.
 *
 * @public
 */
export interface FailoverKafkaConfig extends Omit<KafkaConfig, 'brokers'> {
  /** The two clusters by their MirrorMaker aliases, the preferred one first. */
  readonly clusters: Readonly<Record<string, ClusterOptions>>;
  /** Ignored; accepted because frameworks (NestJS) always pass it. */
  readonly brokers?: KafkaConfig['brokers'];
  /** Decides which cluster is active. Default: {@link manualStrategy} on the first cluster. */
  readonly strategy?: Strategy;
  readonly mirror?: MirrorOptions;
  readonly producer?: ProducerFailoverOptions;
  readonly consumer?: ConsumerFailoverOptions;
  readonly switch?: SwitchOptions;
  /**
   * A socket whose oldest request has had no answer for this long is reported as `socket.stalled`, in milliseconds.
   * Default 10000. It is not closed.
   */
  readonly socketStalledAfterMs?: number;
  /** Time, randomness, sockets and kafkajs; tests pass another one. Default: the real ones. */
  readonly world?: World;
}

/** @internal Options of the producer wrapper, resolved. */
export interface ProducerLimits {
  readonly holdMaxBytes: number;
  readonly holdMaxWaitMs: number;
  /** undefined: `resend`, but `reject` where the producer is idempotent. */
  readonly onUnknownOutcome: 'resend' | 'reject' | undefined;
}

/** @internal Options of the consumer wrapper, resolved. */
export interface ConsumerLimits {
  readonly onMissingPosition: MissingPosition;
  readonly topicRefreshMs: number;
}

/** @internal Every option, checked, with its default. */
export interface ResolvedOptions {
  /** In the order of preference. */
  readonly aliases: readonly string[];
  readonly clusters: ReadonlyMap<string, ClusterOptions>;
  /** What the clusters share: kafkajs's options without brokers. */
  readonly kafka: Omit<KafkaConfig, 'brokers'>;
  readonly strategy: Strategy;
  readonly mirror: Required<MirrorOptions>;
  readonly producer: ProducerLimits;
  readonly consumer: ConsumerLimits;
  readonly deadlines: PhaseDeadlines;
  readonly socketStalledAfterMs: number;
  readonly world: World;
}

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

/**
 * Checks the options once, fills in the defaults and freezes the result. Pure but for the making of the default world.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - names the option, the value and the remedy; a misspelt
 *   option is answered with the nearest right one.
 * @internal
 */
export function resolveOptions(config: FailoverKafkaConfig): ResolvedOptions {
  const parsed = shape.safeParse(config);
  if (!parsed.success) throw optionsError(parsed.error, config);
  // Checked values are taken from the input itself: sockets, SASL providers and worlds keep their identity.
  const {
    clusters,
    brokers: _ignored,
    strategy,
    mirror: _m,
    producer: _p,
    consumer: _c,
    ...rest
  } = config;
  const { switch: _s, socketStalledAfterMs: _w, world, ...kafka } = rest;
  const aliases = Object.keys(clusters);
  const { mirror, producer, consumer, switch: deadlines, socketStalledAfterMs } = parsed.data;
  checkAliases(aliases, mirror.separator);
  return Object.freeze({
    aliases,
    clusters: new Map(Object.entries(clusters)),
    kafka,
    strategy: strategy ?? manualStrategy(),
    mirror,
    producer: { ...producer, onUnknownOutcome: producer.onUnknownOutcome },
    consumer,
    deadlines,
    socketStalledAfterMs,
    world: world ?? realWorld(),
  });
}

function checkAliases(aliases: readonly string[], separator: string): void {
  if (aliases.length !== 2) {
    throw new FailoverOptionsError(
      'clusters',
      aliases,
      `clusters must name two clusters by their MirrorMaker aliases, got ${aliases.length === 0 ? 'none' : aliases.join(', ')}. ` +
        "Example: { A: { brokers: ['a1:9092'] }, B: { brokers: ['b1:9092'] } }",
    );
  }
  for (const alias of aliases) {
    if (!alias.includes(separator)) continue;
    throw new FailoverOptionsError(
      `clusters.${alias}`,
      alias,
      `clusters.${alias}: the alias holds the separator ${JSON.stringify(separator)}, so MirrorMaker could not find it in a topic's name. Use an alias without it.`,
    );
  }
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
