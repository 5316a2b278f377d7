import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OffsetSyncStore } from '../../src/replication/offset-sync-store.js';
import type { OffsetSync } from '../../src/replication/records.js';
import { SyncLedger } from '../../src/replication/sync-ledger.js';

function sync(upstream: number, downstream: number): OffsetSync {
  return { upstreamOffset: BigInt(upstream), downstreamOffset: BigInt(downstream) };
}

/** Rising pairs: neighbours as often as not. */
const ascending = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 9 })),
      fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 9 })),
    ),
    { minLength: 1, maxLength: 3_000, size: 'max' },
  )
  .map((steps) => {
    let upstream = 0;
    let downstream = 0;
    return steps.map(([u, d]) => sync((upstream += u), (downstream += d)));
  });

function ledgerOf(syncs: readonly OffsetSync[]): SyncLedger {
  const [first, ...rest] = syncs;
  if (first === undefined) throw new Error('no sync');
  const ledger = new SyncLedger(first);
  for (const one of rest) ledger.push(one);
  return ledger;
}

describe('the ledger of a partition', () => {
  it('knows every sync: the newest at or below an offset, and the oldest at or above it', () => {
    fc.assert(
      fc.property(ascending, fc.integer({ min: 0, max: 20_000 }), (syncs, at) => {
        const wanted = BigInt(at);
        expect(ledgerOf(syncs).around(wanted)).toEqual({
          floor: syncs.findLast((one) => one.upstreamOffset <= wanted),
          ceiling: syncs.find((one) => one.upstreamOffset >= wanted),
        });
      }),
    );
  });

  it('answers with syncs that there were, also when it was thinned out, and with the newest half as before', () => {
    fc.assert(
      fc.property(ascending, fc.integer({ min: 0, max: 20_000 }), (syncs, at) => {
        const wanted = BigInt(at);
        const ledger = ledgerOf(syncs);
        const before = ledger.around(wanted);
        const { bytes } = ledger;
        if (!ledger.canThin) return;
        ledger.thin();
        const { floor, ceiling } = ledger.around(wanted);
        expect(ledger.bytes).toBeLessThanOrEqual(bytes);
        if (floor !== undefined) expect(syncs).toContainEqual(floor);
        if (ceiling !== undefined) expect(syncs).toContainEqual(ceiling);
        // Never nothing where there was something, and never beyond.
        expect(floor === undefined).toBe(before.floor === undefined);
        expect(floor?.upstreamOffset ?? 0n).toBeLessThanOrEqual(before.floor?.upstreamOffset ?? 0n);
      }),
    );
  });

  it('knows both neighbours also from one block to the next', () => {
    const ledger = ledgerOf(
      Array.from({ length: 1_500 }, (_, index) => sync(index * 2, index * 3)),
    );
    for (let index = 0; index < 1_499; index += 1) {
      expect(ledger.around(BigInt(index * 2 + 1))).toEqual({
        floor: sync(index * 2, index * 3),
        ceiling: sync(index * 2 + 2, index * 3 + 3),
      });
    }
  });

  it('tells offsets apart that are too large for a number', () => {
    const large = 2n ** 60n;
    const far = (one: OffsetSync): OffsetSync => ({
      upstreamOffset: one.upstreamOffset + large,
      downstreamOffset: one.downstreamOffset + large,
    });
    fc.assert(
      fc.property(ascending, fc.integer({ min: 0, max: 20_000 }), (syncs, at) => {
        const { floor, ceiling } = ledgerOf(syncs).around(BigInt(at));
        expect(ledgerOf(syncs.map(far)).around(BigInt(at) + large)).toEqual({
          floor: floor && far(floor),
          ceiling: ceiling && far(ceiling),
        });
      }),
      { numRuns: 20 },
    );
  });

  it('keeps neighbours in 24 bytes', () => {
    const ledger = ledgerOf(Array.from({ length: 100_000 }, (_, index) => sync(index, index + 7)));
    expect(ledger.bytes).toBe(24);
    expect(ledger.around(77_777n).floor).toEqual(sync(77_777, 77_784));
  });

  it('leaves a copy as it was', () => {
    const ledger = ledgerOf([sync(1, 1), sync(2, 2)]);
    const copy = ledger.copy();
    ledger.push(sync(3, 3));
    ledger.push(sync(9, 30));
    expect(copy.around(9n)).toEqual({ floor: sync(2, 2), ceiling: undefined });
    expect(ledger.around(9n).floor).toEqual(sync(9, 30));
  });

  it('knows of offsets beyond 2^53 the newest one', () => {
    const far = { upstreamOffset: 2n ** 60n, downstreamOffset: 2n ** 60n };
    const ledger = ledgerOf([sync(1, 1), far]);
    expect(ledger.around(2n ** 61n)).toEqual({ floor: far, ceiling: undefined });
    expect(ledger.around(5n)).toEqual({ floor: sync(1, 1), ceiling: far });
  });
});

describe('the memory of a store', () => {
  it('stays below its limit, and the newest syncs stay exact', () => {
    const store = new OffsetSyncStore({ maxBytes: 100_000 });
    store.finishReading();
    for (let index = 0; index < 20_000; index += 1) {
      for (let partition = 0; partition < 3; partition += 1) {
        store.put('orders', partition, sync(index * 3, index * 5));
      }
    }
    expect(store.bytes).toBeLessThan(120_000);
    expect(store.around('orders', 1, 59_990n)).toMatchObject({
      floor: sync(59_988, 99_980),
      ceiling: sync(59_991, 99_985),
    });
    expect(store.around('orders', 2, 4n)).toMatchObject({ floor: { upstreamOffset: 0n } });
  });

  it('is given back where a partition is deleted, or read anew', () => {
    const store = new OffsetSyncStore();
    store.put('orders', 0, sync(1, 1));
    expect(store.bytes).toBeGreaterThan(0);
    store.delete('orders', 0);
    expect(store.bytes).toBe(0);
    store.put('orders', 0, sync(1, 1));
    store.beginReading();
    expect(store.bytes).toBe(0);
  });
});
