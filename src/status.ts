import type { AgreementStatus } from './agreement/status.js';
import type { ClusterOperations } from './cluster-operations.js';
import type { ConsumerStatus } from './consumer/failover-consumer.js';
import type { SwitchPhase } from './events.js';
import type { FailbackAssessment } from './failback/gates.js';
import type { ClusterHealth } from './health/health.js';
import type { ResolvedOptions } from './options.js';
import type { LedgerStatus } from './ledger/report.js';
import type { ProducerStatus } from './producer/failover-producer.js';
import type { Progress, ProgressStatus } from './progress.js';
import type { MirrorState } from './replication/mirror.js';
import { lastGoodAgeMs, type SignalState } from './signals/signal-state.js';
import type { SwitchMeasurement } from './switch/exactness.js';
import { activeOf, epochOf, type SwitchState } from './switch/state.js';
import type { Watch } from './watch.js';

/**
 * One cluster, as far as this process knows it.
 *
 * @public
 */
export interface ClusterStatus {
  /** The cluster's MirrorMaker alias. */
  readonly alias: string;
  /** True for the cluster that is produced to and consumed from. */
  readonly isActive: boolean;
  /** The id that its brokers gave; undefined as long as they have not been asked, or have not answered. */
  readonly clusterId: string | undefined;
  /** How well it works; unknown where the strategy does not watch it. */
  readonly health: ClusterHealth;
}

/**
 * One outside source, as far as this process knows it.
 *
 * @public
 */
export interface SignalStatus extends SignalState {
  /**
   * How old its last good value is, in milliseconds: 0 while it says it; undefined where it never said one. Counted from when it was
   * found not to say it any more; a source that cannot be read may have held something else since its last answer.
   */
  readonly lastGoodAgeMs: number | undefined;
}

/**
 * The present state of a FailoverKafka, from memory.
 *
 * @public
 */
export interface FailoverStatus {
  /** What the library is doing. */
  readonly state: 'starting' | 'steady' | 'switching' | 'halted' | 'closed';
  /** Alias of the active cluster; during a switch still the one that is being left. */
  readonly active: string | undefined;
  /** Alias of the cluster that is being switched to. */
  readonly switchingTo: string | undefined;
  /** The phase of the switch under way. */
  readonly phase: SwitchPhase | undefined;
  /** The activation in force, or, during a switch, the one it leads to. */
  readonly switchEpoch: number;
  /** Why the library stopped itself. */
  readonly haltedBecause: Error | undefined;
  /** Name of the strategy that decides. */
  readonly strategy: string;
  /** Both clusters, the preferred one first. */
  readonly clusters: readonly ClusterStatus[];
  /** What is known of the outside sources that the strategy follows. */
  readonly signals: readonly SignalStatus[];
  /** What is known of the other processes; undefined where each decides for itself. */
  readonly agreement: AgreementStatus | undefined;
  /** What is known of each direction of mirroring; empty while no consumer was made. */
  readonly mirrors: readonly MirrorState[];
  /** Whether the way home to the preferred cluster is open, and if not, why not yet; undefined at home. Plain JSON. */
  readonly failback: FailbackAssessment | undefined;
  /** What the last switch of this process has cost, as far as is known by now; undefined before the first one. Plain JSON. */
  readonly lastSwitch: SwitchMeasurement | undefined;
  /** How far the groups have come, as it is written down on the standby; undefined while it is not, and during a switch. */
  readonly progress: ProgressStatus | undefined;
  /** What was acknowledged and may not be mirrored yet; undefined where nothing is kept (`producer.ledgerMaxBytes`). */
  readonly ledger: LedgerStatus | undefined;
  /** Every producer that was made and not closed. */
  readonly producers: readonly ProducerStatus[];
  /** Every consumer that was made and not closed. */
  readonly consumers: readonly ConsumerStatus[];
}

/** @internal A client, as far as `status()` is concerned. */
export interface StatusSource {
  status(): ProducerStatus | ConsumerStatus | undefined;
}

/** @internal Puts the status together. */
export function describeStatus({
  options,
  state,
  lastSwitch,
  operations,
  watch,
  progress,
  ledger,
  clients,
}: {
  options: ResolvedOptions;
  state: SwitchState;
  lastSwitch: SwitchMeasurement | undefined;
  operations: ClusterOperations;
  watch: Watch;
  progress: Progress;
  ledger: LedgerStatus | undefined;
  clients: readonly StatusSource[];
}): FailoverStatus {
  const active = activeOf(state);
  const statuses = clients.flatMap((client) => client.status() ?? []);
  return {
    state: state.kind,
    active,
    switchingTo: state.kind === 'switching' ? state.run.turn.to : undefined,
    phase: state.kind === 'switching' ? state.run.phase : undefined,
    switchEpoch: epochOf(state),
    haltedBecause: state.kind === 'halted' ? state.error : undefined,
    strategy: options.strategy.name,
    clusters: options.aliases.map((alias) => ({
      alias,
      isActive: alias === active,
      clusterId: operations.identities.ids.get(alias),
      health: watch.health(alias),
    })),
    signals: watch.signals().map((signal) => ({
      ...signal,
      lastGoodAgeMs: lastGoodAgeMs(signal, options.world.nowMs()),
    })),
    agreement: watch.fleet?.status(),
    mirrors: operations.mirrorStates(),
    failback: watch.wayHome.assessment(),
    lastSwitch,
    progress: progress.status(),
    ledger,
    producers: statuses.filter((one): one is ProducerStatus => !('groupId' in one)),
    consumers: statuses.filter((one): one is ConsumerStatus => 'groupId' in one),
  };
}
