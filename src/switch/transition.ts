import { unreachable } from '../unreachable.js';
import type { SwitchTurn } from './participant.js';
import { NEEDS_SOURCE, phasesOf, ROLL_BACK_PHASES } from './phase-lists.js';
import { agreedOn, isToBeAgreed, measured, newRun, withoutFleet, withoutSource } from './run.js';
import {
  activeOf,
  epochOf,
  type PhaseOutcome,
  type Halt,
  type SwitchEffect,
  type SwitchInput,
  type SwitchOrder,
  type SwitchRun,
  type SwitchState,
  type Transition,
} from './state.js';

/**
 * The whole switch logic, pure: what happens next, and what is to be done about it. Inputs that do not fit the state
 * (late answers of an older epoch or phase, orders after the end) change nothing.
 *
 * @internal
 */
export function transition(state: SwitchState, input: SwitchInput): Transition {
  switch (input.kind) {
    case 'started':
      return state.kind === 'starting'
        ? stay({ kind: 'steady', active: input.active, switchEpoch: input.switchEpoch })
        : stay(state);
    case 'ordered':
      return onOrder(state, input.order, input.atMs);
    case 'phase-ended':
      return onPhaseEnded(state, input);
    case 'halted':
      return onHalt(state, input.active, input.error);
    case 'closed':
      if (state.kind === 'closed') return stay(state);
      return {
        state: { kind: 'closed', switchEpoch: epochOf(state) },
        effects: [{ kind: 'close', orderIds: waitingOrders(state) }],
      };
    default:
      return unreachable(input);
  }
}

function stay(state: SwitchState): Transition {
  return { state, effects: [] };
}

function waitingOrders(state: SwitchState): readonly number[] {
  if (state.kind !== 'switching') return [];
  return state.next === undefined
    ? state.run.orderIds
    : [...state.run.orderIds, state.next.orderId];
}

function onOrder(state: SwitchState, order: SwitchOrder, atMs: number): Transition {
  switch (state.kind) {
    case 'starting':
      // The composition root waits for the start: there is nothing to switch from.
      return {
        state,
        effects: [{ kind: 'superseded', order, because: 'the library is starting' }],
      };
    case 'closed':
      return { state, effects: [{ kind: 'close', orderIds: [order.orderId] }] };
    case 'steady':
      if (order.to === state.active) {
        return {
          state,
          effects: [
            {
              kind: 'already-active',
              orderId: order.orderId,
              active: state.active,
              switchEpoch: state.switchEpoch,
            },
          ],
        };
      }
      return begin(state.active, state.switchEpoch, order, atMs);
    case 'halted':
      // An operator's order is the way out; the cluster that was left is fenced already, so nothing can be drained.
      return begin(state.active, state.switchEpoch, { ...order, planned: false }, atMs, {
        error: state.error,
        owed: state.owed,
      });
    case 'switching':
      return remember(state, order, atMs);
    default:
      return unreachable(state);
  }
}

function remember(
  state: Extract<SwitchState, { kind: 'switching' }>,
  order: SwitchOrder,
  atMs: number,
): Transition {
  const { run, next } = state;
  const superseded: readonly SwitchEffect[] =
    next === undefined
      ? []
      : [
          {
            kind: 'superseded',
            order: next,
            because: `a newer order to ${order.to} came before it was carried out`,
          },
        ];
  if (order.to === run.turn.to && run.rollBackOf === undefined) {
    return join(run, order, superseded, atMs);
  }
  return { state: { kind: 'switching', run, next: order }, effects: superseded };
}

/**
 * Another order to the same cluster. It may ask for less than the one before: give the source up, because it has died during a
 * planned switch, or ask nobody, because the agreement does not answer. Then what waits for that is cut short.
 */
function join(
  run: SwitchRun,
  order: SwitchOrder,
  effects: readonly SwitchEffect[],
  atMs: number,
): Transition {
  const joined = { ...run, orderIds: [...run.orderIds, order.orderId] };
  const givesUpSource = run.turn.planned && !order.planned;
  const asksNobody = order.fleet.kind === 'none' && isToBeAgreed(run);
  const patient = asksNobody ? withoutFleet(joined) : joined;
  const next = givesUpSource
    ? withoutSource({ ...patient, turn: { ...run.turn, reason: order.reason } })
    : patient;
  const detail =
    givesUpSource && NEEDS_SOURCE.has(run.phase)
      ? 'cut short by an order that gives the source up'
      : asksNobody && run.phase === 'agree'
        ? 'cut short by an order that does not ask the fleet'
        : undefined;
  if (detail === undefined) {
    return { state: { kind: 'switching', run: next, next: undefined }, effects };
  }
  const ended = measured(next, { kind: 'overran', detail }, atMs);
  return advance(ended, undefined, atMs, [...effects, overran(run, detail)]);
}

function overran(run: SwitchRun, detail: string): SwitchEffect {
  return { kind: 'overran', run, detail };
}

function begin(
  active: string,
  switchEpoch: number,
  order: SwitchOrder,
  atMs: number,
  haltedBy?: Halt,
): Transition {
  const { to, planned, reason, by, fleet } = order;
  const agreedEpoch = fleet.kind === 'agreed' ? fleet.epoch : undefined;
  const turn: SwitchTurn = {
    // The numbers of a fleet's decisions are never below those of its processes.
    switchEpoch: Math.max(switchEpoch + 1, agreedEpoch ?? 0),
    from: active,
    to,
    planned,
    reason,
    by,
    agreedEpoch,
  };
  const phases = phasesOf(planned, fleet.kind);
  const run = { ...newRun(turn, switchEpoch, phases, atMs, [order.orderId]), haltedBy };
  return {
    state: { kind: 'switching', run, next: undefined },
    effects: [
      { kind: 'started-switch', turn },
      { kind: 'run-phase', run },
    ],
  };
}

