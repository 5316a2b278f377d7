import { summarisePlan, type GroupPlan, type PartitionPlan } from './plan.js';

/** So many partitions are named; the rest is counted. */
const NAMED_COUNT = 5;

/**
 * What an operator should know of a group's plan, in words: where nothing is known, and what becomes of it. Pure.
 *
 * @internal
 */
export function planWarnings(plan: GroupPlan): readonly string[] {
  const { partitionCount, missing, unavailable } = summarisePlan(plan);
  const fromEnd = missing.filter((one) => one.kind === 'resume' && one.method === 'latest');
  const fromStart = missing.filter((one) => !fromEnd.includes(one));
  const say = (partitions: readonly PartitionPlan[], what: string): readonly string[] =>
    partitions.length === 0
      ? []
      : [
          `group ${plan.groupId}: no position is known for ${partitions.length} of ${partitionCount} partitions on ` +
            `${plan.cluster}, ${what}: ${named(partitions)}`,
        ];
  return [
    ...say(fromStart, 'read from the start'),
    ...say(fromEnd, 'read from the end, so records may be skipped'),
    ...say(unavailable, "the group does not start (consumer.onMissingPosition: 'fail')"),
  ];
}

function named(partitions: readonly PartitionPlan[]): string {
  const names = partitions
    .slice(0, NAMED_COUNT)
    .map(({ physicalTopic, partition }) => `${physicalTopic}[${partition}]`);
  const restCount = partitions.length - names.length;
  return restCount === 0 ? names.join(', ') : `${names.join(', ')} and ${restCount} more`;
}
