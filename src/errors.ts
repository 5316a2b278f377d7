import type { FailbackAssessment } from './failback/gates.js';
import type { FailbackStep } from './failback/steps.js';
import { kafka } from './kafkajs.js';

/**
 * What went wrong, as a stable word. Test `error.code` rather than the class: two copies of the package may be loaded.
 *
 * @public
 */
export type FailoverErrorCode =
  | 'ERR_FAILOVER_OPTIONS'
  | 'ERR_FAILOVER_CLOSED'
  | 'ERR_FAILOVER_HALTED'
  | 'ERR_FAILOVER_FENCED'
  | 'ERR_FAILOVER_WRONG_CLUSTER'
  | 'ERR_FAILOVER_AGREEMENT_LOST'
  | 'ERR_FAILOVER_SWITCH_REFUSED'
  | 'ERR_FAILOVER_FAILBACK_REFUSED'
  | 'ERR_FAILOVER_FAILBACK_STOPPED'
  | 'ERR_FAILOVER_GROUP_ELSEWHERE'
  | 'ERR_FAILOVER_SWITCH_SUPERSEDED'
  | 'ERR_FAILOVER_SWITCH_ROLLED_BACK'
  | 'ERR_FAILOVER_HOLD_FULL'
  | 'ERR_FAILOVER_HOLD_TIMEOUT'
  | 'ERR_FAILOVER_DELIVERY_TIMEOUT'
  | 'ERR_FAILOVER_SEND_ABORTED'
  | 'ERR_FAILOVER_OUTCOME_UNKNOWN'
  | 'ERR_FAILOVER_STALE_OFFSET'
  | 'ERR_FAILOVER_AMBIGUOUS_OFFSET'
  | 'ERR_FAILOVER_TRANSACTION_FENCED'
  | 'ERR_FAILOVER_POSITION_UNAVAILABLE';

/** @public Facts that an error carries beside its message. All are optional. */
export interface FailoverErrorDetails {
  /** What caused it, always passed on. */
  readonly cause?: unknown;
  /** Alias of the cluster it happened on. */
  readonly cluster?: string | undefined;
  /** The activation in which it happened. */
  readonly switchEpoch?: number | undefined;
  /** Topic concerned, as the user names it. */
  readonly topic?: string | undefined;
  /** Partition concerned. */
  readonly partition?: number | undefined;
}

const BRAND = Symbol.for('kafkajs-failover.error');

/**
 * Base of every error that this library makes. It extends kafkajs's `KafkaJSNonRetriableError`, so existing
 * `instanceof` tests and `error.retriable === false` keep their meaning: kafkajs must not retry what the library
 * has settled.
 *
 * @public
 */
export class FailoverError extends kafka.KafkaJSNonRetriableError {
  /** The stable word for what went wrong. */
  readonly code: FailoverErrorCode;
  /** Alias of the cluster it happened on, where there is one. */
  readonly cluster: string | undefined;
  /** The activation in which it happened, where there is one. */
  readonly switchEpoch: number | undefined;
  /** Topic concerned, as the user names it, where there is one. */
  readonly topic: string | undefined;
  /** Partition concerned, where there is one. */
  readonly partition: number | undefined;

  constructor(code: FailoverErrorCode, message: string, details: FailoverErrorDetails = {}) {
    super(message);
    Object.defineProperty(this, BRAND, { value: true });
    // kafkajs's declaration takes no metadata here, its implementation sets `cause` as a plain property.
    Object.defineProperty(this, 'cause', {
      value: details.cause,
      configurable: true,
      writable: true,
    });
    Object.defineProperty(this, 'name', {
      value: new.target.name,
      configurable: true,
      writable: true,
    });
    this.code = code;
    this.cluster = details.cluster;
    this.switchEpoch = details.switchEpoch;
    this.topic = details.topic;
    this.partition = details.partition;
  }
}

/**
 * Tells whether a value is an error of this library, also when another copy of the package made it.
 *
 * @public
 */
