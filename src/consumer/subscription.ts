import type { ReplicationPolicy } from '../replication/policy.js';
import { resolveTopics, type LogicalTopic } from '../replication/topic-names.js';
import type { Subscription } from './consumer-setup.js';

/** @internal A subscription, resolved on one cluster: what its inner consumer reads. */
export interface ResolvedSubscription {
  /** Each logical topic with the logs to read, those that exist. */
  readonly topics: readonly LogicalTopic[];
  /** Every physical topic to subscribe to, and whether a group without a commit begins at its start. */
  readonly fromBeginning: ReadonlyMap<string, boolean>;
  /** True where looking again later may find more. */
  readonly mayGrow: boolean;
}

/** @internal What a subscription is resolved against. */
export interface SubscribedCluster {
  readonly alias: string;
  readonly aliases: readonly string[];
  readonly policy: ReplicationPolicy;
  /** Every topic that exists, with its partition count. */
  readonly topics: ReadonlyMap<string, number>;
}

/** @internal How a subscription is resolved. */
export interface SubscriptionRules {
  /**
   * True while the service has not left the cluster it began with. Then a local topic is subscribed to as the user
   * asked, present or not (kafkajs creates it or says that it is missing). Later nothing is created and nothing is
   * skipped: only what exists, from its beginning where the group has no commit.
   */
  readonly isFirstEpoch: boolean;
  /** Whether a missing local topic may be created by subscribing to it. */
  readonly mayCreate: boolean;
}

/**
 * Finds what to read on one cluster. Pure.
 *
 * A remote topic (`A.orders` on B) is always read from its beginning where the group has no commit: its records are of
 * before the switch, and the user's `fromBeginning: false` means records that nobody asked for yet, not those.
 *
 * @internal
 */
export function resolveSubscription(
  subscriptions: readonly Subscription[],
  cluster: SubscribedCluster,
  { isFirstEpoch, mayCreate }: SubscriptionRules,
): ResolvedSubscription {
  const topics = new Map<string, LogicalTopic>();
  const fromBeginning = new Map<string, boolean>();
  let mayGrow = false;
  for (const subscription of subscriptions) {
    const { selectors } = subscription;
    mayGrow ||= selectors.some((selector) => typeof selector !== 'string');
    for (const logical of resolveTopics(selectors, cluster)) {
      const logs = logical.logs.filter(({ name }) => cluster.topics.has(name));
      const hasLocal = logs.some(({ name }) => name === logical.topic);
      // Listed without existing: the user named it. What a pattern finds exists.
      const isNamed = logical.logs.some(({ name }) => name === logical.topic);
      if (isNamed && !hasLocal && isFirstEpoch && (mayCreate || logs.length === 0)) {
        logs.unshift({ name: logical.topic, origin: cluster.alias });
      }
      mayGrow ||= !hasLocal || couldBeMirrored(logical, cluster);
      topics.set(logical.topic, { topic: logical.topic, logs });
      for (const { name } of logs) {
        const isRemote = name !== logical.topic;
        fromBeginning.set(name, isRemote || !isFirstEpoch || subscription.fromBeginning);
      }
    }
  }
  return { topics: [...topics.values()], fromBeginning, mayGrow };
}

/** True where a mirror of another cluster's topic could still appear under a name of its own. */
function couldBeMirrored({ topic }: LogicalTopic, cluster: SubscribedCluster): boolean {
  return cluster.aliases.some(
    (alias) =>
      alias !== cluster.alias &&
      !cluster.topics.has(cluster.policy.formatRemoteTopic(alias, topic)),
  );
}

/** @internal kafkajs's calls of `subscribe`. With no topic at all one empty call: it loads the metadata. */
export function subscribeCalls({
  fromBeginning,
}: ResolvedSubscription): { topics: string[]; fromBeginning: boolean }[] {
  const calls = [true, false].map((flag) => ({
    topics: [...fromBeginning].filter(([, own]) => own === flag).map(([name]) => name),
    fromBeginning: flag,
  }));
  return calls.filter(
    (call) => call.topics.length > 0 || (!call.fromBeginning && fromBeginning.size === 0),
  );
}

/** @internal Physical topics that `next` reads and `current` does not. A topic that vanished is kafkajs's business. */
export function newTopics(
  current: ResolvedSubscription,
  next: ResolvedSubscription,
): readonly string[] {
  return [...next.fromBeginning.keys()].filter((name) => !current.fromBeginning.has(name));
}

/** @internal Do the two read the same physical topics? */
export function sameTopics(
  current: ResolvedSubscription | undefined,
  next: ResolvedSubscription,
): boolean {
  return (
    current?.fromBeginning.size === next.fromBeginning.size && newTopics(current, next).length === 0
  );
}

/**
 * `next`, for a consumer that has read `current` in the same epoch: whatever it begins to read now it begins at the
 * beginning, because `fromBeginning: false` asks for what comes from the first join on, and that is long ago. What it
 * began with keeps the user's own choice.
 *
 * @internal
 */
export function continued(
  current: ResolvedSubscription,
  next: ResolvedSubscription,
): ResolvedSubscription {
  const fromBeginning = [...next.fromBeginning.keys()].map(
    (name) => [name, current.fromBeginning.get(name) ?? true] as const,
  );
  return { ...next, fromBeginning: new Map(fromBeginning) };
}

/**
 * The two names of everything that one inner consumer reads.
 *
 * @internal
 */
export class TopicNames {
  readonly #byPhysical = new Map<string, LogicalTopic>();
  readonly #byOriginal = new Map<string, LogicalTopic>();
  /** True where some topic has a name here that is not its own, or two logs: then names have to be translated. */
  readonly areTranslated: boolean;

  constructor(topics: readonly LogicalTopic[]) {
    for (const logical of topics) {
      this.#byOriginal.set(logical.topic, logical);
      for (const { name } of logical.logs) this.#byPhysical.set(name, logical);
    }
    this.areTranslated = topics.some(({ topic, logs }) => logs.some(({ name }) => name !== topic));
  }

  /** The original name. A name that is not known is its own. */
  originalOf(topic: string): string {
    return this.#byPhysical.get(topic)?.topic ?? topic;
  }

  /** Physical names behind an original or a physical one, the local one first. A name that is not known is its own. */
  logsOf(topic: string): readonly string[] {
    const logical = this.#byOriginal.get(topic) ?? this.#byPhysical.get(topic);
    return logical === undefined ? [topic] : logical.logs.map(({ name }) => name);
  }
}
