import { messageOf } from '../caught.js';
import { WITHOUT_AGREEMENT } from '../switch/answers.js';
import type { AgreeOutcome } from '../switch/fleet.js';
import type { SwitchTurn } from '../switch/participant.js';
import type { AgreedDecision, Proposal } from './agreement.js';
import { unheardEpoch, type FleetState } from './fleet-state.js';

/** @internal What {@link agree} looks at, and whom it asks. */
export interface Deciding {
  /** Name of the agreement. */
  readonly agreement: string;
  /** Resolves when the lease is not over (any more), or when the signal is aborted. */
  leased(signal: AbortSignal): Promise<void>;
  /** Resolves when the store has told all that there is now; also where it is not reached, or when the signal is aborted. */
  askAnew(signal: AbortSignal): Promise<void>;
  /** The newest decision that this process has obeyed. */
  obeyedEpoch(): number;
  /** Where a decision wants this process to work. */
  placeIn(decision: AgreedDecision): string;
  state(): FleetState;
  /** As {@link AgreementStore.propose}. */
  propose(proposal: Proposal, after: number): Promise<AgreedDecision>;
}

/**
 * As {@link SwitchFleet.agree}.
 *
 * @throws the reason of `signal`.
 * @internal
 */
export async function agree(
  turn: SwitchTurn,
  deciding: Deciding,
  signal: AbortSignal,
): Promise<AgreeOutcome> {
  try {
    // A decision that is heard does not mean that the others hear this process.
    await deciding.leased(signal);
    signal.throwIfAborted();
    return await decideTogether(turn, deciding, signal);
  } catch (error) {
    signal.throwIfAborted();
    const because = `the agreement (${deciding.agreement}) was not reached: ${messageOf(error)}. ${WITHOUT_AGREEMENT}`;
    return { kind: 'refused', because };
  }
}

/**
 * Has the fleet decide what a switch wants: by a decision that was made already, or by a new one. A person's word goes on top of
 * whatever was decided meanwhile; everybody else follows it.
 *
 * @throws what `propose` rejects with.
 */
async function decideTogether(
  { to, planned, reason, by }: SwitchTurn,
  deciding: Deciding,
  signal: AbortSignal,
): Promise<AgreeOutcome> {
  const { placeIn, state, propose } = deciding;
  const unheardByNow = (): number | undefined => {
    const stated = unheardEpoch(state());
    return stated !== undefined && stated > deciding.obeyedEpoch() ? stated : undefined;
  };
  // The store is about to tell it, as a rule: what was decided just now may be the very thing.
  if (unheardByNow() !== undefined) {
    await deciding.askAnew(signal);
    signal.throwIfAborted();
  }
  const obeyedEpoch = deciding.obeyedEpoch();
  const unheard = unheardByNow();
  if (unheard !== undefined && by !== 'operator') {
    // The store was set back, or cannot be asked.
    const because = `members have obeyed decision ${unheard}, which was not heard here`;
    return { kind: 'refused', because };
  }
  const proposal: Proposal = { cluster: to, mode: planned ? 'planned' : 'unplanned', reason, by };
  let after = unheard ?? obeyedEpoch;
  for (;;) {
    const { decision: known } = state();
    const decision =
      known !== undefined && known.epoch > after ? known : await propose(proposal, after);
    const { epoch, cluster, mode, only } = decision;
    // A person who speaks of the fleet means all of it.
    const isMeant = only === undefined || by !== 'operator';
    if (isMeant && placeIn(decision) === to) {
      return {
        kind: 'agreed',
        epoch,
        planned: mode === undefined ? planned : mode !== 'unplanned',
      };
    }
    if (by !== 'operator') {
      const because = `the fleet has decided for ${cluster} (epoch ${epoch}): ${decision.reason}`;
      return { kind: 'refused', because };
    }
    after = epoch;
  }
}
