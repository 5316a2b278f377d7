import type { SwitchPhase } from '../events.js';
import type { GroupPlan } from '../position/plan.js';
import type { SwitchPrediction } from './exactness.js';
import type { SwitchTurn } from './participant.js';
import type { SwitchRun } from './state.js';

/**
 * Whose opinion moved the service: an operator's order, an outside source's, our own of the clusters' health, the cluster id
 * that another cluster showed behind the name of the active one (`onWrongCluster: 'follow'`), or the agreement's, which was not
 * heard for a lease and is heard again.
 *
 * @public
 */
export type DecidedBy = 'operator' | 'signal' | 'health' | 'identity' | 'agreement';

/** @internal True where nobody decided anything: the process goes on where it was, because the agreement is heard again. */
export function isResumption({ by, from, to }: Pick<SwitchTurn, 'by' | 'from' | 'to'>): boolean {
  return by === 'agreement' && from === to;
}

/**
 * What a switch did, measured.
 *
 * @public
 */
export interface SwitchReport {
  /** The activation that the switch led to. */
  readonly switchEpoch: number;
  /** Alias of the cluster that was left. */
  readonly from: string;
  /** Alias of the cluster that was switched to. */
  readonly to: string;
  /** Whether the source was expected to be alive. */
  readonly planned: boolean;
  /** Why, as it was ordered or decided. */
  readonly reason: string;
  /** Whose opinion it was. */
  readonly by: DecidedBy;
  /** The number of the fleet's decision; undefined where no fleet was asked. */
  readonly agreedEpoch: number | undefined;
  /** Monotonic milliseconds at which the switch began. */
  readonly startedAtMs: number;
  /** Wall-clock milliseconds since 1970 at which the switch began, for the reader only. */
  readonly startedAtWallMs: number;
  /** From the decision to the end of the last phase, in milliseconds. */
  readonly durationMs: number;
  /** How long each phase took, in the order in which they ran. */
  readonly phases: readonly PhaseReport[];
  /** Where each group resumed. */
  readonly plans: readonly GroupPlan[];
  /** Ids of the producers and consumers that were not open yet when the switch ended; they keep trying. */
  readonly pending: readonly string[];
  /** What an operator should know, in words: no mirror, unmirrored records, missing positions. */
  readonly warnings: readonly string[];
}

/**
 * How a call of `switchTo` ended.
 *
 * @public
 */
export type SwitchOutcome =
  | { readonly kind: 'switched'; readonly report: SwitchReport }
  | {
      /** The cluster was the active one already; nothing was done. */
      readonly kind: 'already-active';
      readonly cluster: string;
      readonly switchEpoch: number;
    };

/** @public One phase of a switch. */
export interface PhaseReport {
  /** The phase. */
  readonly phase: SwitchPhase;
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
  /** True where the phase took longer than its deadline and the switch went on. */
  readonly overran: boolean;
}

/**
 * What a switch would do, found without writing anything.
 *
 * @public
 */
export interface SwitchPlan {
  /** Alias of the active cluster. */
  readonly from: string;
  /** Alias of the cluster asked about. */
  readonly to: string;
  /** What would refuse a planned switch now. */
  readonly obstacles: readonly string[];
  /** What an operator should know, in words. */
  readonly warnings: readonly string[];
  /** Where each group would resume; one entry for each group that this process consumes in. */
  readonly groups: readonly GroupPlan[];
  /** What all that would cost. Plain JSON. */
  readonly prediction: SwitchPrediction;
}

/** @internal The report of a run that has ended, now. */
export function reportOf(run: SwitchRun, atMs: number, wallMs: number): SwitchReport {
  const { switchEpoch, from, to, planned, reason, by, agreedEpoch } = run.turn;
  const durationMs = atMs - run.startedAtMs;
  return {
    switchEpoch,
    from,
    to,
    planned,
    reason,
    by,
    agreedEpoch,
    startedAtMs: run.startedAtMs,
    startedAtWallMs: wallMs - durationMs,
    durationMs,
    phases: run.phases,
    plans: run.plans,
    pending: run.pending,
    warnings: run.warnings,
  };
}
