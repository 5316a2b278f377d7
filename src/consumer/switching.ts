import type { ClusterSession } from '../cluster/session.js';
import { FencedError, GroupElsewhereError } from '../errors.js';
import type { GroupPlan } from '../position/plan.js';
import type { GroupNeed } from '../position/need.js';
import type { Participant, SwitchTurn } from '../switch/participant.js';
import { ENDLESS_RETRIES, retry, untilAborted } from '../wait.js';
import { CONSUMER_EVENTS } from './consumer-events.js';
import type { ConsumerCore } from './core.js';
import type { InnerConsumer } from './inner-consumer.js';
import { replanned, type ResumePosition } from './resume.js';
import type { ConsumerRunning } from './running.js';
import { begunAt, NOWHERE } from './standing.js';

/**
 * A consumer's part in a switch. What the user sees of it: REBALANCING at its start, GROUP_JOIN at its end.
 *
 * @internal
 */
export class ConsumerSwitching implements Participant {
  readonly id: string;
  readonly usesOthers: boolean = true;
  readonly #core: ConsumerCore;
  readonly #running: ConsumerRunning;

  constructor(core: ConsumerCore, running: ConsumerRunning) {
    this.id = core.parts.id;
    this.#core = core;
    this.#running = running;
  }

  hold(turn: SwitchTurn): void {
    const core = this.#core;
    const isFirst = core.state.kind === 'open';
    core.state = { kind: 'held', turn };
    const reason = new FencedError(`A switch from ${turn.from} to ${turn.to} began`, {
      cluster: turn.from,
      switchEpoch: turn.switchEpoch - 1,
    });
    this.#running.cancel(reason);
    const { inner } = core;
    inner?.gate.hold();
    for (const { topic, partition } of core.seeks.splice(0)) {
      const error = new FencedError(
        `The seek in ${topic}[${partition}] was not carried out: a switch to ${turn.to} began before the consumer did`,
        { cause: reason, cluster: turn.from, topic, partition },
      );
      core.reportRefused(error);
    }
    if (isFirst && core.intent !== undefined && inner?.memberId !== undefined) {
      const { memberId } = inner;
      core.emit(CONSUMER_EVENTS.REBALANCING, { groupId: core.groupId, memberId });
    }
  }

  async drain(): Promise<void> {
    const { inner } = this.#core;
    if (inner?.hasStarted !== true) return;
    inner.session.drains();
    await inner.drain();
  }

  async detach(): Promise<void> {
    const { inner } = this.#core;
    if (inner === undefined) return;
    await inner.idle();
    // A source that is given up may be alive all the same. Dead members would hold up its group until they expire: the
    // processes that are still there, and this one when it comes back. Nobody waits for the answer.
    if (inner.isRetired && inner.memberId !== undefined) this.#core.departing.add(inner);
  }

  need(): GroupNeed | undefined {
    const { intent, setup, groupId, older, earlier, planned } = this.#core;
    if (intent === undefined) return undefined;
    const source = this.#ofSource();
    const isPlanned = planned?.switchEpoch === source?.session.switchEpoch;
    const plan = isPlanned ? planned?.plan : undefined;
    return {
      groupId,
      selectors: setup.selectors,
      ...(source === undefined ? NOWHERE : source.standing()),
      begunAt: begunAt(plan),
      earlier: earlier.list(),
      deliveredBefore: older.ends(),
    };
  }

  /**
   * What was handled on the cluster that is left. Where a switch was overtaken before the consumer began there, the inner
   * consumer is still the one of the cluster before, and its offsets are those of other logs, perhaps of the same name.
   */
  #ofSource(): InnerConsumer | undefined {
    const { inner, state, parts } = this.#core;
    const source = state.kind === 'held' ? state.turn.from : parts.active.session()?.alias;
    return inner?.session.alias === source ? inner : undefined;
  }

  async attach(
    session: ClusterSession,
    plan: GroupPlan | GroupElsewhereError | undefined,
  ): Promise<void> {
    const core = this.#core;
    const { intent } = core;
    core.state = { kind: 'open' };
    const opening = intent === undefined ? undefined : this.#open(session, plan);
    core.wakeUp();
    if (opening === undefined) {
      await this.#reconnect(session);
      return;
    }
    try {
      await opening;
    } catch (error) {
      // The user stopped it meanwhile: there is nothing to open.
      if (core.intent === undefined || core.intent !== intent) return;
      const isOvertaken = session.signal.aborted || core.state.kind !== 'open';
      if (!isOvertaken) {
        // Nobody tries again: to the user it is dead, as after a crash of kafkajs's, and may be run again.
        this.#running.giveUp(error);
        core.emit(CONSUMER_EVENTS.CRASH, { error, groupId: core.groupId, restart: false });
      }
      throw error;
    }
    const wasHot = core.inner?.hold !== undefined;
    const facts = { consumer: this.id, cluster: session.alias, groupId: core.groupId, wasHot };
    core.parts.events.emit('consumer.attached', facts, session);
  }

  #open(session: ClusterSession, plan: GroupPlan | GroupElsewhereError | undefined): Promise<void> {
    if (plan instanceof GroupElsewhereError) return Promise.reject(plan);
    const own = ownPositions(this.#core, session);
    return this.#running.open(session, { kind: 'attach', plan, own });
  }

  halt(error: Error): void {
    const core = this.#core;
    const { inner } = core;
    const wasRunning = core.intent !== undefined && inner?.hasStarted === true;
    core.state = { kind: 'halted', error };
    this.#running.cancel(error);
    inner?.retire(error);
    void core.standby?.leave();
    if (wasRunning) {
      core.emit(CONSUMER_EVENTS.CRASH, { error, groupId: core.groupId, restart: false });
    }
    core.wakeUp();
  }

  /** Connected, but not consuming: that is all it needs on the new cluster. */
  async #reconnect(session: ClusterSession): Promise<void> {
    const core = this.#core;
    if (!core.isConnected) return;
    const { signal } = session;
    await retry(
      core.parts.world,
      { ...ENDLESS_RETRIES, signal, shouldRetry: () => core.isConnected },
      () => untilAborted(signal, core.innerOf(session).consumer.connect()),
    );
  }
}

/**
 * Back on the cluster that it came from (a planned switch was rolled back): what is known here is a position there, and so
 * is what was still to be put in place when the switch began; that alone where it had not begun there.
 */
function ownPositions(core: ConsumerCore, session: ClusterSession): readonly ResumePosition[] {
  const before = core.inner;
  // Where it was stopped meanwhile, what is left over is of an earlier stay.
  if (before === undefined) return [];
  if (before.session.alias !== session.alias) return core.latePositionsOn(session.alias);
  const own = before
    .standing()
    .processed.map(({ physicalTopic, partition, offset, rewoundBelow, removed }) => ({
      topic: physicalTopic,
      partition,
      offset,
      metadata: '',
      voided: rewoundBelow === undefined ? undefined : { first: offset, last: rewoundBelow },
      removed,
    }));
  return replanned(before.latePositions, replanned(own, before.beginnings()));
}
