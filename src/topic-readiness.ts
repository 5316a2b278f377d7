import { resolveTopics, type NamedCluster, type TopicSelector } from './replication/topic-names.js';

/**
 * What is wrong with the topics that groups of this process read, on the cluster that a planned switch goes to: the original
 * one is the service's own to make, the remote one is MirrorMaker's. Pure.
 *
 * @param selectors - what the groups subscribe to.
 * @param source - the cluster that is left, with its topics.
 * @param target - the other one's alias and topics.
 * @internal
 */
export function topicWarnings(
  selectors: readonly TopicSelector[],
  source: NamedCluster,
  target: Pick<NamedCluster, 'alias' | 'topics'>,
): readonly string[] {
  const topics = new Set(resolveTopics(selectors, source).map(({ topic }) => topic));
  return [...topics].flatMap((topic) => {
    const count = source.topics.get(topic);
    // Nothing of it was born on the source.
    if (count === undefined) return [];
    const remote = source.policy.formatRemoteTopic(source.alias, topic);
    const missing: Record<string, string> = {
      [topic]: `${topic} is missing on ${target.alias}: sends to it will fail there`,
      [remote]: `${remote} is missing on ${target.alias}: MirrorMaker does not copy ${topic}`,
    };
    return Object.entries(missing).flatMap(([name, warning]) => {
      const there = target.topics.get(name);
      if (there === undefined) return [warning];
      return there === count
        ? []
        : [
            `${name} has ${there} partitions on ${target.alias}, and ${topic} has ${count} on ${source.alias}`,
          ];
    });
  });
}
