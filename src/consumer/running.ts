import type { ClusterSession } from '../cluster/session.js';
import { FailoverClosedError } from '../errors.js';
import { judge } from '../health/failure.js';
import { abortable, anyOf, sleep } from '../wait.js';
import type { CancelTimer } from '../world.js';
import { CONSUMER_EVENTS } from './consumer-events.js';
import type { ConsumerCore, CoreListener } from './core.js';
import type { InnerConsumer } from './inner-consumer.js';
import { openOn, type Opening } from './opening.js';
import { newTopics } from './subscription.js';
import type { FailoverConsumerRunConfig } from './types.js';
import type { RunningState } from './user-offsets.js';

interface RunningOpening {
  readonly session: ClusterSession;
  readonly kind: Opening['kind'];
  readonly controller: AbortController;
  readonly promise: Promise<void>;
}

/** How long after kafkajs gave up the consumer is started again, in milliseconds: kafkajs's own first retry pause. */
const REOPEN_DELAY_MS = 300;

/**
 * Keeps a consumer running while the user wants it to: begins on a session, begins again in the same epoch where that is
 * needed, and ends.
 *
 * @internal
 */
export class ConsumerRunning implements CoreListener, RunningState {
  readonly #coreOf: () => ConsumerCore;
  #opening: RunningOpening | undefined;
  #stopping: Promise<void> | undefined;
  /** The failure for which the last run was given up: a `run()` that waits for the same beginning is told. */
  #gaveUpFor: unknown;
  #cancelRefresh: CancelTimer = () => {};

  /** @param coreOf - asked when something happens: the core is made with this as its listener. */
  constructor(coreOf: () => ConsumerCore) {
    this.#coreOf = coreOf;
  }

