import { Buffer } from 'node:buffer';
import type { KafkaMessage } from 'kafkajs';
import type { MessageId } from '../options-dedup.js';
import { contentHash } from '../position/fingerprint.js';

/** @internal The log that a record is read from. */
export interface RecordLog {
  readonly cluster: string;
  readonly topic: string;
  readonly physicalTopic: string;
  readonly partition: number;
}

/** @internal Tells which record it is; undefined where nothing says so. Throws what user code throws. */
export type Identify = (message: KafkaMessage, log: RecordLog) => string | undefined;

/** Longest message id, in bytes: what is longer is none, so that the window is bounded in bytes, too. */
const MAX_ID_BYTES = 1_024;

/**
 * By the message id that the service gives its records; without one by the place of the record in its log, and its content: an offset
 * alone may belong to another record, where a topic was made anew.
 *
 * @internal
 */
export function identifyBy(messageId: MessageId | undefined): Identify {
  if (messageId === undefined) return placeOf;
  const idOf =
    typeof messageId === 'function'
      ? messageId
      : (message: KafkaMessage): unknown => message.headers?.[messageId];
  return (message, { topic, partition }) => {
    const id = bytesOf(idOf(message, topic));
    return id === undefined ? undefined : `${partition} ${topic} ${id}`;
  };
}

function placeOf(message: KafkaMessage, log: RecordLog): string {
  const { cluster, physicalTopic, partition } = log;
  return `${partition} ${physicalTopic} ${cluster} ${message.offset} ${message.timestamp} ${contentHash(message)}`;
}

/**
 * An id as the string of its bytes, and a copy: a part of a longer string would keep the whole one in memory. Two ids must never
 * become one, so half a character, and several values of one header, are none.
 */
function bytesOf(id: unknown): string | undefined {
  if (id === undefined || id === null || Array.isArray(id)) return undefined;
  if (typeof id !== 'string' && !Buffer.isBuffer(id)) {
    throw new TypeError(`messageId must answer a string, a Buffer or undefined, got ${typeof id}`);
  }
  if (id.length === 0 || id.length > MAX_ID_BYTES) return undefined;
  if (typeof id !== 'string') return id.toString('latin1');
  if (/\p{Surrogate}/u.test(id)) return undefined;
  const bytes = Buffer.from(id, 'utf8');
  return bytes.length > MAX_ID_BYTES ? undefined : bytes.toString('latin1');
}
