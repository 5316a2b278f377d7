import type { ClusterSession } from '../cluster/session.js';
import type { GroupPlan } from '../position/plan.js';
import { withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { SwitchFleet } from './fleet.js';
import type { PhaseDeadlines, SwitchOperations } from './operations.js';
import type { Participant } from './participant.js';

/** @internal Whom a switch holds. `users`: those that use others. */
export type Holding = 'users' | 'all';

/** @internal What a phase works with. */
export interface PhaseContext {
  readonly world: World;
  readonly operations: SwitchOperations;
  readonly deadlines: PhaseDeadlines;
  /** The other processes; undefined where each decides for itself. */
  readonly fleet: SwitchFleet | undefined;
  /** Read when it is needed: participants come and go during a switch. */
  participants(): readonly Participant[];
  /**
   * Holds those of them that are not held yet, and from now on those that come.
   *
   * @returns false, and nobody is held, where the phase was given up.
   */
  hold(whom: Holding): boolean;
  /** Fences the session in force, if there is one. */
  fence(reason: string): void;
  /** Opens the session of the turn's target and makes it the one in force. */
  openSession(): ClusterSession;
  onPlan(plan: GroupPlan): void;
  /** Aborted when the library is closed. */
  readonly signal: AbortSignal;
}

/** @internal Runs `work` with a signal that is aborted at the deadline, and by the library's end. */
export async function bounded<T>(
  context: PhaseContext,
  deadlineMs: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const { world } = context;
  const result = await withinDeadline(world, world.nowMs() + deadlineMs, work, context);
  return result.kind === 'settled' ? result.value : undefined;
}
