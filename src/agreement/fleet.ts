import type { AgreementLostError } from '../errors.js';
import type { EventSink } from '../events.js';
import type { AgreeOutcome, Leaving, SwitchFleet } from '../switch/fleet.js';
import type { SwitchTurn } from '../switch/participant.js';
import { abortable } from '../wait.js';
import { Waiters } from '../waiters.js';
import type { World } from '../world.js';
import type {
  AgreedDecision,
  Agreement,
  AgreementNews,
  AgreementStore,
  ControlLog,
  MemberState,
  Proposal,
} from './agreement.js';
import { Complaints } from './complaints.js';
import { Contact } from './contact.js';
import { agree, type Deciding } from './decide-together.js';
import {
  isTogetherOn,
  newestMember,
  reduceFleet,
  UNKNOWN_FLEET,
  type FleetState,
  type Vote,
  type VoteHearing,
  voteOn,
} from './fleet-state.js';
import { Lease } from './lease.js';
import { resolveLimits, type ResolvedLimits } from './limits.js';
import { entering } from './entering.js';
import { lostError } from './lost.js';
import { Obedience } from './obedience.js';
import { othersLeft } from './others-left.js';
import { Rhythm } from './rhythm.js';
import { speak, type Speaker } from './speak.js';
import { Statements } from './statements.js';
import { describeFleet, type AgreementStatus } from './status.js';
import { Wish } from './wish.js';

/** @internal What a fleet is made of. */
export interface FleetParts {
  readonly world: World;
  readonly events: EventSink;
  readonly agreement: Agreement;
  readonly aliases: readonly string[];
  /** Part of the name of this process among the members. */
  readonly clientId: string | undefined;
  openLog(alias: string, topic: string, settings: Readonly<Record<string, string>>): ControlLog;
  /** What this process works with, now. */
  self(): Pick<MemberState, 'cluster' | 'groups'>;
  /** Something is known that was not. */
  onChange(): void;
  /** The agreement was not heard for a lease: nothing may be written any more. */
  onLeaseEnded(): void;
  /** It is heard again. */
  onLeaseRenewed(): void;
}

/**
 * This process as a member of its fleet: it says again and again what it is, hears the others, has decisions made, and waits for
 * others where a decision is obeyed. What follows from a decision is `decider.ts`'s.
 *
 * @internal
 */
export class Fleet implements SwitchFleet {
  readonly #parts: FleetParts;
  readonly limits: ResolvedLimits;
  readonly #statements: Statements;
  readonly #rhythm: Rhythm;
  /** How long it may go on without being heard. */
  readonly lease: Lease;
  #state: FleetState = UNKNOWN_FLEET;
  /** Where its decisions want this process. */
  readonly obedience: Obedience;
  readonly #wish: Wish;
  readonly #contact: Contact;
  readonly #complaints: Complaints;
  #run: { readonly store: AgreementStore; readonly end: AbortController } | undefined;
  /** Who waits for something that is known of the fleet: they look whenever something is known anew, at each heartbeat at least. */
  readonly waiters: Waiters = new Waiters();
  /** Resolves when what was stopped last has said farewell. */
  #farewell: Promise<void> = Promise.resolve();

