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

/**
 * Finds the topics of one cluster that carry what the service asked for. Pure.
 *
 * A string is an original name and is always part of the answer, present or not (a missing local topic is an error to
 * report, as with kafkajs). A pattern is tested against *original* names, so `/^orders/` finds `A.orders` on B. Internal
 * topics (MirrorMaker's and Kafka's own) are never found by a pattern.
 *
 * @internal
 */
export function resolveTopics(
  selectors: readonly TopicSelector[],
  cluster: {
    alias: string;
    aliases: readonly string[];
    topics: ReadonlyMap<string, number>;
    policy: ReplicationPolicy;
  },
): readonly LogicalTopic[] {
  throw new Error(`not written yet: ${selectors.length} ${cluster.alias}`);
}
