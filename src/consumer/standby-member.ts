import { asError } from '../caught.js';
import type { ClusterSession } from '../cluster/session.js';
import type { Standby } from '../cluster/standby.js';
import { FailoverClosedError } from '../errors.js';
import { abortable, sleep, untilAborted, untilDeadline } from '../wait.js';
import { CONSUMER_EVENTS } from './consumer-events.js';
import type { ConsumerCore } from './core.js';
import { FetchHold, type GroupJoin } from './fetch-hold.js';
import { DEFAULT_HEARTBEAT_INTERVAL_MS } from './inner-config.js';
import type { InnerConsumer } from './inner-consumer.js';
import { withoutMark } from './standby-mark.js';
import { newTopics } from './subscription.js';

/**
 * How a consumer stands on the standby.
 *
 * @public
 */
export type ConsumerStandbyStatus =
  /** `consumer.hotStandby` is off, or the consumer does not run. */
  | { readonly kind: 'none' }
  /** It is no member there (yet); `because` says why the last attempt failed. */
  | { readonly kind: 'joining'; readonly cluster: string; readonly because: string | undefined }
  /** It is a member of its group there, and a switch needs no join. */
  | { readonly kind: 'joined'; readonly cluster: string };

/** @internal What the members of one process on the standby share. */
export interface StandbyPort extends Standby {
  /** True where all processes of the group move together. */
  readonly isFleet: boolean;
  /** Those of this process, until they end. */
  readonly members: Set<InnerConsumer>;
}

/** @internal A member that waits, and is about to be the consumer in force. */
export interface WaitingMember {
  readonly inner: InnerConsumer;
  readonly hold: FetchHold;
  readonly join: GroupJoin;
}

interface Keeping {
  readonly alias: string;
  readonly controller: AbortController;
  inner: InnerConsumer | undefined;
  hold: FetchHold | undefined;
}

/** How soon a member that was lost joins again, in milliseconds; it doubles. */
const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 10_000;

/** How long whoever stops waits for the standby's answer, in milliseconds. */
const LEAVE_MS = 1_000;

/** Beside two heartbeats: how long a coordinator's answer may be old, in milliseconds, for a member to count as one. */
const GRACE_MS = 1_000;

/**
 * Keeps a consumer in its group on the standby while it works on the active cluster: joins, and joins again where that was lost. What goes
 * wrong here is told, and touches nothing else.
 *
 * @internal
 */
export class StandbyMember {
  readonly #core: ConsumerCore;
  readonly #port: StandbyPort;
  #keeping: Keeping | undefined;
  #status: ConsumerStandbyStatus = { kind: 'none' };

  constructor(core: ConsumerCore, port: StandbyPort) {
    this.#core = core;
    this.#port = port;
  }

  get status(): ConsumerStandbyStatus {
    return this.#status;
  }

  get port(): StandbyPort {
    return this.#port;
  }

  /** From now on there shall be a member on the other cluster. Idempotent. */
  keep({ alias: active }: ClusterSession): void {
    const alias = this.#port.beside(active);
    if (this.#keeping?.alias === alias) return;
    void this.leave();
    const keeping = { alias, controller: abortable(), inner: undefined, hold: undefined };
    this.#keeping = keeping;
    this.#status = { kind: 'joining', cluster: alias, because: undefined };
    void this.#keep(keeping);
  }

  /** A switch has opened this session: the member that waited in it, if its coordinator has answered lately. */
  take(session: ClusterSession): WaitingMember | undefined {
    const keeping = this.#keeping;
    if (keeping === undefined || keeping.alias !== session.alias) return undefined;
    const { inner, hold } = keeping;
    const join = hold?.join;
    const { world } = this.#core.parts;
    const isFresh =
      hold !== undefined &&
      world.nowMs() - hold.aliveAtMs <= 2 * this.#heartbeatIntervalMs + GRACE_MS;
    const isMember = inner?.session === session && !inner.isRetired && isFresh;
    if (!isMember || hold === undefined || join === undefined) {
      void this.leave();
      return undefined;
    }
    this.#forget(keeping);
    return { inner, hold, join };
  }

  /** Leaves the group on the standby. Bounded, never rejects. */
  async leave(): Promise<void> {
    const keeping = this.#keeping;
    if (keeping === undefined) return;
    this.#forget(keeping);
    const { inner } = keeping;
    if (inner === undefined) return;
    inner.retire(new FailoverClosedError('The consumer does not wait on the standby any more'));
    const { world } = this.#core.parts;
    await untilDeadline(world, world.nowMs() + LEAVE_MS, inner.leave()).catch(() => {});
  }

  #forget(keeping: Keeping): void {
    keeping.controller.abort(new FailoverClosedError('Nothing waits on the standby'));
    this.#keeping = undefined;
    this.#status = { kind: 'none' };
  }