function onPhaseEnded(
  state: SwitchState,
  input: Extract<SwitchInput, { kind: 'phase-ended' }>,
): Transition {
  // A late answer: of an older switch, or of a phase that was given up by its deadline.
  if (
    state.kind !== 'switching' ||
    state.run.turn.switchEpoch !== input.switchEpoch ||
    state.run.phase !== input.phase
  ) {
    return stay(state);
  }
  const { atMs } = input;
  const outcome = inPlanOf(state.run, input.outcome);
  const run = measured(state.run, outcome, atMs);
  switch (outcome.kind) {
    case 'refused':
      return settle(
        before(run),
        state.next,
        [{ kind: 'refused', run, reasons: outcome.reasons }],
        atMs,
      );
    case 'failed':
      return onFailure(run, state.next, outcome.error, atMs);
    case 'overran':
      return advance(run, state.next, atMs, [overran(run, outcome.detail)]);
    case 'done': {
      const { agreed } = outcome;
      return advance(agreed === undefined ? run : agreedOn(run, agreed), state.next, atMs, []);
    }
    default:
      return unreachable(outcome);
  }
}

/**
 * An order that gave the source up may have joined while a planned switch was being prepared: what would only have stood
 * in the way of that one is worth a warning now. So is everything where the fleet has gone already.
 */
function inPlanOf({ turn }: SwitchRun, outcome: PhaseOutcome): PhaseOutcome {
  if (outcome.kind !== 'refused') return outcome;
  const isLate = turn.agreedEpoch !== undefined || (outcome.plannedOnly && !turn.planned);
  if (!isLate) return outcome;
  return { kind: 'done', warnings: outcome.reasons, missing: outcome.missing ?? [] };
}

function advance(
  run: SwitchRun,
  next: SwitchOrder | undefined,
  atMs: number,
  effects: readonly SwitchEffect[],
): Transition {
  const [phase, ...remaining] = run.remaining;
  if (phase !== undefined) {
    const advanced = { ...run, phase, phaseStartedAtMs: atMs, remaining };
    return {
      state: { kind: 'switching', run: advanced, next },
      effects: [...effects, { kind: 'run-phase', run: advanced }],
    };
  }
  const end: SwitchEffect =
    run.rollBackOf === undefined
      ? { kind: 'completed', run, atMs }
      : { kind: 'rolled-back', run, error: run.rollBackOf.error };
  return settle(
    { kind: 'steady', active: run.turn.to, switchEpoch: run.turn.switchEpoch },
    next,
    [...effects, end],
    atMs,
  );
}

/**
 * A planned switch that fails goes back to its source, which is alive. An unplanned one has nowhere to go back to, and where a
 * fleet goes nobody goes back alone: it goes on, and what is missing is reported and tried again by the participants.
 */
function onFailure(
  run: SwitchRun,
  next: SwitchOrder | undefined,
  error: Error,
  atMs: number,
): Transition {
  const { planned, agreedEpoch } = run.turn;
  if (!planned || agreedEpoch !== undefined || run.phase === 'open') {
    const warned = { ...run, warnings: [...run.warnings, `${run.phase} failed: ${error.message}`] };
    return advance(warned, next, atMs, []);
  }
  const back: SwitchTurn = {
    switchEpoch: run.turn.switchEpoch + 1,
    from: run.turn.to,
    to: run.turn.from,
    planned: false,
    reason: `roll back: ${error.message}`,
    by: run.turn.by,
    agreedEpoch: undefined,
  };
  const rollBack: SwitchRun = {
    ...newRun(back, run.turn.switchEpoch, ROLL_BACK_PHASES, atMs, run.orderIds),
    rollBackOf: { turn: run.turn, error },
  };
  return {
    state: { kind: 'switching', run: rollBack, next },
    effects: [{ kind: 'run-phase', run: rollBack }],
  };
}

/** What a run that touched nothing goes back to. */
function before({ turn, fromEpoch: switchEpoch, haltedBy }: SwitchRun): SwitchState {
  const active = turn.from;
  return haltedBy === undefined
    ? { kind: 'steady', active, switchEpoch }
    : { kind: 'halted', active, switchEpoch, ...haltedBy };
}

/** Reaches a state of rest, and carries out the decision that was remembered, if it is still one. */
function settle(
  rest: SwitchState,
  next: SwitchOrder | undefined,
  effects: readonly SwitchEffect[],
  atMs: number,
): Transition {
  if (next === undefined) return { state: rest, effects };
  const following = onOrder(rest, next, atMs);
  return { state: following.state, effects: [...effects, ...following.effects] };
}

function onHalt(state: SwitchState, starting: string, error: Error): Transition {
  if (state.kind === 'closed' || state.kind === 'halted') return stay(state);
  // The cluster that the process works with, whichever one turned out to be wrong: its progress is progress there.
  const active = activeOf(state) ?? starting;
  return {
    state: { kind: 'halted', active, switchEpoch: epochOf(state), error, ...owedBy(state) },
    effects: [{ kind: 'halt', active, error, orderIds: waitingOrders(state) }],
  };
}

/** Where the fleet had sent it: by this run, or by the one that a halt before it had ended. */
function owedBy(state: SwitchState): Pick<Halt, 'owed'> {
  if (state.kind !== 'switching') return {};
  const { turn, haltedBy } = state.run;
  const owed = turn.agreedEpoch === undefined ? haltedBy?.owed : turn.to;
  return owed === undefined ? {} : { owed };
}
