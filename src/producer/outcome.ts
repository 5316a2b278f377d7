import {
  DeliveryTimeoutError,
  FailoverClosedError,
  HoldBufferFullError,
  HoldTimeoutError,
  OutcomeUnknownError,
  SendAbortedError,
} from '../errors.js';
import { messageOf } from '../caught.js';
import type { SendOutcome } from '../send-outcome.js';
import { factsOf, type SwitchTurn } from '../switch/participant.js';
import { outcomeFrom, type Fate } from './fate.js';
import type { InnerProducer } from './inner-producer.js';
import type { PendingSend } from './pending-send.js';
import { MessageCounts } from './message-counts.js';
import { topicOf } from './payload.js';

/**
 * The truth about a send that is rejected now: what is known of it with its inner producer, and what was before.
 *
 * @param fate - default: no inner producer has it.
 * @internal
 */
export function truthOf(
  send: PendingSend,
  fate: Fate = { acknowledged: [], rest: send.payload, maybe: new MessageCounts() },
): SendOutcome {
  return outcomeFrom(send.acknowledged, send.maybeWritten ? { ...fate, maybe: 'all' } : fate);
}

/** @internal The send may be in the log of the inner producer's cluster. */
export function unknownOutcome(
  send: PendingSend,
  inner: InnerProducer,
  because: string,
  cause: unknown = send.innerError ?? inner.session.signal.reason,
): OutcomeUnknownError {
  const { alias, switchEpoch } = inner.session;
  return new OutcomeUnknownError(
    `The outcome of this ${send.method} is unknown: ${because}. It may or may not be in the log of cluster ${alias}.`,
    { cluster: alias, switchEpoch, topic: topicOf(send.payload), cause },
  );
}

/** @internal For a send that waits, or would have to: what it is rejected with, with the truth about its past. */
export function heldOutcome(
  send: PendingSend,
  because: string,
  error: (message: string) => Error,
): Error {
  if (!send.maybeWritten) return error(`${because}; ${notSent(send)}`);
  return new OutcomeUnknownError(
    `The outcome of this ${send.method} is unknown: it got no answer before the switch, and then ${because}. ` +
      'It may or may not be in the log of the cluster it was sent to first.',
    { topic: topicOf(send.payload), cause: error(because) },
  );
}

/** In words: nothing of it, or nothing more of it, is anywhere. */
function notSent({ method, acknowledged }: PendingSend): string {
  return acknowledged.length === 0
    ? `this ${method} was certainly not sent`
    : `a part of this ${method} was acknowledged before (see sendOutcome), and the rest was certainly not sent`;
}

/** @internal */
export function holdTimeout(
  send: PendingSend,
  maxWaitMs: number,
  { turn, why }: { turn: SwitchTurn | undefined; why: string },
): Error {
  return heldOutcome(
    send,
    `it waited ${maxWaitMs} ms (producer.holdMaxWaitMs) ${why}`,
    (message) => new HoldTimeoutError(message, { ...factsOf(turn), topic: topicOf(send.payload) }),
  );
}

/** @internal */
export function holdFull(
  send: PendingSend,
  limit: string,
  { turn, why }: { turn: SwitchTurn | undefined; why: string },
): HoldBufferFullError {
  return new HoldBufferFullError(
    `The hold buffer is full (${limit}): this ${send.method} cannot wait ${why}. It was certainly not sent`,
    { ...factsOf(turn), topic: topicOf(send.payload) },
  );
}

/** @internal Why a send is given up before a cluster has answered it, or taken it. */
export interface GivenUp {
  readonly because: string;
  /** Makes the error of a send that was not sent, or not all of it. */
  readonly error: (message: string) => Error;
}

/** @internal */
export function overdue(send: PendingSend, timeoutMs: number): GivenUp {
  return {
    because: `it was not acknowledged within ${timeoutMs} ms (producer.deliveryTimeoutMs)`,
    error: (message) => new DeliveryTimeoutError(message, { topic: topicOf(send.payload) }),
  };
}

/** @internal */
export function aborted(send: PendingSend, cause: unknown): GivenUp {
  return {
    because: 'its signal was aborted',
    error: (message) => new SendAbortedError(message, { topic: topicOf(send.payload), cause }),
  };
}

/** @internal What a send is rejected with that its inner producer has. `isUnknown`: by the wire. */
export function givenUpInFlight(
  send: PendingSend,
  inner: InnerProducer,
  { because, error }: GivenUp,
  isUnknown: boolean,
): Error {
  return isUnknown
    ? unknownOutcome(send, inner, because, error(because))
    : error(`${because}; ${notSent(send)}`);
}

/** @internal The second attempt has a definite answer, the first one still has none. */
export function resentAndFailed(send: PendingSend, inner: InnerProducer, cause: unknown): Error {
  const { alias, switchEpoch } = inner.session;
  return new OutcomeUnknownError(
    `The outcome of this ${send.method} is unknown: a switch overtook it, and resending it to cluster ${alias} failed (${messageOf(cause)}). ` +
      'It may or may not be in the log of the cluster it was sent to first.',
    { cluster: alias, switchEpoch, topic: topicOf(send.payload), cause },
  );
}

/** @internal */
export function disconnectedWhileHeld(send: PendingSend): Error {
  return heldOutcome(
    send,
    'the producer was disconnected while it waited',
    (message) => new FailoverClosedError(message, { topic: topicOf(send.payload) }),
  );
}

/** @internal */
export function haltedWhilePending(send: PendingSend, error: Error): Error {
  // The error object itself where nothing has to be added: everybody hears the same.
  return send.maybeWritten ? heldOutcome(send, error.message, () => error) : error;
}
