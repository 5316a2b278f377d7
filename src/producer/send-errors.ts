import {
  DeliveryTimeoutError,
  FailoverClosedError,
  FailoverHaltedError,
  HoldBufferFullError,
  HoldTimeoutError,
  OutcomeUnknownError,
  SendAbortedError,
} from '../errors.js';
import { messageOf } from '../caught.js';
import type { ProducerLimits } from '../options-producer.js';
import type { SendOutcome } from '../send-outcome.js';
import { factsOf, type SwitchTurn } from '../switch/participant.js';
import type { InnerProducer } from './inner-producer.js';
import type { PendingSend } from './pending-send.js';
import { topicOf } from './payload.js';

/** @internal The send may be in the log of the inner producer's cluster. */
export function unknownError(
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
export function heldError(
  send: PendingSend,
  because: string,
  error: (message: string) => Error,
): Error {
  if (!send.maybeWritten) return error(`${because}; ${notSent(send)}`);
  return new OutcomeUnknownError(
    `The outcome of this ${send.method} is unknown: an earlier attempt got no answer, and then ${because}. ` +
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
  return heldError(
    send,
    `it waited ${maxWaitMs} ms (producer.holdMaxWaitMs) ${why}`,
    (message) => new HoldTimeoutError(message, { ...factsOf(turn), topic: topicOf(send.payload) }),
  );
}

/** @internal */
export function holdFull(
  send: PendingSend,
  full: 'bytes' | 'records',
  { holdMaxBytes, holdMaxRecords }: Pick<ProducerLimits, 'holdMaxBytes' | 'holdMaxRecords'>,
  { turn, why }: { turn: SwitchTurn | undefined; why: string },
): HoldBufferFullError {
  const limit =
    full === 'bytes'
      ? `producer.holdMaxBytes ${holdMaxBytes}`
      : `producer.holdMaxRecords ${holdMaxRecords}`;
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

/** @internal What a send is rejected with that its inner producer had. */
export function givenUpInFlight(
  send: PendingSend,
  inner: InnerProducer,
  { because, error }: GivenUp,
  { kind }: SendOutcome,
): Error {
  return kind === 'unknown'
    ? unknownError(send, inner, because, error(because))
    : error(`${because}; ${notSent(send)}`);
}

/** @internal The second attempt has a definite answer, the first one still has none. */
export function resentAndFailed(send: PendingSend, inner: InnerProducer, cause: unknown): Error {
  const { alias, switchEpoch } = inner.session;
  return new OutcomeUnknownError(
    `The outcome of this ${send.method} is unknown: an earlier attempt got no answer, and the next one, to cluster ${alias}, failed (${messageOf(cause)}). ` +
      'It may or may not be in the log of the cluster it was sent to first.',
    { cluster: alias, switchEpoch, topic: topicOf(send.payload), cause },
  );
}

/** @internal */
export function disconnectedWhilePending(send: PendingSend): Error {
  return heldError(
    send,
    'the producer was disconnected while it waited',
    (message) => new FailoverClosedError(message, { topic: topicOf(send.payload) }),
  );
}

/** @internal */
export function haltedWhilePending(send: PendingSend, error: Error): Error {
  if (send.maybeWritten) return heldError(send, error.message, () => error);
  // The error object itself where nothing has to be added: everybody hears the same.
  if (send.acknowledged.length === 0) return error;
  const message = `${error.message}; ${notSent(send)}`;
  return new FailoverHaltedError(message, { topic: topicOf(send.payload), cause: error });
}
