import { describe, expect, it } from 'vitest';
import type { KnownPosition } from '../../src/position/recorded.js';
import { isBeforeSetBack } from '../../src/position/set-back.js';

const CHECKPOINT = {
  upstreamOffset: 100n,
  downstreamOffset: 90n,
  metadata: '',
  recordedAtWallMs: 5_000,
};

function handled(offset: bigint, more: Partial<KnownPosition> = {}): KnownPosition {
  return {
    ...{ physicalTopic: 'orders', partition: 0, offset, deliveredBelow: offset },
    ...{ rewoundBelow: undefined, handledFrom: undefined, committed: undefined },
    recent: { all: () => [], few: () => [] },
    ...more,
  };
}

describe('a checkpoint', () => {
  it.each<[string, boolean, bigint | undefined, KnownPosition | undefined]>([
    ['counts where nothing else is known', false, undefined, undefined],
    ['counts where the group has committed as much', false, 100n, undefined],
    ['counts where the group has committed more', false, 101n, handled(120n)],
    ['does not where the group has committed less, asked now', true, 99n, undefined],
    [
      'does not where a member joined after it, and has not come as far',
      true,
      undefined,
      handled(99n, { joinedAtWallMs: 5_001 }),
    ],
    [
      'counts where it is newer than the join: another member may have taken over',
      false,
      undefined,
      handled(99n, { joinedAtWallMs: 5_000 }),
    ],
    [
      'counts where the member that joined after it has come as far',
      false,
      undefined,
      handled(100n, { joinedAtWallMs: 9_000 }),
    ],
    [
      'does not where less was written down after it',
      true,
      undefined,
      handled(99n, { recordedAtWallMs: 5_001 }),
    ],
    [
      'counts where less was written down before it',
      false,
      undefined,
      handled(99n, { recordedAtWallMs: 4_999 }),
    ],
    [
      'is left to the seek of user code',
      false,
      50n,
      handled(50n, { rewoundBelow: 100n, joinedAtWallMs: 9_000 }),
    ],
  ])('%s', (_, isOutdated, sourceCommit, processed) => {
    expect(isBeforeSetBack(CHECKPOINT, { sourceCommit, processed })).toBe(isOutdated);
  });
});
