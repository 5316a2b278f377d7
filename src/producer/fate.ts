import type { Message, RecordMetadata } from 'kafkajs';
import type { ProduceAttempt } from '../cluster/produce-tap.js';
import type { ClusterSession } from '../cluster/session.js';
import { isRefusedBeforeAppend } from '../health/append.js';
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
  /** True where all of it was acknowledged: there is no rest. */
  readonly isWhole: boolean;
  readonly acknowledged: readonly AcknowledgedPart[];
  /** Everything else. */
  readonly rest: Payload;
  /** What of the rest a cluster may have although nobody has acknowledged it. `'all'`: it is not known what. */
  readonly maybe: MessageCounts | 'all';
}

/**
 * Judges a send by what the wire did. Its inner producer answers it no more, or has said less than the truth.
 *
 * Where nothing is told of its requests (a client that is not built like kafkajs's, or somebody between has taken the tag away) it counts whether this producer wrote any
 * Produce request since the send began, perhaps another send's.
 *
 * @internal
 */
export function fateOf(send: PendingSend, inner: InnerProducer): Fate {
  const { tag, payload, recordCount, startedAtRequestCount } = send;
  const { session, wire, tap } = inner;
  // After the fence nothing can leave any more.
  const isFenced = session.signal.aborted;
  const unknown: Fate = { isWhole: false, acknowledged: [], rest: payload, maybe: 'all' };
  if (tag === undefined || (tag.attempts.length === 0 && tap?.hasUntagged === true)) {
    const isCertain = isFenced && wire.produceRequestCount === startedAtRequestCount;
    return isCertain ? { ...unknown, maybe: new MessageCounts() } : unknown;
  }
  const acknowledged: AcknowledgedPart[] = [];
  const maybe = new MessageCounts();
  for (const attempt of tag.attempts) judge(attempt, { session, isFenced, acknowledged, maybe });
  const taken = new MessageCounts();
  for (const { messages, metadata } of acknowledged) taken.add(metadata.topicName, messages);
  if (taken.areAllIn(payload) && maybe.areAllIn(payload)) {
    const rest = acknowledged.length === 0 ? payload : without(payload, taken);
    return { isWhole: rest === undefined, acknowledged, rest: rest ?? payload, maybe };
  }
  // Tracing may have put copies in the place of the messages: then it can only be told whether all of them were acknowledged.
  return taken.distinctCount === recordCount
    ? { ...unknown, isWhole: true, acknowledged }
    : unknown;
}

/** @internal Whether some of the rest may be in a cluster's log. */
export function isRestUnknown({ rest, maybe }: Fate): boolean {
  return maybe === 'all' || maybe.hasSomeOf(rest);
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
      } else if (!isRefusedBeforeAppend(answered.errorCode)) maybe.add(topic, messages);
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
export function isWhollyAcknowledged({ tag, payload, recordCount }: PendingSend): boolean {
  // Nobody answers then, or nothing was told: kafkajs's word is all that there is.
  if (tag === undefined || tag.attempts.length === 0 || payload.acks === 0) return true;
  let count = 0;
  for (const { topics, answer } of tag.attempts) {
    if (answer === undefined || hasError(answer)) return false;
    for (const { partitions } of topics) {
      for (const { messages } of partitions) count += messages.length;
    }
  }
  return count === recordCount;
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
  const known = metadata as { -readonly [K in keyof SendMetadata]: SendMetadata[K] };
  known.cluster = alias;
  known.switchEpoch = switchEpoch;
  return known;
}

/**
 * The outcome of a send that is rejected now: what was acknowledged of it, and the rest.
 *
 * @param maybe - what of the rest may be in a log; it is used up. Default: by what is known of its past.
 * @internal
 */
export function outcomeOf(
  { acknowledged, payload, maybeWritten }: PendingSend,
  maybe: Fate['maybe'] = maybeWritten ? 'all' : new MessageCounts(),
): SendOutcome {
  const parts: SendPart[] = acknowledged.map(({ messages, metadata }) => ({
    kind: 'acknowledged',
    topic: metadata.topicName,
    messages,
    metadata,
  }));
  const isPartial = parts.length > 0;
  let isUnknown = false;
  for (const { topic, messages } of topicLists(payload)) {
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
  // What is no list of messages was handed over without one.
  isUnknown ||= maybe === 'all' && parts.length === 0;
  const kind = isUnknown ? 'unknown' : isPartial ? 'partial' : 'not-sent';
  return { kind, parts };
}
