import type { InstrumentationEvent } from 'kafkajs';
import type { ClusterSession } from '../cluster/session.js';
import { InstrumentationRelay } from '../instrumentation.js';
import type { GroupPlan } from '../position/plan.js';
import type { SwitchTurn } from '../switch/participant.js';
import { untilAborted } from '../wait.js';
import { Awaited } from './awaited-records.js';
import type { LogEnds } from './beginnings.js';
import { CONSUMER_EVENTS, restarting, underOriginalNames } from './consumer-events.js';
import { ConsumerSetup } from './consumer-setup.js';
import type { FailoverConsumerParts } from './consumer-parts.js';
import { deferred, type Deferred } from '../deferred.js';
import type { FetchHold } from './fetch-hold.js';
import { StandbyMember } from './standby-member.js';
import { dedupWindow, type DedupWindow } from './dedup-window.js';
import { DepartingMembers } from './departing-members.js';
import type { InnerConsumerHost } from './inner-config.js';
import { InnerConsumer } from './inner-consumer.js';
import { PartitionLocks } from './locks.js';
import { OlderDeliveries, type HandedBackOffset } from './offsets.js';
import { Pauses } from './pauses.js';
import type { CarriedLane } from './lane.js';
import { rereadsOf } from './reread.js';
import type { ResumePosition } from './resume.js';
import { EarlierStandings, PlannedBeginning } from './standing.js';
import { resolveSubscription, type ResolvedSubscription } from './subscription.js';

/** @internal How a consumer stands towards switches; what its user wants of it meanwhile is kept beside. */
export type ConsumerState =
  /** The session in force is there to work with. */
  | { readonly kind: 'open' }
  /** A switch is under way, from `hold` to `attach`. */
  | { readonly kind: 'held'; readonly turn: SwitchTurn }
  | { readonly kind: 'halted'; readonly error: Error };

/** @internal What the core tells those who act on it. */
export interface CoreListener {
  /** kafkajs gave up on the consumer that runs. Answers whether it is started again. */
  onDied(inner: InnerConsumer, error: Error): boolean;
  /** The group knows topics that this member has not found. */
  onUnknownTopics(inner: InnerConsumer): void;
  /** kafkajs would go back to where the group stood long ago. */
  onSeekKept(inner: InnerConsumer): void;
  /** True while user listeners must not disturb: what they throw is reported instead. */
  isOpening(): boolean;
}

/**
 * What the parts of a consumer share: what the user asked for, the inner consumer in force, and how to make the next one.
 *
 * @internal
 */
export class ConsumerCore {
  readonly parts: FailoverConsumerParts;
  readonly setup: ConsumerSetup = new ConsumerSetup();
  readonly pauses: Pauses = new Pauses();
  readonly older: OlderDeliveries = new OlderDeliveries();
  readonly awaited: Awaited = new Awaited();
  readonly dedup: DedupWindow | undefined;
  readonly earlier: EarlierStandings = new EarlierStandings();
  readonly departing: DepartingMembers = new DepartingMembers();
  readonly relay: InstrumentationRelay;
  /** Undefined where nothing waits on the standby. */
  readonly standby: StandbyMember | undefined;
  /** The inner consumer in force. During a switch the old one: its progress is wanted. */
  inner: InnerConsumer | undefined;
  /** kafkajs's own end of the consumer that was stopped last. */
  closing: Promise<void> = Promise.resolve();
  /** True from `connect()` to `disconnect()`. */
  isConnected = false;
  /** One `run()` that was not ended by `stop()`, a crash or `disconnect()`. */
  intent: object | undefined;
  state: ConsumerState = { kind: 'open' };
  /** Seeks made after `run()` was called, and before the consumer was in its group. */
  readonly seeks: (HandedBackOffset & { readonly offset: string })[] = [];
  /** The epoch in which this consumer first ran. */
  firstEpoch: number | undefined;
  /** The epoch in which it started with a plan: its group is a failed-over one and must not skip. */
  planned: PlannedBeginning | undefined;
  /** Of what is read from its end on the cluster in use, if there is any. */
  ends: LogEnds | undefined;
  /** The inner consumer that began last, or is about to; kept when it has ended, for what it left open. */
  #begun: Pick<InnerConsumer, 'session' | 'latePositions'> | undefined;
  readonly #locks = new PartitionLocks();
  readonly #listener: CoreListener;
  readonly #died = new WeakMap<InnerConsumer, boolean>();
  /** Inner consumers that were not asked for by the user just now: their CONNECT is not the user's. */
  readonly #quiet = new WeakSet<InnerConsumer>();
  #wake: Deferred<void> = deferred<void>();

