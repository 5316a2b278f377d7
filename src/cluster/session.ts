import type { Kafka } from 'kafkajs';
import { FencedError } from '../errors.js';
import type { Traffic } from '../health/traffic.js';
import type { SessionWork } from '../session-work.js';

/**
 * One cluster in one epoch: the inner kafkajs client of this activation and every socket it opens. Made new for every
 * epoch, never revived.
 *
 * @internal
 */
export interface ClusterSession {
  readonly alias: string;
  /** The activation this session belongs to. Answers that arrive from it later are compared with the current one. */
  readonly switchEpoch: number;
  /** True while it waits on the standby for its switch: it has no epoch then. */
  readonly isStandby?: boolean;
  /** Makes the inner consumers and admins. All their sockets go through this session's gate. */
  readonly kafka: Kafka;
  /** A client for one inner producer, through the same gate: what it writes is told from what others write. */
  countedClient(): CountedClient;
  /** Aborted by {@link ClusterSession.fence}, with the {@link FencedError} as its reason. */
  readonly signal: AbortSignal;
  /** What the inner clients saw of the cluster: evidence of its health. */
  readonly traffic: Traffic;
  /** What this process's own clients did: what a switch costs is measured by it. */
  readonly work: SessionWork;
  /** How long the oldest Produce request waits that was written after `sinceMs`, in milliseconds; 0 where none does. Default: any. */
  produceWaitingMs(sinceMs?: number): number;
  /** Its consumers are shown out: kafkajs calls that a crash, and it is logged at DEBUG. All else keeps its level. Idempotent. */
  drains(): void;
  /**
   * Destroys every socket of the session with an Error and refuses new ones. Synchronous and idempotent: when it
   * returns, not one more byte of Produce or OffsetCommit can leave. Inner promises may settle much later (kafkajs's
   * retries): nobody waits for them.
   */
  fence(reason: FencedError): void;
}

/** @internal A kafkajs client, and what left the process on its own sockets. */
export interface CountedClient {
  readonly kafka: Kafka;
  readonly wire: Wire;
}

/**
 * The wire's own account, because kafkajs's errors do not tell whether a request left: a send that was written and then
 * fenced fails with a *connect* error (13 of 13 measured against Kafka 4.3.1).
 *
 * @internal
 */
export interface Wire {
  /** Produce requests written to a socket so far. */
  readonly produceRequestCount: number;
  /** Those that are known one by one, to this broker (`host:port`). */
  to(broker: string): ExpectedRequests;
}

/** @internal Produce requests to one broker that are to be written. */
export interface ExpectedRequests {
  /** It will be written under its id, if at all: it is told in the moment in which it is handed to a socket. */
  expect(request: ExpectedRequest): void;
  /** It can come no more. */
  forget(request: ExpectedRequest): void;
}

/** @internal */
export interface ExpectedRequest {
  readonly correlationId: number;
  /**
   * It counts as handed to a socket.
   *
   * @param frame - what was; undefined where that is not known.
   */
  wrote(frame: Buffer | undefined): void;
}

/** @internal Why a session is over for one who was in it: the fence's own reason, or that it was left. */
export function fencedError(session: ClusterSession): Error {
  if (session.signal.reason instanceof Error) return session.signal.reason;
  const { alias, switchEpoch } = session;
  return new FencedError(`Cluster ${alias} was left in epoch ${switchEpoch}`, {
    cluster: alias,
    switchEpoch,
  });
}
