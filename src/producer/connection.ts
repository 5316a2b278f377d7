import type { ClusterSession } from '../cluster/session.js';
import type { Participant } from '../switch/participant.js';
import { unreachable } from '../unreachable.js';
import { untilAborted, untilDeadline } from '../wait.js';
import { closedError, type OpenState, type ProducerCore } from './core.js';
import type { InnerProducer } from './inner-producer.js';
import { disconnectedWhilePending } from './send-errors.js';
import { PRODUCER_EVENTS } from './producer-events.js';

/**
 * The user's side of a producer's life: `connect()`, `disconnect()`, and the end.
 *
 * @internal
 */
export class ProducerConnection {
  readonly #core: ProducerCore;
  readonly #participant: Participant;
  #connecting: { readonly leaveCount: number; readonly done: Promise<void> } | undefined;
  #leaving: Promise<void> | undefined;
  /** Grows with every `disconnect()`: a `connect()` from before it must not open anything after it. */
  #leaveCount = 0;
  #closing = false;

  constructor(core: ProducerCore, participant: Participant) {
    this.#core = core;
    this.#participant = participant;
  }

  /** Concurrent calls share one run, unless there was a `disconnect()` between them. */
  connect(): Promise<void> {
    const leaveCount = this.#leaveCount;
    if (this.#connecting?.leaveCount === leaveCount) return this.#connecting.done;
    const connecting = {
      leaveCount,
      done: this.#connect(leaveCount).finally(() => {
        if (this.#connecting === connecting) this.#connecting = undefined;
      }),
    };
    this.#connecting = connecting;
    return connecting.done;
  }

  async #connect(leaveCount: number): Promise<void> {
    await this.#leaving?.catch(() => {});
    const { state, parts } = this.#core;
    if (state.kind === 'idle' && !this.#closing) {
      await parts.active.started();
      this.#assertWanted(leaveCount);
      this.#enter(parts.active.session());
    }
    await this.#untilConnected(leaveCount);
  }

  /** @throws FailoverClosedError where a `disconnect()`, or the end, came after the call. */
  #assertWanted(leaveCount: number): void {
    if (leaveCount !== this.#leaveCount || this.#closing) throw closedError('connect()');
  }

  /** Becomes a participant: with the session in force or, where there is none, as a switch would leave it. */
  #enter(session: ClusterSession | undefined): void {
    const core = this.#core;
    if (session === undefined) {
      core.state = { kind: 'held', heldAtMs: core.parts.world.nowMs(), inner: undefined };
    } else {
      const inner = core.makeInner(session);
      core.state = { kind: 'open', inner };
      core.parts.relay.attach(inner.producer);
    }
    // `hold` or `halt` may be called before this returns.
    core.parts.active.register(this.#participant);
  }

  async #untilConnected(leaveCount: number): Promise<void> {
    this.#assertWanted(leaveCount);
    const { state } = this.#core;
    switch (state.kind) {
      case 'open':
        return this.#connectInner(state, leaveCount);
      case 'held':
        return this.#untilOpen();
      case 'halted':
        throw state.error;
      case 'idle':
      case 'leaving':
      case 'closed':
        throw closedError('connect()');
      default:
        return unreachable(state);
    }
  }

  async #untilOpen(): Promise<void> {
    const core = this.#core;
    try {
      await core.untilOpen('connect()', core.holdDeadlineAtMs());
    } catch (error) {
      // Nobody waits any more: it must not connect by itself when the switch ends.
      const { kind } = core.state;
      if (!core.connected && (kind === 'held' || kind === 'open')) this.#giveUp(core.inner());
      throw error;
    }
  }

  async #connectInner(state: OpenState, leaveCount: number): Promise<void> {
    const core = this.#core;
    const { inner } = state;
    try {
      await untilAborted(inner.session.signal, inner.producer.connect());
    } catch (error) {
      if (core.state !== state) return this.#untilConnected(leaveCount);
      // Fenced, and the switch is about to say so.
      if (inner.overtaken) return this.#untilOpen();
      if (!core.connected) this.#giveUp(inner);
      throw error;
    }
    // A disconnect() meanwhile came too early for kafkajs, which has connected after all.
    if (leaveCount !== this.#leaveCount || this.#closing) inner.retire();
    this.#assertWanted(leaveCount);
    core.connected = true;
    core.standby?.keep(inner.session);
  }

  /** The first `connect()` failed: as if it had not been called. */
  #giveUp(inner: InnerProducer | undefined): void {
    const { active, relay, sends } = this.#core.parts;
    active.unregister(this.#participant);
    relay.detach();
    this.#core.standby?.leave();
    this.#core.state = { kind: 'idle' };
    this.#core.endJitter();
    // A CONNECT listener may have sent something before the connecting failed; nobody looks after it from here on.
    sends.stopDeadlines();
    sends.settleInFlight('connect() failed before an answer came', disconnectedWhilePending);
    inner?.retire();
  }

  disconnect(): Promise<void> {
    if (this.#leaving !== undefined) return this.#leaving;
    if (this.#core.state.kind === 'closed') return Promise.resolve();
    this.#leaveCount += 1;
    this.#leaving = this.#leave().finally(() => {
      this.#leaving = undefined;
    });
    return this.#leaving;
  }

  /** The end: as `disconnect`, and nothing can be called afterwards. Never rejects. */
  async close(): Promise<void> {
    this.#closing = true;
    if (this.#leaving !== undefined || this.#core.state.kind !== 'idle') {
      await this.disconnect().catch(() => {});
    }
    this.#core.state = { kind: 'closed' };
  }

  async #leave(): Promise<void> {
    const core = this.#core;
    const { active, relay, sends, world } = core.parts;
    const inner = core.inner();
    core.state = { kind: 'leaving' };
    core.connected = false;
    core.standby?.leave();
    core.endJitter();
    core.waiters.rejectAll(closedError('The call'));
    sends.rejectHeld(disconnectedWhilePending);
    try {
      const reported = inner !== undefined && (await this.#disconnectInner(inner));
      relay.detach();
      // kafkajs reports DISCONNECT at every call, also where there was nothing to disconnect.
      if (!reported) relay.emit(PRODUCER_EVENTS.DISCONNECT, null, world.wallMs());
    } finally {
      relay.detach();
      core.fenceTransactions('the producer was disconnected');
      const because = 'the producer was disconnected before an answer came';
      sends.stopDeadlines();
      sends.settleInFlight(because, disconnectedWhilePending);
      inner?.retire();
      core.state = this.#closing ? { kind: 'closed' } : { kind: 'idle' };
      // Not before: a planned switch drains what it has sent.
      active.unregister(this.#participant);
    }
  }

  /**
   * Disconnects as kafkajs does, and then waits for sends that are still being retried (kafkajs would write them after
   * `disconnect()` resolved); both at most `disconnectMaxMs`, and not beyond a fence.
   *
   * @returns whether the inner producer reported DISCONNECT.
   */
  async #disconnectInner(inner: InnerProducer): Promise<boolean> {
    const { world, sends, disconnectMaxMs } = this.#core.parts;
    let reported = false;
    const work = async (): Promise<void> => {
      await inner.producer.disconnect();
      reported = true;
      await sends.inFlight.whenIdle();
    };
    try {
      const deadlineAtMs = world.nowMs() + disconnectMaxMs;
      await untilDeadline(world, deadlineAtMs, untilAborted(inner.session.signal, work()));
    } catch (error) {
      if (!inner.overtaken) throw error;
    }
    return reported;
  }
}
