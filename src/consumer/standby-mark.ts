import { Buffer } from 'node:buffer';
import type { GroupMember } from 'kafkajs';
import { kafka } from '../kafkajs.js';

/** In front of what the user's assigner has written into a member's user data. */
const MARK = Buffer.from('kafkajs-failover/standby/1\n');

/**
 * A member's metadata, with the mark of one that only waits. It is what the members of a group know of each other.
 *
 * @throws where the metadata is not in the format of kafkajs's `AssignerProtocol`: an assigner of the user's may have its own.
 * @internal
 */
export function markedStandby(metadata: Buffer): Buffer {
  const { MemberMetadata } = kafka.AssignerProtocol;
  const decoded = MemberMetadata.decode(metadata);
  if (decoded === null) throw new TypeError("the partition assigner's metadata cannot be read");
  const { version, topics, userData } = decoded;
  return MemberMetadata.encode({ version, topics, userData: Buffer.concat([MARK, userData]) });
}

/** @internal A member as it spoke, without the mark; undefined where it has none. */
export function withoutMark({ memberId, memberMetadata }: GroupMember): GroupMember | undefined {
  const { MemberMetadata } = kafka.AssignerProtocol;
  const decoded = readable(memberMetadata);
  if (decoded === undefined || !decoded.userData.subarray(0, MARK.length).equals(MARK)) {
    return undefined;
  }
  const { version, topics, userData } = decoded;
  const own = userData.subarray(MARK.length);
  return { memberId, memberMetadata: MemberMetadata.encode({ version, topics, userData: own }) };
}

function readable(
  metadata: Buffer,
): { version: number; topics: string[]; userData: Buffer } | undefined {
  try {
    const decoded = kafka.AssignerProtocol.MemberMetadata.decode(metadata);
    return decoded === null || !Buffer.isBuffer(decoded.userData) ? undefined : decoded;
  } catch {
    return undefined;
  }
}

/** @internal Who is dealt partitions, and who goes without. */
export interface DealtMembers {
  readonly members: readonly GroupMember[];
  readonly leftOut: readonly GroupMember[];
}

/**
 * Those that only wait get nothing while anybody works: nobody would handle what they have. Where all wait, the partitions are dealt out
 * among them, so that no join is needed when they begin. Pure.
 *
 * @internal
 */
export function dealtMembers(members: readonly GroupMember[]): DealtMembers {
  const waiting = members.filter((one) => withoutMark(one) !== undefined);
  if (waiting.length === 0) return { members, leftOut: [] };
  if (waiting.length < members.length) {
    return { members: members.filter((one) => !waiting.includes(one)), leftOut: waiting };
  }
  return { members: members.map((one) => withoutMark(one) ?? one), leftOut: [] };
}
