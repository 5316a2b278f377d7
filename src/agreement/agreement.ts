import type { DecidedBy } from '../switch/report.js';
import type { World } from '../world.js';

/**
 * A decision that a fleet has made: from its epoch on this cluster is the active one, in every process.
 *
 * @public
 */
export interface AgreedDecision {
  /** The number of the decision; of two the higher one is in force. At least 1. */
  readonly epoch: number;
  /** Alias of the cluster that is active from then on. */
  readonly cluster: string;
  /** The part of the fleet that it is active for; all others work with the other cluster. Undefined: it is so for everybody. */
  readonly only?: FleetPart;
  /**
   * `planned`: the source is drained first. `unplanned`: it is fenced at once. `pinned`: as planned, and no automatic switch
   * leads away. Undefined: planned, unless the source is known to be unhealthy.
   */
  readonly mode: 'planned' | 'unplanned' | 'pinned' | undefined;
  /** Why, in the words of whoever decided. */
  readonly reason: string;
  /** Whose opinion it was. A value that says nothing of it was written by a person. */
  readonly by: DecidedBy;
}

/**
 * A part of a fleet: whole consumer groups, and processes that consume nothing.
 *
 * @public
 */
export interface FleetPart {
  /** Every process that has a consumer of one of these groups. Of a process with several groups all should be named, or none. */
  readonly groups: readonly string[];
  /** The processes of these names (`instance` of {@link AgreementLimits}), as long as they have no consumer. */
  readonly instances: readonly string[];
}

/**
 * What a process would have its fleet decide: a decision that has no number yet.
 *
 * @public
 */
export interface Proposal extends Omit<AgreedDecision, 'epoch' | 'mode'> {
  /** As {@link AgreedDecision.mode}. */
  readonly mode: 'planned' | 'unplanned';
}

/**
 * What a member of a fleet says of itself, again and again.
 *
 * @public
 */
export interface MemberState {
  /** Names the process; no two processes have the same one. */
  readonly instance: string;
  /** Names this life of the process: random at its start. One that is restarted under the same `instance` has another one. */
  readonly incarnation: string;
  /** Grows with every statement of an incarnation: only a higher one than before shows that it lives. */
  readonly sequence: number;
  /** Alias of the cluster that it works with; empty as long as it has not begun. */
  readonly cluster: string;
  /** The newest decision that it has obeyed: it has left every cluster that an older one named. 0: none. */
  readonly obeyedEpoch: number;
  /** The consumer groups that it is a member of. */
  readonly groups: readonly string[];
  /** Alias of the cluster that it would move the fleet to by what it sees of the clusters' health; undefined: none. */
  readonly wants: string | undefined;
}

/**
 * What a store tells of its own accord, or while it is asked.
 *
 * @public
 */
export type AgreementNews =
  /** It holds this decision. It may be told several times, and an older one after a newer one. */
  | { readonly kind: 'decision'; readonly decision: AgreedDecision }
  /** A member has said this of itself. It may be told several times. */
  | { readonly kind: 'member'; readonly member: MemberState }
  /** A member has left: this life of it. It may be told late, when another one has begun. */
  | { readonly kind: 'left'; readonly instance: string; readonly incarnation: string }
  /** It holds something that is no decision, or no member: garbage, an unknown alias, no epoch. */
  | { readonly kind: 'refused'; readonly because: string };

/**
 * A log of one partition on one cluster, as {@link AgreementContext.log} opens it.
 *
 * @public
 */
export interface ControlLog {
  /**
   * Appends a record and resolves when every replica in sync has it. Rejects where that is not known: the record may have
   * been written all the same.
   */
  append(key: string, value: string): Promise<void>;
  /** As {@link ControlLog.append}, several at once, in their order; null is a tombstone. */
  appendAll(
    records: readonly { readonly key: string; readonly value: string | null }[],
  ): Promise<void>;
  /**
   * Records from an offset on, waiting up to `maxWaitMs` for the first one; `'beginning'` and `'end'` are places, too. Rejects
   * where the cluster does not answer, or when `signal` is aborted.
   */
  read(
    from: bigint | 'beginning' | 'end',
    options: { readonly maxWaitMs: number; readonly signal: AbortSignal },
  ): Promise<ControlRecords>;
  /** Closes its connections. Idempotent. */
  close(): Promise<void>;
}

/**
 * What one read of a {@link ControlLog} brought.
 *
 * @public
 */
