import type { Message, ProducerBatch, ProducerRecord } from 'kafkajs';
import { SendTag } from '../cluster/produce-tap.js';
import { messageBytes } from '../message-bytes.js';
import type { MessageCounts } from './message-counts.js';

/**
 * What one call hands to kafkajs: of `send` or of `sendBatch`. Told apart by the keys that kafkajs reads.
 *
 * @internal
 */
export type Payload = ProducerRecord | ProducerBatch;

/** @internal The messages of one topic, as they were passed. */
export interface TopicList {
  readonly topic: string;
  readonly messages: readonly Message[];
}

/**
 * Estimates the bytes of keys, values and headers. User code may pass anything: what is not understood counts as nothing,
 * and kafkajs says what is wrong with it when it is sent.
 *
 * @internal
 */
export function payloadBytes(payload: Payload): number {
  let bytes = 0;
  for (const { messages } of topicLists(payload)) {
    for (const message of messages) bytes += messageBytes(message);
  }
  return bytes;
}

/**
 * The payload with a timestamp in every message, for sends that reach a cluster later than they were called: without one
 * kafkajs stamps the moment of encoding, and records of before a switch would look like records of after it.
 *
 * The user's objects are not touched: messages without a timestamp are copied one level deep (headers stay the same
 * object, where tracing wrote into them); everything else is the same object. What kafkajs reads is copied also where it is
 * no own property: messages may be of a class with getters.
 *
 * @param stampWallMs - the time that they get, in wall-clock milliseconds since 1970.
 * @internal
 */
export function withTimestamps(payload: Payload, stampWallMs: number): Payload {
  const stamp = String(Math.trunc(stampWallMs));
  return withMessages(payload, (messages) => stamped(messages, stamp));
}

/**
 * The payload with an id in the header of each message that has none there. As {@link withTimestamps} it does not touch the user's objects.
 *
 * @internal
 */
export function withMessageIds(payload: Payload, header: string, nextId: () => string): Payload {
  const identified = (message: Message): Message => {
    if (!isObject(message) || message.headers?.[header] !== undefined) return message;
    // The hot path: what kafkajs reads, and nothing else.
    const { key, value, partition, timestamp, headers: own } = message;
    const headers: NonNullable<Message['headers']> = own === undefined ? {} : { ...own };
    headers[header] = nextId();
    const copy: Message = { value, headers };
    if (key !== undefined) copy.key = key;
    if (partition !== undefined) copy.partition = partition;
    if (timestamp !== undefined) copy.timestamp = timestamp;
    return copy;
  };
  return withMessages(payload, (messages) => messages.map(identified));
}

/** A copy with other messages. What is no list stays: kafkajs refuses it. */
function withMessages(
  payload: Payload,
  change: (messages: readonly Message[]) => Message[],
): Payload {
  if (!isObject(payload)) return payload;
  if ('topicMessages' in payload) {
    if (!Array.isArray(payload.topicMessages)) return payload;
    const topicMessages = payload.topicMessages.map((entry) =>
      isObject(entry) && Array.isArray(entry.messages)
        ? { ...copyOf(entry, ['topic']), messages: change(entry.messages) }
        : entry,
    );
    return { ...copyOf(payload, REQUEST_FIELDS), topicMessages };
  }
  if (!('messages' in payload) || !Array.isArray(payload.messages)) return payload;
  const messages = change(payload.messages);
  return { ...copyOf(payload, ['topic', ...REQUEST_FIELDS]), messages };
}

/** What kafkajs reads of a message, and of what carries messages (`types/index.d.ts`). */
const MESSAGE_FIELDS = ['key', 'value', 'partition', 'headers'] as const;
const REQUEST_FIELDS = ['acks', 'timeout', 'compression'] as const;

/** A copy of its own properties, and of these, wherever they come from. */
function copyOf<T extends object>(source: T, fields: readonly (keyof T)[]): T {
  const copy = { ...source };
  // The usual case: a plain object has nothing else.
  if (Object.getPrototypeOf(source) === Object.prototype) return copy;
  for (const field of fields) {
    if (source[field] !== undefined) copy[field] = source[field];
  }
  return copy;
}

