import type { ConsumerGroupJoinEvent } from 'kafkajs';
import type { ClusterAccess } from '../cluster/access.js';
import type { ClusterSession } from '../cluster/session.js';
import { CommitsAtJoin } from './commits-at-join.js';
import { readAssignment, type Assignment } from './consumer-events.js';

/** @internal What a member leaves its group with. */
export interface GroupMemberParts {
  readonly groupId: string;
  /** Asked for when it is needed: a member may have to leave when the last client has left, and every access was closed. */
  readonly access: () => ClusterAccess;
  /** Then it was opened for this alone. */
  readonly releaseUnused: () => void;
  readonly session: ClusterSession;
  /** See {@link CommitsAtJoin}. */
  readonly isCommitted: (topic: string, partition: number) => boolean;
}

/**
 * An inner consumer as a member of its group.
 *
 * @internal
 */
export class GroupMember {
  /** Undefined while it is none. */
  id: string | undefined = undefined;
  /** True from the moment kafkajs begins to join until it has, or gives up. */
  isJoining = false;
  assignment: Assignment = {};
  /** When it had joined the last time, in wall-clock milliseconds since 1970. */
  joinedAtWallMs: number | undefined = undefined;
  readonly #parts: GroupMemberParts;
  readonly #commits: CommitsAtJoin;
  /** Members that this one has dealt the partitions out to, as the leader of a join. */
  #dealtCount: number | undefined;
  #isAlone = false;

  constructor(parts: GroupMemberParts) {
    this.#parts = parts;
    this.#commits = new CommitsAtJoin(parts);
  }

  /** As the leader of a join it deals the partitions out. */
  deals(memberCount: number): void {
    this.#dealtCount = memberCount;
  }

  joined(
    { memberId, memberAssignment, isLeader }: ConsumerGroupJoinEvent['payload'],
    atWallMs: number,
  ): void {
    this.id = memberId;
    this.joinedAtWallMs = atWallMs;
    this.#isAlone = isLeader && this.#dealtCount === 1;
    this.#dealtCount = undefined;
    this.isJoining = false;
    this.assignment = readAssignment(memberAssignment);
  }

  /**
   * It begins to work with its assignment.
   *
   * @param before - that of the join before, where it has been in the group without a break since.
   */
  entered(before: Assignment | undefined): void {
    this.#commits.joined(this.assignment, before, this.#isAlone);
  }

  /** What the group had committed when it got a partition, which it has had since; undefined where that is not known. */
  committedAtJoin(topic: string, partition: number): ReturnType<CommitsAtJoin['of']> {
    return this.#commits.of(topic, partition);
  }

  crashed(): void {
    this.id = undefined;
    this.isJoining = false;
  }

  isAssigned(topic: string, partition: number): boolean {
    return this.assignment[topic]?.includes(partition) === true;
  }

  /**
   * Leaves at once, so that the others need not wait for its session to expire. Never rejects: where the cluster does
   * not answer it stays a member, and its `id` stays known.
   */
  async leave(): Promise<void> {
    const { id } = this;
    if (id === undefined) return;
    const { access, groupId, releaseUnused } = this.#parts;
    try {
      await access().leaveGroup(groupId, id);
    } catch {
      return;
    } finally {
      releaseUnused();
    }
    if (this.id === id) this.id = undefined;
  }
}
