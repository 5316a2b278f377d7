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

describe('the offsets of a transaction', () => {
  it('go to the logs that their records were read from', () => {
    const placer: OffsetPlacer = {
      groupId: 'billing',
      place: ({ partition }) => [partition === 0 ? 'A.orders' : 'orders'],
    };
    expect(placeTransactionOffsets(offsets, second, [placer])).toEqual({
      consumerGroupId: 'billing',
      topics: [
        { topic: 'A.orders', partitions: [{ partition: 0, offset: '8' }] },
        { topic: 'orders', partitions: [{ partition: 1, offset: '3' }] },
      ],
    });
  });

  it('are refused, all of them, where one belongs to an older epoch', () => {
    const placer: OffsetPlacer = {
      groupId: 'billing',
      place: () => {
        throw new StaleOffsetError('older');
      },
    };
    expect(() => placeTransactionOffsets(offsets, second, [placer])).toThrow(StaleOffsetError);
  });

  it('go on as they are while nothing was switched and nobody here consumes in the group', () => {
    const other: OffsetPlacer = { groupId: 'other', place: () => [] };
    expect(placeTransactionOffsets(offsets, first, [other])).toBe(offsets);
  });

  it('are refused after a switch where nobody here can tell their log', () => {
    expect(() => placeTransactionOffsets(offsets, second, [])).toThrow(
      expect.objectContaining({ code: 'ERR_FAILOVER_AMBIGUOUS_OFFSET' }),
    );
  });
});
