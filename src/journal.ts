import type { FailoverEventBase, FailoverEvents, SwitchPhase } from './events.js';
import type { KeptSwitch } from './past-switches.js';
import { isResumption, type DecidedBy } from './switch/report.js';
import type { SwitchState } from './switch/state.js';

/** @internal A switch on its way, as a restart can know it. */
export interface KeptRun {
  /** The activation that it leads to. */
  readonly switchEpoch: number;
  readonly from: string;
  readonly to: string;
  readonly planned: boolean;
  readonly reason: string;
  readonly by: DecidedBy;
  /** The last phase that began. */
  readonly phase: SwitchPhase;
  /** It takes a failed planned switch back to where it came from. */
  readonly isRollBack: boolean;
  /** When it began, in milliseconds of the wall clock. */
  readonly wallMs: number;
}

/** @internal What is to be kept of a state; undefined where no switch is under way. */
export function keptRun(
  state: SwitchState,
  { nowMs, wallMs }: { readonly nowMs: number; readonly wallMs: number },
): KeptRun | undefined {
  if (state.kind !== 'switching') return undefined;
  const { turn, phase, rollBackOf, startedAtMs } = state.run;
  const { switchEpoch, from, to, planned, reason, by } = turn;
  return {
    ...{ switchEpoch, from, to, planned, reason, by, phase },
    isRollBack: rollBackOf !== undefined,
    wallMs: Math.floor(wallMs - (nowMs - startedAtMs)),
  };
}

/**
 * What a switch counts for that the process has not lived to end: where it had opened the target it has happened, and the next life goes on there.
 * Otherwise nothing has: the next life begins at the source, and what the fleet has decided, or a strategy wants, is carried out from the beginning.
 *
 * @param cluster - the cluster that the process had last opened.
 * @internal
 */
export function switchOf(run: KeptRun, cluster: string): KeptSwitch | undefined {
  if (run.isRollBack || cluster !== run.to || isResumption(run)) return undefined;
  const { switchEpoch, from, to, by, wallMs } = run;
  return { switchEpoch, from, to, by, wallMs };
}

/** @internal What is told of it, by a process that begins on `cluster`. */
export function interruption(
  { from, to, planned, reason, phase }: KeptRun,
  cluster: string,
): Omit<FailoverEvents['switch.interrupted'], keyof FailoverEventBase> {
  return { from, to, planned, reason, phase, cluster };
}
