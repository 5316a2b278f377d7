import type { Consumer, ConsumerCrashEvent, ConsumerGroupJoinEvent } from 'kafkajs';
import { fencedError, type ClusterSession } from '../cluster/session.js';
import { FailoverClosedError } from '../errors.js';
import { untilAborted } from '../wait.js';
import { beginningsOf, type LogEnds } from './beginnings.js';
import { Commits, type PhysicalOffset } from './commits.js';
import { CONSUMER_EVENTS, mergedAssignment } from './consumer-events.js';
import { deferred, type Deferred } from '../deferred.js';
import { Dispatcher } from './dispatcher.js';
import { Gate } from './gate.js';
import { GroupMember } from './group-member.js';
import { drain } from './draining.js';
import type { FetchHold } from './fetch-hold.js';
import { dispatcherParts, innerConfig, type InnerConsumerParts } from './inner-config.js';
import { overError, readOffset, readPartition, type HandedBackOffset } from './offsets.js';
import { LatePositions } from './late-positions.js';
import type { PausedTopic } from './pauses.js';
import type { CarriedLane, Lane } from './lane.js';
import type { ResumePosition } from './resume.js';
import { NOWHERE, type Standing } from './standing.js';
import { ToldAnew } from './told-anew.js';
import { subscribeCalls, TopicNames, type ResolvedSubscription } from './subscription.js';
import type { FailoverConsumerRunConfig } from './types.js';
import type { MovedBy } from './sought.js';

/**
 * One kafkajs consumer in one session, with what stands around it. Runs at most once; never revived.
 *
 * @internal
 */
export class InnerConsumer {
  readonly session: ClusterSession;
  readonly consumer: Consumer;
  readonly gate: Gate;
  /** Of one that waits on the standby, or has. */
  readonly hold: FetchHold | undefined;
  /** True while `stop()` by the user is under way: the wrapper reports STOP itself. */
  isStopping = false;
  readonly #parts: InnerConsumerParts;
  readonly #joined: Deferred<void> = deferred<void>();
  readonly #commits: Commits;
  readonly #member: GroupMember;
  readonly #late: LatePositions;
  #subscription: ResolvedSubscription | undefined;
  #names = new TopicNames([]);
  #dispatcher: Dispatcher | undefined;
  readonly #anew: ToldAnew;
  #retired: Error | undefined;
  #refusal: Error | undefined;
  #ends: LogEnds | undefined;
  #drained: Promise<void> | undefined;
  #closed: Promise<void> = Promise.resolve();

