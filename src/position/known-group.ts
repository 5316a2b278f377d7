import type { Checkpoint } from '../replication/checkpoint-store.js';
import type { PartitionPlan, PositionMethod } from './plan.js';

/** Methods whose positions come from the other cluster. */
const TRANSLATED: ReadonlySet<PositionMethod> = new Set(['checkpoint', 'offset-sync']);

/**
 * Does this partition of a plan show that the group ran before, on the other cluster or on this one? Also where what shows it
 * is no position: a checkpoint that is in doubt, a commit that is void. Pure.
 *
 * @internal
 */
export function showsKnownGroup(
  { method, voidCommit, physicalTopic, partition }: Extract<PartitionPlan, { kind: 'resume' }>,
  checkpointOf: (physicalTopic: string, partition: number) => Checkpoint | undefined,
): boolean {
  if (TRANSLATED.has(method) || voidCommit !== undefined) return true;
  return method === 'earliest' && checkpointOf(physicalTopic, partition) !== undefined;
}
