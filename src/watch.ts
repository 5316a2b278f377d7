import type { ClusterProbe } from './cluster/probe.js';
import type { ClusterSession } from './cluster/session.js';
import { Decider } from './decider.js';
import type { EventSink } from './events.js';
import type { ClusterHealth } from './health/health.js';
import { HealthMonitor } from './health/monitor.js';
import type { HealthOptions, ResolvedOptions } from './options.js';
import type { DecidedBy, OperatorOrder, PastSwitch, View } from './strategy/strategy.js';
import type { SwitchOutcome } from './switch/coordinator.js';
import { activeOf, epochOf, type SwitchState } from './switch/state.js';

/** @internal What the watch is made of. */
export interface WatchParts {
  readonly options: ResolvedOptions;
  readonly events: EventSink;
  openProbe(alias: string, onClosed: () => void): ClusterProbe;
  state(): SwitchState;
  groupIds(): readonly string[];
  /** Carries an order out. */
  order(order: OperatorOrder): Promise<SwitchOutcome>;
}

const ATTEMPTS = {
  minFailures: 2,
  minRefusals: 3,
  windowMs: 30_000,
  failureRatio: 0.8,
  minSamples: 10,
  minSuccesses: 2,
} as const;

/** Pause between two questions to a cluster that does not work, in milliseconds. */
const RETRY_MS = 100;

/** A cluster that was not heard of for so many intervals, and the time of one question, is unknown. */
const STALE_INTERVALS = 6;

/**
 * Knowing and deciding, put together: what is known of the clusters goes into a view, and the strategy sees the view. It runs
 * while a client is in use, and only where the strategy watches anything.
 *
 * @internal
 */
export class Watch {
  readonly #parts: WatchParts;
  readonly #monitor: HealthMonitor;
  readonly #decider: Decider;
  #session: ClusterSession | undefined;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    const { options, events } = parts;
    const { world, health, aliases, strategy } = options;
    this.#decider = new Decider({
      world,
      events,
      strategy,
      view: () => this.view(undefined),
      isSteady: () => parts.state().kind === 'steady',
      order: (order, by) => this.order(order, by),
    });
    this.#monitor = new HealthMonitor({
      world,
      events,
      aliases,
      limits: { ...ATTEMPTS, ...limitsOf(health) },
      pace: {
        intervalMs: health.intervalMs,
        retryMs: RETRY_MS,
        lagMs: health.lagMs,
        produceSilentMs: health.produceSilentMs,
      },
      openProbe: (alias, onClosed) => parts.openProbe(alias, onClosed),
      traffic: () => this.#traffic(),
      groupIds: () => parts.groupIds(),
      onChange: () => this.#decider.look(),
      onClusterId: () => {},
    });
  }

  /** Begins. Idempotent, and nothing where the strategy watches nothing. */
  start(): void {
    if (this.#parts.options.strategy.watchesHealth !== true) return;
    this.#monitor.start();
    this.#decider.start();
  }

  /** Ends it: no timer and no connection is left. Idempotent. */
  stop(): void {
    this.#decider.stop();
    this.#monitor.stop();
  }

  /** Something looks wrong with this cluster. */
  suspect(alias: string): void {
    this.#monitor.wake(alias);
  }

  sessionOpened(session: ClusterSession): void {
    this.#session = session;
    this.#monitor.sessionOpened(session.alias);
  }

  /** Has an order carried out, and remembers the switch for later decisions. */
  async order(order: OperatorOrder, by: DecidedBy): Promise<SwitchOutcome> {
    const outcome = await this.#parts.order(order);
    if (outcome.kind === 'switched') this.#decider.switched(outcome.report, by);
    return outcome;
  }

  health(alias: string): ClusterHealth {
    const known = this.#monitor.health().get(alias);
    if (known === undefined) throw new Error(`no cluster ${alias}`);
    return known;
  }

  /** Everything that a strategy may look at, now. */
  view(order: OperatorOrder | undefined): View {
    const { options } = this.#parts;
    const state = this.#parts.state();
    const switches: readonly PastSwitch[] = this.#decider.past;
    return Object.freeze({
      nowMs: options.world.nowMs(),
      active: activeOf(state) ?? options.aliases[0],
      switchEpoch: epochOf(state),
      clusters: options.aliases.map((alias, rank) => ({ alias, rank, health: this.health(alias) })),
      order,
      switches,
    });
  }

  #traffic() {
    const session = this.#session;
    return session === undefined || session.signal.aborted ? undefined : session;
  }
}

function limitsOf(health: Required<HealthOptions>) {
  const { silentMs, goneMs, recoveryMs, intervalMs, timeoutMs } = health;
  return { silentMs, goneMs, recoveryMs, staleMs: STALE_INTERVALS * intervalMs + 2 * timeoutMs };
}