  get #heartbeatIntervalMs(): number {
    return this.#core.parts.config.heartbeatInterval ?? DEFAULT_HEARTBEAT_INTERVAL_MS;
  }

  async #keep(keeping: Keeping): Promise<void> {
    const { world, events, id } = this.#core.parts;
    const { signal } = keeping.controller;
    const facts = { consumer: id, cluster: keeping.alias, groupId: this.#core.groupId };
    let delayMs = FIRST_DELAY_MS;
    let isTold = false;
    while (!signal.aborted) {
      try {
        const { inner, hold } = await this.#join(keeping);
        this.#status = { kind: 'joined', cluster: keeping.alias };
        events.emit('consumer.standby-joined', facts);
        delayMs = FIRST_DELAY_MS;
        isTold = false;
        const cancel = this.#watchTopics(inner);
        const ended = await untilAborted(signal, hold.ended).finally(cancel);
        throw ended;
      } catch (error) {
        if (signal.aborted) return;
        this.#drop(keeping, asError(error));
        if (!isTold) events.emit('consumer.standby-lost', { ...facts, error: asError(error) });
        isTold = true;
      }
      await sleep(world, delayMs, { signal }).catch(() => {});
      delayMs = Math.min(2 * delayMs, MAX_DELAY_MS);
    }
  }

  #drop(keeping: Keeping, error: Error): void {
    const { inner } = keeping;
    this.#status = { kind: 'joining', cluster: keeping.alias, because: error.message };
    if (inner === undefined) return;
    keeping.inner = undefined;
    keeping.hold = undefined;
    inner.retire(error);
    void inner.leave();
  }

  async #join(keeping: Keeping): Promise<{ inner: InnerConsumer; hold: FetchHold }> {
    const core = this.#core;
    const { alias, controller } = keeping;
    const { signal } = controller;
    await untilAborted(signal, this.#port.identify(alias));
    const session = this.#port.sessionOn(alias);
    const resolved = await untilAborted(signal, core.resolve(session));
    const { run } = core.setup;
    if (resolved.fromBeginning.size === 0) {
      throw new Error(`no topic of the subscription exists on ${alias}`);
    }
    if (run === undefined) throw new Error('the consumer does not run');
    const hold = new FetchHold(core.parts.world, this.#heartbeatIntervalMs);
    const inner = core.makeInner(session, [], hold);
    keeping.inner = inner;
    keeping.hold = hold;
    this.#port.members.add(inner);
    void hold.ended.then(() => this.#port.members.delete(inner));
    inner.consumer.on(CONSUMER_EVENTS.HEARTBEAT, () => hold.alive());
    await untilAborted(signal, inner.consumer.connect());
    await untilAborted(signal, inner.subscribe(resolved));
    if ((await untilAborted(signal, strangersIn(inner))) > 0) {
      throw new Error(`the group has members on ${alias} that work there`);
    }
    inner.start(run).catch(() => {});
    await untilAborted(signal, inner.joined);
    return { inner, hold };
  }

  /** A topic that appears is none of its subscription: it ends, and joins with it. */
  #watchTopics(inner: InnerConsumer): () => void {
    const core = this.#core;
    const { world, limits } = core.parts;
    const { subscription } = inner;
    if (subscription?.mayGrow !== true) return () => {};
    const look = async (): Promise<void> => {
      const next = await core.resolve(inner.session).catch(() => undefined);
      if (inner.isRetired || inner.hold?.isStandby !== true) return;
      if (next !== undefined && newTopics(subscription, next).length > 0) {
        inner.retire(new FailoverClosedError('There are new topics on the standby'));
        return;
      }
      cancel = world.after(limits.topicRefreshMs, () => void look());
    };
    let cancel = world.after(limits.topicRefreshMs, () => void look());
    return () => cancel();
  }
}

/**
 * How many members of the group do not wait.
 *
 * @throws where the group is changing: a coordinator does not show then what they are.
 * @internal
 */
export async function strangersIn(inner: InnerConsumer): Promise<number> {
  const { members, state } = await inner.consumer.describeGroup();
  if (members.length > 0 && state !== 'Stable') throw new Error('the group is rebalancing');
  return members.filter((one) => withoutMark(one) === undefined).length;
}
