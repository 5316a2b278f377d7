import type { ConsumerEvents, InstrumentationEvent } from 'kafkajs';
import type { TopicNames } from './subscription.js';

/** @internal kafkajs's own map (`src/consumer/instrumentationEvents.js`); a test compares the two. */
export const CONSUMER_EVENTS: ConsumerEvents = {
  HEARTBEAT: 'consumer.heartbeat',
  COMMIT_OFFSETS: 'consumer.commit_offsets',
  GROUP_JOIN: 'consumer.group_join',
  FETCH: 'consumer.fetch',
  FETCH_START: 'consumer.fetch_start',
  START_BATCH_PROCESS: 'consumer.start_batch_process',
  END_BATCH_PROCESS: 'consumer.end_batch_process',
  CONNECT: 'consumer.connect',
  DISCONNECT: 'consumer.disconnect',
  STOP: 'consumer.stop',
  CRASH: 'consumer.crash',
  REBALANCING: 'consumer.rebalancing',
  RECEIVED_UNSUBSCRIBED_TOPICS: 'consumer.received_unsubscribed_topics',
  REQUEST: 'consumer.network.request',
  REQUEST_TIMEOUT: 'consumer.network.request_timeout',
  REQUEST_QUEUE_SIZE: 'consumer.network.request_queue_size',
};

/**
 * An event of an inner consumer under the names that the service uses. Where no topic has another name here it is the very
 * same object; otherwise the physical names stand beside the original ones. Pure.
 *
 * @internal
 */
export function underOriginalNames(
  event: InstrumentationEvent<unknown>,
  names: TopicNames,
): InstrumentationEvent<unknown> {
  if (!names.areTranslated) return event;
  const { payload } = event;
  if (typeof payload !== 'object' || payload === null) return event;
  switch (event.type) {
    case CONSUMER_EVENTS.GROUP_JOIN:
      return 'memberAssignment' in payload
        ? withPayload(event, {
            ...payload,
            memberAssignment: mergedAssignment(readAssignment(payload.memberAssignment), names),
          })
        : event;
    case CONSUMER_EVENTS.COMMIT_OFFSETS:
      return 'topics' in payload && Array.isArray(payload.topics)
        ? withPayload(event, {
            ...payload,
            topics: payload.topics.map((entry: unknown) => renamed(entry, names)),
          })
        : event;
    case CONSUMER_EVENTS.START_BATCH_PROCESS:
    case CONSUMER_EVENTS.END_BATCH_PROCESS:
      return withPayload(event, renamed(payload, names));
    case CONSUMER_EVENTS.RECEIVED_UNSUBSCRIBED_TOPICS: {
      const lists = Object.entries(payload).map(([key, value]: [string, unknown]) => [
        key,
        Array.isArray(value)
          ? [...new Set(value.map((name) => names.originalOf(String(name))))]
          : value,
      ]);
      return withPayload(event, Object.fromEntries(lists));
    }
    default:
      return event;
  }
}

/** @internal A CRASH event of a consumer that is started again, although kafkajs does not. Pure. */
export function restarting(event: InstrumentationEvent<unknown>): InstrumentationEvent<unknown> {
  const { payload } = event;
  if (typeof payload !== 'object' || payload === null) return event;
  return withPayload(event, { ...payload, restart: true });
}

function withPayload(
  event: InstrumentationEvent<unknown>,
  payload: unknown,
): InstrumentationEvent<unknown> {
  return { id: event.id, type: event.type, timestamp: event.timestamp, payload };
}

function renamed(entry: unknown, names: TopicNames): unknown {
  if (typeof entry !== 'object' || entry === null || !('topic' in entry)) return entry;
  const physicalTopic = String(entry.topic);
  return { ...entry, topic: names.originalOf(physicalTopic), physicalTopic };
}

/** @internal The partitions that a member was dealt, by topic: by physical names, unless it is said otherwise. */
export type Assignment = Readonly<Record<string, readonly number[]>>;

/** @internal The `memberAssignment` of a GROUP_JOIN event. */
export function readAssignment(value: unknown): Record<string, readonly number[]> {
  const assignment: Record<string, readonly number[]> = {};
  if (typeof value !== 'object' || value === null) return assignment;
  for (const [topic, partitions] of Object.entries(value)) {
    if (Array.isArray(partitions)) assignment[topic] = partitions.map(Number);
  }
  return assignment;
}

/**
 * An assignment by original names: a logical partition is there where one of its logs is. Pure.
 *
 * @internal
 */
export function mergedAssignment(
  assignment: Assignment,
  names: TopicNames,
): Record<string, number[]> {
  const merged: Record<string, number[]> = {};
  for (const [physicalTopic, partitions] of Object.entries(assignment)) {
    const topic = names.originalOf(physicalTopic);
    merged[topic] = [...new Set([...(merged[topic] ?? []), ...partitions])].sort((a, b) => a - b);
  }
  return merged;
}
