import type { Assigner, GroupMemberAssignment, PartitionAssigner } from 'kafkajs';
import { kafka } from '../kafkajs.js';
import type { LogicalTopic } from '../replication/topic-names.js';
import type { Assignment } from './consumer-events.js';
import { dealtMembers, markedStandby } from './standby-mark.js';

/** @internal How the physical topics of a group are dealt out: one of each logical topic, the others follow it. */
export interface Representatives {
  /** What the user's assigner is asked to deal out. */
  readonly topics: readonly string[];
  /** The other logs of each of them. */
  readonly siblings: ReadonlyMap<string, readonly string[]>;
}

/**
 * Chooses one physical topic for each logical one: that with the most partitions, so that every logical partition is
 * dealt out. Pure.
 *
 * @internal
 */
export function chooseRepresentatives(
  topics: readonly string[],
  logical: readonly LogicalTopic[],
  partitionCount: (topic: string) => number,
): Representatives {
  const groupOf = new Map<string, string>();
  for (const { topic, logs } of logical) for (const { name } of logs) groupOf.set(name, topic);
  const groups = new Map<string, string[]>();
  for (const topic of topics) {
    const group = groupOf.get(topic) ?? topic;
    groups.set(group, [...(groups.get(group) ?? []), topic]);
  }
  const siblings = new Map<string, readonly string[]>();
  const chosen: string[] = [];
  for (const [original, names] of groups) {
    // Between equals the local topic: a user's assigner may know it by name.
    const rank = (name: string): number => (name === original ? 0 : 1);
    const [first, ...others] = [...names].sort(
      (a, b) => partitionCount(b) - partitionCount(a) || rank(a) - rank(b) || (a < b ? -1 : 1),
    );
    if (first === undefined) continue;
    chosen.push(first);
    if (others.length > 0) siblings.set(first, others);
  }
  return { topics: chosen, siblings };
}

/**
 * Gives each member, beside what it was assigned, the same partitions of the sibling topics. Pure.
 *
 * @internal
 */
export function withSiblings(
  assignment: Assignment,
  siblings: Representatives['siblings'],
  partitionCount: (topic: string) => number,
): Record<string, number[]> {
  const complete: Record<string, number[]> = {};
  for (const [topic, partitions] of Object.entries(assignment)) {
    complete[topic] = [...partitions];
    for (const sibling of siblings.get(topic) ?? []) {
      const count = partitionCount(sibling);
      const shared = partitions.filter((partition) => partition < count);
      if (shared.length > 0) complete[sibling] = shared;
    }
  }
  return complete;
}

/** @internal What a wrapped assigner asks its inner consumer. */
export interface AssignerGuard {
  /** The logical topics of the subscription in force. */
  topics(): readonly LogicalTopic[];
  /**
   * Throws where the inner consumer was given up. kafkajs asks each assigner for its protocol in every join, so this is
   * the place where a consumer that was stopped while joining (kafkajs issue 1639) is kept from joining after all.
   */
  assertInUse(): void;
  /** The partitions are dealt out to so many members that work. */
  deals(memberCount: number): void;
  /** True while the member only waits on the standby. */
  isStandby(): boolean;
}

/**
 * Wraps a user's assigner so that every log of a logical partition (`orders-0` and `A.orders-0`) goes to the same member.
 * The name stays: members with and without the wrapper understand each other. Where no topic has two logs the user's
 * assigner works as it is.
 *
 * @internal
 */
export function siblingsTogether(
  assigner: PartitionAssigner,
  guard: AssignerGuard,
): PartitionAssigner {
  return (config) => {
    const inner: Assigner = assigner(config);
    const partitionCount = (topic: string): number =>
      config.cluster.findTopicPartitionMetadata(topic).length;
    return {
      name: inner.name,
      version: inner.version,
      protocol(subscription) {
        guard.assertInUse();
        const { name, metadata } = inner.protocol(subscription);
        return { name, metadata: guard.isStandby() ? markedStandby(metadata) : metadata };
      },
      async assign({ members: all, topics }) {
        const { members, leftOut } = dealtMembers(all);
        guard.deals(members.length);
        const chosen = chooseRepresentatives(topics, guard.topics(), partitionCount);
        const dealt = chosen.siblings.size === 0 ? topics : [...chosen.topics];
        const assigned = await inner.assign({ members: [...members], topics: dealt });
        return [
          ...assigned.map((one) => completed(one, chosen.siblings, partitionCount)),
          ...leftOut.map(({ memberId }) => ({ memberId, memberAssignment: nothingAssigned() })),
        ];
      },
    };
  };
}

function nothingAssigned(): GroupMemberAssignment['memberAssignment'] {
  const nothing = { version: 0, assignment: {}, userData: Buffer.alloc(0) };
  return kafka.AssignerProtocol.MemberAssignment.encode(nothing);
}

function completed(
  { memberId, memberAssignment }: GroupMemberAssignment,
  siblings: Representatives['siblings'],
  partitionCount: (topic: string) => number,
): GroupMemberAssignment {
  if (siblings.size === 0) return { memberId, memberAssignment };
  const { MemberAssignment } = kafka.AssignerProtocol;
  const decoded = MemberAssignment.decode(memberAssignment);
  if (decoded === null) return { memberId, memberAssignment };
  const { version, userData } = decoded;
  const assignment = withSiblings(decoded.assignment, siblings, partitionCount);
  return { memberId, memberAssignment: MemberAssignment.encode({ version, assignment, userData }) };
}
