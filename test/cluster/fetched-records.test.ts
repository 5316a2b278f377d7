import { describe, expect, it } from 'vitest';
import { readableRecords } from '../../src/cluster/fetched-records.js';
import type {
  KafkaJsFetchedPartition,
  KafkaJsRawMessage,
} from '../../src/cluster/kafkajs-cluster.js';

const ABORT_KEY = Buffer.from([0, 0, 0, 0]);
const COMMIT_KEY = Buffer.from([0, 0, 0, 1]);

interface RecordOptions {
  readonly producer?: string;
  readonly control?: 'abort' | 'commit';
  readonly key?: Buffer;
  /** Offsets of the batch's first and last record. */
  readonly batch?: readonly [number, number];
}

function record(
  offset: number,
  { producer, control, key, batch }: RecordOptions = {},
): KafkaJsRawMessage {
  const [first, last] = batch ?? [offset, offset];
  const controlKey = control === 'abort' ? ABORT_KEY : COMMIT_KEY;
  return {
    offset: String(offset),
    key: control === undefined ? (key ?? null) : controlKey,
    value: Buffer.from(`record ${offset}`),
    timestamp: '0',
    attributes: 0,
    isControlRecord: control !== undefined,
    batchContext: {
      firstOffset: String(first),
      lastOffsetDelta: last - first,
      producerId: producer ?? '-1',
      inTransaction: producer !== undefined,
    },
  };
}

function answer(
  messages: readonly KafkaJsRawMessage[],
  aborted: readonly (readonly [producerId: string, firstOffset: number])[] = [],
): KafkaJsFetchedPartition {
  return {
    partition: 0,
    lastStableOffset: '100',
    lastStartOffset: '5',
    abortedTransactions: aborted.map(([producerId, firstOffset]) => ({
      producerId,
      firstOffset: String(firstOffset),
    })),
    messages,
  };
}

const offsetsOf = (partition: KafkaJsFetchedPartition, offset: number): string[] =>
  readableRecords(partition, BigInt(offset)).records.map((each) => each.offset);

describe('readableRecords', () => {
  it('gives the log as read_committed sees it, and where to go on', () => {
    expect(readableRecords(answer([record(10), record(11)]), 10n)).toMatchObject({
      records: [{ offset: '10' }, { offset: '11' }],
      nextOffset: 12n,
      range: { low: 5n, high: 100n },
    });
    expect(readableRecords(answer([]), 10n)).toMatchObject({ records: [], nextOffset: 10n });
  });

  it('drops what a whole batch brings from before the wanted offset', () => {
    const batch = [8, 9, 10, 11].map((offset) => record(offset, { batch: [8, 11] }));
    expect(offsetsOf(answer(batch), 10)).toEqual(['10', '11']);
  });

  it('passes a control record at the end', () => {
    const messages = [
      record(10, { producer: '1' }),
      record(11, { producer: '1', control: 'commit' }),
    ];
    expect(readableRecords(answer(messages), 10n)).toMatchObject({
      records: [{ offset: '10' }],
      nextOffset: 12n,
    });
  });

  it('passes the end of a batch whose last records compaction has removed', () => {
    const messages = [record(10, { batch: [10, 17] })];
    expect(readableRecords(answer(messages), 10n).nextOffset).toBe(18n);
    // Everything from 12 on is gone: the batch comes again, and must be left behind.
    expect(readableRecords(answer(messages), 12n)).toMatchObject({ records: [], nextOffset: 18n });
  });

  it('drops the records of an aborted transaction up to its marker, and no others', () => {
    const messages = [
      record(10, { producer: '1' }),
      record(11, { producer: '2' }),
      record(12),
      record(13, { producer: '1', control: 'abort' }),
      record(14, { producer: '1' }),
      record(15, { producer: '1', control: 'commit' }),
      record(16, { producer: '2', control: 'commit' }),
    ];
    expect(offsetsOf(answer(messages, [['1', 10]]), 10)).toEqual(['11', '12', '14']);
  });

  it('knows all transactions that began before the wanted offset from its first record on', () => {
    const messages = [
      record(10, { producer: '2' }),
      record(11, { producer: '1' }),
      record(12, { producer: '2', control: 'abort' }),
      record(13, { producer: '1', control: 'abort' }),
    ];
    const aborted = [
      ['2', 7],
      ['1', 3],
    ] as const;
    expect(offsetsOf(answer(messages, aborted), 10)).toEqual([]);
  });

  it('does not take a user’s key for the end of a transaction', () => {
    const messages = [
      record(10, { producer: '1', key: ABORT_KEY }),
      record(11, { producer: '1' }),
      record(12, { producer: '1', control: 'abort' }),
      record(13),
    ];
    expect(offsetsOf(answer(messages, [['1', 10]]), 10)).toEqual(['13']);
  });

  it('reads records that know no batch', () => {
    const { batchContext: _, ...plain } = record(10);
    expect(readableRecords(answer([plain]), 10n)).toMatchObject({
      records: [{ offset: '10' }],
      nextOffset: 11n,
    });
  });
});
