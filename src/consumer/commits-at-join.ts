import type { ClusterAccess } from '../cluster/access.js';
import type { ClusterSession } from '../cluster/session.js';
import { PartitionMap } from '../replication/partition-map.js';
import { untilAborted } from '../wait.js';
import type { Assignment } from './consumer-events.js';

/** @internal What {@link CommitsAtJoin} asks with. */
export interface CommitsAtJoinParts {
  readonly session: ClusterSession;
  readonly access: () => ClusterAccess;
  readonly groupId: string;
  /** False where the group's position in a partition is not its commit: it could not be committed, or is the end of the log. */
  isCommitted(topic: string, partition: number): boolean;
}

/**
 * What the group had committed in the partitions of a member that was alone in its group when it joined. Of a partition that it has had ever since, and
 * of which it was given nothing, this is how far the group has handled it: no other member can have handled more. (One that has ended before without
 * committing what it handled has left no trace; that comes again on this cluster, too.)
 *
 * Asked once, behind the join: a member that was still at work before may have committed until then.
 *
 * @internal
 */
export class CommitsAtJoin {
  readonly #parts: CommitsAtJoinParts;
  readonly #committed = new PartitionMap<bigint>();
  /** What the member has had since. */
  #kept: Assignment = {};
  #hasJoined = false;
  #isKnown = false;

  constructor(parts: CommitsAtJoinParts) {
    this.#parts = parts;
  }

  /**
   * @param before - the assignment of the join before; undefined where there was none, or others may have had the partitions since.
   * @param isAlone - whether it is the only member of the group.
   */
  joined(assignment: Assignment, before: Assignment | undefined, isAlone: boolean): void {
    const isFirst = !this.#hasJoined;
    this.#hasJoined = true;
    if (!isFirst) this.#kept = before === undefined ? {} : inBoth(this.#kept, assignment);
    else if (isAlone) this.#ask(assignment).catch(() => {});
  }

  /** Undefined where it is not known. */
  of(topic: string, partition: number): { readonly committed: bigint | undefined } | undefined {
    if (!this.#isKnown || this.#kept[topic]?.includes(partition) !== true) return undefined;
    if (!this.#parts.isCommitted(topic, partition)) return undefined;
    return { committed: this.#committed.get(topic, partition) };
  }

  async #ask(assignment: Assignment): Promise<void> {
    const { session, access, groupId } = this.#parts;
    const topics = Object.keys(assignment);
    if (topics.length === 0) return;
    this.#kept = assignment;
    const answer = access().committed(groupId, topics);
    for (const one of await untilAborted(session.signal, answer)) {
      this.#committed.set(one.topic, one.partition, one.offset);
    }
    this.#isKnown = true;
  }
}

function inBoth(one: Assignment, other: Assignment): Assignment {
  return Object.fromEntries(
    Object.entries(one).map(([topic, partitions]) => {
      const those = new Set(other[topic]);
      return [topic, partitions.filter((partition) => those.has(partition))];
    }),
  );
}
