import type { AgreementContext } from './agreement/agreement.js';
import { firstDecision } from './agreement/first-decision.js';
import type { Fleet } from './agreement/fleet.js';
import type { ClusterProbe } from './cluster/probe.js';
import type { ClusterSession } from './cluster/session.js';
import { Decider } from './decider.js';
import { FailbackAssessor, type AssessorParts } from './failback/assessor.js';
import { FailoverClosedError, type AgreementLostError } from './errors.js';
import type { EventSink } from './events.js';
import type { Identities } from './identities.js';
import type { ClusterHealth } from './health/health.js';
import { interruption, keptRun, switchOf } from './journal.js';
import { canaryOn } from './canary-log.js';
import { limitsOf, paceOf } from './health/limits.js';
import { HealthMonitor } from './health/monitor.js';
import { overtakingOf } from './overtaking.js';
import { PastSwitches } from './past-switches.js';
import { Listening } from './signals/listening.js';
import type { SignalState } from './signals/signal-state.js';
import { openMembership, owedOf, restOf, type Membership } from './membership.js';
import { StateFile, type AppliedState } from './state-file.js';
import type { ResolvedOptions } from './options.js';
import type { OperatorOrder, View } from './strategy/strategy.js';
import type { DecidedBy, SwitchOutcome } from './switch/report.js';
import {
  activeOf,
  epochOf,
  type FleetOrder,
  type SwitchOrder,
  type SwitchState,
} from './switch/state.js';
import type { Watching } from './watching.js';
import type { CancelTimer } from './world.js';

/** @internal What the watch is made of. */
export interface WatchParts {
  readonly options: ResolvedOptions;
  readonly events: EventSink;
  openProbe(alias: string, onClosed: () => void): ClusterProbe;
  state(): SwitchState;
  groupIds(): readonly string[];
  /** Who stands behind the names. */
  identities(): Identities;
  /** Opens a log of a cluster for the agreement. */
  openLog: AgreementContext['log'];
  /** Carries an order out. */
  order(order: Omit<SwitchOrder, 'orderId'>): Promise<SwitchOutcome>;
  /** As {@link AssessorParts.look}. */
  readonly lookHome: AssessorParts['look'];
  /** Nothing may be written any more. */
  halt(active: string, error: AgreementLostError): void;
}

/** How often both names are looked behind, in milliseconds. */
const IDENTITY_LOOK_MS = 30_000;

/** How long a start waits for the first word of outside sources, in milliseconds. */
const FIRST_READING_MS = 3_000;

/**
 * Knowing and deciding, put together: what is known of the clusters goes into a view, and the strategy sees the view. It runs
 * while a client is in use, and only where the strategy watches anything.
 *
 * @internal
 */
