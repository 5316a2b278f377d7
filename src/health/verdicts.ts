import type { Failure, Verdict } from './failure.js';

/** @internal A broker answered, and refused: the request was not carried out. */
export function refused(verdict: Verdict, because: string): Failure {
  return { ...verdict, executed: 'no', answered: true, because };
}

/** @internal A broker answered, but the request may have been carried out all the same. */
export function doubtful(verdict: Verdict, because: string): Failure {
  return { ...verdict, executed: 'maybe', answered: true, because };
}

/** @internal No broker answered, and the request may have been carried out. */
export function unanswered(verdict: Verdict, because: string): Failure {
  return { ...verdict, executed: 'maybe', answered: false, because };
}

/** @internal kafkajs gave up before it asked a broker. */
export function notAsked(verdict: Verdict, because: string): Failure {
  return { ...verdict, executed: 'no', answered: false, because };
}

/** @internal A broker answered with something that this process cannot read. */
export function unreadable(because: string): Failure {
  return { about: 'client', kind: 'unsupported', executed: 'maybe', answered: true, because };
}

/** @internal The request is wrong in itself. */
export const invalid: Verdict = { about: 'request', kind: 'invalid' };
/** @internal We are known, and not allowed. */
export const permission: Verdict = { about: 'auth', kind: 'permission' };
/** @internal We are not let in. */
export const credentials: Verdict = { about: 'auth', kind: 'credentials' };
/** @internal A broker answered that it cannot. */
export const unwell: Verdict = { about: 'cluster', kind: 'unwell' };
/** @internal Nobody answers at the address. */
export const noConnection: Verdict = { about: 'cluster', kind: 'no-connection' };
/** @internal No answer in time. */
export const silent: Verdict = { about: 'cluster', kind: 'silent' };
/** @internal kafkajs knows no broker to ask. */
export const noMetadata: Verdict = { about: 'cluster', kind: 'no-metadata' };
/** @internal Another broker is responsible now. */
export const moved: Verdict = { about: 'partition', kind: 'moved' };
/** @internal No broker leads the partition now. */
export const noLeader: Verdict = { about: 'partition', kind: 'no-leader' };
/** @internal Too few replicas in sync. */
export const underReplicated: Verdict = { about: 'partition', kind: 'under-replicated' };
/** @internal The producer’s sequence numbers and the broker’s disagree. */
export const sequence: Verdict = { about: 'producer', kind: 'sequence' };
/** @internal The producer’s transaction state and the coordinator’s disagree. */
export const transaction: Verdict = { about: 'producer', kind: 'transaction' };
/** @internal TLS does not trust what answers. */
export const trust: Verdict = { about: 'auth', kind: 'trust' };
/** @internal This process or machine is out of something. */
export const resources: Verdict = { about: 'client', kind: 'resources' };
/** @internal The group does not take us as we are. */
export const groupRefused: Verdict = { about: 'group', kind: 'refused' };
/** @internal The broker does not do such a thing. */
export const unsupported: Verdict = { about: 'request', kind: 'unsupported' };
/** @internal A programming error. */
export const bug: Verdict = { about: 'client', kind: 'bug' };
/** @internal More than the broker takes. */
export const tooLarge: Verdict = { about: 'request', kind: 'too-large' };
/** @internal Not a member of the group (any more). */
export const notMember: Verdict = { about: 'group', kind: 'member' };
/** @internal The group is rebalancing. */
export const rebalancing: Verdict = { about: 'group', kind: 'rebalance' };
/** @internal No coordinator now. */
export const noCoordinator: Verdict = { about: 'coordinator', kind: 'absent' };
/** @internal The library's own. */
export const own: Verdict = { about: 'client', kind: 'own' };
