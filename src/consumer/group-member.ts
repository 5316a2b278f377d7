import type { ConsumerGroupJoinEvent } from 'kafkajs';
import type { ClusterAccess } from '../cluster/access.js';
import { readAssignment } from './consumer-events.js';

/** @internal What a member leaves its group with. */
export interface GroupMemberParts {
  readonly groupId: string;
  /** Asked for when it is needed: a member may have to leave when the last client has left, and every access was closed. */
  readonly access: () => ClusterAccess;
  /** Then it was opened for this alone. */
  readonly releaseUnused: () => void;
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
  /** By physical names. */
  assignment: Readonly<Record<string, readonly number[]>> = {};
  readonly #parts: GroupMemberParts;

  constructor(parts: GroupMemberParts) {
    this.#parts = parts;
  }

  joined({ memberId, memberAssignment }: ConsumerGroupJoinEvent['payload']): void {
    this.id = memberId;
    this.isJoining = false;
    this.assignment = readAssignment(memberAssignment);
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
