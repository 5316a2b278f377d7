import type { FailbackAssessment } from '../failback/gates.js';
import type { ClusterHealth } from '../health/health.js';
import type { Signal } from '../signals/signal.js';
import type { SignalState } from '../signals/signal-state.js';
import type { DecidedBy } from '../switch/report.js';
import type { World } from '../world.js';

/**
 * What is known of one cluster when a decision is made.
 *
 * @public
 */
export interface ClusterView {
  /** The cluster's MirrorMaker alias. */
  readonly alias: string;
  /** Place in the order in which the clusters were configured; 0 is the preferred one. */
  readonly rank: number;
  /** Our own opinion of it; unknown in every respect where the strategy does not ask for it. */
  readonly health: ClusterHealth;
}

/**
 * A switch that was completed.
 *
 * @public
 */
export interface PastSwitch {
  /** When it ended, in monotonic milliseconds of the world's clock. */
  readonly atMs: number;
  /** The activation that it led to. */
  readonly switchEpoch: number;
  /** Alias of the cluster that was left. */
  readonly from: string;
  /** Alias of the cluster that was gone to. */
  readonly to: string;
  /** Whose opinion it was. */
  readonly by: DecidedBy;
}

/**
 * An operator's order, as `switchTo` takes it: one of the opinions a strategy looks at.
 *
 * @public
 */
export interface OperatorOrder {
  /** Alias of the cluster that should be active. */
  readonly to: string;
  /** True: the source is alive and is drained first. False: the source is fenced at once. */
  readonly planned: boolean;
  /** Why, in the operator's words; it goes into events and the report. */
  readonly reason: string;
}

/**
 * Everything a strategy may look at, frozen, at one instant.
 *
 * @public
 */
export interface View {
  /** Monotonic milliseconds of the world's clock. */
  readonly nowMs: number;
  /** Alias of the active cluster. */
  readonly active: string;
  /** The activation in force. */
  readonly switchEpoch: number;
  /** Every configured cluster, the preferred one first. */
  readonly clusters: readonly ClusterView[];
  /** What is known of the outside sources that the strategy watches. */
  readonly signals: readonly SignalState[];
  /** The order that is waiting for a decision, if there is one. */
  readonly order: OperatorOrder | undefined;
  /** Whether the way home is open; undefined at home. */
  readonly failback: FailbackAssessment | undefined;
  /** The switches of this process, the oldest first; those of the last hour at least. */
  readonly switches: readonly PastSwitch[];
}

/**
 * Why a strategy keeps the present state. A closed set, so that it logs and counts well.
 *
 * - `no-order`: nothing asks for a switch. `already-active`: the order is carried out already.
 * - `active-well`: the active cluster is not known to be unhealthy.
 * - `no-proven-target`: the active cluster is unhealthy, and no other one is seen to work.
 * - `not-let-in`: the active cluster is unhealthy, and the other one refuses our credentials, or we do not trust it; or the active one
 *   does, and that is a veto.
 * - `way-home-shut`: the preferred cluster is healthy, and a gate of the way home is not open.
 * - `cooling-down`: the last switch is too recent. `budget-spent`: there were too many within an hour.
 * - `no-opinion`: no outside source wants anything. `signal-unknown`: none can be understood at the moment. `overtaken`: what they
 *   say was heard before a switch that led elsewhere. `pinned`: a source, or the fleet's decision, forbids automatic switches, and there is a
 *   reason for one.
 * - `no-quorum`: health would move the service, and not enough members of the fleet see the same. It is the library's own, not a
 *   strategy's.
 *
 * @public
 */
export type StayReason =
  | 'no-order'
  | 'already-active'
  | 'active-well'
  | 'no-proven-target'
  | 'not-let-in'
  | 'way-home-shut'
  | 'cooling-down'
  | 'budget-spent'
  | 'no-opinion'
  | 'signal-unknown'
  | 'overtaken'
  | 'pinned'
  | 'no-quorum';

/**
 * What a strategy makes of a view.
 *
 * @public
 */
export type Decision =
  | {
      readonly kind: 'stay';
      readonly because: StayReason;
      /** The same in words for people, with names and numbers. */
      readonly detail?: string;
      /** Something ought to be done and is not: it is told by the event `strategy.stayed`. Default false. */
      readonly isAlarming?: boolean;
    }
  | {
      readonly kind: 'switch';
      readonly to: string;
      readonly planned: boolean;
      readonly reason: string;
      /** Default `operator`. */
      readonly by?: DecidedBy;
    };

/** @public Where a strategy may take its first opinion from. */
export interface StartSources extends Pick<World, 'environment' | 'readText'> {
  /** What is known of the outside sources that the strategy watches, once each was read, or after three seconds. */
  signals(): Promise<readonly SignalState[]>;
  /** Alias of the cluster that was active when the process last ran, by the state file; undefined where that says nothing. */
  lastApplied(): Promise<string | undefined>;
}

/**
 * Decides which cluster should be active. It has no I/O of its own but the reading at start, and it never acts: whoever
 * asks carries the decision out.
 *
 * @public
 */
export interface Strategy {
  /** Names it in `status()`. */
  readonly name: string;
  /** The outside sources that it follows; they are watched while the service works. Default: none. */
  readonly signals?: readonly Signal[];
  /** True: the clusters are watched while the service works, and the view holds their health. Default false. */
  readonly watchesHealth?: boolean;
  /**
   * How long the preferred cluster must have been healthy before the gate `healthy` of the way home opens, in milliseconds. Default 0. Does not
   * matter where `watchesHealth` is not set.
   */
  readonly stableMs?: number;
  /**
   * The cluster to start on; undefined: no opinion, the first configured cluster is taken. Rejects where an opinion is
   * given but cannot be understood: starting on the wrong cluster is worse than not starting.
   */
  startOn(sources: StartSources, aliases: readonly string[]): Promise<string | undefined>;
  /**
   * Pure: the same view gives the same decision. Asked for each order, and, where it watches anything, whenever what is
   * known has changed, and once a second.
   */
  decide(view: View): Decision;
}
