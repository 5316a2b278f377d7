import type { ISocketFactory, KafkaConfig } from 'kafkajs';
import type { Agreement } from './agreement/agreement.js';
import { FailoverOptionsError } from './errors.js';
import { checkBrokers } from './options-brokers.js';
import type { DedupLimits, DedupOptions } from './options-dedup.js';
import type { FailbackLimits, FailbackOptions } from './options-failback.js';
import type { ProducerFailoverOptions, ProducerLimits } from './options-producer.js';
import type { ProgressOptions } from './options-progress.js';
import type { HealthOptions } from './options-health.js';
import { checkShape, type CheckedGroups, type ResolvedHealth } from './options-shape.js';
import type { SwitchOptions } from './options-switch.js';
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
  /**
   * How often a subscription is resolved anew to find remote topics that appeared later, in milliseconds. Default 30000.
   * At least 100, at most 2147483647; it cannot be switched off. Does not affect kafkajs's own `metadataMaxAge`, which finds
   * new partitions.
   */
  readonly topicRefreshMs?: number;
  /**
   * How the progress of the groups is written down on the standby, so that another member, or a process that begins anew, goes on
   * where the work ended although the active cluster is dead. `false`: it is not, and nothing is read. Default: once a second, in the topic
   * `__kafkajs-failover.progress`.
   */
  readonly progress?: false | Partial<ProgressOptions>;
  /**
   * Whether commits that have no metadata get some: which records were handled last, some 300 characters. MirrorMaker brings it to the standby in its
   * checkpoints, and a group whose process died with the active cluster goes on behind these records, not at the offset sync before. Metadata
   * that the service commits itself is never replaced. Default true; `false` for a service that reads the metadata of its commits, and takes all
   * of it for its own. Does not affect what is read of checkpoints, nor the offsets of transactions, which get none.
   */
  readonly commitMetadata?: boolean;
  /**
   * A second line against handling a record twice: a window of what the handlers of this process have handled well, out of which a record that
   * comes again after a switch, a rebalance or a restart of MirrorMaker is left out. `{}` goes by the place of a record in its log, and by a
   * message id where one is named. Default: there is none. Does not affect what somebody asks for: after a `seek`, a reset of the group, or a
   * new start of the consumer everything comes again.
   */
  readonly dedup?: DedupOptions;
  /**
   * While a consumer runs it is a member of its group on the standby as well, and reads, commits and handles nothing there. So a switch needs no
   * join, and does not wait for the broker's `group.initial.rebalance.delay.ms`. It costs a connection or two and a heartbeat per
   * consumer, and the group's offsets on the standby cannot be set from outside meanwhile. Default false.
   */
  readonly hotStandby?: boolean;
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
  /**
   * Makes one decision for all processes that have the same one: none of them moves alone. Default: none, each process decides for
   * itself. Not together with `onWrongCluster: 'follow'`.
   */
  readonly agreement?: Agreement;
  /** How the two clusters are mirrored. Default: MirrorMaker's default policy, offset syncs on the target. */
  readonly mirror?: MirrorOptions;
  /** What the producers do during a switch. */
  readonly producer?: ProducerFailoverOptions;
  /** Where the consumers resume, and how they follow topics. */
  readonly consumer?: ConsumerFailoverOptions;
  /** Deadlines of the phases of a switch. */
  readonly switch?: SwitchOptions;
  /** How health is judged, where the strategy asks for it. */
  readonly health?: HealthOptions;
  /** When the way home is open. */
  readonly failback?: FailbackOptions;
  /**
   * Another cluster answers behind the name of the active one (DNS or a load balancer was turned round). It is fenced in any case,
   * before anything is sent there. `'halt'`: the library stops itself until an order. `'follow'`: it goes on as after a switch to
   * the cluster that it really is, under that one's own name, if it is the other configured one; otherwise it halts. Default `'halt'`.
   */
  readonly onWrongCluster?: 'halt' | 'follow';
  /**
   * Path of a small file in which this process keeps which cluster is active, so that a restart comes back on it, also where
   * nobody else answers. One file for each process; its folder must exist. Default: none is kept. What the file says goes after an
   * opinion that a strategy has at the start, and before `initial`.
   */
  readonly stateFile?: string;
  /**
   * A socket whose oldest request has had no answer for this long is reported as `socket.stalled`, in milliseconds.
   * Default 10000. At least 1, at most 2147483647; a long time switches it off. It is not closed, and nothing is switched:
   * kafkajs's own `requestTimeout` goes on as ever.
   */
  readonly socketStalledAfterMs?: number;
  /** Time, randomness, sockets and kafkajs; tests pass another one. Default: the real ones. */
  readonly world?: World;
}

