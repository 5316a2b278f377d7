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
  /** The order that is waiting for a decision, if there is one. */
  readonly order: OperatorOrder | undefined;
}

/**
 * Why a strategy keeps the present state. A closed set, so that it logs and counts well.
 *
 * @public
 */
export type StayReason = 'no-order' | 'already-active';

/**
 * What a strategy makes of a view.
 *
 * @public
 */
export type Decision =
  | { readonly kind: 'stay'; readonly because: StayReason }
  | {
      readonly kind: 'switch';
      readonly to: string;
      readonly planned: boolean;
      readonly reason: string;
    };

/** @public Where a strategy may read its first opinion from. */
export type StartSources = Pick<World, 'environment' | 'readText'>;

/**
 * Decides which cluster should be active. It has no I/O of its own but the reading at start, and it never acts: whoever
 * asks carries the decision out.
 *
 * @public
 */
export interface Strategy {
  /** Names it in `status()`. */
  readonly name: string;
  /**
   * The cluster to start on; undefined: no opinion, the first configured cluster is taken. Rejects where an opinion is
   * given but cannot be understood: starting on the wrong cluster is worse than not starting.
   */
  startOn(sources: StartSources, aliases: readonly string[]): Promise<string | undefined>;
  /** Pure: the same view gives the same decision. */
  decide(view: View): Decision;
}
