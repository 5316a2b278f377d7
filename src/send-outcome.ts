import type { Message, RecordMetadata } from 'kafkajs';

/**
 * What kafkajs tells of an acknowledged part of a send, and which cluster has it: an offset has a meaning there only.
 *
 * @public
 */
export interface SendMetadata extends RecordMetadata {
  /** Alias of the cluster that acknowledged it. */
  readonly cluster: string;
  /** The activation in which it did. */
  readonly switchEpoch: number;
}

/**
 * A part of a rejected send: messages that have the same fate. They are the very objects that were passed; where the send had waited for a switch they are
 * copies with a timestamp, and where tracing has put its own in their place they are those.
 *
 * @public
 */
export type SendPart =
  /** They are in that cluster's log, as the metadata says. */
  | {
      readonly kind: 'acknowledged';
      readonly topic: string;
      readonly messages: readonly Message[];
      readonly metadata: SendMetadata;
    }
  /** They are in no log, and will not be. */
  | { readonly kind: 'not-sent'; readonly topic: string; readonly messages: readonly Message[] }
  /** They left the process, and nobody acknowledged them: they may or may not be in a log. */
  | { readonly kind: 'unknown'; readonly topic: string; readonly messages: readonly Message[] };

/**
 * What became of a send that was rejected, by what went over the wire, and not by the error's class.
 *
 * @public
 */
export interface SendOutcome {
  /**
   * `not-sent`: nothing of it is in any log, and nothing will be. `partial`: some of it was acknowledged, and the rest was not sent.
   * `unknown`: it may or may not be in a log, or some of it.
   */
  readonly kind: 'not-sent' | 'partial' | 'unknown';
  /**
   * The same, part by part. Empty where several sends got the same error object (the library halted, for example): then only `kind` is known, the worst of them. And where
   * what was passed is nothing that kafkajs could send.
   */
  readonly parts: readonly SendPart[];
}

/** For all copies of the package that a process may have loaded. */
const OUTCOME = Symbol.for('kafkajs-failover.send-outcome');

/**
 * What became of the send that was rejected with this error, also where it is kafkajs's own: that one does not say whether anything left.
 *
 * @param error - what `send` or `sendBatch` of a producer was rejected with.
 * @returns undefined for every other error, those of transactions among them: what was sent in a transaction that nobody commits is aborted.
 * @public
 */
export function sendOutcome(error: unknown): SendOutcome | undefined {
  if (typeof error !== 'object' || error === null || !(OUTCOME in error)) return undefined;
  return error[OUTCOME] as SendOutcome;
}

/**
 * Notes on the error what became of a send. Nothing that iterates over the error's properties sees it.
 *
 * @internal
 */
export function markOutcome(error: unknown, outcome: SendOutcome): void {
  if (typeof error !== 'object' || error === null || !Object.isExtensible(error)) return;
  const before = sendOutcome(error);
  const value = before === undefined ? outcome : ofSeveral(before, outcome);
  Object.defineProperty(error, OUTCOME, { value, configurable: true });
}

function ofSeveral(one: SendOutcome, other: SendOutcome): SendOutcome {
  return { kind: one.kind === other.kind ? one.kind : 'unknown', parts: [] };
}
