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

/** The same of several partitions of one topic. */
export function together(...parts: readonly AnsweredRequest[]): AnsweredRequest {
  const topic = 'orders';
  const partitions = parts.flatMap((part) => part.topics.flatMap((one) => one.partitions));
  return {
    frame: produceFrame({
      topicData: [
        {
          topic,
          partitions: partitions.map(({ partition, messages: given }) => ({
            partition,
            messages: given.map(({ value }) => ({
              key: null,
              value: Buffer.from(String(value)),
              headers: [],
              timestampMs: 0,
            })),
          })),
        },
      ],
    }),
    topics: [{ topic, partitions }],
    answer: {
      topics: [
        {
          topicName: topic,
          // Brokers answer in an order of their own.
          partitions: parts
            .flatMap(({ answer }) => answer?.topics.flatMap((one) => one.partitions) ?? [])
            .toReversed(),
        },
      ],
    },
  };
}

/** So many messages with values of their own. */
export const messages = (count: number, from = 0): Message[] =>
  Array.from({ length: count }, (_, index) => ({ value: `v${from + index}` }));