  get #core(): ConsumerCore {
    return this.#coreOf();
  }

  isOpening(): boolean {
    return this.#opening !== undefined && this.#opening.kind !== 'run';
  }

  get isBeginning(): boolean {
    return this.#opening !== undefined;
  }

  get isStopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** Resolves when a beginning that is under way has ended, however. */
  async settled(): Promise<void> {
    await this.#opening?.promise.catch(() => {});
  }

  /** As kafkajs's `run`: settles after the first join, or when joining failed and goes on failing. */
  async run(config: FailoverConsumerRunConfig): Promise<void> {
    const core = this.#core;
    const intent = {};
    core.intent = intent;
    core.setup.setRun(config);
    try {
      // What a stop() is about to end must not be taken for what is running already.
      await this.#stopping?.catch(() => {});
      for (;;) {
        const session = await core.sessionInForce(() => core.intent === intent);
        if (session === undefined) return;
        try {
          return await this.open(session, { kind: 'run' });
        } catch (error) {
          // A switch, or the end of this run, came between.
          const isWanted = core.intent === intent || this.#gaveUpFor === error;
          if (isWanted && core.state.kind === 'open' && !session.signal.aborted) throw error;
        }
      }
    } catch (error) {
      if (core.intent === intent) this.#forget();
      throw error;
    }
  }

  /** Begins on this session, once: whoever asks meanwhile shares it. */
  open(session: ClusterSession, opening: Opening): Promise<void> {
    const core = this.#core;
    const running = this.#opening;
    if (running?.session === session && !running.controller.signal.aborted) return running.promise;
    if (core.inner?.session === session && core.inner.hasStarted && !core.inner.isRetired) {
      return Promise.resolve();
    }
    const controller = abortable();
    return this.#track(session, opening.kind, controller, (signal) =>
      this.#open(session, opening, signal),
    );
  }

  #track(
    session: ClusterSession,
    kind: Opening['kind'],
    controller: AbortController,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const promise = work(anyOf(session.signal, controller.signal)).finally(() => {
      if (this.#opening === current) this.#opening = undefined;
    });
    promise.catch(() => {});
    const current: RunningOpening = { session, kind, controller, promise };
    this.#opening = current;
    return promise;
  }

  async #open(session: ClusterSession, opening: Opening, signal: AbortSignal): Promise<void> {
    const inner = await openOn(this.#core, session, opening, signal);
    this.#scheduleRefresh(inner);
    this.#core.standby?.keep(session);
  }

  /** Ends whatever is on its way. The inner consumer in force stays. */
  cancel(reason: Error): void {
    this.#cancelRefresh();
    this.#opening?.controller.abort(reason);
  }

  /** As kafkajs's `stop`; concurrent calls share one, and call off a `run()` that came between them. */
  stop(): Promise<void> {
    if (this.#stopping !== undefined) this.#forget();
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined;
    });
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const core = this.#core;
    const { inner, state } = core;
    const wasRunning = core.intent !== undefined;
    const left = core.standby?.leave();
    this.#forget();
    this.cancel(new FailoverClosedError('The consumer was stopped'));
    core.wakeUp();
    if (!wasRunning) return;
    if (inner?.hasStarted === true) {
      if (inner.isRetired) await inner.idle();
      else {
        // A planned switch is under way: it ends in the same order, and shares the work.
        const ending = state.kind === 'open' ? inner.stop() : inner.drain().catch(() => {});
        await Promise.all([ending, this.#sayLast(inner)]);
      }
      core.closing = inner.closed;
      if (core.inner === inner && core.state.kind !== 'held') core.dropInner();
    }
    await left;
    core.emit(CONSUMER_EVENTS.STOP);
  }

  /**
   * As soon as handlers have ended, and beside kafkajs's leaving: whoever gets the partitions next goes on there, also where the cluster dies now and
   * nothing of it was mirrored.
   */
  async #sayLast(inner: InnerConsumer): Promise<void> {
    const { parts, groupId, setup } = this.#core;
    await inner.idle();
    await parts.sayLast(inner.session, {
      groupId,
      selectors: setup.selectors,
      ...inner.standing(),
      begunAt: [],
      earlier: [],
      deliveredBefore: [],
    });
  }

  /** The user does not want it to run any more. As with kafkajs, pauses and seeks are forgotten. */
  #forget(): void {
    const core = this.#core;
    core.intent = undefined;
    void core.standby?.leave();
    core.setup.setRun(undefined);
    core.pauses.clear();
    core.seeks.length = 0;
  }

  /** It does not begin after a switch, for good. */
  giveUp(error: unknown): void {
    this.#gaveUpFor = error;
    this.#forget();
    this.#cancelRefresh();
  }

  /**
   * kafkajs gave up, and would leave the consumer dead. It does so for errors that are not the cluster's fault (a handler
   * that threw), and the service is told as with kafkajs. Where the cluster is to blame, the consumer goes on trying, so
   * that it still is there when the cluster, or another one, is.
   */
  onDied(inner: InnerConsumer, error: Error): boolean {
    const opening = this.#opening;
    // The opening hears of it by itself, and tries again; a switch begins anew anyway.
    if (opening !== undefined && opening.kind !== 'run') return true;
    if (this.#core.state.kind === 'held') return true;
    if (this.isStopping) return false;
    const { about } = judge(error);
    const isClusters = about === 'cluster' || about === 'coordinator';
    void this.#afterDeath(inner, error, isClusters);
    if (!isClusters) {
      this.#forget();
      this.#cancelRefresh();
    }
    return isClusters;
  }

  async #afterDeath(inner: InnerConsumer, error: Error, isClusters: boolean): Promise<void> {
    const core = this.#core;
    // After the CRASH event reached the user's listeners.
    await Promise.resolve();
    const { session } = inner;
    inner.retire(error);
    if (!isClusters || core.intent === undefined || core.state.kind !== 'open') return;
    await this.#again(inner, abortable(), async (signal) => {
      await sleep(core.parts.world, REOPEN_DELAY_MS, { signal });
      await this.#open(session, { kind: 'again', before: inner }, signal);
    });
  }

  onUnknownTopics(inner: InnerConsumer): void {
    this.#cancelRefresh();
    void this.#refresh(inner);
  }

  /** In GROUP_JOIN: retired there, it is shown out before it fetches, and another one begins in its place. */
  onSeekKept(inner: InnerConsumer): void {
    if (!this.#isInForce(inner)) return;
    this.#cancelRefresh();
    inner.retire(new FailoverClosedError('The consumer joins anew'));
    void this.#again(inner, abortable(), async (signal) => {
      await inner.idle();
      await inner.leave();
      await this.#open(inner.session, { kind: 'again', before: inner }, signal);
    });
  }

  /** It runs, and nothing is about to change that. */
  #isInForce(inner: InnerConsumer): boolean {
    const core = this.#core;
    return (
      core.inner === inner &&
      !inner.isRetired &&
      core.state.kind === 'open' &&
      core.intent !== undefined &&
      !this.isStopping &&
      this.#opening === undefined
    );
  }

  #scheduleRefresh(inner: InnerConsumer): void {
    this.#cancelRefresh();
    const { world, limits } = this.#core.parts;
    if (inner.subscription?.mayGrow !== true) return;
    this.#cancelRefresh = world.after(limits.topicRefreshMs, () => void this.#refresh(inner));
  }

  /** Looks for physical topics that appeared since, and joins anew where there are some. */
  async #refresh(inner: InnerConsumer): Promise<void> {
    const core = this.#core;
    if (!this.#isInForce(inner)) return;
    const next = await core.resolve(inner.session).catch(() => undefined);
    if (!this.#isInForce(inner)) return;
    const { subscription } = inner;
    if (next === undefined || subscription === undefined) return this.#scheduleRefresh(inner);
    if (newTopics(subscription, next).length === 0) return this.#scheduleRefresh(inner);
    await this.#again(inner, abortable(), async (signal) => {
      inner.gate.hold();
      core.emit(CONSUMER_EVENTS.REBALANCING, { groupId: core.groupId, memberId: inner.memberId });
      // What could not be committed is handled again: the progress it is about is not lost, only doubled.
      await inner.drain().catch(() => {});
      await this.#open(inner.session, { kind: 'again', before: inner }, signal);
      const { id: consumer, events } = core.parts;
      const facts = { consumer, cluster: inner.session.alias, groupId: core.groupId };
      const topics = [...next.fromBeginning.keys()];
      events.emit('consumer.resubscribed', { ...facts, topics }, inner.session);
    });
  }

  /** Begins again in the same epoch. What ends it, a switch or a stop, has told its own callers. */
  async #again(
    inner: InnerConsumer,
    controller: AbortController,
    work: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    await this.#track(inner.session, 'again', controller, work).catch(() => {});
  }
}