function stamped(messages: readonly Message[], timestamp: string): Message[] {
  return messages.map((message) =>
    isObject(message) && !message.timestamp
      ? { ...copyOf(message, MESSAGE_FIELDS), timestamp }
      : message,
  );
}

/**
 * What a payload carries, topic by topic. What is no list is left out: kafkajs refuses it.
 *
 * @internal
 */
export function topicLists(payload: Payload): readonly TopicList[] {
  if (!isObject(payload)) return [];
  if ('topicMessages' in payload && Array.isArray(payload.topicMessages)) {
    return payload.topicMessages.filter(
      (entry) => isObject(entry) && Array.isArray(entry.messages),
    );
  }
  if ('messages' in payload && Array.isArray(payload.messages)) return [payload];
  return [];
}

/** @internal How many messages a payload has. */
export function messageCountOf(payload: Payload): number {
  // The usual case first: it is asked for every send.
  if (isObject(payload) && 'messages' in payload && Array.isArray(payload.messages)) {
    return payload.messages.length;
  }
  return topicLists(payload).reduce((count, { messages }) => count + messages.length, 0);
}

/**
 * The payload without these messages, in the same order. The user's objects are not touched.
 *
 * @param counts - what is left out is taken from it.
 * @returns undefined where nothing is left.
 * @internal
 */
export function without(payload: Payload, counts: MessageCounts): Payload | undefined {
  const left = ({ topic, messages }: TopicList): Message[] =>
    messages.filter((message) => !counts.take(topic, message));
  if ('topicMessages' in payload && payload.topicMessages !== undefined) {
    const topicMessages = payload.topicMessages
      .map((entry) => ({ ...copyOf(entry, ['topic']), messages: left(entry) }))
      .filter(({ messages }) => messages.length > 0);
    if (topicMessages.length === 0) return undefined;
    return { ...copyOf(payload, REQUEST_FIELDS), topicMessages };
  }
  if (!('messages' in payload)) return payload;
  const messages = left(payload);
  if (messages.length === 0) return undefined;
  return { ...copyOf(payload, ['topic', ...REQUEST_FIELDS]), messages };
}

/**
 * What kafkajs reads of a payload, and nothing else of it, with lists of its own, which hold the same messages: the caller may use its lists anew before the send is judged by them.
 *
 * @param timeout - what stands in it from now on; default: what the user gave. A tag takes its place here, without another copy for each send.
 * @internal
 */
export function withOwnLists(payload: Payload, timeout: unknown = timeoutOf(payload)): Payload {
  if (!isObject(payload)) return payload;
  // Whole objects of one shape, made at once: this is done for every send.
  if ('topicMessages' in payload) {
    const { topicMessages: given, acks, compression } = payload;
    const topicMessages = Array.isArray(given)
      ? given.map((entry) =>
          isObject(entry) ? { topic: entry.topic, messages: sliced(entry.messages) } : entry,
        )
      : given;
    return { topicMessages, acks, timeout, compression } as Payload;
  }
  const { topic, messages, acks, compression } = payload as ProducerRecord;
  return { topic, messages: sliced(messages), acks, timeout, compression } as Payload;
}

/** User code may pass anything. */
function sliced(messages: Message[]): Message[] {
  return Array.isArray(messages) ? messages.slice() : messages;
}

/** @internal The user's own, also where a tag stands in its place. User code may pass anything. */
export function timeoutOf(payload: Payload): number | undefined {
  if (!isObject(payload)) return undefined;
  const timeout: unknown = payload.timeout;
  return timeout instanceof SendTag ? timeout.timeout : (timeout as number | undefined);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** @internal The topics that a payload names. */
export function topicsOf(payload: Payload): readonly string[] {
  if (!isObject(payload)) return [];
  const named: unknown[] =
    'topicMessages' in payload && Array.isArray(payload.topicMessages)
      ? payload.topicMessages.map((entry) => entry?.topic)
      : ['topic' in payload ? payload.topic : undefined];
  return named.filter((topic) => typeof topic === 'string');
}

/** @internal The topic of a payload that names one, for error messages. */
export function topicOf(payload: Payload): string | undefined {
  const [first, ...others] = topicsOf(payload);
  return others.length === 0 ? first : undefined;
}
