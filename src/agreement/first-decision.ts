import { FailoverOptionsError } from '../errors.js';
import type { AppliedState } from '../state-file.js';
import type { Fleet } from './fleet.js';

/** How long a start waits for the agreement, in milliseconds. */
const FIRST_WORD_MS = 3_000;

/**
 * The cluster that the fleet is on, at a start; undefined: it has not decided, or is not heard, and nothing is known from an
 * earlier life. What this process has obeyed before is not obeyed again: it may have been moved alone since.
 *
 * @param last - what the state file says.
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - (rejects) the agreement is not heard, and `onUnknownAtStart` is `'fail'`.
 * @throws {@link AgreementLostError} ERR_FAILOVER_AGREEMENT_LOST - (rejects) it is not heard, and there is a lease.
 * @internal
 */
export async function firstDecision(
  fleet: Fleet,
  last: AppliedState | undefined,
): Promise<{ readonly cluster: string; readonly epoch: number } | undefined> {
  fleet.obedience.remember(last?.agreedEpoch ?? 0);
  fleet.start();
  const isHeard = await fleet.firstWord(FIRST_WORD_MS);
  // Also where a decision was heard: nobody has heard this process, so nobody would wait for it.
  if (!isHeard && fleet.lease.guard !== undefined) throw fleet.lostError();
  const newest = newestOf(fleet);
  if (newest !== undefined && newest.epoch > fleet.obeyedEpoch) {
    fleet.obeyed(newest.epoch);
    return newest;
  }
  if (!isHeard && fleet.limits.onUnknownAtStart === 'fail') throw unheardError(fleet);
  // Without a decision the strategy has the first word, which may be the state file's.
  if (last === undefined || last.agreedEpoch === 0) return undefined;
  return { cluster: last.cluster, epoch: last.agreedEpoch };
}

/** Members may have obeyed what the store has lost, or does not tell yet. */
function newestOf(fleet: Fleet): { readonly cluster: string; readonly epoch: number } | undefined {
  const { own: decision, newestMember: member } = fleet;
  if (member === undefined || member.obeyedEpoch <= (decision?.epoch ?? 0)) return decision;
  return { cluster: member.cluster, epoch: member.obeyedEpoch };
}

function unheardError({ name }: Fleet): FailoverOptionsError {
  return new FailoverOptionsError(
    'agreement.onUnknownAtStart',
    'fail',
    `The agreement (${name}) does not answer, and onUnknownAtStart is "fail". ` +
      'Repair it, or start with "last-applied".',
  );
}
