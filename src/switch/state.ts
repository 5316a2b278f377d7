import type { SwitchPhase } from '../events.js';
import type { MissingPiece } from '../missing-pieces.js';
import type { GroupPlan } from '../position/plan.js';
import { unreachable } from '../unreachable.js';
import type { SwitchTurn } from './participant.js';
import type { DecidedBy, PhaseReport } from './report.js';

/** @internal What a fleet has to do with an order. */
export type FleetOrder =
  /** There is no fleet, or it is not asked. */
  | { readonly kind: 'none' }
  /** The fleet has to agree before anything is touched. */
  | { readonly kind: 'propose' }
  /** The fleet has decided it: there is nothing to refuse, and no way back. */
  | { readonly kind: 'agreed'; readonly epoch: number };

/** @internal An order to make a cluster the active one. `orderId` finds the caller that waits for it. */
export interface SwitchOrder {
  readonly orderId: number;
  readonly to: string;
  readonly planned: boolean;
  readonly reason: string;
  readonly by: DecidedBy;
  readonly fleet: FleetOrder;
}

/** @internal Why the library has stopped itself. */
export interface Halt {
  readonly error: Error;
  /** Where the fleet had sent the process when it stopped on its way: what it has obeyed already, and not done. */
  readonly owed?: string | undefined;
}

/** @internal A switch on its way: everything that is known of it so far. */
export interface SwitchRun {
  readonly turn: SwitchTurn;
  /** The activation that it leads out of. */
  readonly fromEpoch: number;
  readonly startedAtMs: number;
  readonly phase: SwitchPhase;
  readonly phaseStartedAtMs: number;
  /** Phases still to come after `phase`. */
  readonly remaining: readonly SwitchPhase[];
  readonly phases: readonly PhaseReport[];
  readonly plans: readonly GroupPlan[];
  readonly pending: readonly string[];
  readonly warnings: readonly string[];
  /** What `prepare` did not find. */
  readonly missing: readonly MissingPiece[];
  /** Orders that this switch answers. */
  readonly orderIds: readonly number[];
  /** Set where this run takes a failed planned switch back to where it came from. */
  readonly rollBackOf: { readonly turn: SwitchTurn; readonly error: Error } | undefined;
  /** Set where the library had stopped itself before the order: a refused run goes back to that. */
  readonly haltedBy: Halt | undefined;
}

/**
 * The state of the whole, with the data of each state.
 *
 * ```
 * starting ──► steady ◄──────────────► switching ──► steady
 *     │           │                        │
 *     └───────────┴──────► halted ◄────────┘      (an order leaves `halted`)
 *   any ──► closed
 * ```
 *
 * @internal
 */
export type SwitchState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'steady'; readonly active: string; readonly switchEpoch: number }
  | {
      readonly kind: 'switching';
      readonly run: SwitchRun;
      /** The newest decision that came meanwhile; carried out afterwards, never interleaved. */
      readonly next: SwitchOrder | undefined;
    }
  | ({
      readonly kind: 'halted';
      readonly active: string;
      readonly switchEpoch: number;
    } & Halt)
  | { readonly kind: 'closed'; readonly switchEpoch: number };

/** @internal How a phase ended. */
export type PhaseOutcome =
  | {
      readonly kind: 'done';
      readonly warnings?: readonly string[];
      /** Only `prepare`. */
      readonly missing?: readonly MissingPiece[];
      readonly plans?: readonly GroupPlan[];
      readonly pending?: readonly string[];
      /** Only `agree`: the fleet's decision. */
      readonly agreed?: { readonly epoch: number; readonly planned: boolean };
    }
  /** The deadline passed; what was reached so far stands, and the switch goes on. */
  | {
      readonly kind: 'overran';
      readonly detail: string;
      readonly warnings?: readonly string[];
      readonly plans?: readonly GroupPlan[];
      readonly pending?: readonly string[];
    }
  /** Only `prepare` and `agree` refuse: nothing was touched yet. `plannedOnly`: an unplanned switch could go on all the same. */
  | {
      readonly kind: 'refused';
      readonly reasons: readonly string[];
      readonly missing?: readonly MissingPiece[];
      readonly plannedOnly: boolean;
    }
  | { readonly kind: 'failed'; readonly error: Error };

/** @internal What happens to the machine. */
export type SwitchInput =
  | { readonly kind: 'started'; readonly active: string; readonly switchEpoch: number }
  | { readonly kind: 'ordered'; readonly order: SwitchOrder; readonly atMs: number }
  | {
      readonly kind: 'phase-ended';
      readonly switchEpoch: number;
      readonly phase: SwitchPhase;
      readonly outcome: PhaseOutcome;
      readonly atMs: number;
    }
  | { readonly kind: 'halted'; readonly active: string; readonly error: Error }
  | { readonly kind: 'closed' };

/** @internal What the runner has to do. */
export type SwitchEffect =
  | { readonly kind: 'run-phase'; readonly run: SwitchRun }
  | { readonly kind: 'started-switch'; readonly turn: SwitchTurn }
  | {
      readonly kind: 'overran';
      readonly run: SwitchRun;
      readonly detail: string;
    }
  | { readonly kind: 'completed'; readonly run: SwitchRun; readonly atMs: number }
  | { readonly kind: 'refused'; readonly run: SwitchRun; readonly reasons: readonly string[] }
  | { readonly kind: 'rolled-back'; readonly run: SwitchRun; readonly error: Error }
  | {
      readonly kind: 'already-active';
      readonly orderId: number;
      readonly active: string;
      readonly switchEpoch: number;
    }
  | {
      readonly kind: 'superseded';
      readonly order: SwitchOrder;
      readonly because: string;
    }
  | {
      readonly kind: 'halt';
      readonly active: string;
      readonly error: Error;
      readonly orderIds: readonly number[];
    }
  | { readonly kind: 'close'; readonly orderIds: readonly number[] };

/** @internal A state and what follows from reaching it. */
export interface Transition {
  readonly state: SwitchState;
  readonly effects: readonly SwitchEffect[];
}

/** @internal The activation in force, or, during a switch, the one it leads to. */
export function epochOf(state: SwitchState): number {
  switch (state.kind) {
    case 'starting':
      return 0;
    case 'switching':
      return state.run.turn.switchEpoch;
    case 'steady':
    case 'halted':
    case 'closed':
      return state.switchEpoch;
    default:
      return unreachable(state);
  }
}

/** @internal The active cluster: during a switch still the one that is being left; undefined where there is none. */
export function activeOf(state: SwitchState): string | undefined {
  switch (state.kind) {
    case 'starting':
    case 'closed':
      return undefined;
    case 'switching':
      return state.run.turn.from;
    case 'steady':
    case 'halted':
      return state.active;
    default:
      return unreachable(state);
  }
}
