import type { SwitchPhase } from '../events.js';

/** @internal The source is alive: what is in flight finishes, and the mirror catches up. */
export const PLANNED_PHASES: readonly SwitchPhase[] = [
  'prepare',
  'hold',
  'drain',
  'fence',
  'catch-up',
  'translate',
  'open',
];
/** @internal The source is judged dead: it is fenced at once, and there is nothing to drain or to wait for. */
export const UNPLANNED_PHASES: readonly SwitchPhase[] = [
  'prepare',
  'hold',
  'fence',
  'translate',
  'open',
];
/** @internal Back to the cluster that the group's commits are on: there is nothing to translate. */
export const ROLL_BACK_PHASES: readonly SwitchPhase[] = ['fence', 'open'];

/** @internal Phases of a planned switch that wait for the source. */
export const NEEDS_SOURCE: ReadonlySet<SwitchPhase> = new Set(['drain', 'catch-up']);
