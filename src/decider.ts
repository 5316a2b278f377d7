import type { Fleet } from './agreement/fleet.js';
import { asError } from './caught.js';
import { isFailoverError } from './errors.js';
import type { EventSink } from './events.js';
import { obeying } from './strategy/standing.js';
import type { Decision, OperatorOrder, Strategy, View } from './strategy/strategy.js';
import type { DecidedBy, SwitchOutcome } from './switch/report.js';
import type { FleetOrder } from './switch/state.js';
import { unreachable } from './unreachable.js';
import type { CancelTimer, World } from './world.js';

/** @internal What a decider is made of. */
export interface DeciderParts {
  readonly world: World;
  readonly events: EventSink;
  readonly strategy: Strategy;
  /** What is known now, without an order. */
  view(): View;
  /** What the library does: it is steady, has stopped itself (for want of the agreement, or for another reason), or is busy. */
  rest(): 'steady' | 'halted' | 'lease-ended' | 'busy';
  /** Where the fleet had sent it when it stopped itself on its way; undefined: it was not on its way. */
  owed(): string | undefined;
  /** The other processes; undefined where each decides for itself. */
  readonly fleet: DecidingFleet | undefined;
  /** Carries a decision out. */
  order(order: OperatorOrder, by: DecidedBy, fleet: FleetOrder): Promise<SwitchOutcome>;
}

/** @internal What a decider asks the fleet, and tells it. */
export type DecidingFleet = Pick<
  Fleet,
  'decision' | 'own' | 'isHeard' | 'standing' | 'want' | 'vote'
>;

/** Time itself may change a decision (a cooldown ends), in milliseconds. */
const LOOK_MS = 1_000;

/** After a switch that was refused: the first pause before the next try, doubled each time, in milliseconds. */
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;

/**
 * Shows what is known to the strategy, again and again, and has its decisions carried out. It decides nothing itself.
 *
 * @internal
 */
export class Decider {
  readonly #parts: DeciderParts;
  #isWatching = false;
  #cancelLook: CancelTimer | undefined;
  #isOrdering = false;
  #ordering: Promise<void> = Promise.resolve();
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #refusedCount = 0;
  #alarm: string | undefined;
  /** The fleet's decision that was carried out last, or tried. */
  #triedEpoch = 0;

  constructor(parts: DeciderParts) {
    this.#parts = parts;
  }

  /** Begins to look. Idempotent. */
  start(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#lookLater();
  }

  /** Resolves when nothing that it has ordered is under way. Never rejects. */
  get idle(): Promise<void> {
    return this.#ordering;
  }

  /** Ends it; a switch under way goes on. Idempotent. */
  stop(): void {
    this.#isWatching = false;
    this.#cancelLook?.();
    this.#cancelLook = undefined;
  }

  /** What is known has changed. */
  look(): void {
    if (!this.#isWatching || this.#isOrdering) return;
    const rest = this.#parts.rest();
    if (rest === 'busy') return;
    const view = this.#parts.view();
    // What the fleet has decided goes before everything, and leads out of a halt.
    if (this.#obey(rest, view)) return;
    if (rest !== 'steady') {
      // Whoever has stopped itself sees nothing that the others should move for.
      this.#parts.fleet?.want(undefined);
      return;
    }
    if (this.#parts.world.nowMs() < this.#notBeforeMs) return;
    const decision = this.#decide(view);
    if (decision === undefined) return;
    const { fleet } = this.#parts;
    switch (decision.kind) {
      case 'stay':
        fleet?.want(undefined);
        this.#stay(decision, view);
        return;
      case 'switch': {
        const held = fleet === undefined ? undefined : heldBack(decision, fleet);
        if (held !== undefined) {
          this.#stay(held, view);
          return;
        }
        this.#alarm = undefined;
        if (decision.to === view.active) return;
        this.#ordering = this.#carryOut(decision, {
          kind: fleet === undefined ? 'none' : 'propose',
        });
        return;
      }
      default:
        unreachable(decision);
    }
  }

  /** True where the fleet's decision is being carried out. */
  #obey(rest: 'steady' | 'halted' | 'lease-ended', view: View): boolean {
    const { fleet, world } = this.#parts;
    const standing = fleet?.standing(view.active);
    if (standing !== undefined && standing.epoch !== this.#triedEpoch) {
      this.#triedEpoch = standing.epoch;
      this.#notBeforeMs = Number.NEGATIVE_INFINITY;
    }
    if (world.nowMs() < this.#notBeforeMs) return false;
    // Nothing is opened without a lease, also where a decision is known: nothing would end it any more.
    if (rest === 'lease-ended' && fleet?.isHeard !== true) return false;
    if (standing !== undefined) {
      const { epoch } = standing;
      this.#ordering = this.#carryOut(obeying(standing, view), { kind: 'agreed', epoch });
      return true;
    }
    if (rest !== 'lease-ended' || fleet === undefined) return false;
    const { own: decision } = fleet;
    const owed = this.#parts.owed();
    // What was obeyed already is not standing any more; but the fleet may have gone back meanwhile.
    const isOwed = decision === undefined || decision.cluster === owed;
    const order = {
      kind: 'switch',
      to: isOwed && owed !== undefined ? owed : view.active,
      planned: false,
      reason: 'the agreement is heard again',
      by: 'agreement',
    } as const;
    this.#ordering = this.#carryOut(
      order,
      decision === undefined ? { kind: 'none' } : { kind: 'agreed', epoch: decision.epoch },
    );
    return true;
  }

