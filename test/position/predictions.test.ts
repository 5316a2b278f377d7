import { describe, expect, it } from 'vitest';
import { gatherBounds, withFoundCopies, type MirroredEvidence } from '../../src/position/bounds.js';
import { contentHash, type HandledRecord } from '../../src/position/fingerprint.js';
import { planPartition } from '../../src/position/plan.js';
import { Search } from '../../src/position/search.js';
import { OffsetSyncStore } from '../../src/replication/offset-sync-store.js';
import { translate } from '../../src/replication/translate.js';

const recent = { all: () => [], few: () => [] };

function planOf(
  syncs: readonly (readonly [number, number])[],
  known: { processed: number; found: number; high: number; checkpoint?: readonly [number, number] },
) {
  const store = new OffsetSyncStore();
  for (const [upstream, downstream] of syncs) {
    const sync = { upstreamOffset: BigInt(upstream), downstreamOffset: BigInt(downstream) };
    store.put('orders', 0, sync);
  }
  store.finishReading();
  const evidence: MirroredEvidence = {
    mirror: {
      source: 'A',
      target: 'B',
      translate: (...at) => translate(store, ...at),
      syncsAround: (...at) => store.around(...at),
      foreignFrom: (...at) => store.foreignFrom(...at),
    },
    isShared: false,
    upstreamTopic: 'orders',
    partition: 0,
    checkpoint:
      known.checkpoint === undefined
        ? undefined
        : {
            upstreamOffset: BigInt(known.checkpoint[0]),
            downstreamOffset: BigInt(known.checkpoint[1]),
            metadata: '',
            recordedAtWallMs: 0,
          },
    sourceCommit: undefined,
    processed: {
      offset: BigInt(known.processed),
      deliveredBelow: BigInt(known.processed),
      rewoundBelow: undefined,
      recent,
    },
    deliveredOnTarget: undefined,
    hasAllSyncs: true,
  };
  const gathered = gatherBounds({ ownCommit: undefined, mirrored: evidence });
  const copies = {
    bound: { method: 'exact' as const, offset: BigInt(known.found) },
    awaited: [],
    isLastMet: true,
    isLookedBehind: true,
    notes: [],
  };
  const bounds = withFoundCopies(gathered, copies, evidence);
  const high = BigInt(known.high);
  const range = { low: 0n, high, end: high };
  return planPartition(
    { topic: 'orders', physicalTopic: 'A.orders', partition: 0, range, ...bounds },
    'earliest',
  );
}

describe('how much may be read again behind a record that was recognised', () => {
  it('is not said while MirrorMaker copies again: second copies lie behind', () => {
    // 0..99 copied; crash; 50..79 copied again to 100..129. The group has handled 0..79.
    const syncs = [
      ...Array.from({ length: 100 }, (_, i) => [i, i] as const),
      [50, 100] as const,
      [60, 110] as const,
    ];
    const plan = planOf(syncs, { processed: 80, found: 80, high: 130 });
    expect(plan).toMatchObject({ offset: 80n });
    // 30 records behind 80 were handled.
    const count = plan.kind === 'resume' ? plan.maxRereadCount : 0n;
    expect(count === undefined || count >= 30n).toBe(true);
  });

  it('is not said where the group has committed further than this process came', () => {
    const plan = planOf([[90, 90]], {
      processed: 100,
      found: 100,
      high: 200,
      checkpoint: [150, 91],
    });
    // It goes on at 100, and 100..149 were handled and committed by another member.
    const count = plan.kind === 'resume' ? plan.maxRereadCount : 0n;
    expect(count === undefined || count >= 50n).toBe(true);
  });
});

function recordOf(value: string, offset = 0, timestamp = '1') {
  return { key: null, value: Buffer.from(value), timestamp, offset: String(offset) };
}
function handledAt(value: string, offset: number): HandledRecord {
  return { offset: BigInt(offset), timestamp: '1', hash: contentHash(recordOf(value)) };
}

describe('a search among records that look alike', () => {
  const any = {
    isBeforeNext: () => true,
    isPossible: () => true,
    isPredicted: () => true,
    isCertain: () => false,
    isShared: false,
  };

  it('does not call exact what is an older twin of the last record', () => {
    // One send of 101 records, the first and the last alike. Known of it: the last eight (a progress record).
    const values = ['x', ...Array.from({ length: 99 }, (_, i) => `v${i}`), 'x'];
    const handled = values.map((value, offset) => handledAt(value, offset)).slice(-8);
    const search = new Search(handled, any);
    for (const [offset, value] of values.entries()) search.look(recordOf(value, offset));
    const { offset, isExact } = search.result();
    expect({ offset, isExact }).not.toEqual({ offset: 1n, isExact: true });
  });

  it('takes no older record behind the copy of a newer one', () => {
    // x was gone from A before MirrorMaker came to it; a later record looks like it.
    const search = new Search(
      [handledAt('x', 0), handledAt('y', 1), handledAt('not mirrored', 2)],
      any,
    );
    for (const [offset, value] of ['y', 'unhandled', 'x'].entries())
      search.look(recordOf(value, offset));
    expect(search.result().offset).toBe(1n);
  });
});