export class Watch implements Watching {
  readonly #parts: WatchParts;
  readonly #monitor: HealthMonitor;
  readonly #decider: Decider;
  readonly #listening: Listening;
  readonly #stateFile: StateFile;
  readonly #past: PastSwitches;
  readonly #membership: Membership | undefined;
  /** Whether the way home is open. */
  readonly wayHome: FailbackAssessor;
  #session: ClusterSession | undefined;
  /** What a restart has to come back to. */
  #applied: Pick<AppliedState, 'cluster' | 'switchEpoch' | 'agreedEpoch'> | undefined;
  #isClosed = false;
  #cancelIdentityLook: CancelTimer | undefined;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    const { options, events } = parts;
    const { world, health, aliases, strategy } = options;
    this.#past = new PastSwitches(world);
    this.#membership = openMembership({
      ...parts,
      onChange: () => this.#heard(),
      onLeaseRenewed: () => this.#decider.look(),
    });
    this.#decider = new Decider({
      world,
      events,
      strategy,
      fleet: this.fleet,
      view: () => this.view(undefined),
      rest: () => restOf(parts.state()),
      owed: () => owedOf(parts.state()),
      order: (order, by, fleet) => this.order(order, by, fleet),
    });
    this.#listening = new Listening({
      world,
      events,
      aliases,
      signals: strategy.signals ?? [],
      decisionEpoch: () => Math.max(this.fleet?.decision?.epoch ?? 0, this.fleet?.obeyedEpoch ?? 0),
      onChange: () => this.#heard(),
    });
    this.#stateFile = new StateFile({ world, events, path: options.stateFile, aliases });
    this.wayHome = new FailbackAssessor({
      world,
      events,
      limits: options.failback,
      stableMs: strategy.watchesHealth === true ? (strategy.stableMs ?? 0) : undefined,
      known: () => this.#known(),
      isSteady: () => parts.state().kind === 'steady',
      look: parts.lookHome,
      onChange: () => this.#decider.look(),
    });
    this.#monitor = new HealthMonitor({
      world,
      events,
      aliases,
      limits: limitsOf(health),
      pace: paceOf(health),
      openProbe: (alias, onClosed) => parts.openProbe(alias, onClosed),
      openCanary: (alias) => canaryOn(parts.openLog, alias, health.canary),
      traffic: () => this.#traffic(),
      groupIds: () => parts.groupIds(),
      onChange: () => this.#decider.look(),
      onClusterId: (alias, clusterId) => this.#seen(alias, clusterId),
    });
  }

  get fleet(): Fleet | undefined {
    return this.#membership?.fleet;
  }

  start(): void {
    if (this.#isClosed) return;
    const { watchesHealth = false, signals = [] } = this.#parts.options.strategy;
    if (watchesHealth) this.#monitor.start();
    this.#listening.start();
    const { fleet } = this;
    fleet?.start();
    if (watchesHealth || signals.length > 0 || fleet !== undefined) this.#decider.start();
    this.wayHome.start();
    if (this.#cancelIdentityLook === undefined) this.#lookBehindNames();
  }

  async ready(): Promise<void> {
    const { fleet } = this;
    if (fleet === undefined) return;
    const isMissing = !fleet.isRunning || restOf(this.#parts.state()) === 'lease-ended';
    this.start();
    if (isMissing) await fleet.heardAnew(FIRST_READING_MS);
    this.#membership?.checkLease();
    this.#decider.look();
    await this.#decider.idle;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.stop();
    await this.fleet?.stopped;
    await this.#stateFile.settled();
  }

  /** A start is given up where the end has come meanwhile. */
  #refuseWhenClosed(): void {
    if (this.#isClosed) throw new FailoverClosedError('FailoverKafka was closed');
  }

  async startOn(): Promise<{ active: string; switchEpoch: number }> {
    const { strategy, world, aliases } = this.#parts.options;
    const last = await this.#stateFile.read();
    this.#refuseWhenClosed();
    if (last !== undefined) {
      this.#listening.remember(last);
      const ended = last.run === undefined ? undefined : switchOf(last.run, last.cluster);
      this.#past.remember(ended === undefined ? last.switches : [...last.switches, ended]);
      this.#parts.identities().remember(last.clusterIds);
    }
    const agreed = this.fleet === undefined ? undefined : await firstDecision(this.fleet, last);
    this.#refuseWhenClosed();
    if (agreed !== undefined) {
      const { cluster, epoch: decisionEpoch } = agreed;
      this.#listening.overtake({ cluster, startedAtMs: undefined, decisionEpoch });
    }
    const active =
      agreed?.cluster ??
      (await strategy.startOn(
        {
          environment: (name) => world.environment(name),
          readText: (path) => world.readText(path),
          signals: () => this.#firstWords(),
          lastApplied: () => Promise.resolve(last?.cluster),
        },
        aliases,
      )) ??
      aliases[0];
    // Another cluster than before is another activation.
    const epoch = last?.switchEpoch ?? 1;
    const ownEpoch = last === undefined || last.cluster === active ? epoch : epoch + 1;
    const switchEpoch = Math.max(ownEpoch, agreed?.epoch ?? 0);
    this.#apply(active, switchEpoch);
    if (last?.run !== undefined) {
      this.#parts.events.emit('switch.interrupted', interruption(last.run, active));
    }
    return { active, switchEpoch };
  }

  stop(): void {
    this.#cancelIdentityLook?.();
    this.#cancelIdentityLook = undefined;
    this.#decider.stop();
    this.wayHome.stop();
    this.fleet?.stop();
    this.#listening.stop();
    this.#monitor.stop();
  }

  suspect(alias: string): void {
    this.#monitor.wake(alias);
  }

  async #firstWords(): Promise<readonly SignalState[]> {
    this.#listening.start();
    await this.#listening.read(FIRST_READING_MS);
    return this.#listening.states();
  }

  /** A probe has seen who answers. */
  #seen(alias: string, clusterId: string): void {
    const identities = this.#parts.identities();
    try {
      identities.seen(alias, clusterId);
    } catch (error) {
      identities.judge(alias, error);
    }
  }

  /** Looks behind both names, and keeps what was learned. */
  #lookBehindNames(): void {
    const { world, aliases } = this.#parts.options;
    this.#cancelIdentityLook = world.after(IDENTITY_LOOK_MS, () => {
      for (const alias of aliases) void this.#parts.identities().verify(alias);
      this.keep();
      // A listener may have ended it.
      if (this.#cancelIdentityLook !== undefined) this.#lookBehindNames();
    });
  }

  #heard(): void {
    this.keep();
    this.#decider.look();
  }

  #apply(cluster: string, switchEpoch: number): void {
    this.#applied = { cluster, switchEpoch, agreedEpoch: this.fleet?.obeyedEpoch ?? 0 };
    this.keep();
  }

  /** Keeps what a restart needs, each step of a switch before it begins; never waited for. */
  keep(): void {
    // An end in the middle of a switch is no other one than a crash: what was written at its last step stands.
    if (this.#applied === undefined || this.#parts.state().kind === 'closed') return;
    // In a switch a decision is obeyed before there is a session on its cluster: a restart then has to obey it anew.
    if (this.fleet !== undefined && this.#parts.state().kind === 'steady') {
      this.#applied = { ...this.#applied, agreedEpoch: this.fleet.obeyedEpoch };
    }
    const { world } = this.#parts.options;
    const kept = this.#listening.kept();
    const now = { nowMs: world.nowMs(), wallMs: world.wallMs() };
    const run = keptRun(this.#parts.state(), now);
    const clusterIds = Object.fromEntries(this.#parts.identities().ids);
    const switches = this.#past.kept;
    void this.#stateFile.write({ ...this.#applied, clusterIds, switches, run, ...kept });
  }

  sessionOpened(session: ClusterSession): void {
    this.#session = session;
    const overtaking = overtakingOf(this.#parts.state(), session.alias);
    if (overtaking !== undefined) this.#listening.overtake(overtaking);
    // At once, not when the switch is over: whoever dies meanwhile has written here, and must not come back to the other one.
    this.#apply(session.alias, session.switchEpoch);
    this.#monitor.sessionOpened(session.alias);
  }

  /**
   * Has an order carried out, and remembers the switch for later decisions.
   *
   * @param fleet - what the fleet has to do with it. Default: it has to agree, where there is one.
   */
  async order(
    order: OperatorOrder,
    by: DecidedBy,
    fleet: FleetOrder = { kind: this.fleet === undefined ? 'none' : 'propose' },
  ): Promise<SwitchOutcome> {
    if (fleet.kind === 'propose') await this.#membership?.confirm(order, by);
    const outcome = await this.#parts.order({ ...order, by, fleet });
    if (outcome.kind === 'switched') {
      this.#past.add(outcome.report);
      this.keep();
      // It has joined an order that did not ask the fleet. Where the fleet cannot be asked, the report says so.
      const isAlone = fleet.kind === 'propose' && outcome.report.agreedEpoch === undefined;
      if (isAlone && by === 'operator') await this.#membership?.confirm(order, by).catch(() => {});
    }
    if (fleet.kind === 'none' && by === 'operator') this.fleet?.lease.callOff();
    return outcome;
  }

  health(alias: string): ClusterHealth {
    const known = this.#monitor.health().get(alias);
    if (known === undefined) throw new Error(`no cluster ${alias}`);
    return known;
  }

  signals(): readonly SignalState[] {
    return this.#listening.states();
  }

  /** Everything that a strategy may look at, now. */
  view(order: OperatorOrder | undefined): View {
    const signals = this.#listening.states();
    const failback = this.wayHome.assessment();
    return Object.freeze({ ...this.#known(), signals, failback, order });
  }

  #known() {
    const { options } = this.#parts;
    const state = this.#parts.state();
    return {
      nowMs: options.world.nowMs(),
      active: activeOf(state) ?? options.aliases[0],
      switchEpoch: epochOf(state),
      clusters: options.aliases.map((alias, rank) => ({ alias, rank, health: this.health(alias) })),
      switches: this.#past.list,
    };
  }

  #traffic() {
    return this.#session?.signal.aborted === false ? this.#session : undefined;
  }
}
