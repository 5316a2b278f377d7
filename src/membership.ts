import type { Agreement, AgreementContext, Proposal } from './agreement/agreement.js';
import { confirm } from './agreement/confirm.js';
import { Fleet } from './agreement/fleet.js';
import { isAgreementLost, type AgreementLostError } from './errors.js';
import type { EventSink } from './events.js';
import type { ResolvedOptions } from './options.js';
import type { OperatorOrder } from './strategy/strategy.js';
import type { DecidedBy } from './switch/report.js';
import { activeOf, type SwitchRun, type SwitchState } from './switch/state.js';

/** @internal What a membership is made of. */
export interface MembershipParts {
  readonly options: ResolvedOptions;
  readonly events: EventSink;
  state(): SwitchState;
  groupIds(): readonly string[];
  /** Opens a log of a cluster for the agreement. */
  openLog: AgreementContext['log'];
  /** Nothing may be written any more. */
  halt(active: string, error: AgreementLostError): void;
  onChange(): void;
  onLeaseRenewed(): void;
}

/** @internal Undefined where each process decides for itself. */
export function openMembership(parts: MembershipParts): Membership | undefined {
  const { agreement } = parts.options;
  return agreement === undefined ? undefined : new Membership(parts, agreement);
}

/**
 * What the state of the whole means to the fleet, and the other way round.
 *
 * @internal
 */
export class Membership {
  readonly fleet: Fleet;
  readonly #parts: MembershipParts;

  constructor(parts: MembershipParts, agreement: Agreement) {
    const { options, events, groupIds, openLog } = parts;
    const { aliases, world, kafka } = options;
    this.#parts = parts;
    this.fleet = new Fleet({
      world,
      events,
      agreement,
      aliases,
      clientId: kafka.clientId,
      openLog,
      self: () => ({ cluster: this.#worksWith(), groups: groupIds() }),
      onChange: () => parts.onChange(),
      onLeaseEnded: () => this.#leaseEnded(),
      onLeaseRenewed: () => parts.onLeaseRenewed(),
    });
  }

  /** A lease may have ended while nothing was open that it could have stopped. */
  checkLease(): void {
    if (this.fleet.lease.isOver && this.#parts.state().kind === 'steady') this.#leaseEnded();
  }

  /**
   * An order to stay: the fleet should know it, where its decision names another cluster, or none was made, or somebody was moved
   * alone. Whoever starts later begins there.
   */
  async confirm({ to, planned, reason }: OperatorOrder, by: DecidedBy): Promise<void> {
    if (!this.#isSteadyOn(to) || this.fleet.isTogetherOn(to)) return;
    const mode = planned ? 'planned' : 'unplanned';
    const proposal: Proposal = { cluster: to, mode, reason, by };
    const epoch = await confirm(this.fleet, this.#parts.options.world, proposal);
    // It may have been sent elsewhere meanwhile: then it has this decision still to carry out.
    if (this.#isSteadyOn(to)) this.fleet.obeyed(epoch);
  }

  #isSteadyOn(cluster: string): boolean {
    const state = this.#parts.state();
    return state.kind === 'steady' && state.active === cluster;
  }

  #leaseEnded(): void {
    const state = this.#parts.state();
    // A person moves it alone: it has left the old cluster, and needs no lease on the new one.
    if (state.kind === 'switching' && isMovingAlone(state.run)) return;
    const active = activeOf(state);
    // What has not begun writes nothing yet.
    if (active !== undefined) this.#parts.halt(active, this.fleet.lostError());
  }

  /** What other members hear: where the fleet has sent this process, once it has left; nothing as long as it has not begun. */
  #worksWith(): string {
    const state = this.#parts.state();
    if (state.kind !== 'switching') return activeOf(state) ?? '';
    const { from, to, agreedEpoch } = state.run.turn;
    return agreedEpoch !== undefined && agreedEpoch <= this.fleet.obeyedEpoch ? to : from;
  }
}

/** True from the fence on. A planned move may go back, and then needs the lease. */
function isMovingAlone({ turn, phase }: SwitchRun): boolean {
  const isAlone = turn.by === 'operator' && turn.agreedEpoch === undefined;
  return isAlone && !turn.planned && (phase === 'translate' || phase === 'open');
}

/** @internal What the library does, as far as a decision has to wait for it. */
export function restOf(state: SwitchState): 'steady' | 'halted' | 'lease-ended' | 'busy' {
  if (state.kind === 'steady') return 'steady';
  if (state.kind !== 'halted') return 'busy';
  return isAgreementLost(state.error) ? 'lease-ended' : 'halted';
}

/** @internal Where the fleet had sent it when it stopped itself on its way. */
export function owedOf(state: SwitchState): string | undefined {
  return state.kind === 'halted' ? state.owed : undefined;
}
