import type { ClusterSession } from '../cluster/session.js';
import type { Participant, SwitchTurn } from '../switch/participant.js';
import { abortable, anyOf, ENDLESS_RETRIES, retry, sleep, untilAborted } from '../wait.js';
import type { ProducerCore, ProducerState } from './core.js';
import type { InnerProducer } from './inner-producer.js';
import { haltedWhilePending } from './send-errors.js';
import type { StandbyProducer } from './standby-producer.js';

/**
 * The coordinator's side of a producer.
 *
 * @internal
 */
export class ProducerSwitching implements Participant {
  readonly id: string;
  readonly usesOthers: boolean = false;
  readonly #core: ProducerCore;

  constructor(core: ProducerCore) {
    this.id = core.parts.id;
    this.#core = core;
  }

  hold(turn: SwitchTurn): void {
    const core = this.#core;
    if (core.isAway()) return;
    const inner = core.inner();
    if (inner !== undefined) inner.sealed = true;
    // A switch that follows before the last one ended prolongs the same wait: what waits longest stays in front.
    const heldAtMs = core.state.kind === 'held' ? core.state.heldAtMs : core.parts.world.nowMs();
    core.state = { kind: 'held', heldAtMs, inner };
    core.parts.sends.news.switchStarted(turn);
    // While a planned switch drains, an open transaction may still come to its end on the source.
    if (turn.planned) return;
    for (const transaction of core.transactions) transaction.seal(overtakenBy(turn));
  }

  async drain(): Promise<void> {
    const { state, parts, transactions } = this.#core;
    // Of a producer that is leaving, too: the fence would cut off what it still waits for.
    if (state.kind !== 'held' && state.kind !== 'leaving') return;
    const ends = [...transactions].map((transaction) => transaction.whenEnded());
    await Promise.all([parts.sends.inFlight.whenIdle(), ...ends]);
  }

  detach(turn: SwitchTurn): Promise<void> {
    const { state, parts, standby } = this.#core;
    parts.sends.news.turn = turn;
    standby?.check();
    if (state.kind === 'held') this.#detach(state.heldAtMs, overtakenBy(turn));
    return Promise.resolve();
  }

  #detach(heldAtMs: number, because: string): void {
    const core = this.#core;
    const inner = core.inner();
    core.state = { kind: 'held', heldAtMs, inner: undefined };
    core.parts.relay.detach();
    core.fenceTransactions(because);
    core.parts.sends.detach(heldAtMs);
    inner?.retire();
  }

  need(): undefined {
    return undefined;
  }

  async attach(session: ClusterSession): Promise<void> {
    const core = this.#core;
    const before = core.state;
    if (core.isAway()) return;
    const heldAtMs = before.kind === 'held' ? before.heldAtMs : core.parts.world.nowMs();
    // Whoever joined in the middle of a switch may not have met its `detach`.
    this.#detach(heldAtMs, `cluster ${session.alias} took over`);
    const hot = core.standby && (await this.#waiting(core.standby, session));
    if (hot === 'overtaken') return;
    const inner = hot ?? core.makeInner(session);
    const held: ProducerState = { kind: 'held', heldAtMs, inner };
    core.state = held;
    core.parts.relay.attach(inner.producer);
    const isCurrent = (): boolean => core.state === held;
    try {
      await this.#connectPatiently(inner, isCurrent);
    } finally {
      // Overtaken by a newer switch, it is that one's to detach; otherwise nobody knows of it any more.
      if (core.inner() !== inner) inner.retire();
    }
    if (!isCurrent()) return;
    core.connected = true;
    void core.parts.sends.release({
      session,
      inner: () => core.innerOn(session),
      onReleased: () => {
        core.open(inner);
        core.standby?.keep(session);
      },
    });
  }

  /** The inner producer that waited for this session; undefined where none did, or it is in doubt. */
  async #waiting(
    standby: StandbyProducer,
    session: ClusterSession,
  ): Promise<InnerProducer | 'overtaken' | undefined> {
    const { state } = this.#core;
    const inner = await standby.take(session);
    if (this.#core.state === state) return inner;
    // Disconnected, halted, or a newer switch has begun meanwhile.
    inner?.retire();
    return 'overtaken';
  }

  async #connectPatiently(inner: InnerProducer, isCurrent: () => boolean): Promise<void> {
    const { world, limits } = this.#core.parts;
    const { signal } = inner.session;
    const policy = { ...ENDLESS_RETRIES, signal, shouldRetry: isCurrent };
    try {
      await untilAborted(
        signal,
        retry(world, policy, () => inner.producer.connect()),
      );
    } catch (error) {
      // Disconnected or halted meanwhile: nobody is interested in how the connecting failed.
      if (isCurrent() || signal.aborted) throw error;
      return;
    }
    if (isCurrent() && limits.releaseJitterMs > 0) {
      await this.#pause(world.random() * limits.releaseJitterMs, signal);
    }
  }

  /** As long as the producer is there: nothing may keep the process from ending after its `disconnect()`. */
  async #pause(pauseMs: number, fenced: AbortSignal): Promise<void> {
    const core = this.#core;
    const end = abortable();
    core.endJitter = () => end.abort();
    try {
      await sleep(core.parts.world, pauseMs, { signal: anyOf(fenced, end.signal) });
    } catch (error) {
      if (fenced.aborted) throw error;
    }
  }

  halt(error: Error): void {
    const core = this.#core;
    if (core.isAway()) return;
    const { relay, sends } = core.parts;
    const inner = core.inner();
    core.state = { kind: 'halted', error };
    core.endJitter();
    core.standby?.leave();
    relay.detach();
    core.fenceTransactions(`the library halted: ${error.message}`);
    sends.stopDeadlines();
    sends.settleInFlight('the library halted before an answer came', (send) =>
      haltedWhilePending(send, error),
    );
    sends.rejectHeld((send) => haltedWhilePending(send, error));
    core.waiters.rejectAll(error);
    inner?.retire();
  }
}

function overtakenBy({ from, to, reason }: SwitchTurn): string {
  return `a switch from ${from} to ${to} (${reason}) overtook it`;
}
