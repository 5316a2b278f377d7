import { refusedError } from '../switch/answers.js';
import type { SwitchTurn } from '../switch/participant.js';
import { withinDeadline } from '../wait.js';
import type { World } from '../world.js';
import type { Proposal } from './agreement.js';
import type { Fleet } from './fleet.js';

/** Longest wait for the agreement, in milliseconds: nothing is held meanwhile. */
const CONFIRM_MS = 3_000;

/**
 * Has the fleet know where it is, by a decision for the cluster that this process works with: whoever starts later begins there.
 * Whether it is still there when the answer comes is the caller's to see.
 *
 * @returns the epoch of the decision.
 * @throws {@link SwitchRefusedError} ERR_FAILOVER_SWITCH_REFUSED - (rejects) the agreement was not reached.
 * @internal
 */
export async function confirm(
  fleet: Fleet,
  world: World,
  { cluster, mode, reason, by }: Proposal,
): Promise<number> {
  const turn: SwitchTurn = {
    switchEpoch: fleet.obeyedEpoch,
    from: cluster,
    to: cluster,
    planned: mode === 'planned',
    reason,
    by,
    agreedEpoch: undefined,
  };
  const deadlineAtMs = world.nowMs() + CONFIRM_MS;
  const asked = await withinDeadline(world, deadlineAtMs, (signal) => fleet.agree(turn, signal));
  if (asked.kind === 'overrun') {
    const because = `the agreement (${fleet.name}) did not answer within ${CONFIRM_MS} ms`;
    throw refusedError(turn, [because]);
  }
  if (asked.value.kind === 'refused') throw refusedError(turn, [asked.value.because]);
  return asked.value.epoch;
}
