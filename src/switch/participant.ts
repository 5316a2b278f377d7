import type { ClusterSession } from '../cluster/session.js';
import type { GroupElsewhereError } from '../errors.js';
import type { GroupPlan } from '../position/plan.js';
import type { GroupNeed } from '../position/need.js';
import type { DecidedBy } from './report.js';

/** @internal One switch, as its participants see it. */
export interface SwitchTurn {
  /** The activation that this switch leads to. */
  readonly switchEpoch: number;
  readonly from: string;
  readonly to: string;
  readonly planned: boolean;
  readonly reason: string;
  readonly by: DecidedBy;
  /** The number of the fleet's decision; undefined where none was made (yet), or no fleet is asked. */
  readonly agreedEpoch: number | undefined;
}

/**
 * What takes part in a switch: a producer or a consumer, seen by the coordinator only like this. The coordinator calls
 * the methods in this order; a participant made during a switch starts with `hold` and meets the rest.
 *
 * ```
 * planned:   hold, drain, (fence), detach, attach     first those that use others, hold and drain; then the others
 * unplanned: hold, (fence), detach, attach
 * ```
 *
 * @internal
 */
export interface Participant {
  /** Names it in events and reports, for example `producer-1` or `consumer-billing-2`. */
  readonly id: string;
  /**
   * True where its work may need other participants: a consumer's handlers send. In a planned switch it is held and
   * drained while the others still work, or it would wait for sends that wait for it.
   */
  readonly usesOthers: boolean;
  /** From now on nothing new goes to the source: sends wait, no handler is started. Synchronous; once in a switch. */
  hold(turn: SwitchTurn): void;
  /** Planned switches only: what is in flight finishes, progress is committed on the source, the group is left. */
  drain(turn: SwitchTurn): Promise<void>;
  /**
   * The source's session was fenced. Settles or queues what was in flight; never waits for inner promises. For a
   * consumer it resolves when its running handlers ended (the coordinator bounds that wait).
   */
  detach(turn: SwitchTurn): Promise<void>;
  /** What positions the participant needs on the target; undefined for producers and consumers that never ran. */
  need(): GroupNeed | undefined;
  /**
   * Goes on with the new session. Resolves when work flows again; keeps trying where the cluster does not answer, until
   * the session's signal is aborted.
   *
   * @param plan - where a consumer resumes: its positions are put in place before it joins. Or why it must not consume there: its group is
   *   read on the other cluster.
   */
  attach(session: ClusterSession, plan: GroupPlan | GroupElsewhereError | undefined): Promise<void>;
  /** Nothing is sent or handled until further notice: what waits is rejected with this error. */
  halt(error: Error): void;
}

/** @internal What somebody waits for in a switch, in words. */
export function endOf(turn: SwitchTurn | undefined): string {
  return turn === undefined
    ? 'a cluster to be active'
    : `the switch from ${turn.from} to ${turn.to} (epoch ${turn.switchEpoch}) to end`;
}

/** @internal The facts of a switch that an error carries. */
export function factsOf(
  turn: SwitchTurn | undefined,
): Partial<Pick<SwitchTurn, 'from' | 'to' | 'switchEpoch'>> {
  return turn === undefined ? {} : { from: turn.from, to: turn.to, switchEpoch: turn.switchEpoch };
}
