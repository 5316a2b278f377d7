import type { ClusterOperations } from '../cluster-operations.js';
import { messageOf } from '../caught.js';
import { isWrongCluster } from '../identities.js';
import type { GroupNeed } from '../position/need.js';
import type { CatchUpOutcome } from '../replication/catch-up.js';
import { answerByDeadline, untilAborted, withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import {
  gate,
  lagGate,
  mirrorGates,
  positionsGate,
  type FailbackGate,
  type FailbackGateName,
  type StrandedRecords,
} from './gates.js';

/** @internal What {@link lookHome} asks. */
export interface LookParts {
  readonly world: World;
  readonly operations: Pick<ClusterOperations, 'identities' | 'checkReadiness' | 'lag' | 'plan'>;
  /** Alias of the active cluster. */
  readonly from: string;
  /** Alias of the preferred one. */
  readonly to: string;
  readonly needs: readonly GroupNeed[];
  readonly limits: {
    readonly prepareMs: number;
    readonly lagMs: number;
    readonly translateMs: number;
  };
  /** Closed ones behind which it looks on. */
  readonly accept: readonly FailbackGateName[];
  readonly signal: AbortSignal;
}

/** @internal What {@link lagOf} asks. */
export interface LagParts extends Pick<LookParts, 'world' | 'needs' | 'signal'> {
  readonly operations: Pick<ClusterOperations, 'lag'>;
  readonly limits: { readonly lagMs: number };
}

/** @internal What asking the clusters has shown: the gates that were looked at. */
export interface SeenGates {
  readonly gates: readonly FailbackGate[];
  readonly stranded: readonly StrandedRecords[];
}

/**
 * Asks both clusters and the mirror whether the way home is open; the first gate that is closed, and not accepted, ends it: those behind
 * it cost more. Writes nothing. What does not answer in time is a closed gate.
 *
 * @throws only the reason of `signal`.
 * @internal
 */
export async function lookHome(parts: LookParts): Promise<SeenGates> {
  const { accept, signal } = parts;
  const gates: FailbackGate[] = [];
  let stranded: readonly StrandedRecords[] = [];
  const steps = [
    () => whoIsThere(parts),
    () => mirrorAndTopics(parts),
    async () => {
      const [lag, tail] = await lagBothWays(parts);
      stranded = tail;
      return [lag];
    },
    () => positions(parts),
  ];
  for (const step of steps) {
    gates.push(...(await step()));
    signal.throwIfAborted();
    if (gates.some(({ name, state }) => state === 'closed' && !accept.includes(name))) break;
  }
  return { gates, stranded };
}

async function whoIsThere(parts: LookParts): Promise<readonly FailbackGate[]> {
  const { to, operations, limits, signal } = parts;
  const open = gate('reachable', true, `${to} answers`);
  try {
    const asked = await within(parts, limits.prepareMs, (limit) =>
      untilAborted(limit, operations.identities.identify(to)).then(() => true),
    );
    if (asked === undefined) {
      const because = `${to} did not answer within ${limits.prepareMs} ms (switch.prepareMs)`;
      return [gate('reachable', false, because)];
    }
    const id = operations.identities.ids.get(to);
    return [open, gate('identity', true, `${to} is the cluster ${id}`)];
  } catch (error) {
    signal.throwIfAborted();
    const because = messageOf(error);
    return isWrongCluster(error)
      ? [open, gate('identity', false, because)]
      : [gate('reachable', false, `${to} does not answer: ${because}`)];
  }
}

async function mirrorAndTopics(parts: LookParts): Promise<readonly FailbackGate[]> {
  const { to, needs, operations, limits, signal } = parts;
  try {
    const readiness = await within(parts, limits.prepareMs, (limit) =>
      operations.checkReadiness({ to, planned: true }, needs, limit),
    );
    if (readiness?.targetAnswers === true) return mirrorGates(readiness, needs.length);
    return [gate('mirror', false, readiness?.obstacles.join('; ') ?? `${to} did not answer`)];
  } catch (error) {
    signal.throwIfAborted();
    return [gate('mirror', false, messageOf(error))];
  }
}

/** The way home as a gate; the way out is only told. */
async function lagBothWays(
  parts: LookParts,
): Promise<readonly [FailbackGate, readonly StrandedRecords[]]> {
  const { from, to, needs, limits } = parts;
  const [home, out] = await Promise.all([
    lagOf(parts, { from, to }),
    lagOf(parts, { from: to, to: from }),
  ]);
  return [
    lagGate(home, from, { lagMs: limits.lagMs, groupCount: needs.length }),
    out.unmirrored.map((one) => ({ ...one, recordCount: Number(one.recordCount) })),
  ];
}

/** @internal What a mirror does not bring within `failback.lagMs`. When the signal is aborted it answers with what it knows. */
export function lagOf(
  { needs, operations, world, limits, signal }: LagParts,
  flow: { from: string; to: string },
): Promise<CatchUpOutcome> {
  const deadlineAtMs = world.nowMs() + limits.lagMs;
  const waiting = (limit: AbortSignal) => operations.lag(flow, needs, limit);
  return answerByDeadline(world, deadlineAtMs, waiting, { signal });
}

async function positions(parts: LookParts): Promise<readonly FailbackGate[]> {
  const { from, to, needs, operations, limits, signal } = parts;
  const turn = { from, to, planned: true };
  try {
    const plans = await within(parts, limits.translateMs, (limit) =>
      Promise.all(needs.map((need) => operations.plan(turn, need, limit))),
    );
    if (plans !== undefined) return [positionsGate(plans)];
    const because = `they were not found within ${limits.translateMs} ms (switch.translateMs)`;
    return [gate('positions', false, because)];
  } catch (error) {
    signal.throwIfAborted();
    return [gate('positions', false, `they could not be found: ${messageOf(error)}`)];
  }
}

/** Undefined: it took too long. */
async function within<T>(
  { world, signal }: LookParts,
  limitMs: number,
  work: (limit: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const result = await withinDeadline(world, world.nowMs() + limitMs, work, { signal });
  return result.kind === 'settled' ? result.value : undefined;
}
