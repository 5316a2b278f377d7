/**
 * How the health of the clusters is judged, where the strategy asks for it. Milliseconds, from 1 to 2147483647.
 *
 * @public
 */
export interface HealthOptions {
  /** Pause between two questions to a cluster that works. Default 500. One that does not is asked ten times a second at most. */
  readonly intervalMs?: number;
  /** Limit of each connection and each question. Default 1000. */
  readonly timeoutMs?: number;
  /**
   * Nothing has worked for this long, at least two questions: unhealthy. Default 2000. Does not affect a cluster whose
   * brokers all refuse connections.
   */
  readonly silentMs?: number;
  /** Every broker has refused connections for this long, at least three questions: unhealthy. Default 250. */
  readonly goneMs?: number;
  /**
   * The cluster answers, and for this long took no records (a Produce request has no answer, or sends are rejected for want of
   * replicas or a leader) or served no group: unhealthy. Default 15000: a broker that is restarted or dies in a cluster of several
   * takes its partitions and groups away for some ten seconds, until others have taken them over (KRaft's
   * `broker.session.timeout.ms` is 9000).
   */
  readonly partialMs?: number;
  /** How long an unhealthy cluster must work without a failure before it is healthy. Default 10000. */
  readonly recoveryMs?: number;
  /**
   * A timer of ours that is this late shows that the process was asleep (blocked, suspended, starved); what it saw before is
   * then forgotten. Default 300.
   */
  readonly lagMs?: number;
}
