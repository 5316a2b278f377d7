import type { Overtaking } from './signals/signal-state.js';
import { isResumption } from './switch/report.js';
import { carriedOutBy } from './switch/run.js';
import type { SwitchState } from './switch/state.js';

/**
 * What a session on `cluster` makes of what outside sources have said before. A switch that is rolled back has overtaken nothing: it is tried again. Nor has what
 * nobody decided.
 *
 * @internal
 */
export function overtakingOf(state: SwitchState, cluster: string): Overtaking | undefined {
  if (state.kind !== 'switching') return undefined;
  const { run } = state;
  if (run.rollBackOf !== undefined || isResumption(run.turn)) return undefined;
  return { cluster, startedAtMs: run.startedAtMs, decisionEpoch: carriedOutBy(run) };
}
