import type { MissingPiece } from './missing-pieces.js';
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
export function missingTopics(
  selectors: readonly TopicSelector[],
  source: NamedCluster,
  target: Pick<NamedCluster, 'alias' | 'topics'>,
): readonly MissingPiece[] {
  const topics = new Set(resolveTopics(selectors, source).map(({ topic }) => topic));
  return [...topics].flatMap((topic) => {
    const count = source.topics.get(topic);
    // Nothing of it was born on the source.
    if (count === undefined) return [];
    const remote = source.policy.formatRemoteTopic(source.alias, topic);
    return [...new Set([topic, remote])].flatMap((name): readonly MissingPiece[] => {
      const there = target.topics.get(name);
      const { alias: cluster } = target;
      if (there === undefined) {
        return [
          { kind: 'no-topic', cluster, topic: name, copyOf: name === remote ? topic : undefined },
        ];
      }
      if (there === count) return [];
      const other = { cluster: source.alias, topic, count };
      return [{ kind: 'partition-count', cluster, topic: name, count: there, other }];
    });
  });
}
