import type { Message, RecordMetadata } from 'kafkajs';
import type { ProduceAttempt } from '../cluster/produce-tap.js';
import type { ClusterSession } from '../cluster/session.js';
import type { SendMetadata, SendOutcome, SendPart } from '../send-outcome.js';
import type { InnerProducer } from './inner-producer.js';
import type { PendingSend } from './pending-send.js';
import { MessageCounts } from './message-counts.js';
import { topicLists, without, type Payload } from './payload.js';

/** @internal Messages that a broker has acknowledged together. */
export interface AcknowledgedPart {
  readonly messages: readonly Message[];
  readonly metadata: SendMetadata;
}

/**
 * What is known of a send with one inner producer, message by message.
 *
 * @internal
 */
export interface Fate {
  readonly acknowledged: readonly AcknowledgedPart[];
  /** Everything else; undefined where there is nothing else. */
  readonly rest: Payload | undefined;
  /** What of the rest a cluster may have although nobody has acknowledged it. `'all'`: it is not known what. */
  readonly maybe: MessageCounts | 'all';
}

/**
 * Errors that a broker answers with before it appends anything: kafka.common.protocol.Errors CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, INVALID_TOPIC_EXCEPTION,
 * RECORD_LIST_TOO_LARGE, NOT_ENOUGH_REPLICAS, INVALID_REQUIRED_ACKS, TOPIC_AUTHORIZATION_FAILED, CLUSTER_AUTHORIZATION_FAILED, INVALID_TIMESTAMP,
 * INVALID_RECORD. After any other one the records may be in the log: NOT_LEADER_OR_FOLLOWER is also the answer where the leader changes while
 * its replicas are waited for (kafka.server.DelayedProduce).
 */
const NOTHING_APPENDED: ReadonlySet<number> = new Set([2, 10, 17, 18, 19, 21, 29, 31, 32, 87]);

/**
 * Judges a send by what the wire did. Its inner producer answers it no more, or has said less than the truth.
 *
 * A client that is not built like kafkajs's tells of no request. There it counts whether this producer wrote any Produce request since the send
 * began, perhaps another send's.
 *
 * @internal
 */
export function fateOf(send: PendingSend, inner: InnerProducer): Fate {
  const { tag, payload, messageCount, startedAtRequestCount } = send;
  const { session, wire } = inner;
  // After the fence nothing can leave any more.
  const isFenced = session.signal.aborted;
  if (tag === undefined) {
    const isCertain = isFenced && wire.produceRequestCount === startedAtRequestCount;
    return { acknowledged: [], rest: payload, maybe: isCertain ? new MessageCounts() : 'all' };
  }
  const acknowledged: AcknowledgedPart[] = [];
  const maybe = new MessageCounts();
  for (const attempt of tag.attempts) judge(attempt, { session, isFenced, acknowledged, maybe });
  if (acknowledged.length === 0) return { acknowledged, rest: payload, maybe };
  const taken = new MessageCounts();
  for (const { messages, metadata } of acknowledged) taken.add(metadata.topicName, messages);
  if (taken.areOf(payload)) return { acknowledged, rest: without(payload, taken), maybe };
  // Tracing may have put copies in the place of the messages: then it can only be told whether all of them were acknowledged.
  if (taken.distinctCount === messageCount) return { acknowledged, rest: undefined, maybe };
  return { acknowledged: [], rest: payload, maybe: 'all' };
}

/** @internal Whether some of the rest may be in a cluster's log. */
export function isRestUnknown({ rest, maybe }: Fate): boolean {
  return rest !== undefined && (maybe === 'all' || maybe.hasSomeOf(rest));
}

function judge(
  { topics, answer, written, isOver }: ProduceAttempt,
  fate: {
    session: ClusterSession;
    isFenced: boolean;
    acknowledged: AcknowledgedPart[];
    maybe: MessageCounts;
  },
): void {
  const { session, isFenced, acknowledged, maybe } = fate;
  // What kafkajs still has in its hands may leave yet.
  const mayBeThere = written || (!isOver && !isFenced);
  for (const { topic, partitions } of topics) {
    for (const { partition, messages } of partitions) {
      const answered = answer?.topics
        .find(({ topicName }) => topicName === topic)
        ?.partitions.find((one) => one.partition === partition);
      if (answered === undefined) {
        if (mayBeThere) maybe.add(topic, messages);
      } else if (answered.errorCode === 0) {
        const metadata = withCluster({ topicName: topic, ...answered }, session);
        acknowledged.push({ messages, metadata });
      } else if (!NOTHING_APPENDED.has(answered.errorCode)) maybe.add(topic, messages);
    }
  }
}

/**
 * Whether each message of a send was acknowledged, by a quick look. kafkajs resolves some sends although it has not written all of their messages: where one
 * broker has answered its part, another one has not, and the next attempt divides the messages otherwise (a leader has moved, or messages without a key are dealt
 * out again), those that fall to the first broker then are left out (`src/producer/sendMessages.js`, `brokersWithoutResponse`).
 *
 * @internal
 */
export function isWhollyAcknowledged({ tag, payload, messageCount }: PendingSend): boolean {
  // Nobody answers then, and there is nothing to look at.
  if (tag === undefined || payload.acks === 0) return true;
  let count = 0;
  for (const { topics, answer } of tag.attempts) {
    if (answer === undefined || hasError(answer)) return false;
    for (const { partitions } of topics) {
      for (const { messages } of partitions) count += messages.length;
    }
  }
  return count === messageCount;
}

function hasError({ topics }: NonNullable<ProduceAttempt['answer']>): boolean {
  for (const { partitions } of topics) {
    for (const { errorCode } of partitions) if (errorCode !== 0) return true;
  }
  return false;
}

/** @internal Says of kafkajs's own metadata where it holds. */
export function withCluster(
  metadata: RecordMetadata,
  { alias, switchEpoch }: ClusterSession,
): SendMetadata {
  // The object is kafkajs's, made for this answer: no copy for each send.
  return Object.assign(metadata, { cluster: alias, switchEpoch });
}

/**
 * The outcome of a send that is rejected now.
 *
 * @param earlier - what was acknowledged before.
 * @internal
 */
export function outcomeFrom(
  earlier: readonly AcknowledgedPart[],
  { acknowledged, rest, maybe }: Fate,
): SendOutcome {
  const parts: SendPart[] = [...earlier, ...acknowledged].map(({ messages, metadata }) => ({
    kind: 'acknowledged',
    topic: metadata.topicName,
    messages,
    metadata,
  }));
  const isPartial = parts.length > 0;
  let isUnknown = false;
  for (const { topic, messages } of rest === undefined ? [] : topicLists(rest)) {
    const unknown: Message[] = [];
    const notSent: Message[] = [];
    for (const message of messages) {
      const isThere = maybe === 'all' || maybe.take(topic, message);
      (isThere ? unknown : notSent).push(message);
    }
    if (unknown.length > 0) parts.push({ kind: 'unknown', topic, messages: unknown });
    if (notSent.length > 0) parts.push({ kind: 'not-sent', topic, messages: notSent });
    isUnknown ||= unknown.length > 0;
  }
  // What is no message list at all was handed over without one.
  isUnknown ||= maybe === 'all' && parts.length === 0;
  const kind = isUnknown ? 'unknown' : isPartial ? 'partial' : 'not-sent';
  return { kind, parts };
}
