/**
 * How long each phase of a switch may take, in milliseconds; from 0 to 2147483647 (Infinity is refused). A phase that takes
 * longer is reported and the switch goes on, with three exceptions: beyond `prepareMs` and `agreeMs` it is refused, and a planned
 * one goes back to its source beyond `translateMs`, unless its fleet has decided it. Together they may be longer than
 * `producer.holdMaxWaitMs`, the time that a send waits.
 *
 * @public
 */
export interface SwitchOptions {
  /**
   * Looking at the target, and at MirrorMaker's records there (at most 3000 of it), before anything is touched; beyond it the
   * switch is refused. It also bounds the look at the first cluster when the first client connects, and the first part of
   * `plan()`. Default 5000. 0 refuses every switch. Where the target has answered, it never refuses an unplanned one.
   */
  readonly prepareMs?: number;
  /**
   * In a fleet: the agreement decides. Default 5000. Beyond it the switch is refused; a decision that was made all the same is
   * obeyed when it is heard. 0 refuses every switch of a fleet. Does not affect a service without `agreement`.
   */
  readonly agreeMs?: number;
  /**
   * Planned: handlers finish and progress is committed, then sends in flight are acknowledged; a quarter of it is kept for the
   * latter. Default 10000. 0 waits for nothing: what is not done is left to the fence. Does not affect an unplanned switch.
   */
  readonly drainMs?: number;
  /**
   * After the fence: handlers that still run finish. Default 5000. 0 does not wait for them: their records are handled
   * again, each after the old handler has ended. Does not end a handler.
   */
  readonly handlersMs?: number;
  /**
   * Planned: the mirror brings the source's last records of the topics that are read here. Default 10000. 0 does not wait:
   * they are handled late. Does not affect an unplanned switch, nor a process that only sends.
   */
  readonly catchUpMs?: number;
  /**
   * Positions are found on the target; half of it is the longest wait for MirrorMaker's newest records. Beyond it a planned
   * switch goes back to its source, and an unplanned one, or one of a fleet, goes on: its consumers keep asking, and do not start without. It also
   * bounds the second part of `plan()`, and the wait for MirrorMaker's records where a consumer starts. Default 10000. 0 sends
   * every planned switch back, where this process consumes.
   */
  readonly translateMs?: number;
  /**
   * Producers and consumers connect to the target. Default 15000. Beyond it the switch is over, and the rest, which the
   * report names as `pending`, keeps trying. 0 does not wait for them.
   */
  readonly openMs?: number;
}
