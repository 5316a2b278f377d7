import { Cursor } from '../cluster/cursor.js';
import type { KafkaJsRawMessage } from '../cluster/kafkajs-cluster.js';
import { NOT_PLAIN, readBatchHead, readRecords, type BatchHead } from '../cluster/record-batch.js';
import { kafka } from '../kafkajs.js';
import type { RecordContent } from '../position/fingerprint.js';
import type { OpenBatch } from './ledger-reader.js';

/** @internal One acknowledged record. */
export interface LedgerRecord extends RecordContent {
  /** On the cluster that has acknowledged it. */
  readonly offset: number;
}

/**
 * The records of a batch that are not known to be mirrored, as the cluster has them. They are views of the ledger, where they were not compressed.
 *
 * @throws what a codec throws.
 * @throws Error - there is no such codec any more; the format is older than Kafka 0.11; the bytes are cut short.
 * @internal
 */
export async function recordsOf(batch: OpenBatch): Promise<readonly LedgerRecord[]> {
  const { bytes, baseOffset, from, appendTimeMs } = batch;
  const cursor = new Cursor(bytes);
  const head = headOf(cursor, bytes.length);
  const raw: KafkaJsRawMessage[] = [];
  if (head.compression === 0) readRecords(cursor, head, raw);
  else readRecords(new Cursor(await decompressed(cursor, head)), head, raw);
  return raw
    .map(({ key, value, headers, timestamp, offset }) => ({
      key,
      value,
      headers,
      timestamp: appendTimeMs === undefined ? timestamp : String(appendTimeMs),
      // In the request they begin at 0.
      offset: baseOffset + Number(offset),
    }))
    .filter(({ offset }) => offset >= from);
}

/** The codec that has compressed it: the user's own, perhaps. */
async function decompressed(cursor: Cursor, { compression, end }: BatchHead): Promise<Buffer> {
  const codecs: Readonly<Record<number, (() => Codec) | undefined>> = kafka.CompressionCodecs;
  const codec = codecs[compression]?.();
  if (codec === undefined) throw new Error(`there is no codec for compression ${compression}`);
  return codec.decompress(cursor.view(end - cursor.position));
}

interface Codec {
  decompress(bytes: Buffer): Promise<Buffer>;
}

function headOf(cursor: Cursor, end: number): BatchHead {
  let head: BatchHead | undefined;
  try {
    head = readBatchHead(cursor, end);
  } catch (error) {
    throw error === NOT_PLAIN ? new Error('it is of a format before Kafka 0.11') : error;
  }
  if (head === undefined) throw new Error('the batch is cut short');
  return head;
}

/** @internal The lowest and the highest timestamp of a batch, in milliseconds, as its head says: without a look at its records. */
export function timesOf({ bytes, appendTimeMs }: OpenBatch): { firstMs: number; lastMs: number } {
  if (appendTimeMs !== undefined) return { firstMs: appendTimeMs, lastMs: appendTimeMs };
  const { firstTimestampMs, maxTimestampMs } = headOf(new Cursor(bytes), bytes.length);
  return { firstMs: firstTimestampMs, lastMs: maxTimestampMs };
}
