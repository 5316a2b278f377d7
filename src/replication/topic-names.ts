import { FailoverOptionsError } from '../errors.js';
import type { ReplicationPolicy } from './policy.js';

/**
 * One topic as the service names it, with every physical topic of one cluster that carries its records.
 *
 * @public
 */
export interface LogicalTopic {
  /** The original topic: the name that the service uses. */
  readonly topic: string;
  /** The topics to read on this cluster, the local one first. */
  readonly logs: readonly PhysicalTopic[];
}

/**
 * A topic as one cluster knows it.
 *
 * @public
 */
export interface PhysicalTopic {
  /** Name on this cluster, for example `A.orders` on B. */
  readonly name: string;
  /**
   * Alias of the cluster where its records were born; undefined under the Identity policy, whose names do not tell
   * mirrored records from local ones.
   */
  readonly origin: string | undefined;
}

/** @internal What a service subscribes to: original names, or patterns over original names. */
export type TopicSelector = string | RegExp;

/** @internal The cluster that selectors are resolved on. */
export interface NamedCluster {
  readonly alias: string;
  /** Aliases of both clusters. */
  readonly aliases: readonly string[];
  /** Every topic that exists, with its partition count. */
  readonly topics: ReadonlyMap<string, number>;
  readonly policy: ReplicationPolicy;
}

/**
 * Finds the topics of one cluster that carry what the service asked for. Pure.
 *
 * A string is an original name and is always part of the answer, present or not (a missing local topic is an error to
 * report, as with kafkajs). A pattern is tested against *original* names, so `/^orders/` finds `A.orders` on B; of what
 * it finds, only topics that exist are listed. Internal topics (MirrorMaker's, heartbeats included, and Kafka's own) are
 * never found by a pattern. Each test of a pattern begins at its start, so the flags `g` and `y` carry no state from one
 * name to the next (nor from or to the user's own object).
 *
 * The order is that of the selectors; what one pattern finds is sorted by name.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - a string names a mirrored topic of a known alias, like
 *   `A.orders`: the service would see those records twice. The message names the original.
 * @internal
 */
export function resolveTopics(
  selectors: readonly TopicSelector[],
  cluster: NamedCluster,
): readonly LogicalTopic[] {
  refuseRemoteNames(selectors, cluster);
  const found = new Map<string, LogicalTopic>();
  let existing: ReadonlySet<string> | undefined;
  for (const selector of selectors) {
    if (typeof selector === 'string') {
      found.set(selector, logicalTopic(selector, cluster, { isNamed: true }));
      continue;
    }
    existing ??= originalNames(cluster);
    for (const topic of matching(selector, existing)) {
      if (!found.has(topic)) found.set(topic, logicalTopic(topic, cluster, { isNamed: false }));
    }
  }
  return [...found.values()];
}

/**
 * The topics of one cluster in which the records that the service asked for are born, or, under the Identity policy, may be. Pure.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - as {@link resolveTopics}.
 * @internal
 */
export function topicsBornOn(
  selectors: readonly TopicSelector[],
  cluster: NamedCluster,
): readonly string[] {
  return resolveTopics(selectors, cluster).flatMap(({ logs }) =>
    logs
      .filter(({ origin }) => origin === undefined || origin === cluster.alias)
      .map(({ name }) => name),
  );
}

function logicalTopic(
  topic: string,
  { alias, aliases, topics, policy }: NamedCluster,
  { isNamed }: { isNamed: boolean },
): LogicalTopic {
  if (policy.kind === 'identity') return { topic, logs: [{ name: topic, origin: undefined }] };
  const mirrored = aliases
    .filter((origin) => origin !== alias)
    .map((origin) => ({ name: policy.formatRemoteTopic(origin, topic), origin }))
    .filter(({ name }) => topics.has(name));
  const isLocal = isNamed || topics.has(topic);
  return { topic, logs: isLocal ? [{ name: topic, origin: alias }, ...mirrored] : mirrored };
}

/** What the user would call each topic that exists and is not internal, whatever its name here. */
function originalNames({ alias, aliases, topics, policy }: NamedCluster): ReadonlySet<string> {
  const names = new Set<string>();
  for (const name of topics.keys()) {
    const remote = remoteName(name, aliases, policy);
    // A mirror of this cluster's own topic cannot be here (MirrorMaker refuses the cycle), and could not be subscribed to.
    if (remote?.source === alias) continue;
    const original = remote?.original ?? name;
    if (original === policy.heartbeatsTopic()) continue;
    if (policy.isInternalTopic(name) || policy.isInternalTopic(original)) continue;
    names.add(original);
  }
  return names;
}

/** The parts of a mirrored topic's name; undefined where no *known* alias stands in front: `orders.v1` is an original name. */
function remoteName(
  name: string,
  aliases: readonly string[],
  policy: ReplicationPolicy,
): { source: string; original: string } | undefined {
  const source = policy.topicSource(name);
  if (source === undefined || !aliases.includes(source)) return undefined;
  const original = policy.upstreamTopic(name);
  return original === undefined || original === name ? undefined : { source, original };
}

/**
 * Checks selectors by their names alone, which needs no cluster.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - as {@link resolveTopics}.
 * @internal
 */
export function refuseRemoteNames(
  selectors: readonly TopicSelector[],
  { aliases, policy }: Pick<NamedCluster, 'aliases' | 'policy'>,
): void {
  for (const name of selectors) {
    if (typeof name !== 'string') continue;
    const remote = remoteName(name, aliases, policy);
    if (remote === undefined) continue;
    throw new FailoverOptionsError(
      'topic',
      name,
      `${JSON.stringify(name)} is the mirror of topic ${JSON.stringify(remote.original)} of cluster ${remote.source}. ` +
        `Subscribe to ${JSON.stringify(remote.original)}: it stands for the topic and its mirrors on whichever cluster is active.`,
      { topic: remote.original },
    );
  }
}

function matching(pattern: RegExp, names: ReadonlySet<string>): readonly string[] {
  const copy = new RegExp(pattern);
  return [...names].sort().filter((name) => {
    copy.lastIndex = 0;
    return copy.test(name);
  });
}
