import type { ClusterSession } from '../cluster/session.js';
import { FailoverClosedError, FencedError } from '../errors.js';
import type { GroupPlan } from '../position/plan.js';
import type { GroupNeed } from '../position/need.js';
import { unreachable } from '../unreachable.js';
import type { ActiveCluster } from './active.js';
import { Asking } from './asking.js';
import type { SwitchFleet } from './fleet.js';
import { entering } from './fleet-phases.js';
import {
  closedError,
  haltedError,
  refusedError,
  rolledBackError,
  supersededError,
} from './answers.js';
import {
  phaseDeadlineMs,
  releasing,
  type PhaseDeadlines,
  type SwitchOperations,
} from './operations.js';
import { Measuring, type MeasuringParts } from './measuring.js';
import { OrderCallers } from './order-callers.js';
import type { Participant } from './participant.js';
import { Participants } from './participants.js';
import type { Holding } from './phase-context.js';
import { needsOf, runPhase } from './phases.js';
import { reportOf, type SwitchOutcome } from './report.js';
import {
  epochOf,
  type SwitchEffect,
  type SwitchInput,
  type SwitchOrder,
  type SwitchRun,
  type SwitchState,
} from './state.js';
import { transition } from './transition.js';
import { abortable } from '../wait.js';

/** @internal What the coordinator is made of. */
export interface CoordinatorParts extends MeasuringParts {
  readonly operations: SwitchOperations;
  readonly deadlines: PhaseDeadlines;
  /** The other processes; undefined where each decides for itself. */
  readonly fleet?: () => SwitchFleet | undefined;
  /** The state is another one: before its effects. */
  readonly onMoved?: () => void;
}

/**
 * The thin runner around the pure machine of `state.ts`: feeds it what happened, performs the effects it asks for, and
 * tells the participants. One switch at a time; it sees participants, never producers or consumers.
 *
 * @internal
 */
export class Coordinator implements ActiveCluster {
  readonly #parts: CoordinatorParts;
  readonly #operations: SwitchOperations;
  readonly #participants = new Participants();
  readonly #callers = new OrderCallers();
  readonly #end = abortable();
  readonly #asking = new Asking();
  readonly measuring: Measuring;
  #state: SwitchState = { kind: 'starting' };
  #session: ClusterSession | undefined;
  #started: Promise<void> | undefined;

  constructor(parts: CoordinatorParts) {
    this.#parts = parts;
    this.#operations = releasing(parts.operations, () => this.releaseUnused());
    this.measuring = new Measuring(parts);
  }

  get state(): SwitchState {
    return this.#state;
  }

  session(): ClusterSession | undefined {
    return this.#session;
  }

