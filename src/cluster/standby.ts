import type { ClusterSession } from './session.js';

/** @internal Where clients wait for the next switch: one session for all of a process. */
export interface Standby {
  /** The other cluster. */
  beside(active: string): string;
  /** The session that the next switch to it will open. */
  sessionOn(alias: string): ClusterSession;
  /** @throws WrongClusterError, or kafkajs's errors where it does not answer. */
  identify(alias: string): Promise<void>;
}
