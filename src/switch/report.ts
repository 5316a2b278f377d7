import type { SwitchPhase } from '../events.js';
import type { GroupPlan } from '../position/plan.js';

/**
 * What a switch did, measured.
 *
 * @public
 */
export interface SwitchReport {
  readonly switchEpoch: number;
  readonly from: string;
  readonly to: string;
  readonly planned: boolean;
  readonly reason: string;
  /** Monotonic milliseconds at which the switch began. */
  readonly startedAtMs: number;
  /** Wall-clock milliseconds since 1970 at which the switch began, for the reader only. */
  readonly startedAtWallMs: number;
  readonly durationMs: number;
  /** How long each phase took, in the order in which they ran. */
  readonly phases: readonly PhaseReport[];
  /** Where each group resumed. */
  readonly plans: readonly GroupPlan[];
  /** Participants that were not open yet when the switch ended; they keep trying. */
  readonly pending: readonly string[];
  /** What an operator should know, in words: no mirror, unmirrored records, missing positions. */
  readonly warnings: readonly string[];
}

/** @public One phase of a switch. */
export interface PhaseReport {
  readonly phase: SwitchPhase;
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
  readonly from: string;
  readonly to: string;
  /** What would refuse a planned switch now. */
  readonly obstacles: readonly string[];
  readonly warnings: readonly string[];
  /** Where each group would resume; one entry for each group that this process consumes in. */
  readonly groups: readonly GroupPlan[];
}