  constructor(parts: InnerConsumerParts) {
    this.#parts = parts;
    this.hold = parts.hold;
    this.gate = new Gate({ isOpen: parts.hold === undefined });
    this.session = parts.session;
    const inUse = {
      topics: () => this.#subscription?.topics ?? [],
      isOpen: () => this.gate.isOpen,
      deals: (memberCount: number) => this.#member.deals(memberCount),
      assertInUse: () => {
        if (this.#retired !== undefined) throw this.#retired;
      },
      laneOf: (...log: [string, number]) => this.laneOf(...log),
      latePositions: () => this.#late,
      seeks: () => this.#anew.pending,
    };
    this.consumer = parts.session.kafka.consumer(innerConfig(parts, inUse));
    this.#commits = new Commits(this.consumer, this.session);
    this.#anew = new ToldAnew(this.consumer, parts, (...log) => this.laneOf(...log)?.progress);
    const { groupId } = parts.config;
    const releaseUnused = (): void => parts.host.releaseUnused();
    this.#member = new GroupMember({
      ...parts,
      ...{ groupId, releaseUnused },
      isCommitted: (...log) =>
        !this.#late.isOpen(...log) && this.#ends?.topics.has(log[0]) !== true,
    });
    const { consumer, hold } = this;
    this.#late = new LatePositions({
      ...parts,
      ...{ groupId, consumer, member: this },
      isWaiting: () => hold?.isStandby === true,
      isBeforeFetch: () => hold?.isEntering === true,
      onSettled: () => hold?.open(),
    });
    this.consumer.on(CONSUMER_EVENTS.CONNECT, () => {
      // kafkajs connects anew in every restart.
      this.#member.isJoining = this.hasStarted;
    });
    this.consumer.on(CONSUMER_EVENTS.GROUP_JOIN, ({ payload }) => this.#onGroupJoin(payload));
    this.consumer.on(CONSUMER_EVENTS.REBALANCING, () => this.#late.interrupt());
    this.consumer.on(CONSUMER_EVENTS.CRASH, ({ payload }) => this.#onCrash(payload));
    this.consumer.on(CONSUMER_EVENTS.COMMIT_OFFSETS, ({ payload }) =>
      this.#commits.confirm(payload, (topic, partition, offset) =>
        this.#dispatcher?.laneOf(topic, partition).confirms(offset),
      ),
    );
    this.consumer.on(CONSUMER_EVENTS.RECEIVED_UNSUBSCRIBED_TOPICS, () => {
      if (this.#retired === undefined) parts.host.onUnknownTopics(this);
    });
    const { signal } = this.session;
    if (signal.aborted) this.#onFenced();
    else signal.addEventListener('abort', this.#onFenced, { once: true });
  }

  readonly #onFenced = (): void => this.retire(fencedError(this.session));

  get names(): TopicNames {
    return this.#names;
  }

  get subscription(): ResolvedSubscription | undefined {
    return this.#subscription;
  }

  /** The member's id in its group; undefined before the first join. */
  get memberId(): string | undefined {
    return this.#member.id;
  }

  get hasStarted(): boolean {
    return this.#dispatcher !== undefined;
  }

  get isRetired(): boolean {
    return this.#retired !== undefined;
  }

  /** Resolves at the first join; rejects where kafkajs gave up before it, or the consumer was retired. */
  get joined(): Promise<void> {
    return this.#joined.promise;
  }

  /** Resolves when kafkajs has let go of everything, after `retire`. */
  get closed(): Promise<void> {
    return this.#closed;
  }

  /** What this member was assigned, by original names. */
  get assignment(): Readonly<Record<string, readonly number[]>> {
    return mergedAssignment(this.#member.assignment, this.#names);
  }

  async subscribe(resolved: ResolvedSubscription): Promise<void> {
    this.#subscription = resolved;
    this.#names = new TopicNames(resolved.topics);
    for (const call of subscribeCalls(resolved)) await this.consumer.subscribe(call);
  }

  /** Begins to consume. Settles as kafkajs's own `run`: after the first join, or when joining failed. */
  start(run: FailoverConsumerRunConfig): Promise<void> {
    const member = this.#member;
    const own = { run, names: this.#names, gate: this.gate, refusal: () => this.#refusal, member };
    this.#dispatcher = new Dispatcher(dispatcherParts(this.#parts, own), this.#parts.carried);
    this.#member.isJoining = true;
    this.#anew.begins(run);
    return this.consumer.run(this.#dispatcher.runConfig());
  }

  /**
   * @param late - positions that could not be committed for the group before the join: see {@link LatePositions}.
   * @param ends - of what is read from its end: see {@link LogEnds}.
   */
  resumeAt(late: readonly ResumePosition[], ends: LogEnds | undefined): void {
    this.#late.set(late);
    this.#ends = ends;
  }

  /**
   * A member that waited on the standby becomes the one in force, as if it joined now. After {@link resumeAt}.
   *
   * @returns resolves when its positions are in place and it fetches; rejects where it ended before.
   */
  enter(): Promise<void> {
    const { hold } = this;
    if (hold === undefined) return this.joined;
    hold.enter();
    this.gate.open();
    this.#entered();
    return hold.flowing;
  }

  /** Where the group stands in partitions of this member, for those in which it has no commit. */
  beginnings(): readonly ResumePosition[] {
    const dispatcher = this.#dispatcher;
    if (dispatcher === undefined || this.#ends === undefined) return [];
    return beginningsOf(this.#ends, this.#member.assignment, dispatcher);
  }

  /** Of those, what is not in the group's commits yet. */
  get latePositions(): readonly ResumePosition[] {
    return this.#late.open;
  }

  laneOf(topic: string, partition: number): Lane | undefined {
    return this.#dispatcher?.laneOf(topic, partition);
  }

  /** @throws StaleOffsetError, AmbiguousOffsetError - see {@link Dispatcher.place}. */
  place(entry: HandedBackOffset): readonly string[] | undefined {
    return this.#dispatcher?.place(entry);
  }

  /** Commits offsets of physical topics: see {@link Commits.commit}. */
  commit(offsets: readonly (PhysicalOffset & { offset: string })[]): Promise<void> {
    return this.#commits.commit(offsets);
  }

  /** Moves the position in one physical partition. */
  seek({ topic, partition, offset }: PhysicalOffset & { offset: string }, by?: MovedBy): void {
    this.consumer.seek({ topic, partition, offset });
    const position = readOffset(offset);
    const index = readPartition(partition);
    if (position === undefined || index === undefined) return;
    this.#late.drop(topic, index);
    const isMine = this.#member.isAssigned(topic, index);
    if (!isMine) return this.#anew.soughtElsewhere({ topic, partition, offset }, this.memberId);
    this.#dispatcher?.laneOf(topic, index).seek(position, by);
    this.#anew.pending.add({ topic, partition: index, offset });
  }

  /** Brings a change of the pauses to kafkajs, for every log of each topic. */
  applyPause(method: 'pause' | 'resume', list: readonly PausedTopic[]): void {
    if (!this.hasStarted || this.isRetired || list.length === 0) return;
    this.#anew.pause(method, list, this.#names);
    if (method === 'resume') this.#late.hold();
  }

  /** How far each partition of this member was handled, and in which nothing was yet; kept after the fence. */
  standing(): Standing {
    return this.#dispatcher?.standing(this.#member) ?? NOWHERE;
  }

  carry(): readonly CarriedLane[] {
    return this.#dispatcher?.carry() ?? [];
  }

  /** Resolves when no handler runs any more. */
  async idle(): Promise<void> {
    await this.#dispatcher?.idle();
  }

  /**
   * Ends in order while the cluster is alive: handlers finish, what they handled is committed with this member's own
   * generation, and the group is left at once. Never waits for kafkajs's `stop()`, which may take its whole long poll.
   *
   * @throws what the commit rejected with; the progress is kept in memory all the same.
   */
  drain(): Promise<void> {
    const handled = () => this.#dispatcher?.uncommitted() ?? [];
    this.#drained ??= drain(this, { ...this.#parts, commits: this.#commits, handled });
    return this.#drained;
  }

  /** Takes this member out of its group, also after the fence: see {@link GroupMember.leave}. */
  leave(): Promise<void> {
    return this.#member.leave();
  }

  /**
   * Stops as kafkajs does: running handlers end and count. Afterwards no handler is called any more, also where kafkajs
   * was joining and joins after all.
   */
  async stop(): Promise<void> {
    this.isStopping = true;
    const stopped = new FailoverClosedError('The consumer was stopped');
    this.gate.stop(stopped);
    try {
      await untilAborted(this.session.signal, this.consumer.stop());
    } catch (error) {
      if (!this.session.signal.aborted) throw error;
    } finally {
      await this.idle();
      this.retire(stopped);
    }
  }

  /** It counts no longer: kafkajs may do what it likes with it, nobody hears of it. Idempotent, synchronous. */
  retire(error: Error): void {
    if (this.#retired !== undefined) return;
    this.#retired = error;
    this.session.signal.removeEventListener('abort', this.#onFenced);
    this.gate.close(error);
    this.#joined.reject(error);
    this.hold?.end(error);
    // Disconnected while it joins, it would stay in the group as a dead member, until it expires. It is let in, shown out
    // (see #onGroupJoin), and disconnected by kafkajs's own crash.
    if (this.#member.isJoining && !this.session.signal.aborted) return;
    // The promise may take as long as kafkajs's retries do; nobody waits for it in a switch.
    this.#closed = this.consumer.disconnect();
    this.#closed.catch(() => {});
  }

  /** A newer inner consumer takes over in another epoch: what user code hands back to this one is refused from now on. */
  supersede(): void {
    this.#refusal = overError(this.session);
    this.#dispatcher?.leaveLocks();
  }

  /** It is the one in force no longer: what it delivered is remembered, for the epochs after its own. */
  handOver(): void {
    this.#dispatcher?.handOver();
  }

  #onGroupJoin(payload: ConsumerGroupJoinEvent['payload']): void {
    const before = this.#member.id === payload.memberId ? this.#member.assignment : undefined;
    this.#member.joined(payload, this.#parts.world.wallMs());
    const isWaiting = this.#retired === undefined && this.hold?.joined(payload) === true;
    if (isWaiting) this.#joined.resolve();
    else this.#entered(before);
  }

  #entered(before?: Readonly<Record<string, readonly number[]>>): void {
    const keepsSeek = this.#anew.pending.keepsOneOf(this.#member.assignment);
    this.#member.entered(before);
    if (this.#retired === undefined) this.#dispatcher?.assigned(this.#member.assignment, before);
    if (keepsSeek) this.#parts.host.onSeekKept(this);
    if (this.#retired !== undefined) {
      void this.#member.leave();
      // kafkajs was stopped while it joined, and would begin to consume now (its issue 1639). A listener that throws
      // ends the join; kafkajs crashes and disconnects.
      throw this.#retired;
    }
    for (const one of this.#anew.seeks(this.#dispatcher)) {
      if (this.#member.isAssigned(one.topic, one.partition)) this.consumer.seek(one);
    }
    for (const [method, list] of this.#anew.pauses()) this.applyPause(method, list);
    this.#late.joined(this.#member.assignment);
    this.#joined.resolve();
    this.session.traffic.worked('consume');
    this.#parts.host.onJoined(this);
  }

  #onCrash({ error, restart }: ConsumerCrashEvent['payload']): void {
    // Seconds after the fence kafkajs gives up as well: its member is then still in the group that it was cut off from.
    if (this.#retired !== undefined) return;
    // What waits on the standby says nothing of a cluster that is worked with.
    if (this.hold?.isStandby !== true) this.session.traffic.failed('consume', error);
    this.#member.crashed();
    this.#late.interrupt();
    this.#anew.restarted();
    if (restart) return;
    this.#joined.reject(error);
    this.hold?.end(error);
    this.#parts.host.onDied(this, error);
  }
}
