import type { Fleet } from './agreement/fleet.js';
import type { ClusterSession } from './cluster/session.js';

/** @internal What whoever works with the clusters tells the watch, and asks it. */
export interface Watching {
  /** The other processes; undefined where each decides for itself. */
  readonly fleet: Pick<Fleet, 'lease'> | undefined;
  /** Begins. Idempotent, and nothing where the strategy watches nothing. */
  start(): void;
  /** Ends it: no timer and no connection is left. Idempotent. */
  stop(): void;
  /**
   * The cluster to start on, by the strategy, and the activation to begin with: the one that was in force when the process
   * last ran.
   */
  startOn(): Promise<{ readonly active: string; readonly switchEpoch: number }>;
  /** As {@link SwitchOperations.ready}. */
  ready(): Promise<void>;
  /** Ends it for good: nothing is begun any more, also by a start that is under way. Resolves when nothing is left. */
  close(): Promise<void>;
  /** A new session is there: its traffic is evidence. */
  sessionOpened(session: ClusterSession): void;
  /** Something looks wrong with this cluster. */
  suspect(alias: string): void;
}