export interface ControlRecords {
  /** In the order of the log. */
  readonly records: readonly {
    readonly offset: bigint;
    readonly key: string | undefined;
    readonly value: string | undefined;
  }[];
  /** Where the next read goes on. */
  readonly next: bigint;
  /** The log's end at the time of the answer: everything below was there. */
  readonly end: bigint;
}

/**
 * What a store may use, and whom it tells.
 *
 * @public
 */
export interface AgreementContext {
  /** Its time, timers, randomness and I/O. */
  readonly world: World;
  /** The two clusters, in the order of preference. */
  readonly aliases: readonly string[];
  /** Opens a log of one partition on a cluster; it is made where it does not exist, with these settings. Does no I/O yet. */
  log(alias: string, topic: string, settings: Readonly<Record<string, string>>): ControlLog;
  /** Something is known. */
  tell(news: AgreementNews): void;
}

/**
 * Where a fleet's decisions are kept while it is open. A store keeps and orders; what the fleet makes of it is the library's.
 *
 * @public
 */
export interface AgreementStore {
  /**
   * Says what this process is, and hears what there is: resolves when the store has taken the statement and has told
   * ({@link AgreementContext.tell}) every decision and every member that it held at that time. Rejects where it cannot be
   * reached, or not for certain, and when `signal` is aborted, which happens after three seconds.
   */
  exchange(self: MemberState, signal: AbortSignal): Promise<void>;
  /**
   * Has a decision made. Where the store holds one above `after` already, nothing is written and that one is the answer;
   * otherwise a decision above `after` is written, unless another process was first, and the answer is the one in force.
   * At most one decision is ever in force for one epoch. Rejects where the outcome is not known: it may have been written.
   *
   * @param after - the newest epoch that the process knows.
   */
  propose(proposal: Proposal, after: number, signal: AbortSignal): Promise<AgreedDecision>;
  /** Ends it: no timer and no connection is left. What this process said of itself is taken back, if that is quick. Idempotent. */
  close(): Promise<void>;
}

/**
 * How many members must want the same before health moves the fleet: so many (`voices`), or more than this part of those heard
 * lately (`share`).
 *
 * @public
 */
export type Quorum = { readonly voices: number } | { readonly share: number };

/**
 * What every agreement has beside its store.
 *
 * @public
 */
export interface AgreementLimits {
  /**
   * How many members must want the same before health moves the fleet. `{ voices: 3 }`: three, this one included.
   * `{ share: 0.5 }`: more than half of the members heard lately, this one included; at least 0 and below 1. Default
   * `{ share: 0.5 }`. Does not affect orders and outside sources, which need no voices.
   */
  readonly quorum?: Quorum;
  /**
   * How often each member says that it lives, in milliseconds; a change is said at once. Members not heard for three of these
   * do not count any more. Default 2000. From 100 to 2147483647. Give all members the same: each counts the others by its own.
   */
  readonly heartbeatMs?: number;
  /**
   * After this time without the agreement the process stops writing, in milliseconds: it fences its cluster, and goes on when
   * the agreement answers again. At least three `heartbeatMs`. Default: none, it goes on with the last decision. Others wait so
   * long for a member that is silent before they handle records of its groups on another cluster (without a lease: three
   * `heartbeatMs`). Give all members the same: each waits for the others by its own, and a shorter one waits too short.
   */
  readonly leaseMs?: number;
  /**
   * Names this process among the members: letters, digits, `.`, `_`, `-`; at most 200. Default: the `clientId` and random letters and
   * digits. Two processes that run with the same one are one member. A restart may keep it: it is heard from its second statement on
   * at the latest.
   */
  readonly instance?: string;
  /**
   * Where the agreement does not answer within three seconds at the start: go on with the cluster that was last in force
   * (`stateFile`), or else with the strategy's; or do not start. Default `'last-applied'`. With `leaseMs` it does not start in either
   * case.
   */
  readonly onUnknownAtStart?: 'last-applied' | 'fail';
}

/**
 * One decision for all processes of a fleet: `consulAgreement` keeps it in a key of Consul, `kafkaAgreement` in a log of the
 * clusters themselves.
 *
 * @public
 */
export interface Agreement {
  /** Names it in `status()` and events. */
  readonly name: string;
  /** How the fleet decides. */
  readonly limits: AgreementLimits;
  /** Opens the store, which listens from then on. Never throws. */
  open(context: AgreementContext): AgreementStore;
}
