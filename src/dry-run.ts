import { messageOf } from './caught.js';
import type { ClusterOperations } from './cluster-operations.js';
import type { GroupNeed } from './position/plan.js';
import { planWarnings } from './position/plan-warnings.js';
import type { PhaseDeadlines } from './switch/operations.js';
import type { SwitchPlan } from './switch/report.js';
import { withinDeadline } from './wait.js';
import type { World } from './world.js';

/** @internal What {@link dryRun} needs. */
export interface DryRunParts {
  readonly from: string;
  readonly to: string;
  readonly needs: readonly GroupNeed[];
  readonly operations: Pick<ClusterOperations, 'checkReadiness' | 'plan'>;
  readonly world: World;
  readonly deadlines: Pick<PhaseDeadlines, 'prepareMs' | 'translateMs'>;
  /** Ends it, with the signal's reason. */
  readonly signal: AbortSignal;
}

/**
 * What a planned switch would do now, within the same limits; writes nothing. Whatever the clusters make of the questions is
 * an answer: it is asked when something may be wrong with them.
 *
 * @internal
 */
export async function dryRun(parts: DryRunParts): Promise<SwitchPlan> {
  const { from, to, needs, operations, world, deadlines, signal } = parts;
  const { prepareMs, translateMs } = deadlines;
  const turn = { from, to, planned: true };
  const looked = await withinDeadline(
    world,
    world.nowMs() + prepareMs,
    (limit) => operations.checkReadiness(turn, needs, limit),
    { signal },
  );
  if (looked.kind === 'overrun') {
    const obstacle = `cluster ${to} did not answer within ${prepareMs} ms (switch.prepareMs)`;
    return { from, to, obstacles: [obstacle], warnings: [], groups: [] };
  }
  const { obstacles, warnings, targetAnswers } = looked.value;
  if (!targetAnswers) return { from, to, obstacles, warnings, groups: [] };
  const withoutPlans = (obstacle: string): SwitchPlan => ({
    from,
    to,
    obstacles: [...obstacles, obstacle],
    warnings,
    groups: [],
  });
  try {
    const planned = await withinDeadline(
      world,
      world.nowMs() + translateMs,
      (limit) => Promise.all(needs.map((need) => operations.plan(turn, need, limit))),
      { signal },
    );
    if (planned.kind === 'overrun') {
      return withoutPlans(
        `positions on ${to} were not found within ${translateMs} ms (switch.translateMs)`,
      );
    }
    const groups = planned.value;
    return {
      from,
      to,
      obstacles,
      warnings: [...warnings, ...groups.flatMap(planWarnings)],
      groups,
    };
  } catch (error) {
    signal.throwIfAborted();
    return withoutPlans(`positions on ${to} could not be found: ${messageOf(error)}`);
  }
}
