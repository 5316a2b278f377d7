import type { SwitchPhase } from '../events.js';
import { unreachable } from '../unreachable.js';
import type { FleetOrder } from './state.js';

/** The source is alive: what is in flight finishes, and the mirror catches up. */
const PLANNED_PHASES: readonly SwitchPhase[] = [
  'prepare',
  'hold',
  'drain',
  'fence',
  'catch-up',
  'translate',
  'open',
];
/** The source is judged dead: it is fenced at once, and there is nothing to drain or to wait for. */
const UNPLANNED_PHASES: readonly SwitchPhase[] = ['prepare', 'hold', 'fence', 'translate', 'open'];

/**
 * @internal The phases of a switch. In a fleet it is agreed on once the target was looked at, and nobody waits for mirrored records
 * while another process may still write at the source. What the fleet has decided already is not agreed on again; an unplanned
 * decision is obeyed at once, without a look at the target.
 */
export function phasesOf(planned: boolean, fleet: FleetOrder['kind']): readonly SwitchPhase[] {
  const phases = planned ? PLANNED_PHASES : UNPLANNED_PHASES;
  switch (fleet) {
    case 'none':
      return phases;
    case 'agreed':
      return planned ? phases.flatMap(withBarrier) : phases.filter((phase) => phase !== 'prepare');
    case 'propose':
      return phases
        .flatMap(withBarrier)
        .flatMap((phase) => (phase === 'prepare' ? [phase, 'agree' as const] : [phase]));
    default:
      return unreachable(fleet);
  }
}

function withBarrier(phase: SwitchPhase): readonly SwitchPhase[] {
  return phase === 'catch-up' ? ['barrier', phase] : [phase];
}

/** @internal Back to the cluster that the group's commits are on: there is nothing to translate. */
export const ROLL_BACK_PHASES: readonly SwitchPhase[] = ['fence', 'open'];

/** @internal Phases of a planned switch that wait for the source. */
export const NEEDS_SOURCE: ReadonlySet<SwitchPhase> = new Set(['drain', 'barrier', 'catch-up']);
