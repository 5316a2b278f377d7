import type { Cursor } from './cursor.js';
import type { KafkaJsRawMessage } from './kafkajs-cluster.js';

/** The record format since Kafka 0.11. */
const MAGIC = 2;
/** @internal Everything before the records. */
export const BATCH_OVERHEAD_BYTES = 61;
const COMPRESSION = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;

/** Of most records. */
const NO_HEADERS: KafkaJsRawMessage['headers'] = Object.freeze({});

/** @internal Thrown for what is not read here: formats before 0.11, and, by its callers, compressed batches. */
export const NOT_PLAIN: unique symbol = Symbol('not plain');

/** @internal The head of one record batch. */
export interface BatchHead {
  readonly firstOffset: bigint;
  readonly lastOffsetDelta: number;
  /** 0: none. Kafka's number of the codec. */
  readonly compression: number;
  readonly firstTimestampMs: number;
  readonly maxTimestampMs: number;
  readonly isAppendTime: boolean;
  readonly isControl: boolean;
  readonly producerId: string;
  readonly inTransaction: boolean;
  readonly recordCount: number;
  /** Behind its last byte. */
  readonly end: number;
}

/**
 * Reads the head of a batch; the records follow, perhaps compressed.
 *
 * @param end - behind the last byte that is there.
 * @returns undefined where the batch is not all there.
 * @throws `NOT_PLAIN` - a format before 0.11.
 * @internal
 */
export function readBatchHead(from: Cursor, end: number): BatchHead | undefined {
  const firstOffset = from.int64();
  const batchEnd = from.int32() + from.position;
  if (batchEnd > end) return undefined;
  from.skip(4);
  if (from.int8() !== MAGIC) throw NOT_PLAIN;
  from.skip(4);
  const attributes = from.int16();
  const lastOffsetDelta = from.int32();
  const firstTimestampMs = Number(from.int64());
  const maxTimestampMs = Number(from.int64());
  const producerId = String(from.int64());
  from.skip(6);
  return {
    firstOffset,
    lastOffsetDelta,
    compression: attributes & COMPRESSION,
    firstTimestampMs,
    maxTimestampMs,
    isAppendTime: (attributes & LOG_APPEND_TIME) !== 0,
    isControl: (attributes & CONTROL) !== 0,
    producerId,
    inTransaction: (attributes & TRANSACTIONAL) !== 0,
    recordCount: from.int32(),
    end: batchEnd,
  };
}

/** @internal Reads the records of a batch, which are not compressed (any more), in kafkajs's shape. */
export function readRecords(from: Cursor, head: BatchHead, messages: KafkaJsRawMessage[]): void {
  const { firstOffset, lastOffsetDelta, producerId, inTransaction } = head;
  const batch = {
    firstOffset: String(firstOffset),
    lastOffsetDelta,
    producerId,
    inTransaction,
    timestampType: head.isAppendTime ? 1 : 0,
  };
  for (let left = head.recordCount; left > 0; left -= 1) {
    const size = from.varint();
    const recordEnd = from.position + size;
    const attributes = from.int8();
    const timestampMs = head.firstTimestampMs + from.varint();
    const offset = firstOffset + BigInt(from.varint());
    const key = from.bytes();
    const value = from.bytes();
    const headers = readHeaders(from);
    from.position = recordEnd;
    messages.push({
      key,
      value,
      headers,
      offset: String(offset),
      timestamp: String(head.isAppendTime ? head.maxTimestampMs : timestampMs),
      attributes,
      isControlRecord: head.isControl,
      batchContext: batch,
    });
  }
}

/** In kafkajs's shape: a name that comes several times has a list of values. */
function readHeaders(from: Cursor): KafkaJsRawMessage['headers'] {
  const count = from.varint();
  if (count <= 0) return NO_HEADERS;
  const headers = new Map<string, unknown>();
  for (let left = count; left > 0; left -= 1) {
    const name = String(from.bytes() ?? 'null');
    const value = from.bytes();
    const known = headers.get(name);
    const isFirst = known === undefined;
    headers.set(name, isFirst ? value : Array.isArray(known) ? [...known, value] : [known, value]);
  }
  return Object.fromEntries(headers);
}
