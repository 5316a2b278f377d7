import { Buffer } from 'node:buffer';
import type { ProducedRecord } from '../protocol.js';

/** @internal What a Produce request carries, as bytes and with timestamps. */
export interface ProducedContent {
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly messages: readonly ProducedRecord[];
    }[];
  }[];
}

const PRODUCE = 0;
const VERSION = 7;
/** Of a batch, from behind its length to behind its record count. */
const BATCH_HEAD_BYTES = 49;
const MAGIC = 2;

/**
 * The request as a real client would have written it to its socket: for whoever keeps what was written. The memory cluster is sent something else. Checksums and producer
 * ids are left out.
 *
 * @internal
 */
export function produceFrame({ topicData }: ProducedContent): Buffer {
  const topics = topicData.map(({ topic, partitions }) =>
    Buffer.concat([
      string(topic),
      int32(partitions.length),
      ...partitions.map(({ partition, messages }) => {
        const batch = recordBatch(messages);
        return Buffer.concat([int32(partition), int32(batch.length), batch]);
      }),
    ]),
  );
  const body = Buffer.concat([
    int16(PRODUCE),
    int16(VERSION),
    // Correlation id; client id and transactional id are null; acks and timeout.
    ...[int32(0), int16(-1), int16(-1), int16(-1), int32(0)],
    int32(topics.length),
    ...topics,
  ]);
  return Buffer.concat([int32(body.length), body]);
}

function recordBatch(records: readonly ProducedRecord[]): Buffer {
  const times = records.map(({ timestampMs }) => timestampMs);
  const firstMs = Math.min(...times);
  const encoded = records.map((record, index) => recordOf(record, index, firstMs));
  const size = encoded.reduce((sum, { length }) => sum + length, 0);
  return Buffer.concat([
    int64(0),
    int32(BATCH_HEAD_BYTES + size),
    // Leader epoch, magic, checksum, attributes.
    ...[int32(-1), Buffer.from([MAGIC]), int32(0), int16(0)],
    int32(records.length - 1),
    int64(firstMs),
    int64(Math.max(...times)),
    // Producer id, epoch, sequence.
    ...[int64(-1), int16(-1), int32(-1)],
    int32(records.length),
    ...encoded,
  ]);
}

function recordOf(
  { key, value, headers, timestampMs }: ProducedRecord,
  index: number,
  firstMs: number,
): Buffer {
  const body = Buffer.concat([
    Buffer.from([0]),
    varint(timestampMs - firstMs),
    varint(index),
    bytes(key),
    bytes(value),
    varint(headers.length),
    ...headers.flatMap(([name, content]) => [bytes(Buffer.from(name)), bytes(content)]),
  ]);
  return Buffer.concat([varint(body.length), body]);
}

function bytes(content: Buffer | null): Buffer {
  return content === null ? varint(-1) : Buffer.concat([varint(content.length), content]);
}

function string(text: string): Buffer {
  const encoded = Buffer.from(text);
  return Buffer.concat([int16(encoded.length), encoded]);
}

/** Zigzag, seven bits a byte. */
function varint(value: number): Buffer {
  let left = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n));
  const encoded: number[] = [];
  while (left > 0x7fn) {
    encoded.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  return Buffer.from([...encoded, Number(left)]);
}

function int16(value: number): Buffer {
  const encoded = Buffer.alloc(2);
  encoded.writeInt16BE(value);
  return encoded;
}

function int32(value: number): Buffer {
  const encoded = Buffer.alloc(4);
  encoded.writeInt32BE(value);
  return encoded;
}

function int64(value: number): Buffer {
  const encoded = Buffer.alloc(8);
  encoded.writeBigInt64BE(BigInt(Math.trunc(value)));
  return encoded;
}
