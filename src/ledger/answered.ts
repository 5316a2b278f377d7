import type { ProduceAttempt } from '../cluster/produce-tap.js';
import type { PartitionMap } from '../replication/partition-map.js';
import type { Span } from './span.js';

/** @internal A request that a broker has answered. */
export type Answered = Pick<ProduceAttempt, 'frame' | 'topics' | 'answer'> & {
  /** When it was encoded, in wall-clock milliseconds; undefined where that is not known. */
  readonly stampWallMs?: number | undefined;
};

/** @internal Whether a broker has taken some of it, and says where. */
export function hasAcknowledged({ topics }: NonNullable<ProduceAttempt['answer']>): boolean {
  for (const { partitions } of topics) {
    for (const { errorCode, baseOffset } of partitions) {
      if (errorCode === 0 && baseOffset?.startsWith('-') === false) return true;
    }
  }
  return false;
}

/** @internal What was acknowledged of a request, partition by partition. */
export function acknowledgedIn({
  topics,
  answer,
}: Pick<Required<Answered>, 'topics' | 'answer'>): readonly Span[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.flatMap(({ partition, messages }) => {
      const one = answer?.topics
        .find(({ topicName }) => topicName === topic)
        ?.partitions.find((each) => each.partition === partition);
      const first = one?.errorCode === 0 ? Number(one.baseOffset ?? -1) : -1;
      const count = messages.length;
      return first < 0 || count === 0
        ? []
        : [{ topic, partition, first, last: first + count - 1, count }];
    }),
  );
}

/**
 * Whether a log has gone back, or may have: a request that was made after an answer has had one offset has a lower one. (Requests that are under way at the same time may be
 * answered in any order; and a broker that recognises an idempotent producer's batch tells its place of before.)
 *
 * @internal
 */
export function goesBack(
  states: PartitionMap<{ readonly highest: number; readonly highestAtMs: number }>,
  { answer, stampWallMs }: Answered,
): boolean {
  if (answer === undefined || stampWallMs === undefined) return false;
  for (const { topicName, partitions } of answer.topics) {
    for (const { partition, errorCode, baseOffset } of partitions) {
      const state = states.get(topicName, partition);
      if (state === undefined || errorCode !== 0) continue;
      const isLower = Number(baseOffset ?? Number.POSITIVE_INFINITY) <= state.highest;
      if (isLower && stampWallMs >= state.highestAtMs) return true;
    }
  }
  return false;
}
