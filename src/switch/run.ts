import type { SwitchPhase } from '../events.js';
import type { SwitchTurn } from './participant.js';
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
    plans: outcome.kind === 'done' ? (outcome.plans ?? run.plans) : run.plans,
    pending:
      outcome.kind === 'done' || outcome.kind === 'overran'
        ? (outcome.pending ?? run.pending)
        : run.pending,
    warnings: [...run.warnings, ...warnings],
  };
}
