import { messageOf } from './caught.js';
import type { ClusterOperations } from './cluster-operations.js';
import type { GroupNeed } from './position/need.js';
import { planWarnings } from './position/plan-warnings.js';
import type { Readiness } from './readiness.js';
import type { AcknowledgedEnd } from './session-work.js';
import { predictionOf } from './switch/exactness.js';
import type { PhaseDeadlines } from './switch/operations.js';
import type { SwitchPlan } from './switch/report.js';
import { withinDeadline } from './wait.js';
import type { World } from './world.js';

/** @internal What {@link dryRun} needs. */
export interface DryRunParts {
  readonly from: string;
  readonly to: string;
  readonly needs: readonly GroupNeed[];
  readonly operations: Pick<ClusterOperations, 'checkReadiness' | 'plan' | 'heartbeatTo'>;
  readonly world: World;
  readonly deadlines: Pick<PhaseDeadlines, 'prepareMs' | 'translateMs'>;
  /** How far this process's producers know that the logs of the active cluster reach. */
  readonly ends: readonly AcknowledgedEnd[];
  /** Ends it, with the signal's reason. */
  readonly signal: AbortSignal;
}

/** @internal The answer where no plan can be made. */
export function withoutPlans(
  from: string,
  to: string,
  obstacles: readonly string[],
  { warnings, missing }: Pick<Readiness, 'warnings' | 'missing'> = { warnings: [], missing: [] },
): SwitchPlan {
  const known = { from, to, obstacles, warnings, groups: [] };
  const prediction = predictionOf({ ...known, missing, ends: [], heartbeat: undefined });
  return { ...known, prediction };
}

/**
 * What a planned switch would do now, within the same limits; writes nothing. Whatever the clusters make of the questions is
 * an answer: it is asked when something may be wrong with them.
 *
 * @internal
 */
export async function dryRun(parts: DryRunParts): Promise<SwitchPlan> {
  const { from, to, needs, operations, world, deadlines, ends, signal } = parts;
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
    return withoutPlans(from, to, [obstacle]);
  }
  const readiness = looked.value;
  const { obstacles, missing } = readiness;
  if (!readiness.targetAnswers) return withoutPlans(from, to, obstacles, readiness);
  try {
    const planned = await withinDeadline(
      world,
      world.nowMs() + translateMs,
      (limit) => Promise.all(needs.map((need) => operations.plan(turn, need, limit))),
      { signal },
    );
    if (planned.kind === 'overrun') {
      const obstacle = `positions on ${to} were not found within ${translateMs} ms (switch.translateMs)`;
      return withoutPlans(from, to, [...obstacles, obstacle], readiness);
    }
    const groups = planned.value;
    const warnings = [...readiness.warnings, ...groups.flatMap(planWarnings)];
    const known = { from, to, obstacles, warnings, groups };
    const heartbeat = operations.heartbeatTo(to);
    return { ...known, prediction: predictionOf({ ...known, missing, ends, heartbeat }) };
  } catch (error) {
    signal.throwIfAborted();
    const obstacle = `positions on ${to} could not be found: ${messageOf(error)}`;
    return withoutPlans(from, to, [...obstacles, obstacle], readiness);
  }
}
