import { describe, expect, it } from 'vitest';
import {
  placeTransactionOffsets,
  type OffsetPlacer,
} from '../../src/consumer/transaction-offsets.js';
import { StaleOffsetError } from '../../src/errors.js';

const offsets = {
  consumerGroupId: 'billing',
  topics: [
    {
      topic: 'orders',
      partitions: [
        { partition: 0, offset: '8' },
        { partition: 1, offset: '3' },
      ],
    },
  ],
};
const first = { alias: 'A', switchEpoch: 1 };
const second = { alias: 'B', switchEpoch: 2 };

/** A consumer of the group that runs, and has every partition. */
function placerOf(overrides: Partial<OffsetPlacer> = {}): OffsetPlacer {
  return {
    groupId: 'billing',
    isRunning: () => true,
    isAssigned: () => true,
    place: () => ['A.orders'],
    confirms: () => {},
    ...overrides,
  };
}

describe('the offsets of a transaction', () => {
  it('go to the logs that their records were read from', () => {
    const placer = placerOf({
      place: ({ partition }) => [partition === 0 ? 'A.orders' : 'orders'],
    });
    expect(placeTransactionOffsets(offsets, second, [placer]).offsets).toEqual({
      consumerGroupId: 'billing',
      topics: [
        { topic: 'A.orders', partitions: [{ partition: 0, offset: '8' }] },
        { topic: 'orders', partitions: [{ partition: 1, offset: '3' }] },
      ],
    });
  });

  it('are refused, all of them, where one belongs to an older epoch', () => {
    const placer = placerOf({
      place: () => {
        throw new StaleOffsetError('older');
      },
    });
    expect(() => placeTransactionOffsets(offsets, second, [placer])).toThrow(StaleOffsetError);
  });

  it('are judged by what they say of their origin, as uncommittedOffsets() says it', () => {
    const asked: unknown[] = [];
    const placer = placerOf({
      place: (entry) => {
        asked.push(entry);
        return [];
      },
    });
    const origin = { physicalTopic: 'A.orders', switchEpoch: 2 };
    const topics = offsets.topics.map((topic) => ({ ...topic, ...origin }));
    placeTransactionOffsets({ ...offsets, topics }, second, [placer]);
    expect(asked).toMatchObject([
      { partition: 0, ...origin },
      { partition: 1, ...origin },
    ]);
  });

  it('are judged by the consumer of the group that has the partition, not by one that does not run', () => {
    const idle = placerOf({ isRunning: () => false, place: () => ['idle'] });
    const one = placerOf({ isAssigned: (_, partition) => partition === 0, place: () => ['one'] });
    const other = placerOf({
      isAssigned: (_, partition) => partition === 1,
      place: () => ['other'],
    });
    const { topics } = placeTransactionOffsets(offsets, second, [idle, one, other]).offsets;
    expect(topics.map(({ topic }) => topic)).toEqual(['one', 'other']);
  });

  it('are told, once they are committed, to who has placed them', () => {
    const told: unknown[] = [];
    const [one, other] = [0, 1].map((own) =>
      placerOf({
        isAssigned: (_, partition) => partition === own,
        confirms: (...call) => told.push([own, ...call]),
      }),
    );
    const placed = placeTransactionOffsets(offsets, second, [one, other] as OffsetPlacer[]);
    expect(told).toEqual([]);
    placed.committed();
    expect(told).toEqual([
      [0, { topic: 'A.orders', partition: 0, offset: '8' }, 2],
      [1, { topic: 'A.orders', partition: 1, offset: '3' }, 2],
    ]);
  });

  it('go on as they are while nothing was switched and nobody here consumes in the group', () => {
    const others = [placerOf({ groupId: 'other' }), placerOf({ isRunning: () => false })];
    expect(placeTransactionOffsets(offsets, first, others).offsets).toBe(offsets);
  });

  it('are refused after a switch where nobody here can tell their log', () => {
    expect(() => placeTransactionOffsets(offsets, second, [])).toThrow(
      expect.objectContaining({ code: 'ERR_FAILOVER_AMBIGUOUS_OFFSET' }),
    );
  });
});
