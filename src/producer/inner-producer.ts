import type { Producer, ProducerConfig } from 'kafkajs';
import { withItsCluster, type KafkaJsCluster } from '../cluster/kafkajs-cluster.js';
import {
  tapProduce,
  type OnAnswered,
  type ProduceTap,
  type SendTag,
} from '../cluster/produce-tap.js';
import type { ClusterSession, CountedClient } from '../cluster/session.js';
import type { Ledger } from '../ledger/ledger.js';
import type { World } from '../world.js';

/**
 * One kafkajs producer in one session, and what the wrapper remembers of it. Made new for every epoch, never revived.
 *
 * @internal
 */
export class InnerProducer {
  readonly producer: Producer;
  readonly session: ClusterSession;
  /** What this producer wrote, and no other. */
  readonly wire: CountedClient['wire'];
  /** What it works with; undefined in a client that is not kafkajs's own. */
  readonly cluster: KafkaJsCluster | undefined;
  /** Tells what becomes of its Produce requests; undefined where it does not. */
  readonly tap: ProduceTap | undefined;
  /**
   * True from `hold` on: what it rejects with is no longer an answer for the caller, because the fence may be behind it.
   * The wire decides when the switch detaches.
   */
  sealed = false;
  /** A commit or an abort failed: kafkajs's transaction state never leaves COMMITTING or ABORTING again. */
  transactionsDead = false;
  #pendingCount = 0;
  #retired = false;

  constructor(
    producer: Producer,
    session: ClusterSession,
    { wire, cluster, tap }: Pick<InnerProducer, 'wire' | 'cluster' | 'tap'>,
  ) {
    this.producer = producer;
    this.session = session;
    this.wire = wire;
    this.cluster = cluster;
    this.tap = tap;
  }

  /** True where an error of this producer says nothing about the user's records. */
  get overtaken(): boolean {
    return this.sealed || this.session.signal.aborted;
  }

  /** See {@link retire}. */
  get isRetired(): boolean {
    return this.#retired;
  }

  sendStarted(): void {
    this.#pendingCount += 1;
  }

  /** kafkajs is through with a send. */
  sendEnded(tag: SendTag | undefined): void {
    if (tag !== undefined) this.tap?.sequences.ended(tag);
    this.#pendingCount -= 1;
    if (this.#retired && this.#pendingCount === 0) this.#disconnect();
  }

  /**
   * It is not used for anything new. Its timers and sockets are given back as soon as its last send ended (at once where
   * the session is fenced); nobody waits for that. May be called again: a `connect()` that was under way may have
   * succeeded since.
   */
  retire(): void {
    this.#retired = true;
    if (this.#pendingCount === 0 || this.session.signal.aborted) this.#disconnect();
  }

  #disconnect(): void {
    // An inner promise that nobody waits for must not become an unhandled rejection.
    void this.producer.disconnect().catch(() => {});
  }
}

/**
 * Makes the inner producer of a session from the user's own config.
 *
 * Topics are created by a send on the home cluster only, as the user configured it (kafkajs's default: they are). On the
 * other one a missing topic is a broken mirror, and an empty topic with default settings would hide it.
 *
 * @internal
 */
export function makeInnerProducer(
  session: ClusterSession,
  config: ProducerConfig | undefined,
  homeCluster: string,
  world: Pick<World, 'wallMs'>,
  ledger: Ledger | undefined,
): InnerProducer {
  // A fresh plain object each time: instrumentation may write into it.
  const own: ProducerConfig = { ...config };
  if (session.alias !== homeCluster) own.allowAutoTopicCreation = false;
  const { kafka, wire } = session.countedClient();
  const { made, cluster } = withItsCluster(kafka, () => kafka.producer(own));
  // A session on the standby gets its epoch later.
  const onAnswered: OnAnswered | undefined =
    ledger &&
    ((attempt) => ledger.add(session.alias, session.switchEpoch, attempt, world.wallMs()));
  const tap = cluster && tapProduce(cluster, wire, world, onAnswered);
  return new InnerProducer(made, session, { wire, cluster, tap });
}