  constructor(parts: FailoverConsumerParts, listener: CoreListener) {
    this.parts = parts;
    this.#listener = listener;
    this.dedup = dedupWindow(parts);
    this.standby = parts.standby && new StandbyMember(this, parts.standby);
    this.relay = new InstrumentationRelay({
      events: { ...CONSUMER_EVENTS },
      client: 'consumer',
      contained: () => this.state.kind !== 'open' || listener.isOpening(),
      onListenerFailed: (event, error) => parts.events.emit('listener.failed', { event, error }),
      map: (event) => this.#map(event),
    });
  }

  get groupId(): string {
    return this.parts.config.groupId;
  }

  /** Wakes those who wait for a session: there is one, or there will be none. */
  wakeUp(): void {
    this.#wake.resolve();
    this.#wake = deferred<void>();
  }

  /**
   * The session to work with; waits for the end of a switch.
   *
   * @param isWanted - asked again after every wait; false ends it with undefined.
   * @throws what `halt` said, or why no first cluster could be chosen.
   */
  async sessionInForce(isWanted: () => boolean): Promise<ClusterSession | undefined> {
    await this.parts.active.started();
    for (;;) {
      const { state, parts } = this;
      if (state.kind === 'halted') throw state.error;
      if (!isWanted()) return undefined;
      const session = state.kind === 'open' ? parts.active.session() : undefined;
      if (session !== undefined && !session.signal.aborted) return session;
      await this.#wake.promise;
    }
  }

  /**
   * Does something with the inner consumer of the session in force; again with the next one where a switch overtakes it.
   *
   * @returns undefined where it was not wanted any more.
   */
  async withInner<T>(
    isWanted: () => boolean,
    work: (inner: InnerConsumer) => Promise<T>,
  ): Promise<T | undefined> {
    for (;;) {
      const session = await this.sessionInForce(isWanted);
      if (session === undefined) return undefined;
      try {
        return await untilAborted(session.signal, work(this.innerOf(session)));
      } catch (error) {
        if (!session.signal.aborted) throw error;
      }
    }
  }

  /** The inner consumer of this session, made where there is none that can be used. */
  innerOf(session: ClusterSession): InnerConsumer {
    const { inner } = this;
    if (inner?.session === session && !inner.isRetired) return inner;
    const fresh = this.makeInner(session);
    this.adopt(fresh, { isQuiet: this.isConnected });
    return fresh;
  }

  /** @param hold - of one that waits on the standby. */
  makeInner(
    session: ClusterSession,
    carried: readonly CarriedLane[] = [],
    hold?: FetchHold,
  ): InnerConsumer {
    const { parts, pauses, older, awaited, dedup } = this;
    const { config, world, kafkaRetry, homeCluster, limits } = parts;
    const host: InnerConsumerHost = {
      pause: (topic, partition) => this.pausePartition(topic, partition),
      onDied: (inner, error) => this.#onDied(inner, error),
      onUnknownTopics: (inner) => this.#listener.onUnknownTopics(inner),
      planned: (...log) => {
        const { planned } = this;
        return planned?.switchEpoch === session.switchEpoch ? planned.in(...log) : undefined;
      },
      onSeekKept: (inner) => this.#listener.onSeekKept(inner),
      onJoined: (inner) => this.#quiet.delete(inner),
      onOffsetRefused: (error) => this.reportRefused(error),
      onRemoved: (records) => {
        const where = { consumer: parts.id, groupId: this.groupId, cluster: session.alias };
        parts.events.emit('consumer.overtaken', { ...where, ...records }, session);
      },
      releaseUnused: () => parts.active.releaseUnused(),
    };
    return new InnerConsumer({
      session,
      access: () => parts.access(session.alias),
      config,
      mayCreateTopics: this.isFirstEpoch(session) && session.alias === homeCluster,
      restartOnFailure: config.retry?.restartOnFailure ?? kafkaRetry?.restartOnFailure,
      readsFromBeginning: this.setup.subscriptions.every(({ fromBeginning }) => fromBeginning),
      commitMetadata: limits.commitMetadata,
      locks: this.#locks,
      ...{ world, older, awaited, dedup, pauses, host, carried, hold },
    });
  }

  /** This inner consumer is the one in force, and the one whose events the user hears. */
  adopt(inner: InnerConsumer, { isQuiet }: { isQuiet: boolean }): void {
    const before = this.inner;
    if (before !== undefined && before !== inner) {
      before.handOver();
      if (before.session !== inner.session) {
        this.earlier.add(before.session.alias, before.standing());
        before.supersede();
      }
    }
    this.inner = inner;
    if (isQuiet) this.#quiet.add(inner);
    this.relay.attach(inner.consumer);
  }

  /** This inner consumer begins to consume. */
  begin(inner: InnerConsumer, { isQuiet }: { isQuiet: boolean }): void {
    this.adopt(inner, { isQuiet });
    this.firstEpoch ??= inner.session.switchEpoch;
    this.#begun = inner;
  }

