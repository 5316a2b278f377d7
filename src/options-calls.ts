import type { AdminConfig } from 'kafkajs';
import * as z from 'zod';
import { checkOptions } from './options-error.js';
import { isStrategy, timerFrom } from './options-values.js';

/**
 * How `switchTo` goes about it.
 *
 * @public
 */
export interface SwitchToOptions {
  /**
   * True: the source is alive; what is in flight finishes, and the mirror catches up, before anything moves. False: the
   * source is given up and fenced at once. Default true.
   */
  readonly planned?: boolean;
  /** Why, in your words; it goes into events and the report. Default `'operator'`. */
  readonly reason?: string;
  /**
   * True: this process alone, without asking its fleet, for the hour in which the agreement cannot be reached. It stays so until
   * the fleet makes a newer decision than the last one that this process knows. Default false: the fleet decides, for all. Does not
   * matter without `agreement`.
   */
  readonly alone?: boolean;
  /**
   * Ends the waiting of this call, which then rejects with the signal's reason. No default: it waits for the end of the
   * switch. It does not end the switch: what has begun goes on, and its outcome comes as `switch.completed`,
   * `switch.refused` or `switch.rolled-back`. Only an order that was not given yet, because the library was still starting,
   * is not given any more.
   */
  readonly signal?: AbortSignal;
}

/**
 * What `plan()` is asked.
 *
 * @public
 */
export interface PlanOptions {
  /** Alias of the cluster that the switch would lead to. */
  readonly to: string;
  /** Ends the call, which then rejects with the signal's reason. No default: it is bounded by the limits of a switch. */
  readonly signal?: AbortSignal;
}

/**
 * What `send` and `sendBatch` of a producer take beside kafkajs's own argument.
 *
 * @public
 */
export interface SendOptions {
  /**
   * Ends the waiting of this call, whatever it waits for: it rejects by what the wire did, as certainly not sent (`ERR_FAILOVER_SEND_ABORTED`) or as
   * unknown (`ERR_FAILOVER_OUTCOME_UNKNOWN`). No new request is made of it afterwards. No default: `producer.deliveryTimeoutMs` bounds it.
   */
  readonly signal?: AbortSignal;
}

/** @public How `replayUnmirrored()` is called. */
export interface ReplayCallOptions {
  /** Ends the waiting of the call, which then rejects with the signal's reason. No default: it waits for the end of the replay. */
  readonly signal?: AbortSignal;
}

/** @public Which cluster an admin works on. Without `cluster` it follows the active one. */
export type FailoverAdminConfig = AdminConfig & { readonly cluster?: string };

/** Not by `instanceof`: test runners have an AbortSignal of their own. */
const aSignal = z.custom<AbortSignal>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'aborted' in value &&
    'addEventListener' in value &&
    typeof value.addEventListener === 'function',
  'must be an AbortSignal',
);
const anObject = z.custom<object>(
  (value) => typeof value === 'object' && value !== null,
  'must be an object',
);
const alias = z.string('must be the alias of a cluster');

const switchToShape = z.strictObject(
  {
    planned: z.boolean().optional(),
    reason: z.string().optional(),
    alone: z.boolean().optional(),
    signal: aSignal.optional(),
  },
  "must be an object, for example switchTo('B', { planned: false, reason: 'A is down' })",
);
const planShape = z.strictObject(
  { to: alias, signal: aSignal.optional() },
  "must be an object that names the target: plan({ to: 'B' })",
);
const graduallyShape = z.strictObject(
  {
    steps: z
      .array(z.number().min(1).max(99))
      .min(1)
      .refine(isAscending, 'must ascend, for example [10, 50]')
      .optional(),
    pauseMs: timerFrom(0).optional(),
    arriveMs: timerFrom(1).optional(),
  },
  'must be an object, for example { steps: [10, 50], pauseMs: 60000 }',
);
const failbackShape = z.strictObject(
  {
    accept: z
      .array(z.enum(['dwell', 'healthy', 'mirror', 'topics', 'lag', 'positions']))
      .optional(),
    gradually: graduallyShape.optional(),
    waitMs: timerFrom(0).optional(),
    reason: z.string().optional(),
    signal: aSignal.optional(),
  },
  "must be an object, for example failback({ accept: ['dwell'] })",
);
const sendShape = z.strictObject(
  { signal: aSignal.optional() },
  'must be an object, for example send(record, { signal })',
);
const replayShape = z.strictObject(
  { signal: aSignal.optional() },
  'must be an object, for example replayUnmirrored({ signal })',
);
const adminShape = z.strictObject(
  { cluster: alias.optional(), retry: anObject.optional() },
  "must be an object, for example admin({ cluster: 'B' })",
);
const manualShape = z.strictObject(
  {
    initial: z.string().optional(),
    environment: z.string().optional(),
    file: z.string().optional(),
  },
  "must be an object, for example manualStrategy({ initial: 'B' })",
);

