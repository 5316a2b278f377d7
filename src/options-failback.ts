import type { FailbackGateName } from './failback/gates.js';

/**
 * When the way home is open. It is asked for by `failback()` and by `healthStrategy({ failback: 'automatic' })`; `switchTo` and outside
 * sources go before it.
 *
 * @public
 */
export interface FailbackOptions {
  /**
   * Shortest stay away, in milliseconds: the gate `dwell` opens so long after the last switch that left the preferred cluster. Default
   * 600000. 0: at once. At most 3600000, for so long switches are remembered. With a `stateFile` a restart does not shorten it, and does
   * not begin it anew; without one it begins anew.
   */
  readonly dwellMs?: number;
  /**
   * How often both clusters and the mirror are asked, in milliseconds, while the service is away and nothing that is known from memory
   * keeps it there. Default 30000. At least 1000. Does not affect `failback()`, which asks anew.
   */
  readonly everyMs?: number;
  /**
   * The mirror counts as caught up where, within this time, it brings what the standby held when the look began, in milliseconds. Default
   * 5000. At least 100. Does not affect the switch itself, which waits by `switch.catchUpMs`.
   */
  readonly lagMs?: number;
  /** A record that is followed through the mirror after each `failback()`. Default: none is written. */
  readonly canary?: FailbackCanaryOptions;
}

/**
 * A topic for one record after each `failback()`: it is written to the cluster that was gone home to, read there, and waited for on the other
 * one. So it shows that the next failover would find the new records.
 *
 * @public
 */
export interface FailbackCanaryOptions {
  /**
   * The topic; MirrorMaker must copy it, so its name must not begin with `__`. Where it does not exist it is made, with one partition that
   * keeps its records for an hour, and MirrorMaker finds it at its next look only (`refresh.topics.interval.seconds`, ten minutes by
   * default). Nothing else should write to it.
   */
  readonly topic: string;
  /** How long it is waited for, in milliseconds. Default 30000. */
  readonly timeoutMs?: number;
}

/**
 * How `failback` goes about it.
 *
 * @public
 */
export interface FailbackCallOptions {
  /**
   * Gates that may be closed. Default: none. A gate that is accepted is still looked at, and the report says what was wrong. `reachable` and
   * `identity` cannot be accepted.
   */
  readonly accept?: readonly AcceptableGate[];
  /**
   * Takes a fleet home in steps: a part of it first, a pause, a look whether all is well, and the next part. Needs an `agreement`, and
   * MirrorMaker's default policy: both clusters are written to meanwhile. Default: all at once.
   */
  readonly gradually?: GradualFailbackOptions;
  /** How long closed gates are waited for, in milliseconds. Default 0: it is refused at once. */
  readonly waitMs?: number;
  /** Why, in your words; it goes into events and the report. Default `'failback'`. */
  readonly reason?: string;
  /** Ends the call, which then rejects with the signal's reason. A switch that has begun goes on. */
  readonly signal?: AbortSignal;
}

/**
 * The steps of a gradual failback. What goes home first is chosen by a stable hash of names, so it is the same each time.
 *
 * @public
 */
export interface GradualFailbackOptions {
  /**
   * How much of the fleet is home after each step, in percent: ascending, from 1 to 99; 100 follows by itself. Of the processes that consume so
   * many go, but a group never goes in parts, and neither do groups that share a process: where one group is larger than a step allows it waits for
   * a later one. Of the processes that consume nothing so many go by their names. This process goes with the last step. Default `[10, 50]`.
   */
  readonly steps?: readonly number[];
  /** How long each step is watched before the next one, in milliseconds. Default 60000. */
  readonly pauseMs?: number;
  /** How long the members that move may take to leave for home, in milliseconds, before it stops. Default 120000. */
  readonly arriveMs?: number;
}

/** @public The gates that `failback({ accept })` may name. */
export type AcceptableGate = Exclude<FailbackGateName, 'reachable' | 'identity'>;

/** @internal With defaults. */
export interface FailbackLimits extends Required<Omit<FailbackOptions, 'canary'>> {
  readonly canary: Required<FailbackCanaryOptions> | undefined;
}
