import type { SwitchTurn } from './participant.js';

/** @internal What a fleet has decided about a switch. */
export type AgreeOutcome =
  /** The fleet goes where the switch goes, by this decision. */
  | { readonly kind: 'agreed'; readonly epoch: number; readonly planned: boolean }
  /** It goes elsewhere, or nowhere. */
  | { readonly kind: 'refused'; readonly because: string };

/**
 * The other processes, as a switch sees them: what is decided together, and who has left the source. The agreement implements
 * it; without one there are no others.
 *
 * @internal
 */
export interface SwitchFleet {
  /** Has the fleet decide what this switch wants. Never rejects but with the signal's reason. */
  agree(turn: SwitchTurn, signal: AbortSignal): Promise<AgreeOutcome>;
  /** This process has left every cluster that an older decision named: nothing of it is sent or handled there any more. */
  obeyed(epoch: number): void;
  /** By the decision that this process has obeyed the group is to be read on the other cluster than this one. */
  isElsewhere(groupId: string, cluster: string): boolean;
  /**
   * Before a consumer starts on a cluster: says that this process takes part in these groups, so that others wait for it, and waits until
   * nobody may still handle their records elsewhere, and the fleet's decision wants them there. Never rejects; ends when `signal` is aborted.
   *
   * @returns the groups that are to be read on the other cluster.
   */
  entering(
    groups: readonly string[],
    cluster: string,
    signal: AbortSignal,
  ): Promise<readonly string[]>;
  /** Waits until nobody else may still work elsewhere than where a decision leads. Resolves with who had not left when `signal` was aborted. Never rejects. */
  othersLeft(leaving: Leaving, signal: AbortSignal): Promise<readonly string[]>;
}

/** @internal The decision by which a process leaves a cluster, and whom it waits for. */
export interface Leaving {
  readonly epoch: number;
  /** The cluster that the decision names. */
  readonly to: string;
  /** Members of these groups only; undefined: all members. */
  readonly groups: readonly string[] | undefined;
}
