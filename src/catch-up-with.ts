import type { ClusterAccess } from './cluster/access.js';
import { catchUp, type CatchUpOutcome, type CatchUpParts } from './replication/catch-up.js';
import { topicsBornOn, type TopicSelector } from './replication/topic-names.js';
import { ENDLESS_QUICK_RETRIES, retry, untilAborted } from './wait.js';

/** @internal What {@link catchUpWith} needs. */
export interface CatchUpWithParts extends Omit<CatchUpParts, 'topics' | 'pollMs'> {
  /** What groups read. */
  readonly selectors: readonly TopicSelector[];
  readonly aliases: readonly string[];
  readonly source: ClusterAccess;
}

/**
 * As {@link catchUp}, for what groups read: the topics in which their records are born on the source. Where that does not answer, their
 * ends are not known.
 *
 * @internal
 */
export async function catchUpWith(parts: CatchUpWithParts): Promise<CatchUpOutcome> {
  const { selectors, aliases, source, mirror, world, signal } = parts;
  const topics = await retry(world, { ...ENDLESS_QUICK_RETRIES, signal }, () =>
    untilAborted(signal, source.topics()),
  ).catch(() => undefined);
  // The source died meanwhile: what it held is not waited for.
  if (topics === undefined) return { unmirrored: [], unknown: selectors.map(String) };
  const cluster = { alias: source.alias, aliases, topics, policy: mirror.policy };
  return catchUp({ ...parts, topics: topicsBornOn(selectors, cluster) });
}
