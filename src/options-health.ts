/**
 * How the health of the clusters is judged, where the strategy asks for it. Numbers are milliseconds, from 1 to 2147483647.
 *
 * @public
 */
export interface HealthOptions {
  /** Pause between two questions to a cluster that works. Default 500. One that does not is asked ten times a second at most. */
  readonly intervalMs?: number;
  /** Limit of each connection and each question. Default 1000. */
  readonly timeoutMs?: number;
  /**
   * Nothing has worked for this long, at least two questions: unhealthy. Default 2000. Refused connections count as well. For this
   * long after a failure a cluster is not gone to without an order.
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
  /**
   * Writes a small record to a topic of its own on each cluster from time to time, so that it is known of both whether they take
   * records, also while the service sends none. Default: nothing is written.
   */
  readonly canary?: CanaryOptions;
}

/**
 * A topic that health writes to.
 *
 * @public
 */
export interface CanaryOptions {
  /**
   * The topic, for example `__kafkajs-failover.canary`: MirrorMaker's default leaves what begins with `__` out. Partition 0 of it is
   * written. Where it does not exist it is made, with one partition that keeps its records for an hour.
   */
  readonly topic: string;
  /** Time between two records, in milliseconds, for each process and cluster. Default 2000. At least 100. */
  readonly everyMs?: number;
}
