import type { ApiName } from '../protocol-codes.js';

/**
 * A request that a memory cluster is about to process.
 *
 * @public
 */
export interface ObservedRequest {
  /** When the broker took it up, on the world's monotonic clock. */
  readonly atMs: number;
  /** kafkajs's name of the request. */
  readonly apiName: ApiName;
  /** The client's `clientId`. */
  readonly clientId: string;
  /** The consumer group that it is about, where it is about one. */
  readonly groupId: string | undefined;
  /** Names of the topics in it, in order. */
  readonly topics: readonly string[];
}

/**
 * What a cluster does with one request instead of answering it.
 *
 * - `hang`: it is not processed, nor is what follows on its connection, as Kafka works on one request of a connection at a
 *   time. When this interceptor is removed later, the others are asked about it, and it is processed if none has an opinion.
 * - `lose-answer`: it is processed, and what the client gets is an answer to something that it did not ask; the connection
 *   lives on.
 * - `delay`: it is processed after `delayMs`, and keeps what follows on its connection waiting, as Kafka does.
 * - `refuse`: it is not processed; the answer is the error with Kafka's `errorCode` (for example 29,
 *   TOPIC_AUTHORIZATION_FAILED, or 19, NOT_ENOUGH_REPLICAS).
 * - `reset`: it is not processed, and the connection is torn down (ECONNRESET).
 * - `reset-after`: it is processed, and the connection is torn down before the answer.
 *
 * @public
 */
export type Interception =
  | { readonly kind: 'hang' }
  | { readonly kind: 'lose-answer' }
  | { readonly kind: 'delay'; readonly delayMs: number }
  | { readonly kind: 'refuse'; readonly errorCode: number }
  | { readonly kind: 'reset' }
  | { readonly kind: 'reset-after' };

/** @public Decides about one request; undefined lets it pass. */
export type Interceptor = (request: ObservedRequest) => Interception | undefined;

/**
 * The state of a cluster's machine.
 *
 * - `up`: it answers.
 * - `down`: its process was killed: connections break, new ones are refused. Logs and commits are kept.
 * - `refusing`: new connections are refused, those that exist go on.
 * - `frozen`: its process is stopped (SIGSTOP): connections are accepted by the operating system, and nothing is answered.
 *   What was written meanwhile is processed when it goes on.
 *
 * @public
 */
export type ClusterState = 'up' | 'down' | 'refusing' | 'frozen';
