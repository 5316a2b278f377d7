import type { ClusterAccess } from '../cluster/access.js';
import { PartitionMap } from '../replication/partition-map.js';
import type { ReplicationPolicy } from '../replication/policy.js';
import type { GroupNeed } from './need.js';
import type { StandbyCommit } from './progress-record.js';

/** @internal What {@link StandbyCommits} needs. */
export interface StandbyCommitsParts {
  readonly policy: Pick<ReplicationPolicy, 'formatRemoteTopic'>;
  access(alias: string): Pick<ClusterAccess, 'committed'>;
}

/** @internal The cluster that is worked with, and the one on which progress is written. */
export interface StandbySide {
  readonly active: string;
  readonly standby: string;
}

/** @internal A group, and the logs that it has handled on the active cluster. */
export type HandledLogs = Pick<GroupNeed, 'groupId' | 'processed'>;

/**
 * Where groups stand on the standby, by their own commits there in the copies of what they read on the active cluster. Nobody works there, so a
 * commit that is another one later was put there on purpose: somebody has set the group.
 *
 * @internal
 */
export class StandbyCommits {
  readonly #parts: StandbyCommitsParts;
  #side: StandbySide | undefined;
  readonly #known = new Map<string, PartitionMap<bigint>>();

  constructor(parts: StandbyCommitsParts) {
    this.#parts = parts;
  }

  /** Of another side nothing is known. */
  of(side: StandbySide, groupId: string, physicalTopic: string, partition: number): StandbyCommit {
    const commits = this.#isOf(side) ? this.#known.get(groupId) : undefined;
    if (commits === undefined) return undefined;
    const copy = this.#parts.policy.formatRemoteTopic(side.active, physicalTopic);
    return commits.get(copy, partition) ?? 'none';
  }

  knowsAll(side: StandbySide, needs: readonly HandledLogs[]): boolean {
    return this.#isOf(side) && worked(needs).every(({ groupId }) => this.#known.has(groupId));
  }

  /** Asks, one request for each group. What is not answered is not known; never rejects. */
  async look(side: StandbySide, needs: readonly HandledLogs[]): Promise<void> {
    const { policy, access } = this.#parts;
    const asked = worked(needs).map(async ({ groupId, processed }) => {
      const copies = processed.map((one) =>
        policy.formatRemoteTopic(side.active, one.physicalTopic),
      );
      const commits = new PartitionMap<bigint>();
      for (const one of await access(side.standby).committed(groupId, copies)) {
        commits.set(one.topic, one.partition, one.offset);
      }
      return { groupId, commits };
    });
    const answers = await Promise.allSettled(asked);
    this.#side = side;
    this.#known.clear();
    for (const answer of answers) {
      if (answer.status === 'fulfilled')
        this.#known.set(answer.value.groupId, answer.value.commits);
    }
  }

  #isOf({ active, standby }: StandbySide): boolean {
    return this.#side?.active === active && this.#side.standby === standby;
  }
}

function worked(needs: readonly HandledLogs[]): readonly HandledLogs[] {
  return needs.filter(({ processed }) => processed.length > 0);
}

/** @internal What shows that a group was set on the cluster that it begins on. */
export interface SetEvidence {
  /** Its commit there now. */
  readonly ownCommit: bigint | undefined;
  /** MirrorMaker's newest checkpoint: with `sync.group.offsets.enabled` it commits that itself. */
  readonly checkpointed: bigint | undefined;
  /** What members had written down of their work on the other cluster, there. */
  readonly recorded: { readonly isPast: boolean; readonly onStandby: StandbyCommit } | undefined;
}

/**
 * Does the group's own commit alone say where it is? Where members have written down that they had left it elsewhere, somebody has set it since;
 * and where the group has worked here since (the record is past), its commits carry on from there. Where nobody knew it, nothing is concluded.
 * Pure.
 *
 * @internal
 */
export function isSetSince({ ownCommit, checkpointed, recorded }: SetEvidence): boolean {
  if (ownCommit === undefined || recorded === undefined) return false;
  if (ownCommit === checkpointed) return false;
  if (recorded.isPast) return true;
  const { onStandby } = recorded;
  return onStandby !== undefined && onStandby !== ownCommit;
}