  #decide(view: View): Decision | undefined {
    try {
      return this.#parts.strategy.decide(view);
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  #stay(decision: Extract<Decision, { kind: 'stay' }>, view: View): void {
    const { because, detail = because, isAlarming = false } = decision;
    const alarm = isAlarming ? because : undefined;
    const isNew = alarm !== undefined && alarm !== this.#alarm;
    this.#alarm = alarm;
    if (!isNew) return;
    const { strategy } = this.#parts;
    this.#parts.events.emit('strategy.stayed', {
      cluster: view.active,
      strategy: strategy.name,
      because,
      detail,
    });
  }

  /** Told once, until it fails otherwise: it is asked again all the time. */
  #failed(thrown: unknown): void {
    const { strategy, events } = this.#parts;
    const error = asError(thrown);
    const alarm = `failed: ${error.message}`;
    if (alarm === this.#alarm) return;
    this.#alarm = alarm;
    events.emit('strategy.failed', { strategy: strategy.name, error });
  }

  async #carryOut(decision: SwitchDecision, fleet: FleetOrder): Promise<void> {
    const { world } = this.#parts;
    const { to, planned, reason, by = 'operator' } = decision;
    this.#isOrdering = true;
    try {
      await this.#parts.order({ to, planned, reason }, by, fleet);
      this.#refusedCount = 0;
    } catch (error) {
      // Told by the switch's own events. What stood in its way may go away.
      if (!isFailoverError(asError(error))) this.#failed(error);
      const pauseMs = Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#refusedCount);
      this.#refusedCount += 1;
      this.#notBeforeMs = world.nowMs() + pauseMs;
    } finally {
      this.#isOrdering = false;
    }
    this.look();
  }

  #lookLater(): void {
    this.#cancelLook = this.#parts.world.after(LOOK_MS, () => {
      this.look();
      // A listener may have ended it.
      if (this.#isWatching) this.#lookLater();
    });
  }
}

type SwitchDecision = Extract<Decision, { kind: 'switch' }>;

/**
 * Health moves nobody alone, and not where the fleet's decision forbids it; and home (its only planned switch) not before all who consume want
 * it. Undefined: nothing stands in its way.
 */
function heldBack(
  { to, by, reason, planned }: SwitchDecision,
  fleet: DecidingFleet,
): Extract<Decision, { kind: 'stay' }> | undefined {
  if (by !== 'health') {
    fleet.want(undefined);
    return undefined;
  }
  if (fleet.decision?.mode === 'pinned') {
    fleet.want(undefined);
    const detail = `the fleet's decision forbids automatic switches; otherwise: ${reason}`;
    return { kind: 'stay', because: 'pinned', detail, isAlarming: true };
  }
  if (fleet.decision?.only !== undefined && planned) {
    fleet.want(undefined);
    const detail = `${reason}; the fleet goes gradually, and failback() or switchTo() ends that`;
    return { kind: 'stay', because: 'way-home-shut', detail };
  }
  fleet.want(to);
  const { voices, heard, needed, unwilling, isReached, isLong } = fleet.vote(to);
  // What a cluster does is seen by all. Whether the mirror has brought what a group reads, its members alone see.
  if (isReached && planned && unwilling.length > 0) {
    const detail = `${reason}; these members, who consume, do not want it (yet): ${unwilling.join(', ')}`;
    return { kind: 'stay', because: 'way-home-shut', detail };
  }
  if (isReached) return undefined;
  const detail = `${reason}; ${voices} of ${heard} members heard want the same, ${needed} are needed`;
  return { kind: 'stay', because: 'no-quorum', detail, isAlarming: isLong };
}
