import type { Checkpoint } from '../replication/checkpoint-store.js';
import type { PartitionPlan, PositionMethod } from './plan.js';

/** Methods whose positions come from the other cluster. */
const TRANSLATED: ReadonlySet<PositionMethod> = new Set([
  'exact',
  'fingerprint',
  'checkpoint',
  'offset-sync',
  'unverified-checkpoint',
]);

/**
 * Does this partition of a plan show that the group ran on the other cluster before? Also where what shows it is no position: a
 * checkpoint that is in doubt. Pure.
 *
 * @internal
 */
export function showsKnownGroup(
  { method, physicalTopic, partition }: Extract<PartitionPlan, { kind: 'resume' }>,
  checkpointOf: (physicalTopic: string, partition: number) => Checkpoint | undefined,
): boolean {
  if (TRANSLATED.has(method)) return true;
  return method === 'earliest' && checkpointOf(physicalTopic, partition) !== undefined;
}
