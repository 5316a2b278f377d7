import type { CancelTimer } from '../../world.js';
import { errorCodes } from '../protocol-codes.js';
import type { Protocol } from '../protocol.js';

/** @internal */
export type JoinRequest = Protocol['JoinGroup']['request'];
/** @internal */
export type JoinAnswer = Protocol['JoinGroup']['answer'];
/** @internal */
export type SyncRequest = Protocol['SyncGroup']['request'];
/** @internal */
export type SyncAnswer = Protocol['SyncGroup']['answer'];

type Protocols = readonly { name: string; metadata: Buffer }[];

/** @internal A member of a group, as its coordinator keeps it. */
export interface GroupMember {
  readonly id: string;
  readonly clientId: string;
  sessionTimeoutMs: number;
  rebalanceTimeoutMs: number;
  protocols: Protocols;
  assignment: Buffer;
  /** Waits for the join to complete. */
  join: ((answer: JoinAnswer) => void) | undefined;
  /** Waits for the leader's assignment. */
  sync: ((answer: SyncAnswer) => void) | undefined;
  cancelSession: CancelTimer;
}

/** @internal */
export const NO_BYTES: Buffer = Buffer.alloc(0);

/** @internal */
export function newMember(
  request: JoinRequest,
  clientId: string,
  join: (answer: JoinAnswer) => void,
): GroupMember {
  return {
    id: request.memberId,
    clientId,
    sessionTimeoutMs: request.sessionTimeout,
    rebalanceTimeoutMs: request.rebalanceTimeout,
    protocols: request.groupProtocols,
    assignment: NO_BYTES,
    join,
    sync: undefined,
    cancelSession: () => {},
  };
}

/** @internal */
export function isSupportedByAll(members: Iterable<GroupMember>, name: string): boolean {
  return [...members].every(({ protocols }) =>
    protocols.some((protocol) => protocol.name === name),
  );
}

/** @internal The protocol that all know and most prefer. */
export function chooseProtocol(members: Iterable<GroupMember>): string {
  const all = [...members];
  const votes = new Map<string, number>();
  for (const { protocols } of all) {
    const name = protocols.find((protocol) => isSupportedByAll(all, protocol.name))?.name ?? '';
    votes.set(name, (votes.get(name) ?? 0) + 1);
  }
  return [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best), ['', 0])[0];
}

/** @internal The answer to a join that succeeded. Only the leader hears of the other members. */
export function joined(
  member: GroupMember,
  group: {
    members: ReadonlyMap<string, GroupMember>;
    generation: number;
    leaderId: string;
    protocolName: string;
  },
): JoinAnswer {
  const members = [...group.members.values()].map(({ id, protocols }) => ({
    memberId: id,
    groupInstanceId: null,
    memberMetadata: metadataOf(protocols, group.protocolName),
  }));
  return {
    errorCode: errorCodes.NONE,
    generationId: group.generation,
    groupProtocol: group.protocolName,
    leaderId: group.leaderId,
    memberId: member.id,
    members: member.id === group.leaderId ? members : [],
  };
}

/** @internal The answer to a join that failed. */
export function joinRefused(errorCode: number, memberId: string): JoinAnswer {
  return {
    errorCode,
    generationId: -1,
    groupProtocol: '',
    leaderId: '',
    memberId,
    members: [],
  };
}

/** @internal A member's metadata under the protocol that the group has chosen. */
export function metadataOf(protocols: Protocols, name: string): Buffer {
  return protocols.find((protocol) => protocol.name === name)?.metadata ?? NO_BYTES;
}

/** @internal */
export function sameProtocols(a: Protocols, b: Protocols): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, metadata }, index) => {
      const other = b[index];
      return other?.name === name && metadata.equals(other.metadata);
    })
  );
}