  switchEpoch(): number {
    return epochOf(this.#state);
  }

  /** @param isOrder - a person's word does not wait for the fleet's. */
  async started(isOrder = false): Promise<void> {
    this.#started ??= this.#start().catch((error: unknown) => {
      // The next client that connects tries again: the flag file may be readable by then.
      this.#started = undefined;
      throw error;
    });
    const end = this.#callers.starts();
    try {
      await this.#started;
      if (!isOrder) await this.#operations.ready();
    } finally {
      // Whoever has waited for it takes part by then, or has left.
      this.#parts.world.after(0, () => {
        end();
        this.releaseUnused();
      });
    }
  }

  async #start(): Promise<void> {
    // An order may have ended a halt at start: then there is nothing left to choose.
    if (!this.#mustStart()) return;
    const { active, switchEpoch } = await this.#parts.operations.chooseFirst();
    if (!this.#mustStart()) return;
    this.#session = this.#parts.operations.openSession(active, switchEpoch);
    this.#feed({ kind: 'started', active, switchEpoch });
    // Not earlier: what is heard before the state file was read would be taken for newer than that.
    if (!this.#participants.isEmpty) this.#operations.watch();
  }

  #mustStart(): boolean {
    const state = this.#state;
    if (state.kind === 'halted') throw haltedError(state.error);
    if (state.kind === 'closed') throw new FailoverClosedError('FailoverKafka was closed');
    return state.kind === 'starting';
  }

  register(participant: Participant): void {
    if (this.#state.kind === 'closed') {
      participant.halt(closedError());
      return;
    }
    const state = this.#state;
    if (state.kind !== 'starting') this.#operations.watch();
    this.#participants.add(participant, state.kind === 'switching' ? state.run.turn : undefined);
    if (state.kind === 'halted') this.#participants.haltOthers(haltedError(state.error));
  }

  unregister(participant: Participant): void {
    this.#participants.remove(participant);
    this.releaseUnused();
  }

  /** kafkajs lets a process end once its clients are disconnected; so nothing may stay connected here either. */
  releaseUnused(): void {
    if (!this.#participants.isEmpty || !this.#callers.isEmpty) return;
    this.measuring.tell();
    this.#parts.operations.release();
  }

  participants(): readonly Participant[] {
    return this.#participants.list();
  }

  /** What the groups of this process need planned. */
  needs(): readonly GroupNeed[] {
    return needsOf(this.participants());
  }

  async planAtStart(need: GroupNeed, hasRun = false): Promise<GroupPlan | undefined> {
    // Also while a switch is in `prepare` or `open`: its participants work with a session then.
    const session = this.#session;
    if (session === undefined) return undefined;
    const fleet = this.#parts.fleet?.();
    if (fleet !== undefined) await entering(need.groupId, fleet, this.#parts, session);
    if (hasRun) return undefined;
    const plan = await this.#operations.planAtStart(session.alias, need, session.signal);
    const isNews = plan !== undefined && !session.signal.aborted;
    if (isNews) this.#parts.events.emit('positions.planned', { plan }, session);
    return plan;
  }

  /** Carries out an order to switch; the promise settles once, when the order was carried out, refused or overtaken. */
  order(order: Omit<SwitchOrder, 'orderId'>): Promise<SwitchOutcome> {
    const { world } = this.#parts;
    const ended = this.#callers.wait((orderId) => {
      // Also without a client: the fleet has to agree.
      if (this.#state.kind !== 'closed') this.#operations.watch();
      this.#feed({ kind: 'ordered', order: { ...order, orderId }, atMs: world.nowMs() });
    });
    return ended.finally(() => this.releaseUnused());
  }

  /**
   * Stops everything because going on could do harm: fences first, then reports.
   *
   * @param active - the cluster that was to be started on, where nothing was started yet.
   */
  halt(active: string, error: Error): void {
    this.#fence(`halted: ${error.message}`);
    this.#feed({ kind: 'halted', active, error });
  }

  /**
   * The end: the session is fenced, callers that wait are answered. Participants are closed by their owner before; those
   * that came meanwhile are halted.
   */
  close(): void {
    this.measuring.tell();
    this.#end.abort(new FailoverClosedError('FailoverKafka was closed'));
    this.#fence('closed');
    this.#feed({ kind: 'closed' });
  }

  /** The effects follow when the state has moved, perhaps into the next switch: each tells its own epoch. */
  #feed(input: SwitchInput): void {
    const { state, effects } = transition(this.#state, input);
    this.#state = state;
    this.#asking.look(state);
    this.#parts.onMoved?.();
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: SwitchEffect): void {
    switch (effect.kind) {
      case 'started-switch': {
        const { from, to, planned, reason } = effect.turn;
        this.measuring.began(this.#operations.heartbeatTo(to));
        this.#parts.events.emit('switch.started', { from, to, planned, reason });
        return;
      }
      case 'run-phase':
        void this.#runPhase(effect.run);
        return;
      case 'overran': {
        const { phase, turn } = effect.run;
        const deadlineMs = phaseDeadlineMs(phase, this.#parts.deadlines);
        this.#parts.events.emit(
          'switch.phase-overran',
          { from: turn.from, to: turn.to, phase, deadlineMs, detail: effect.detail },
          turn,
        );
        return;
      }
      case 'completed':
        this.#complete(effect.run, effect.atMs);
        return;
      case 'refused': {
        const { reasons, run } = effect;
        const { from, to } = run.turn;
        const epoch = { switchEpoch: run.fromEpoch };
        this.#parts.events.emit('switch.refused', { from, to, reasons }, epoch);
        this.#callers.reject(run.orderIds, refusedError(run.turn, reasons));
        // Back in the halt. Who came meanwhile has heard of nothing, and would wait for ever.
        const { haltedBy } = run;
        if (haltedBy !== undefined) this.#participants.haltOthers(haltedError(haltedBy.error));
        return;
      }
      case 'rolled-back':
        this.#parts.events.emit(
          'switch.rolled-back',
          { to: effect.run.turn.to, error: effect.error },
          effect.run.turn,
        );
        this.#callers.reject(effect.run.orderIds, rolledBackError(effect.run.turn, effect.error));
        return;
      case 'already-active':
        this.#callers.resolve([effect.orderId], {
          kind: 'already-active',
          cluster: effect.active,
          switchEpoch: effect.switchEpoch,
        });
        return;
      case 'superseded':
        this.#callers.reject(
          [effect.order.orderId],
          supersededError(effect.order, this.switchEpoch(), effect.because),
        );
        return;
      case 'halt': {
        const error = haltedError(effect.error);
        this.#parts.events.emit('failover.halted', { cluster: effect.active, error: effect.error });
        this.#participants.halt(error);
        this.#callers.reject(effect.orderIds, error);
        return;
      }
      case 'close':
        this.#participants.halt(closedError());
        this.#callers.reject(
          effect.orderIds,
          new FailoverClosedError('FailoverKafka was closed before the switch was over'),
        );
        return;
      default:
        unreachable(effect);
    }
  }

  async #runPhase(run: SwitchRun): Promise<void> {
    const { world, events, deadlines } = this.#parts;
    events.emit('switch.phase-started', {
      from: run.turn.from,
      to: run.turn.to,
      phase: run.phase,
    });
    const outcome = await runPhase(run, {
      world,
      operations: this.#operations,
      deadlines,
      fleet: this.#parts.fleet?.(),
      participants: () => this.participants(),
      hold: (whom) => this.#holdAll(whom, run),
      fence: (reason) => this.#fence(reason),
      openSession: () => {
        this.#participants.letGo();
        this.#session = this.#operations.openSession(run.turn.to, run.turn.switchEpoch);
        return this.#session;
      },
      onPlan: (plan) => events.emit('positions.planned', { plan }, run.turn),
      signal: this.#asking.signalFor(run, this.#end.signal),
    });
    this.#feed({
      kind: 'phase-ended',
      switchEpoch: run.turn.switchEpoch,
      phase: run.phase,
      outcome,
      atMs: world.nowMs(),
    });
  }

  /** A phase that was given up goes on in the dark: it must not hold anybody whom a later one has opened. */
  #holdAll(whom: Holding, { turn, phase }: SwitchRun): boolean {
    const state = this.#state;
    if (state.kind !== 'switching') return false;
    const { run } = state;
    if (run.turn.switchEpoch !== turn.switchEpoch || run.phase !== phase) return false;
    this.#participants.hold(whom, run.turn);
    return true;
  }

  #fence(reason: string): void {
    const session = this.#session;
    this.#session = undefined;
    if (session !== undefined) this.measuring.left(session.work);
    session?.fence(
      new FencedError(
        `Cluster ${session.alias} was fenced in epoch ${session.switchEpoch} (${reason})`,
        { cluster: session.alias, switchEpoch: session.switchEpoch },
      ),
    );
  }

  #complete(run: SwitchRun, atMs: number): void {
    const report = reportOf(run, atMs, this.#parts.world.wallMs());
    this.#parts.events.emit('switch.completed', { report }, report);
    this.measuring.completed(run, report, this.#session?.work);
    this.#parts.ledger?.switched(run.turn);
    this.#callers.resolve(run.orderIds, { kind: 'switched', report });
  }
}