export function isFailoverError(value: unknown): value is FailoverError {
  return typeof value === 'object' && value !== null && BRAND in value;
}

/**
 * A lease has ended: the agreement was not heard for longer.
 *
 * @internal
 */
export function isAgreementLost(error: Error): boolean {
  return isFailoverError(error) && error.code === 'ERR_FAILOVER_AGREEMENT_LOST';
}

/** @public An option is wrong: names the option, the value and the remedy. Thrown at construction; nothing was started. */
export class FailoverOptionsError extends FailoverError {
  /** Path of the option, for example `producer.holdMaxBytes`. */
  readonly option: string;
  /** The value that was given; undefined where it might be a secret. */
  readonly value: unknown;

  constructor(option: string, value: unknown, message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_OPTIONS', message, details);
    this.option = option;
    this.value = value;
  }
}

/**
 * The fleet's agreement was not heard for a lease (`leaseMs`): the others may have moved, so nothing more is written. The cause of
 * a {@link FailoverHaltedError}; it ends by itself when the agreement is heard again.
 *
 * @public
 */
export class AgreementLostError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_AGREEMENT_LOST', message, details);
  }
}

/** @public The client, or the whole FailoverKafka, was closed. */
export class FailoverClosedError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_CLOSED', message, details);
  }
}

/** @public The library stopped itself because going on could do harm. `cause` says why; nothing is sent until `switchTo`. */
export class FailoverHaltedError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_HALTED', message, details);
  }
}

/** @public A socket, request or call belongs to a cluster in an epoch that was fenced. */
export class FencedError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_FENCED', message, details);
  }
}

/** @public The cluster behind a name is not the one expected: the ids differ, or both aliases reach the same cluster. */
export class WrongClusterError extends FailoverError {
  /** The id that was configured or learned before; undefined where both aliases reach one cluster. */
  readonly expectedClusterId: string | undefined;
  /** The id that the brokers gave. */
  readonly actualClusterId: string;

  constructor(
    message: string,
    ids: { expectedClusterId?: string | undefined; actualClusterId: string },
    details: FailoverErrorDetails = {},
  ) {
    super('ERR_FAILOVER_WRONG_CLUSTER', message, details);
    this.expectedClusterId = ids.expectedClusterId;
    this.actualClusterId = ids.actualClusterId;
  }
}

/** @public A switch was refused before anything was touched. `reasons` names each obstacle. */
export class SwitchRefusedError extends FailoverError {
  /** Each obstacle, in words. */
  readonly reasons: readonly string[];

  constructor(message: string, reasons: readonly string[], details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_SWITCH_REFUSED', message, details);
    this.reasons = reasons;
  }
}

/** @public A gate of the way home is closed; nothing was touched. `assessment` has all gates. */
export class FailbackRefusedError extends FailoverError {
  /** Every gate, and why it is closed. */
  readonly assessment: FailbackAssessment;

  constructor(message: string, assessment: FailbackAssessment, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_FAILBACK_REFUSED', message, details);
    this.assessment = assessment;
  }
}

/**
 * @public A gradual failback has stopped by itself: a step was not completed, something went wrong after it, or the last switch was refused; or
 * `failback` was called in a process that a step has taken home. The fleet stays as it is, on both clusters where a step was taken: `failback` in a
 * process that is away goes on from there, and `switchTo` brings everybody to one cluster. `cluster` is the preferred one.
 */
export class FailbackStoppedError extends FailoverError {
  /** The steps that were taken, the last one among them. */
  readonly steps: readonly FailbackStep[];

  constructor(message: string, steps: readonly FailbackStep[], details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_FAILBACK_STOPPED', message, details);
    this.steps = steps;
  }
}

/**
 * @public A consumer was started, or would go on after a switch (then it is in its CRASH event), whose group is read on the other cluster, while a fleet goes home gradually: two members of one group on
 * both clusters would handle each record twice. Where the process has no other groups it follows the group by itself instead.
 */
export class GroupElsewhereError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_GROUP_ELSEWHERE', message, details);
  }
}

