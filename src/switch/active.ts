import type { ClusterSession } from '../cluster/session.js';
import type { GroupPlan } from '../position/plan.js';
import type { GroupNeed } from '../position/need.js';
import type { Participant } from './participant.js';

/**
 * What a producer or a consumer knows of the whole: which session is in force, and how to take part in switches.
 * Implemented by the coordinator.
 *
 * @internal
 */
export interface ActiveCluster {
  /** The session in force; undefined while a switch, a halt or the end leaves none. */
  session(): ClusterSession | undefined;
  /** The activation in force, or, during a switch, the one it leads to. */
  switchEpoch(): number;
  /**
   * Chooses the first cluster and opens its session, once, when the first client asks; rejects where that failed (the
   * next call tries again).
   */
  started(): Promise<void>;
  /**
   * Takes part from now on. Where a switch is under way the participant's `hold` is called before this returns, and it
   * meets the rest of the switch; where the library is halted, its `halt`.
   */
  register(participant: Participant): void;
  /** Takes part no longer. Idempotent. */
  unregister(participant: Participant): void;
  /** Something that a client had begun has ended: where no client is left by then, no connection stays for it. */
  releaseUnused(): void;
  /**
   * For a consumer that starts while nothing is being switched (its `run()`): sound positions for partitions in which
   * the group has no commit on the active cluster yet, but MirrorMaker's records know one: the group ran on the other
   * cluster before this process was started. Undefined where the group has commits of its own, or is new everywhere:
   * then the user's `fromBeginning` decides, as with kafkajs. Where it is defined, commit it (as in `attach`) and force
   * `fromBeginning` for the rest: the group is a failed-over one, and must not skip. Waits until no other process may read the group elsewhere.
   *
   * @param hasRun - it has run in this epoch before, so its own commits are there, and no plan is made. Default: false.
   * @throws GroupElsewhereError ERR_FAILOVER_GROUP_ELSEWHERE - (rejects) the group is read on the other cluster.
   */
  planAtStart(need: GroupNeed, hasRun?: boolean): Promise<GroupPlan | undefined>;
}
