/**
 * How progress is written down.
 *
 * @public
 */
export interface ProgressOptions {
  /**
   * How often, in milliseconds: what a process that dies has handled since then is handled again. Default 1000. At least 100, at most
   * 2147483647. Does not affect a switch that the process lives through: it writes its last words.
   */
  readonly everyMs: number;
  /**
   * The topic is `__<topic>.progress`, on each cluster; the two underscores keep MirrorMaker away from it. It is made where the process
   * may create topics; made by hand, it needs one partition and `cleanup.policy=compact`. Every process reads all of it, so
   * services with thousands of members use a topic of their own. Default `'kafkajs-failover'`.
   */
  readonly topic: string;
}
