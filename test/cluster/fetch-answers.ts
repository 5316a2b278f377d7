import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0/index.js') as {
  RecordBatch: (batch: object) => Promise<{ buffer: Buffer }>;
};
const encodeRecord = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (
  record: object,
) => unknown;
/** kafkajs's own decoder of Fetch answers. */
export const decoderOf = (version: number): ((bytes: Buffer) => Promise<object>) =>
  (
    require(`kafkajs/src/protocol/requests/fetch/v${version}/response.js`) as {
      decode: (bytes: Buffer) => Promise<object>;
    }
  ).decode;

/** A batch of the record format since Kafka 0.11. */
export interface Batch {
  readonly firstOffset: number;
  readonly firstTimestamp: number;
  readonly isTransactional: boolean;
  readonly isControl: boolean;
  readonly isAppendTime: boolean;
  readonly records: readonly {
    readonly timestampDelta: number;
    readonly key: Buffer | null;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, string>>;
  }[];
}

/** @param compression - 1: gzip. */
export async function encodeBatch(batch: Batch, compression = 0): Promise<Buffer> {
  const { firstOffset, firstTimestamp, records } = batch;
  const { buffer } = await RecordBatch({
    compression,
    firstOffset,
    firstTimestamp,
    maxTimestamp: firstTimestamp + 77,
    partitionLeaderEpoch: 3,
    lastOffsetDelta: records.length + 2,
    producerId: 4_711,
    transactional: batch.isTransactional,
    records: records.map((record, index) => encodeRecord({ offsetDelta: index, ...record })),
  });
  const attributes = buffer.readInt16BE(21);
  const more = (batch.isControl ? 0x20 : 0) | (batch.isAppendTime ? 0x08 : 0);
  buffer.writeInt16BE(attributes | more, 21);
  return buffer;
}

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value]);
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
};

/** One topic, one partition with these bytes. */
export function answerOf(version: number, recordSet: Buffer, abortedCount = 1): Buffer {
  return Buffer.concat([
    int32(250),
    ...(version >= 7 ? [int16(0), int32(99)] : []),
    int32(1),
    int16(6),
    Buffer.from('orders'),
    int32(1),
    int32(3),
    int16(0),
    int64(1_000),
    int64(990),
    int64(10),
    int32(abortedCount),
    ...Array.from({ length: Math.max(0, abortedCount) }, () => [int64(4_711), int64(12)]).flat(),
    ...(version >= 11 ? [int32(-1)] : []),
    int32(recordSet.length),
    recordSet,
  ]);
}