const aStrategy = z.custom<object>(isStrategy, 'must be a strategy, for example healthStrategy()');
const anOutsideSource = z.custom<object>(
  (value) => typeof value === 'object' && value !== null && 'watch' in value && 'name' in value,
  'must be a signal: an object with a name and watch()',
);
const followShape = z.strictObject(
  {
    initial: z.string().optional(),
    onUnknownAtStart: z.enum(['last-applied', 'fail']).optional(),
  },
  "must be an object, for example followStrategy(signal, { initial: 'A' })",
);
const combineShape = z.strictObject(
  { follow: aStrategy, orElse: aStrategy },
  'must name two strategies: combine({ follow: consulStrategy({ key }), orElse: healthStrategy() })',
);
const milliseconds = timerFrom(0);
const healthShape = z.strictObject(
  {
    initial: z.string().optional(),
    failoverOn: z.enum(['any', 'both', 'produce', 'consume']).optional(),
    failback: z.enum(['manual', 'automatic']).optional(),
    stableMs: milliseconds.optional(),
    cooldownMs: milliseconds.optional(),
    maxSwitchesPerHour: z.int().min(0).optional(),
    whenRefused: z.enum(['ignore', 'veto']).optional(),
  },
  "must be an object, for example healthStrategy({ failback: 'manual' })",
);

/**
 * What calls take beside the options of the constructor, checked as strictly: a misspelt `planned: false` would be a planned
 * switch, and wait for a dead cluster.
 *
 * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - names the option, the value and the remedy.
 * @internal
 */
export function checkSwitchTo(to: unknown, options: unknown): void {
  checkOptions(alias, to, { at: ['to'] });
  checkOptions(switchToShape, options, { at: ['switchTo'] });
}

/** @internal As {@link checkSwitchTo}. */
export function checkPlan(options: unknown): void {
  checkOptions(planShape, options, { at: ['plan'] });
}

/** @internal As {@link checkSwitchTo}. */
export function checkReplay(options: unknown): void {
  checkOptions(replayShape, options, { at: ['replayUnmirrored'] });
}

/** @internal As {@link checkSwitchTo}. */
export function checkFailback(options: unknown): void {
  checkOptions(failbackShape, options, { at: ['failback'] });
}

/** @internal As {@link checkSwitchTo}. */
export function checkAdmin(options: unknown): void {
  checkOptions(adminShape, options, { at: ['admin'] });
}

/** @internal As {@link checkSwitchTo}. */
export function checkSend(method: 'send' | 'sendBatch', options: unknown): void {
  checkOptions(sendShape, options, { at: [method] });
}

/** @internal As {@link checkSwitchTo}. */
export function checkManualStrategy(options: unknown): void {
  checkOptions(manualShape, options, { at: ['strategy'] });
}

/** @internal As {@link checkSwitchTo}. */
export function checkHealthStrategy(options: unknown): void {
  checkOptions(healthShape, options, { at: ['strategy'] });
}

/** @internal As {@link checkSwitchTo}. */
export function checkFollow(signals: unknown, options: unknown): void {
  const shape = Array.isArray(signals) ? z.array(anOutsideSource).min(1) : anOutsideSource;
  checkOptions(shape, signals, { at: ['strategy', 'signals'] });
  checkOptions(followShape, options, { at: ['strategy'] });
}

/** @internal As {@link checkSwitchTo}. */
export function checkCombine(strategies: unknown): void {
  checkOptions(combineShape, strategies, { at: ['combine'] });
}

function isAscending(steps: readonly number[]): boolean {
  return steps.every((step, index) => index === 0 || step > (steps[index - 1] ?? 0));
}
