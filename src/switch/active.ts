import type { ClusterSession } from '../cluster/session.js';
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
   * Takes part from now on. Where a switch is under way the participant's `hold` is called before this returns, and it
   * meets the rest of the switch; where the library is halted, its `halt`.
   */
  register(participant: Participant): void;
  /** Takes part no longer. Idempotent. */
  unregister(participant: Participant): void;
}
