import {
  FailoverClosedError,
  HoldBufferFullError,
  HoldTimeoutError,
  OutcomeUnknownError,
} from '../errors.js';
import { factsOf, type SwitchTurn } from '../switch/participant.js';
import type { InnerProducer } from './inner-producer.js';
import type { PendingSend } from './in-flight.js';
import { topicOf } from './payload.js';

/**
 * What is known of a send that its inner producer never answered.
 *
 * - `not-sent`: certain. The session is fenced, so nothing can leave any more, and this producer wrote no Produce request
 *   since the send began.
 * - `unknown`: everything else. A Produce request was written, perhaps of another send; or the session can still write.
 *
 * The inner error is not asked: a send that was written and then fenced fails with a *connect* error.
 *
 * @internal
 */
export function outcomeOf(
  send: PendingSend,
  { session, wire }: InnerProducer,
): 'not-sent' | 'unknown' {
  return session.signal.aborted && wire.produceRequestCount === send.startedAtRequestCount
    ? 'not-sent'
    : 'unknown';
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
  if (!send.maybeWritten) return error(`${because}; this ${send.method} was certainly not sent`);
  return new OutcomeUnknownError(
    `The outcome of this ${send.method} is unknown: it got no answer before the switch, and then ${because}. ` +
      'It may or may not be in the log of the cluster it was sent to first.',
    { topic: topicOf(send.payload), cause: error(because) },
  );
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
  maxBytes: number,
  { turn, why }: { turn: SwitchTurn | undefined; why: string },
): HoldBufferFullError {
  return new HoldBufferFullError(
    `The hold buffer is full (producer.holdMaxBytes ${maxBytes}): this ${send.method} cannot wait ${why}. It was certainly not sent`,
    { ...factsOf(turn), topic: topicOf(send.payload) },
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
