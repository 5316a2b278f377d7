import { unreachable } from '../unreachable.js';
import type { GroupPlan, PartitionPlan } from './plan.js';

/** So many partitions are named; the rest is counted. */
const NAMED_PARTITIONS = 5;

/**
 * What an operator should know of a group's plan, in words: where nothing or too little is known, and what becomes of it.
 * Pure.
 *
 * @internal
 */
export function planWarnings({ groupId, cluster, partitions }: GroupPlan): readonly string[] {
  const concerns = new Map<string, PartitionPlan[]>();
  for (const partition of partitions) {
    for (const concern of [concernOf(partition), lossOf(partition)]) {
      if (concern === undefined) continue;
      const known = concerns.get(concern);
      if (known === undefined) concerns.set(concern, [partition]);
      else known.push(partition);
    }
  }
  return [...concerns].map(
    ([concern, about]) =>
      `group ${groupId}: in ${about.length} of ${partitions.length} partitions on ${cluster} ${concern}: ${named(about)}`,
  );
}

function concernOf(plan: PartitionPlan): string | undefined {
  if (plan.kind === 'unavailable') {
    return "no position is known, the group does not start (consumer.onMissingPosition: 'fail')";
  }
  // An empty log starts at its `earliest` without a note.
  const isGuess = plan.notes.length > 0;
  switch (plan.method) {
    case 'exact':
    case 'fingerprint':
    case 'own-commit':
    case 'checkpoint':
    case 'offset-sync':
      return undefined;
    case 'unverified-checkpoint':
      return (
        'a checkpoint is all that is known, without offset syncs to confirm it (mirror.offsetSyncsLocation), so records ' +
        'may be skipped if MirrorMaker had just been restarted when the source was lost'
      );
    case 'earliest':
      return isGuess ? 'no position is known, read from the start' : undefined;
    case 'latest':
      return isGuess
        ? 'no position is known, read from the end, so records may be skipped'
        : undefined;
    default:
      return unreachable(plan.method);
  }
}

function lossOf({ upstream }: PartitionPlan): string | undefined {
  if (upstream?.gone === undefined) return undefined;
  return 'records that were not handled may be gone (retention, or the topic was made anew; on the other cluster they may still be)';
}

function named(partitions: readonly PartitionPlan[]): string {
  const names = partitions
    .slice(0, NAMED_PARTITIONS)
    .map(({ physicalTopic, partition }) => `${physicalTopic}[${partition}]`);
  const restCount = partitions.length - names.length;
  return restCount === 0 ? names.join(', ') : `${names.join(', ')} and ${restCount} more`;
}
