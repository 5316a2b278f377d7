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

/** @internal What all members of a group have in common, from one rebalance to the next. */
export interface Generation {
  readonly id: number;
  readonly leaderId: string;
  readonly protocolType: string;
  readonly protocolName: string;
}

/** @internal */
export const NO_GENERATION: Generation = {
  id: 0,
  leaderId: '',
  protocolType: '',
  protocolName: '',
};

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
  { id: generationId, leaderId, protocolName }: Generation,
  all: ReadonlyMap<string, GroupMember>,
): JoinAnswer {
  const members = [...all.values()].map(({ id, protocols }) => ({
    memberId: id,
    groupInstanceId: null,
    memberMetadata: metadataOf(protocols, protocolName),
  }));
  return {
    errorCode: errorCodes.NONE,
    generationId,
    groupProtocol: protocolName,
    leaderId,
    memberId: member.id,
    members: member.id === leaderId ? members : [],
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

/** @internal In milliseconds; 0 where there are none. */
export function longestRebalanceTimeoutMs(members: Iterable<GroupMember>): number {
  return Math.max(0, ...[...members].map(({ rebalanceTimeoutMs }) => rebalanceTimeoutMs));
}
