import { describe, expect, it } from 'vitest';
import type { HandledPosition } from '../../src/position/need.js';
import { stillValid, withRecorded, type KnownPosition } from '../../src/position/recorded.js';
import { PartitionMap } from '../../src/replication/partition-map.js';

const log = { physicalTopic: 'orders', partition: 0 };
const nothing = { all: () => [], few: () => [] };

function own(offset: bigint, rewoundBelow?: bigint): PartitionMap<HandledPosition> {
  const positions = new PartitionMap<HandledPosition>();
  positions.set('orders', 0, {
    ...log,
    offset,
    deliveredBelow: offset,
    rewoundBelow,
    handledFrom: undefined,
    committed: undefined,
    recent: nothing,
  });
  return positions;
}

const recorded = [
  {
    ...log,
    offset: 50n,
    switchEpoch: 1,
    atWallMs: 100_000,
    writer: 'k3x9',
    isLast: false,
    isPast: false,
    committed: undefined,
    rewoundBelow: undefined,
    onStandby: undefined,
    recent: [],
  },
];

function known(mine: PartitionMap<HandledPosition>): KnownPosition | undefined {
  return withRecorded(mine, recorded).get('orders', 0);
}

describe('what members have written down', () => {
  it('counts where this process knows nothing, and where it is further', () => {
    expect(known(new PartitionMap())).toMatchObject({ offset: 50n, recordedAtWallMs: 100_000 });
    expect(known(own(40n))).toMatchObject({ offset: 50n, deliveredBelow: undefined });
  });

  it('is behind what this process has handled itself since', () => {
    expect(known(own(50n))?.recordedAtWallMs).toBeUndefined();
    expect(known(own(60n))).toMatchObject({ offset: 60n, deliveredBelow: 60n });
  });

  it('is void where the offset syncs have begun anew since: the log may be another one', () => {
    const position = known(new PartitionMap());
    expect(stillValid(position, undefined, 100_001)).toBeUndefined();
    expect(stillValid(position, undefined, 99_999)).toBe(position);
    expect(stillValid(known(own(60n)), undefined, 100_001)).toMatchObject({ offset: 60n });
  });

  it('is no position to go on from where the group has worked elsewhere since', () => {
    const past = recorded.map((one) => ({ ...one, isPast: true }));
    expect(withRecorded(new PartitionMap(), past).size).toBe(0);
  });

  it('is void where user code has moved this process back', () => {
    expect(known(own(40n, 50n))).toMatchObject({ offset: 40n, rewoundBelow: 50n });
  });

  it('is void where MirrorMaker saw the group further back, long after it was written', () => {
    const position = known(new PartitionMap());
    const checkpoint = (upstreamOffset: bigint, recordedAtWallMs: number) => ({
      upstreamOffset,
      downstreamOffset: 1n,
      metadata: '',
      recordedAtWallMs,
    });
    expect(stillValid(position, undefined, undefined)).toBe(position);
    expect(stillValid(position, checkpoint(10n, 105_001), undefined)).toBeUndefined();
    // Commits lag behind.
    expect(stillValid(position, checkpoint(10n, 104_000), undefined)).toBe(position);
    expect(stillValid(position, checkpoint(50n, 200_000), undefined)).toBe(position);
    // The process's own memory is not written down.
    const mine = known(own(60n));
    expect(stillValid(mine, checkpoint(10n, 200_000), undefined)).toBe(mine);
  });
});