/**
 * @public An order was not carried out: a newer one took its place before, or the strategy keeps the present state. `cluster`
 * is the one that was ordered, `switchEpoch` the activation in force, or the one that the switch under way leads to.
 */
export class SwitchSupersededError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_SWITCH_SUPERSEDED', message, details);
  }
}

/** @public A planned switch failed on its way; work goes on with the cluster it came from. `cause` says why. */
export class SwitchRolledBackError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_SWITCH_ROLLED_BACK', message, details);
  }
}

/** @public Facts of an error that a switch has caused by not being over. `switchEpoch` is the activation it leads to. */
export interface HoldErrorDetails extends FailoverErrorDetails {
  /** Alias of the cluster that is being left. */
  readonly from?: string | undefined;
  /** Alias of the cluster that is being switched to. */
  readonly to?: string | undefined;
}

/** @public The hold buffer is full: the send was refused at once and is certainly not sent. */
export class HoldBufferFullError extends FailoverError {
  /** Alias of the cluster that is being left, where it is known. */
  readonly from: string | undefined;
  /** Alias of the cluster that is being switched to, where it is known. */
  readonly to: string | undefined;

  constructor(message: string, details: HoldErrorDetails = {}) {
    super('ERR_FAILOVER_HOLD_FULL', message, details);
    this.from = details.from;
    this.to = details.to;
  }
}

/**
 * @public A send, `connect()`, `transaction()` or an admin call waited for a switch for its whole time limit: it is not sent, or not the rest of it
 * (`sendOutcome`), not done.
 */
export class HoldTimeoutError extends FailoverError {
  /** Alias of the cluster that is being left; undefined where it waited for the first cluster to become active. */
  readonly from: string | undefined;
  /** Alias of the cluster that is being switched to; undefined likewise. */
  readonly to: string | undefined;

  constructor(message: string, details: HoldErrorDetails = {}) {
    super('ERR_FAILOVER_HOLD_TIMEOUT', message, details);
    this.from = details.from;
    this.to = details.to;
  }
}

/**
 * @public A send was not acknowledged within `producer.deliveryTimeoutMs`, and is certainly not sent, or not all of it: `sendOutcome(error)`
 * tells the parts. Where some of it left, and got no answer, it is an {@link OutcomeUnknownError} instead, with this one as its `cause`.
 */
export class DeliveryTimeoutError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_DELIVERY_TIMEOUT', message, details);
  }
}

/**
 * @public The signal of a send was aborted; `cause` is the signal's reason. It is certainly not sent, or not all of it, as with
 * {@link DeliveryTimeoutError}.
 */
export class SendAbortedError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_SEND_ABORTED', message, details);
  }
}

/**
 * @public A send left the process, and its time was over, its signal aborted, or a switch overtook it before an answer came: it may or may
 * not be in that cluster's log. Not "failed": *unknown*. `sendOutcome(error)` tells its parts.
 */
export class OutcomeUnknownError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_OUTCOME_UNKNOWN', message, details);
  }
}

/** @public An offset was handed back (commit, seek, resolve) that belongs to an older epoch. It was not forwarded. */
export class StaleOffsetError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_STALE_OFFSET', message, details);
  }
}

/** @public An offset was handed back under an original topic name that stands for two physical logs, and either could be meant. */
export class AmbiguousOffsetError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_AMBIGUOUS_OFFSET', message, details);
  }
}

/** @public A transaction belongs to one cluster in one epoch; a switch ended it. `abortable` tells transactional code to begin again. */
export class TransactionFencedError extends FailoverError {
  /** Always true: the transaction is over, and may be begun again. */
  readonly abortable: true;

  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_TRANSACTION_FENCED', message, details);
    this.abortable = true;
  }
}

/** @public No sound position is known for a partition, and `consumer.onMissingPosition` is `'fail'`. */
export class PositionUnavailableError extends FailoverError {
  constructor(message: string, details: FailoverErrorDetails = {}) {
    super('ERR_FAILOVER_POSITION_UNAVAILABLE', message, details);
  }
}
