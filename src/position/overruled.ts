import type { MirroredEvidence } from './bounds.js';
import type { KnownHere } from './known-here.js';
import { isSetSince } from './standby-commits.js';

/**
 * What is known of a log without what the group's own commit on the target overrules: where somebody has set the group there, that alone counts.
 * Pure.
 *
 * @internal
 */
export function withoutOverruled(
  evidence: MirroredEvidence,
  ownCommit: bigint | undefined,
  { recordedOnly }: Pick<KnownHere, 'recordedOnly'>,
): MirroredEvidence {
  const { upstreamTopic, partition, checkpoint } = evidence;
  const checkpointed = checkpoint?.downstreamOffset;
  const recorded = recordedOnly.get(upstreamTopic, partition);
  if (!isSetSince({ ownCommit, checkpointed, recorded })) return evidence;
  const none = { checkpoint: undefined, sourceCommit: undefined, processed: undefined };
  return { ...evidence, ...none, carried: [], removed: undefined };
}
