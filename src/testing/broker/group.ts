import type { CancelTimer } from '../../world.js';
import { errorCodes } from '../protocol-codes.js';
import type { BrokerTimers } from './broker-timers.js';
import { GroupCommits } from './group-commits.js';
import {
  chooseProtocol,
  type Generation,
  type GroupMember,
  isSupportedByAll,
  type JoinAnswer,
  joined,
  joinRefused,
  type JoinRequest,
  longestRebalanceTimeoutMs,
  NO_BYTES,
  NO_GENERATION,
  newMember,
  sameProtocols,
  type SyncAnswer,
  type SyncRequest,
} from './group-member.js';

/** @internal Kafka's own names of a group's states. */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable';

/** @internal What a group needs from its broker. */
export interface GroupSurroundings {
  readonly timers: BrokerTimers;
  readonly initialRebalanceDelayMs: number;
  newMemberId(clientId: string): string;
}

const NO_TIMER: CancelTimer = () => {};

/**
 * A consumer group as its coordinator keeps it: Kafka's classic protocol (`GroupCoordinator.scala`,
 * `GroupMetadata.scala`) for dynamic members.
 *
 * @internal
 */
export class Group {
  readonly id: string;
  readonly commits: GroupCommits = new GroupCommits();
  readonly members: Map<string, GroupMember> = new Map();
  readonly #surroundings: GroupSurroundings;
  /** Members that have got an id and have not come back with it yet. */
  readonly #pendingMembers = new Map<string, CancelTimer>();
  #state: GroupState = 'Empty';
  #current: Generation = NO_GENERATION;
  #cancelPhase: CancelTimer = NO_TIMER;
  /** What is left of it when its coordinator dies. */
  #written: { readonly generation: Generation; readonly members: readonly GroupMember[] } = {
    generation: NO_GENERATION,
    members: [],
  };
  /** An empty group waits for its first members: no join completes before that is over. */
  #isInitialJoin = false;
  #isMemberAdded = false;

  constructor(id: string, surroundings: GroupSurroundings) {
    this.id = id;
    this.#surroundings = surroundings;
  }

  get state(): GroupState {
    return this.#state;
  }

  get current(): Generation {
    return this.#current;
  }

  join(request: JoinRequest, clientId: string, reply: (answer: JoinAnswer) => void): void {
    const { memberId } = request;
    if (!this.#supports(request)) {
      reply(joinRefused(errorCodes.INCONSISTENT_GROUP_PROTOCOL, memberId));
    } else if (memberId === '') {
      this.#reserve(request, clientId, reply);
    } else if (this.#pendingMembers.has(memberId)) {
      this.#releasePending(memberId);
      this.#addMember(request, clientId, reply);
    } else {
      const member = this.members.get(memberId);
      if (member === undefined) reply(joinRefused(errorCodes.UNKNOWN_MEMBER_ID, memberId));
      else this.#rejoin(member, request, reply);
    }
  }

  sync(request: SyncRequest, reply: (answer: SyncAnswer) => void): void {
    const refuse = (errorCode: number): void => reply({ errorCode, memberAssignment: NO_BYTES });
    const member = this.members.get(request.memberId);
    if (member === undefined) return refuse(errorCodes.UNKNOWN_MEMBER_ID);
    if (request.generationId !== this.#current.id) return refuse(errorCodes.ILLEGAL_GENERATION);
    if (this.#state === 'PreparingRebalance') return refuse(errorCodes.REBALANCE_IN_PROGRESS);
    if (this.#state === 'Stable') {
      this.#startSession(member);
      return reply({ errorCode: errorCodes.NONE, memberAssignment: member.assignment });
    }
    member.sync = reply;
    if (member.id === this.#current.leaderId) this.#assign(request.groupAssignment);
  }

  /** @returns the error code of the heartbeat's answer. */
  heartbeat(memberId: string, generation: number): number {
    const member = this.members.get(memberId);
    if (member === undefined) return errorCodes.UNKNOWN_MEMBER_ID;
    if (generation !== this.#current.id) return errorCodes.ILLEGAL_GENERATION;
    this.#startSession(member);
    return this.#state === 'PreparingRebalance'
      ? errorCodes.REBALANCE_IN_PROGRESS
      : errorCodes.NONE;
  }

  /** @returns the error code of the member's row in the answer. */
  leave(memberId: string): number {
    if (this.#pendingMembers.has(memberId)) {
      this.#releasePending(memberId);
      this.#tryCompleteJoin();
      return errorCodes.NONE;
    }
    const member = this.members.get(memberId);
    if (member === undefined) return errorCodes.UNKNOWN_MEMBER_ID;
    this.#remove(member);
    return errorCodes.NONE;
  }

  /** Whether a commit is allowed; NONE also counts as a sign of life. */
  refusalToCommit(memberId: string, generation: number): number {
    const isWithoutMembership = generation < 0 && this.members.size === 0;
    if (isWithoutMembership) return errorCodes.NONE;
    const member = this.members.get(memberId);
    if (member === undefined) return errorCodes.UNKNOWN_MEMBER_ID;
    if (generation !== this.#current.id) return errorCodes.ILLEGAL_GENERATION;
    if (this.#state === 'CompletingRebalance') return errorCodes.REBALANCE_IN_PROGRESS;
    this.#startSession(member);
    return errorCodes.NONE;
  }

  /**
   * The broker's process runs again and has read the log: members that are still there must say so in time. A rebalance that was under way, also one that
   * somebody's leaving has begun, was never written down.
   */
  restored(): void {
    this.#pendingMembers.clear();
    this.#cancelPhase = NO_TIMER;
    this.#isInitialJoin = false;
    this.members.clear();
    for (const member of this.#written.members) this.members.set(member.id, { ...member });
    this.#current = this.#written.generation;
    for (const member of this.members.values()) this.#startSession(member);
    this.#state = this.members.size === 0 ? 'Empty' : 'Stable';
  }

  #supports({ protocolType, groupProtocols }: JoinRequest): boolean {
    if (groupProtocols.length === 0) return false;
    if (this.members.size === 0) return true;
    if (protocolType !== this.#current.protocolType) return false;
    return groupProtocols.some(({ name }) => isSupportedByAll(this.members.values(), name));
  }

  #reserve(request: JoinRequest, clientId: string, reply: (answer: JoinAnswer) => void): void {
    const memberId = this.#surroundings.newMemberId(clientId);
    const cancel = this.#surroundings.timers.after(request.sessionTimeout, () => {
      this.#pendingMembers.delete(memberId);
      this.#tryCompleteJoin();
    });
    this.#pendingMembers.set(memberId, cancel);
    reply(joinRefused(errorCodes.MEMBER_ID_REQUIRED, memberId));
  }

  #releasePending(memberId: string): void {
    this.#pendingMembers.get(memberId)?.();
    this.#pendingMembers.delete(memberId);
  }

  #addMember(request: JoinRequest, clientId: string, reply: (answer: JoinAnswer) => void): void {
    const member = newMember(request, clientId, reply);
    if (this.members.size === 0) {
      const { protocolType } = request;
      this.#current = { ...this.#current, protocolType, leaderId: member.id };
    }
    this.members.set(member.id, member);
    if (this.#isInitialJoin) this.#isMemberAdded = true;
    else this.#rebalance();
  }

  #rejoin(member: GroupMember, request: JoinRequest, reply: (answer: JoinAnswer) => void): void {
    const isChanged = !sameProtocols(member.protocols, request.groupProtocols);
    const isLeader = member.id === this.#current.leaderId;
    const isSettled =
      this.#state === 'CompletingRebalance' || (this.#state === 'Stable' && !isLeader);
    if (isSettled && !isChanged) {
      // The answer to its last join was lost, or it lost its way: it gets the present generation again.
      this.#startSession(member);
      reply(this.#joinAnswer(member));
      return;
    }
    member.protocols = request.groupProtocols;
    member.sessionTimeoutMs = request.sessionTimeout;
    member.rebalanceTimeoutMs = request.rebalanceTimeout;
    member.join = reply;
    this.#rebalance();
  }

  /** Starts a rebalance, or goes on with the one that is under way. */
  #rebalance(): void {
    if (this.#state === 'PreparingRebalance') {
      this.#tryCompleteJoin();
      return;
    }
    if (this.#state === 'CompletingRebalance') this.#failSyncs();
    const isFirst = this.#state === 'Empty';
    this.#state = 'PreparingRebalance';
    this.#cancelPhase();
    if (isFirst) {
      this.#isInitialJoin = true;
      this.#waitForFirstMembers(longestRebalanceTimeoutMs(this.members.values()));
      return;
    }
    this.#cancelPhase = this.#surroundings.timers.after(
      longestRebalanceTimeoutMs(this.members.values()),
      () => this.#completeJoin(),
    );
    this.#tryCompleteJoin();
  }

  /** An empty group waits a little for further members, and again for as long as they keep coming. */
  #waitForFirstMembers(leftMs: number): void {
    const delayMs = Math.min(this.#surroundings.initialRebalanceDelayMs, leftMs);
    this.#isMemberAdded = false;
    this.#cancelPhase = this.#surroundings.timers.after(delayMs, () => {
      if (this.#isMemberAdded && leftMs > delayMs && delayMs > 0) {
        this.#waitForFirstMembers(leftMs - delayMs);
        return;
      }
      this.#isInitialJoin = false;
      this.#completeJoin();
    });
  }

  #tryCompleteJoin(): void {
    if (this.#state !== 'PreparingRebalance' || this.#isInitialJoin) return;
    if (this.#pendingMembers.size > 0) return;
    for (const member of this.members.values()) if (member.join === undefined) return;
    this.#completeJoin();
  }

  /** Members that did not come back in time are out; the others form the next generation. */
  #completeJoin(): void {
    this.#cancelPhase();
    for (const member of [...this.members.values()]) {
      if (member.join === undefined) this.#forget(member);
    }
    const id = this.#current.id + 1;
    if (this.members.size === 0) {
      this.#state = 'Empty';
      this.#current = { ...this.#current, id, protocolName: '' };
      this.#write();
      return;
    }
    this.#current = { ...this.#current, id, protocolName: chooseProtocol(this.members.values()) };
    this.#state = 'CompletingRebalance';
    this.#cancelPhase = this.#surroundings.timers.after(
      longestRebalanceTimeoutMs(this.members.values()),
      () => this.#expelUnsynced(),
    );
    for (const member of this.members.values()) {
      const reply = member.join;
      member.join = undefined;
      this.#startSession(member);
      reply?.(this.#joinAnswer(member));
    }
  }

  #joinAnswer(member: GroupMember): JoinAnswer {
    return joined(member, this.#current, this.members);
  }

  #assign(assignments: SyncRequest['groupAssignment']): void {
    this.#cancelPhase();
    this.#state = 'Stable';
    for (const member of this.members.values()) {
      const mine = assignments.find(({ memberId }) => memberId === member.id);
      member.assignment = mine?.memberAssignment ?? NO_BYTES;
      const reply = member.sync;
      member.sync = undefined;
      if (reply === undefined) continue;
      this.#startSession(member);
      reply({ errorCode: errorCodes.NONE, memberAssignment: member.assignment });
    }
    this.#write();
  }

  #expelUnsynced(): void {
    if (this.#state !== 'CompletingRebalance') return;
    const unsynced = [...this.members.values()].filter(({ sync }) => sync === undefined);
    for (const member of unsynced) this.#forget(member);
    this.#rebalance();
  }

  #failSyncs(): void {
    for (const member of this.members.values()) {
      member.assignment = NO_BYTES;
      const reply = member.sync;
      member.sync = undefined;
      reply?.({ errorCode: errorCodes.REBALANCE_IN_PROGRESS, memberAssignment: NO_BYTES });
    }
  }

  #startSession(member: GroupMember): void {
    member.cancelSession();
    member.cancelSession = this.#surroundings.timers.after(member.sessionTimeoutMs, () => {
      // Who waits for an answer of ours is alive.
      if (member.join === undefined && member.sync === undefined) this.#remove(member);
    });
  }

  #remove(member: GroupMember): void {
    this.#forget(member);
    if (this.#state === 'Stable' || this.#state === 'CompletingRebalance') this.#rebalance();
    else this.#tryCompleteJoin();
  }

  #forget(member: GroupMember): void {
    member.cancelSession();
    this.members.delete(member.id);
    if (this.#current.leaderId === member.id) {
      this.#current = { ...this.#current, leaderId: [...this.members.keys()][0] ?? '' };
    }
    member.join?.(joinRefused(errorCodes.UNKNOWN_MEMBER_ID, ''));
    member.sync?.({ errorCode: errorCodes.UNKNOWN_MEMBER_ID, memberAssignment: NO_BYTES });
  }

  /** What a coordinator writes: a generation with its assignment, or that nobody is left. */
  #write(): void {
    const members = [...this.members.values()];
    this.#written = {
      generation: this.#current,
      members: members.map((member) => ({ ...member, join: undefined, sync: undefined })),
    };
  }
}
