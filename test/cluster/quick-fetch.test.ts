import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quickFetchAnswer } from '../../src/cluster/quick-fetch.js';
import { answerOf, encodeBatch, decoderOf, type Batch } from './fetch-answers.js';

const VERSIONS = [5, 6, 7, 8, 9, 10, 11];

/** What is looked at of an answer. */
function essence(answer: unknown): unknown {
  const { responses, clientSideThrottleTime = 0 } = answer as {
    clientSideThrottleTime?: number;
    responses: { topicName: string; partitions: Record<string, unknown>[] }[];
  };
  return {
    clientSideThrottleTime,
    responses: responses.map(({ topicName, partitions }) => ({
      topicName,
      partitions: partitions.map(({ messages, ...rest }) => ({
        partition: rest['partition'],
        errorCode: rest['errorCode'],
        lastStableOffset: rest['lastStableOffset'],
        lastStartOffset: rest['lastStartOffset'],
        abortedTransactions: rest['abortedTransactions'],
        messages: (messages as Record<string, unknown>[]).map((message) => {
          const batch = message['batchContext'] as Record<string, unknown>;
          return {
            offset: message['offset'],
            timestamp: message['timestamp'],
            attributes: message['attributes'],
            key: message['key'],
            value: message['value'],
            headers: message['headers'],
            isControlRecord: message['isControlRecord'],
            firstOffset: batch['firstOffset'],
            lastOffsetDelta: batch['lastOffsetDelta'],
            producerId: batch['producerId'],
            inTransaction: batch['inTransaction'],
          };
        }),
      })),
    })),
  };
}

const buffers = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const batches: fc.Arbitrary<Batch> = fc.record({
  firstOffset: fc.maxSafeNat(),
  firstTimestamp: fc.integer({ min: 0, max: 4_102_444_800_000 }),
  isTransactional: fc.boolean(),
  isControl: fc.boolean(),
  isAppendTime: fc.boolean(),
  records: fc.array(
    fc.record({
      timestampDelta: fc.integer({ min: -10_000_000, max: 10_000_000 }),
      key: fc.option(buffers),
      value: fc.option(buffers),
      headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), fc.string(), {
        maxKeys: 2,
      }),
    }),
    { maxLength: 5 },
  ),
});

describe('a Fetch answer, decoded quickly', () => {
  it('says what kafkajs’s own decoder says, whatever is in the log and wherever the broker cut it off', async () => {
    let recordCount = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...VERSIONS),
        fc.array(batches, { maxLength: 4 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.integer({ min: -1, max: 2 }),
        async (version, list, share, abortedCount) => {
          const whole = Buffer.concat(await Promise.all(list.map((one) => encodeBatch(one))));
          // As often as not the last batch is there in part.
          const cut = share < 0.5 ? whole : whole.subarray(0, Math.ceil(whole.length * share));
          const bytes = answerOf(version, cut, abortedCount);
          const quick = quickFetchAnswer(bytes, version);
          const answer = essence(quick);
          expect(answer).toEqual(essence(await decoderOf(version)(bytes)));
          recordCount += quick?.responses[0]?.partitions[0]?.messages.length ?? 0;
        },
      ),
      { numRuns: 300 },
    );
    expect(recordCount).toBeGreaterThan(300);
  });

  it('is left to kafkajs where it is of another version, compressed, or of an older format', async () => {
    const batch: Batch = {
      firstOffset: 5,
      firstTimestamp: 1,
      isTransactional: false,
      isControl: false,
      isAppendTime: false,
      records: [{ timestampDelta: 0, key: Buffer.from('k'), value: null, headers: {} }],
    };
    const plain = await encodeBatch(batch);
    expect(quickFetchAnswer(answerOf(11, plain), 11)).toBeDefined();
    expect(quickFetchAnswer(answerOf(11, plain), 4)).toBeUndefined();
    expect(quickFetchAnswer(answerOf(11, plain), 12)).toBeUndefined();
    expect(quickFetchAnswer(answerOf(11, await encodeBatch(batch, 1)), 11)).toBeUndefined();
    const older = Buffer.from(plain);
    older.writeInt8(1, 16);
    expect(quickFetchAnswer(answerOf(11, older), 11)).toBeUndefined();
  });

  it('is never made up from other bytes: they throw nothing, and are left to kafkajs', () => {
    fc.assert(
      fc.property(fc.constantFrom(...VERSIONS), buffers, (version, bytes) => {
        const answer = quickFetchAnswer(bytes, version);
        const partitions = answer?.responses.flatMap((one) => one.partitions) ?? [];
        expect(partitions.flatMap(({ messages }) => messages)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is not believed where it is cut short', async () => {
    const bytes = answerOf(11, Buffer.alloc(0), 0);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(quickFetchAnswer(bytes.subarray(0, length), 11)).toBeUndefined();
    }
    expect(quickFetchAnswer(Buffer.concat([bytes, Buffer.alloc(1)]), 11)).toBeUndefined();
  });
});