/** @internal Options of the consumer wrapper, resolved. */
export interface ConsumerLimits {
  readonly onMissingPosition: MissingPosition;
  readonly topicRefreshMs: number;
  readonly commitMetadata: boolean;
  /** Undefined: there is no window. */
  readonly dedup?: DedupLimits | undefined;
}

/** @internal Every option, checked, with its default. */
export interface ResolvedOptions {
  /** In the order of preference. */
  readonly aliases: readonly [preferred: string, other: string];
  readonly clusters: ReadonlyMap<string, ClusterOptions>;
  /** What the clusters share: kafkajs's options without brokers. */
  readonly kafka: Omit<KafkaConfig, 'brokers'>;
  readonly strategy: Strategy;
  readonly agreement: Agreement | undefined;
  readonly mirror: Required<MirrorOptions>;
  readonly producer: ProducerLimits;
  readonly consumer: ConsumerLimits;
  /** Who waits on the standby. */
  readonly hotStandby: { readonly consumers: boolean; readonly producers: boolean };
  readonly ledger: CheckedGroups['ledger'];
  /** Undefined: progress is neither written nor read. */
  readonly progress: ProgressOptions | undefined;
  readonly deadlines: Omit<PhaseDeadlines, 'barrierMs'>;
  readonly health: ResolvedHealth;
  readonly failback: FailbackLimits;
  readonly onWrongCluster: 'halt' | 'follow';
  readonly stateFile: string | undefined;
  readonly socketStalledAfterMs: number;
  readonly world: World;
}

/**
 * Checks the options once, fills in the defaults and freezes the result. Pure but for the making of the default world.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - names the option, the value and the remedy; a misspelt
 *   option is answered with the nearest right one.
 * @internal
 */
export function resolveOptions(config: FailoverKafkaConfig): ResolvedOptions {
  const checked = checkShape(config);
  // What was checked is taken from the input itself: sockets, SASL providers and worlds keep their identity.
  const { clusters, strategy, agreement, world } = config;
  const aliases = twoAliases(Object.keys(clusters), checked.mirror.separator);
  for (const alias of aliases) checkBrokers(alias, config);
  checkFollowing(config);
  return Object.freeze({
    aliases,
    clusters: new Map(Object.entries(clusters)),
    kafka: kafkaOptions(config),
    strategy: strategy ?? manualStrategy(),
    agreement,
    mirror: checked.mirror,
    producer: { ...checked.producer, onUnknownOutcome: checked.producer.onUnknownOutcome },
    consumer: { ...checked.consumer, dedup: checked.dedup },
    hotStandby: checked.hotStandby,
    ledger: checked.ledger,
    progress: checked.progress,
    deadlines: checked.switch,
    health: checked.health,
    failback: checked.failback,
    onWrongCluster: config.onWrongCluster ?? 'halt',
    stateFile: config.stateFile,
    socketStalledAfterMs: checked.socketStalledAfterMs,
    world: world ?? realWorld(),
  });
}

/** A fleet, and a process that would move alone. */
function checkFollowing({ agreement, onWrongCluster }: FailoverKafkaConfig): void {
  if (agreement === undefined || onWrongCluster !== 'follow') return;
  throw new FailoverOptionsError(
    'onWrongCluster',
    onWrongCluster,
    'onWrongCluster: "follow" moves this process alone, and agreement moves no process alone. ' +
      'Use "halt": a decision of the fleet leads out of it.',
  );
}

/** What is kafkajs's own, without what is this library's. */
function kafkaOptions(config: FailoverKafkaConfig): Omit<KafkaConfig, 'brokers'> {
  const kafka: Partial<FailoverKafkaConfig> = { ...config };
  for (const key of OWN_OPTIONS) delete kafka[key];
  return kafka;
}

const OWN_OPTIONS = [
  'clusters',
  'brokers',
  'strategy',
  'agreement',
  'mirror',
  'producer',
  'consumer',
  'switch',
  'health',
  'failback',
  'onWrongCluster',
  'stateFile',
  'socketStalledAfterMs',
  'world',
] as const;

function twoAliases(
  aliases: readonly string[],
  separator: string,
): readonly [preferred: string, other: string] {
  const [preferred, other] = aliases;
  if (preferred === undefined || other === undefined || aliases.length > 2) {
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
  return [preferred, other];
}
