import type { Message } from 'kafkajs';
import type { AnsweredRequest } from '../../src/ledger/segment.js';
import { produceFrame } from '../../src/testing/client/produce-frame.js';

/** A request for one partition, and what a broker has answered to it. */
export function acknowledged(
  baseOffset: number,
  messages: readonly Message[],
  { topic = 'orders', partition = 0, errorCode = 0, logAppendTime = '-1', timestampMs = 0 } = {},
): AnsweredRequest {
  const records = messages.map(({ key, value }) => ({
    key: key === undefined || key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: [],
    timestampMs,
  }));
  return {
    frame: produceFrame({ topicData: [{ topic, partitions: [{ partition, messages: records }] }] }),
    topics: [{ topic, partitions: [{ partition, messages }] }],
    answer: {
      topics: [
        {
          topicName: topic,
          partitions: [{ partition, errorCode, baseOffset: String(baseOffset), logAppendTime }],
        },
      ],
    },
  };
}

/** So many messages with values of their own. */
export const messages = (count: number, from = 0): Message[] =>
  Array.from({ length: count }, (_, index) => ({ value: `v${from + index}` }));
