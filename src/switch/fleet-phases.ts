import type { ClusterSession } from '../cluster/session.js';
import { GroupElsewhereError } from '../errors.js';
import { answerByDeadline } from '../wait.js';
import { WITHOUT_AGREEMENT } from './answers.js';
import type { SwitchFleet } from './fleet.js';
import { bounded, type PhaseContext } from './phase-context.js';
import type { PhaseOutcome, SwitchRun } from './state.js';

/** @internal Refusing is safe here as well; an answer that comes too late is heard by the agreement, and obeyed then. */
export async function agree({ turn }: SwitchRun, context: PhaseContext): Promise<PhaseOutcome> {
  const { fleet, deadlines } = context;
  if (fleet === undefined) return { kind: 'done' };
  const outcome = await bounded(context, deadlines.agreeMs, (signal) => fleet.agree(turn, signal));
  if (outcome === undefined) {
    const because = `the agreement did not answer within ${deadlines.agreeMs} ms (switch.agreeMs). ${WITHOUT_AGREEMENT}`;
    return { kind: 'refused', reasons: [because], plannedOnly: false };
  }
  const { kind } = outcome;
  return kind === 'refused'
    ? { kind, reasons: [outcome.because], plannedOnly: false }
    : { kind: 'done', agreed: outcome };
}

/** @internal Waits for the others, so that what they still do at the source is over when its end is looked for. */
export async function barrier({ turn }: SwitchRun, context: PhaseContext): Promise<PhaseOutcome> {
  const late = await othersLeft(turn, undefined, context.signal, context);
  if (late.length === 0) return { kind: 'done' };
  return { kind: 'overran', detail: `not known to have left ${turn.from}: ${late.join(', ')}` };
}

/** @internal Who had not left in time; nobody where there is no fleet. */
export async function othersLeft(
  { agreedEpoch: epoch, to }: SwitchRun['turn'],
  groups: readonly string[] | undefined,
  signal: AbortSignal,
  { fleet, world, deadlines }: PhaseContext,
): Promise<readonly string[]> {
  if (fleet === undefined || epoch === undefined) return [];
  const deadlineAtMs = world.nowMs() + deadlines.barrierMs;
  const waiting = (until: AbortSignal) => fleet.othersLeft({ epoch, to, groups }, until);
  return answerByDeadline(world, deadlineAtMs, waiting, { signal });
}

/**
 * Before a consumer starts on a session: see {@link SwitchFleet.entering}.
 *
 * @throws {@link GroupElsewhereError} ERR_FAILOVER_GROUP_ELSEWHERE - (rejects) the group is read on the other cluster, and other groups keep this
 *   process here.
 * @internal
 */
export async function entering(
  groupId: string,
  fleet: SwitchFleet,
  { world, deadlines }: Pick<PhaseContext, 'world' | 'deadlines'>,
  session: Pick<ClusterSession, 'alias' | 'switchEpoch' | 'signal'>,
): Promise<void> {
  const { alias, signal } = session;
  const deadlineAtMs = world.nowMs() + deadlines.barrierMs;
  const waiting = (until: AbortSignal) => fleet.entering([groupId], alias, until);
  const elsewhere = await answerByDeadline(world, deadlineAtMs, waiting, { signal });
  if (elsewhere.length > 0 && !signal.aborted) throw groupElsewhere(groupId, session);
}

/** @internal Of a group that is not begun here. */
export function groupElsewhere(
  groupId: string,
  { alias, switchEpoch }: Pick<ClusterSession, 'alias' | 'switchEpoch'>,
): GroupElsewhereError {
  return new GroupElsewhereError(
    `The group ${groupId} is read on the other cluster as long as the fleet goes home gradually, and this process works with ${alias}. ` +
      'Start the consumer when failback() is over, or in a process without other groups.',
    { cluster: alias, switchEpoch },
  );
}
