import type { MissingPiece } from './missing-pieces.js';
import type { Mirror } from './replication/mirror.js';
import { resolveTopics, type TopicSelector } from './replication/topic-names.js';

/** Both flows have copied a topic within this time, in milliseconds: where one was stopped and the other started, it takes so long to be seen. */
const LATELY_MS = 10_000;

/**
 * The topics of these groups that both flows copy, under the Identity policy. Told only where both were seen to copy it lately: a flow that
 * was stopped has offset syncs, too. A process that has just begun to look, or a topic in which nothing happens, shows nothing.
 *
 * @internal
 */
export function copiedBothWays(
  flow: Pick<Mirror, 'source' | 'target' | 'policy' | 'copiedWithin'>,
  back: Pick<Mirror, 'copiedWithin'>,
  { selectors, aliases }: { selectors: readonly TopicSelector[]; aliases: readonly string[] },
): readonly MissingPiece[] {
  const { source, target, policy } = flow;
  if (policy.kind !== 'identity') return [];
  const there = new Set(back.copiedWithin(LATELY_MS));
  const both = flow.copiedWithin(LATELY_MS).filter((topic) => there.has(topic));
  const topics = new Map(both.map((topic) => [topic, 1]));
  // A topic that is subscribed to by name is named whether it is there or not.
  const read = resolveTopics(selectors, { alias: source, aliases, topics, policy });
  return read
    .filter(({ topic }) => topics.has(topic))
    .map(({ topic }) => ({ kind: 'both-directions', ...{ source, target, topic } }));
}
