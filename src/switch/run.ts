import type { SwitchPhase } from '../events.js';
import type { GroupPlan } from '../position/plan.js';
import type { SwitchTurn } from './participant.js';
import { NEEDS_SOURCE } from './phase-lists.js';
import type { PhaseReport } from './report.js';
import type { PhaseOutcome, SwitchRun } from './state.js';

/** @internal A run at its first phase. */
export function newRun(
  turn: SwitchTurn,
  fromEpoch: number,
  phases: readonly SwitchPhase[],
  atMs: number,
  orderIds: readonly number[],
): SwitchRun {
  const [phase = 'open', ...remaining] = phases;
  return {
    turn,
    fromEpoch,
    startedAtMs: atMs,
    phase,
    phaseStartedAtMs: atMs,
    remaining,
    phases: [],
    plans: [],
    pending: [],
    warnings: [],
    missing: [],
    orderIds,
    rollBackOf: undefined,
    haltedBy: undefined,
  };
}

/** @internal The run with what one phase has brought, and how long it took. */
export function measured(run: SwitchRun, outcome: PhaseOutcome, atMs: number): SwitchRun {
  const phase: PhaseReport = {
    phase: run.phase,
    durationMs: atMs - run.phaseStartedAtMs,
    overran: outcome.kind === 'overran',
  };
  const warnings =
    outcome.kind === 'done'
      ? (outcome.warnings ?? [])
      : outcome.kind === 'overran'
        ? [`${run.phase} overran its deadline: ${outcome.detail}`, ...(outcome.warnings ?? [])]
        : [];
  return {
    ...run,
    phases: [...run.phases, phase],
    ...(outcome.kind === 'done' || outcome.kind === 'overran'
      ? { plans: newest(run.plans, outcome.plans), pending: outcome.pending ?? run.pending }
      : {}),
    warnings: [...run.warnings, ...warnings],
    missing: outcome.kind === 'done' ? [...run.missing, ...(outcome.missing ?? [])] : run.missing,
  };
}

/** Of each group the plan that was made last. */
function newest(
  before: readonly GroupPlan[],
  made: readonly GroupPlan[] = [],
): readonly GroupPlan[] {
  const groups = new Set(made.map(({ groupId }) => groupId));
  return [...before.filter(({ groupId }) => !groups.has(groupId)), ...made];
}

/** @internal Is the fleet still to be asked? */
export function isToBeAgreed({ phase, remaining }: SwitchRun): boolean {
  return phase === 'agree' || remaining.includes('agree');
}

/** @internal The run, for this process alone. */
export function withoutFleet(run: SwitchRun): SwitchRun {
  return {
    ...run,
    remaining: run.remaining.filter((phase) => phase !== 'agree' && phase !== 'barrier'),
  };
}

/** @internal The run as an unplanned one. */
export function withoutSource(run: SwitchRun): SwitchRun {
  return {
    ...run,
    turn: { ...run.turn, planned: false },
    remaining: run.remaining.filter((phase) => !NEEDS_SOURCE.has(phase)),
  };
}

/** @internal The run under the number of the fleet's decision. Nobody but callers has heard of its own one yet. */
export function agreedOn(
  run: SwitchRun,
  { epoch, planned }: { readonly epoch: number; readonly planned: boolean },
): SwitchRun {
  const switchEpoch = Math.max(run.turn.switchEpoch, epoch);
  const agreed = { ...run, turn: { ...run.turn, switchEpoch, agreedEpoch: epoch } };
  return planned ? agreed : withoutSource(agreed);
}

/**
 * @internal The decision of the fleet that the run carries out; undefined where this process was told, or has decided, something itself:
 * also where the fleet answered that with a decision that stood already.
 */
export function carriedOutBy({ turn, phases }: SwitchRun): number | undefined {
  return phases.some(({ phase }) => phase === 'agree') ? undefined : turn.agreedEpoch;
}
