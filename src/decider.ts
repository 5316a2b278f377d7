import { asError } from './caught.js';
import { isFailoverError } from './errors.js';
import type { EventSink } from './events.js';
import type {
  DecidedBy,
  Decision,
  OperatorOrder,
  PastSwitch,
  Strategy,
  View,
} from './strategy/strategy.js';
import type { SwitchOutcome } from './switch/coordinator.js';
import type { SwitchReport } from './switch/report.js';
import { unreachable } from './unreachable.js';
import type { CancelTimer, World } from './world.js';

/** @internal What a decider is made of. */
export interface DeciderParts {
  readonly world: World;
  readonly events: EventSink;
  readonly strategy: Strategy;
  /** What is known now, without an order. */
  view(): View;
  /** True while nothing else is under way that moves the service. */
  isSteady(): boolean;
  /** Carries a decision out. */
  order(order: OperatorOrder, by: DecidedBy): Promise<SwitchOutcome>;
}

/** Time itself may change a decision (a cooldown ends), in milliseconds. */
const LOOK_MS = 1_000;

/** After a switch that was refused: the first pause before the next try, doubled each time, in milliseconds. */
const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;

/** How long past switches are remembered, in milliseconds. */
const REMEMBERED_MS = 3_600_000;

/**
 * Shows what is known to the strategy, again and again, and has its decisions carried out. It decides nothing itself.
 *
 * @internal
 */
export class Decider {
  readonly #parts: DeciderParts;
  #past: readonly PastSwitch[] = [];
  #isWatching = false;
  #cancelLook: CancelTimer | undefined;
  #isOrdering = false;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #refusedCount = 0;
  #alarm: string | undefined;

  constructor(parts: DeciderParts) {
    this.#parts = parts;
  }

  /** The switches that are remembered, the oldest first. */
  get past(): readonly PastSwitch[] {
    return this.#past;
  }

  /** Begins to look. Idempotent. */
  start(): void {
    if (this.#isWatching) return;
    this.#isWatching = true;
    this.#lookLater();
  }

  /** Ends it; a switch under way goes on. Idempotent. */
  stop(): void {
    this.#isWatching = false;
    this.#cancelLook?.();
    this.#cancelLook = undefined;
  }

  /** A switch was completed, whoever wanted it. */
  switched({ switchEpoch, startedAtMs, from, to }: SwitchReport, by: DecidedBy): void {
    // Several orders may have been answered by one switch.
    if (this.#past.some((one) => one.switchEpoch === switchEpoch)) return;
    const atMs = this.#parts.world.nowMs();
    const recent = this.#past.filter((one) => atMs - one.atMs < REMEMBERED_MS);
    this.#past = [...recent, { atMs, startedAtMs, switchEpoch, from, to, by }];
  }

  /** What is known has changed. */
  look(): void {
    const { world, strategy } = this.#parts;
    if (!this.#isWatching || this.#isOrdering || !this.#parts.isSteady()) return;
    if (world.nowMs() < this.#notBeforeMs) return;
    const view = this.#parts.view();
    let decision: Decision;
    try {
      decision = strategy.decide(view);
    } catch (error) {
      this.#failed(error);
      return;
    }
    switch (decision.kind) {
      case 'stay':
        this.#stay(decision, view);
        return;
      case 'switch':
        this.#alarm = undefined;
        if (decision.to !== view.active) void this.#carryOut(decision);
        return;
      default:
        unreachable(decision);
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

  async #carryOut(decision: Extract<Decision, { kind: 'switch' }>): Promise<void> {
    const { world } = this.#parts;
    const { to, planned, reason, by = 'operator' } = decision;
    this.#isOrdering = true;
    try {
      await this.#parts.order({ to, planned, reason }, by);
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