  /** It begins with this plan: what was handled elsewhere is not handled again, and nothing is skipped. */
  follow(plan: GroupPlan, { alias, switchEpoch, work }: ClusterSession): void {
    this.planned = new PlannedBeginning(switchEpoch, plan);
    this.awaited.put(plan);
    this.dedup?.follow(plan, switchEpoch);
    const before = this.inner?.session.alias === alias ? undefined : this.inner?.standing();
    work.expect(rereadsOf(plan, before?.processed ?? []));
  }

  /** It begins on this cluster without a plan: somebody may have reset the group. */
  beginAnew(alias: string): void {
    this.awaited.clear(alias);
    this.dedup?.forgetAll(alias);
  }

  /** It is about to begin, with these to be put into the group's commits. */
  resumes(session: ClusterSession, latePositions: readonly ResumePosition[]): void {
    this.#begun = { session, latePositions };
  }

  /** As {@link latePositions}, where it was to begin there and a switch came between. */
  latePositionsOn(alias: string): readonly ResumePosition[] {
    return this.#begun?.session.alias === alias ? this.#begun.latePositions : [];
  }

  /** Positions of this epoch that are not in the group's commits, as far as is known. */
  latePositions(session: ClusterSession): readonly ResumePosition[] {
    return this.#begun?.session === session ? this.#begun.latePositions : [];
  }

  /** The inner consumer in force has ended, and no other takes over. */
  dropInner(): void {
    this.inner?.handOver();
    this.inner = undefined;
  }

  /** False once the service has left its first cluster, or its group came from another: nothing is created then, nor skipped. */
  isFirstEpoch(session: ClusterSession): boolean {
    if (session.isStandby === true) return false;
    const { switchEpoch } = session;
    if (this.planned?.switchEpoch === switchEpoch) return false;
    return (this.firstEpoch ?? switchEpoch) === switchEpoch;
  }

  /** What the subscriptions mean on this session's cluster, now, or up to `maxAgeMs` ago. */
  async resolve(
    session: ClusterSession,
    { maxAgeMs = 0 }: { readonly maxAgeMs?: number } = {},
  ): Promise<ResolvedSubscription> {
    const { alias } = session;
    const { access, aliases, policy, config, homeCluster } = this.parts;
    const topics = await access(alias).topics({ maxAgeMs });
    const isFirstEpoch = this.isFirstEpoch(session);
    return resolveSubscription(
      this.setup.subscriptions,
      { alias, aliases, policy, topics },
      {
        isFirstEpoch,
        mayCreate: isFirstEpoch && alias === homeCluster && (config.allowAutoTopicCreation ?? true),
      },
    );
  }

  /** Pauses one logical partition; the answer resumes it, also after a switch. */
  pausePartition(topic: string, partition: number): () => void {
    const list = [{ topic, partitions: [partition] }];
    this.pauses.pause(list);
    this.inner?.applyPause('pause', list);
    return () => {
      this.pauses.resume(list);
      this.inner?.applyPause('resume', list);
    };
  }

  /** User code handed back an offset that means nothing any more: where no promise can say so, this event does. */
  reportRefused(error: Error): void {
    this.parts.events.emit('consumer.offset-refused', { consumer: this.parts.id, error });
  }

  /** Tells the user's listeners what the wrapper knows. */
  emit(eventName: string, payload?: unknown): void {
    this.relay.emit(eventName, payload, this.parts.world.wallMs());
  }

  #onDied(inner: InnerConsumer, error: Error): void {
    if (inner === this.inner) this.#died.set(inner, this.#listener.onDied(inner, error));
  }

  /** What the user hears of an inner consumer. Of one that a switch or `stop()` has ended: nothing of its end. */
  #map(event: InstrumentationEvent<unknown>): InstrumentationEvent<unknown> | undefined {
    const { inner } = this;
    if (inner === undefined || inner.gate.isOver) return undefined;
    const isHeld = !inner.gate.passesResults;
    switch (event.type) {
      case CONSUMER_EVENTS.CONNECT:
        return isHeld || this.#quiet.has(inner) ? undefined : event;
      case CONSUMER_EVENTS.STOP:
      case CONSUMER_EVENTS.DISCONNECT:
        return isHeld || inner.isStopping ? undefined : event;
      case CONSUMER_EVENTS.REBALANCING:
        return isHeld ? undefined : event;
      case CONSUMER_EVENTS.GROUP_JOIN:
        return isHeld ? undefined : underOriginalNames(event, inner.names);
      case CONSUMER_EVENTS.CRASH:
        if (isHeld || inner.isStopping) return undefined;
        return this.#died.get(inner) === true ? restarting(event) : event;
      default:
        return underOriginalNames(event, inner.names);
    }
  }
}