  constructor(parts: FleetParts) {
    const { world, agreement } = parts;
    this.#parts = parts;
    this.limits = resolveLimits(agreement.limits);
    this.#statements = new Statements(world, this.limits.instance, parts.clientId);
    this.#complaints = new Complaints(agreement.name, parts.events);
    this.#contact = new Contact(this.limits.silentMs);
    this.#wish = new Wish(world, this.limits.silentMs);
    this.#rhythm = new Rhythm(world, this.limits.heartbeatMs);
    this.obedience = new Obedience({
      aliases: parts.aliases,
      self: () => ({ instance: this.#statements.instance, ...parts.self() }),
      state: () => this.#state,
      hearing: () => this.#hearing(),
      onObeyed: () => {
        this.#wish.set(undefined);
        this.#rhythm.hurry();
      },
    });
    this.lease = new Lease(world, this.limits.leaseMs, {
      onEnded: () => parts.onLeaseEnded(),
      onRenewed: () => parts.onLeaseRenewed(),
    });
  }

  get name(): string {
    return this.#parts.agreement.name;
  }

  /** The decision in force, as far as it is known. */
  get decision(): AgreedDecision | undefined {
    return this.#state.decision;
  }

  /** The same, with the cluster that it wants this process to work with. */
  get own(): AgreedDecision | undefined {
    return this.obedience.own;
  }

  /**
   * True while the agreement is in contact. A process that wakes has not failed to hear it yet, and has not heard it either: it
   * counts from the first word after the end of the lease.
   */
  get isHeard(): boolean {
    const hasHeard = this.#contact.lastAtMs !== undefined && !this.#contact.isLost;
    return hasHeard && !this.lease.isOver;
  }

  /** Who has obeyed the newest decision that any member speaks of. */
  get newestMember(): MemberState | undefined {
    return newestMember(this.#state);
  }

  lostError(): AgreementLostError {
    return lostError(this.#parts.agreement);
  }

  get obeyedEpoch(): number {
    return this.obedience.epoch;
  }

  /** Begins to speak and to listen. Idempotent. */
  start(): void {
    if (this.#run !== undefined) return;
    const { world, aliases, agreement } = this.#parts;
    const end = abortable();
    const store = agreement.open({
      world,
      aliases,
      log: (alias, topic, settings) => this.#parts.openLog(alias, topic, settings),
      tell: (news) => {
        if (!end.signal.aborted) this.#hear(news);
      },
    });
    this.#run = { store, end };
    this.lease.start();
    void speak(this.#speaker(store), end.signal);
  }

  /** Ends it; what is known is kept. Idempotent. */
  stop(): void {
    const run = this.#run;
    this.#run = undefined;
    this.lease.pause();
    if (run === undefined) return;
    run.end.abort(new Error('the agreement was closed'));
    this.#rhythm.stop();
    this.waiters.look();
    // Bounded by the store itself.
    this.#farewell = run.store.close().catch(() => {});
  }

  /** Resolves when nothing is left of what was stopped. Never rejects. */
  get stopped(): Promise<void> {
    return this.#farewell;
  }

  get isRunning(): boolean {
    return this.#run !== undefined;
  }

  /** Resolves when the store was heard by a question that begins now, or after `maxWaitMs`. */
  heardAnew(maxWaitMs: number): Promise<void> {
    const sinceMs = this.#parts.world.nowMs();
    this.#rhythm.hurry();
    const isHeard = (): boolean => this.#contact.reachedSince(sinceMs) && !this.lease.isOver;
    return this.#within(maxWaitMs, isHeard);
  }

  /** True once the store was heard, within `maxWaitMs`. */
  async firstWord(maxWaitMs: number): Promise<boolean> {
    await this.#within(maxWaitMs, () => this.#contact.lastAtMs !== undefined);
    return this.#contact.lastAtMs !== undefined;
  }

  #within(maxWaitMs: number, isSo: () => boolean): Promise<void> {
    const isOver = (): boolean => isSo() || !this.isRunning;
    return this.waiters.within(this.#parts.world, maxWaitMs, isOver);
  }

  /** As {@link Obedience.standing}. */
  standing(active: string): AgreedDecision | undefined {
    return this.obedience.standing(active);
  }

  /** As {@link isTogetherOn}. */
  isTogetherOn(cluster: string): boolean {
    return isTogetherOn(this.#state, cluster, this.#hearing());
  }

  /** What this process would have the fleet do by what it sees of the clusters' health. */
  want(cluster: string | undefined): void {
    if (this.#wish.set(cluster)) this.#rhythm.hurry();
  }

  /** How the vote for a cluster stands, and whether it has been open for so long that somebody should know. */
  vote(cluster: string): Vote {
    const { quorum } = this.limits;
    const isLong = this.#wish.isOld;
    return voteOn(this.#state, cluster, { quorum, hearing: this.#hearing(), isLong });
  }

  #hearing(): VoteHearing {
    const nowMs = this.#parts.world.nowMs();
    const silentSinceMs = this.#contact.silentSinceMs(nowMs);
    return { nowMs, silentMs: this.limits.silentMs, silentSinceMs };
  }

  agree(turn: SwitchTurn, signal: AbortSignal): Promise<AgreeOutcome> {
    const deciding: Deciding = {
      askAnew: (until) => this.#askAnew(until),
      agreement: this.name,
      leased: (until) => this.waiters.until(() => !this.lease.isOver, until),
      obeyedEpoch: () => this.obeyedEpoch,
      placeIn: (decision) => this.obedience.placeIn(decision),
      state: () => this.#state,
      propose: (proposal, after) => this.propose(proposal, after, signal),
    };
    return agree(turn, deciding, signal);
  }

  /** As {@link AgreementStore.propose}. */
  async propose(proposal: Proposal, after: number, signal: AbortSignal): Promise<AgreedDecision> {
    const store = this.#run?.store;
    if (store === undefined) throw new Error('it is closed');
    const decision = await store.propose(proposal, after, signal);
    this.#hear({ kind: 'decision', decision });
    return decision;
  }

  obeyed(epoch: number): void {
    this.obedience.obeyed(epoch);
  }

  isElsewhere(groupId: string, cluster: string): boolean {
    return this.obedience.isElsewhere(groupId, cluster);
  }

  entering(
    groups: readonly string[],
    cluster: string,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    return entering(groups, cluster, signal, {
      waiters: this.waiters,
      said: (until) => this.#askAnew(until),
      placeOfGroup: (group) => this.obedience.placeOfGroup(group),
      othersLeft: (them) =>
        this.othersLeft({ epoch: this.obeyedEpoch, to: cluster, groups: them }, signal),
    });
  }

  othersLeft(leaving: Leaving, signal: AbortSignal): Promise<readonly string[]> {
    return othersLeft(leaving, signal, {
      instance: this.#statements.instance,
      world: this.#parts.world,
      limits: this.limits,
      rhythm: this.#rhythm,
      waiters: this.waiters,
      state: () => this.#state,
      place: () => this.own?.cluster,
    });
  }

  status(): AgreementStatus {
    return describeFleet(this.#state, {
      name: this.name,
      instance: this.#statements.instance,
      obeyedEpoch: this.obeyedEpoch,
      contactAtMs: this.#contact.lastAtMs,
      nowMs: this.#parts.world.nowMs(),
    });
  }

  #speaker(store: AgreementStore): Speaker {
    return {
      world: this.#parts.world,
      rhythm: this.#rhythm,
      exchange: (signal) => store.exchange(this.#statement(), signal),
      onReached: (begunAtMs) => {
        this.#contact.reached(begunAtMs);
        this.#complaints.reached();
        this.lease.renew(begunAtMs);
        this.#changed();
      },
      onFailed: (because) => {
        this.#contact.lost();
        this.#complaints.failed(because);
        this.#changed();
      },
      urgency: () => ({ isFailing: this.#contact.isLost, isWanting: this.#wish.isNew }),
    };
  }

  #statement(): MemberState {
    const facts = { ...this.#parts.self(), obeyedEpoch: this.obeyedEpoch };
    return this.#statements.next({ ...facts, wants: this.#wish.cluster });
  }

  /** Resolves when this process has spoken and heard anew; also where nobody can be reached: nobody is waited for then. */
  #askAnew(signal: AbortSignal): Promise<void> {
    const sinceMs = this.#parts.world.nowMs();
    this.#rhythm.hurry();
    return this.waiters.until(() => this.#contact.needNotWaitSince(sinceMs), signal);
  }

  #hear(news: AgreementNews): void {
    const { events, world } = this.#parts;
    const before = this.#state;
    this.#state = reduceFleet(before, news, world.nowMs());
    const { decision } = this.#state;
    if (news.kind === 'refused') this.#complaints.refused(news.because);
    if (decision !== undefined && decision !== before.decision) {
      this.#complaints.decided();
      events.emit('agreement.decided', { agreement: this.name, decision });
    }
    if (this.#state !== before) this.#changed();
  }

  #changed(): void {
    this.waiters.look();
    this.#parts.onChange();
  }
}
