import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  OffsetSyncStore,
  type OffsetSyncStoreOptions,
} from '../../src/replication/offset-sync-store.js';
import { SyncHistory } from '../../src/replication/sync-history.js';
import { translate, translateAsMirrorMaker } from '../../src/replication/translate.js';

const topic = 'topic1';

/** The store as MirrorMaker runs it, and its translation in MirrorMaker's numbers: -1 is "too old", undefined "none". */
function mirrorMakerStore(options: OffsetSyncStoreOptions = {}): {
  store: OffsetSyncStore;
  sync(upstream: number, downstream: number): void;
  tr(upstream: number): number | undefined;
} {
  const store = new OffsetSyncStore({ ...options, remember: 'mirrormaker' });
  return {
    store,
    sync: (upstream, downstream) =>
      store.put(topic, 0, {
        upstreamOffset: BigInt(upstream),
        downstreamOffset: BigInt(downstream),
      }),
    tr: (upstream) => {
      const translation = translateAsMirrorMaker(store, topic, 0, BigInt(upstream));
      if (translation.kind !== 'unavailable') return Number(translation.offset);
      return translation.reason === 'before-oldest-sync' ? -1 : undefined;
    },
  };
}

function range(from: number, to: number, step: number): readonly number[] {
  return Array.from(
    { length: Math.floor((to - from) / step) + 1 },
    (_, index) => from + index * step,
  );
}

describe.each(['forget', 'keep'] as const)(
  "MirrorMaker's own vectors (OffsetSyncStoreTest), with %s on a downstream decrease",
  (onDownstreamDecrease) => {
    it('testOffsetTranslation', () => {
      const { store, sync, tr } = mirrorMakerStore({ onDownstreamDecrease });
      store.finishReading();
      sync(100, 200);
      expect(tr(150)).toBe(201);
      sync(150, 251);
      expect(tr(150)).toBe(251);
      expect(tr(5)).toBe(-1);
      sync(200, 10);
      expect(tr(200)).toBe(10);
      sync(20, 20);
      expect(tr(20)).toBe(20);
    });

    it('testNoTranslationIfStoreNotStarted', () => {
      const { store, sync, tr } = mirrorMakerStore({ onDownstreamDecrease });
      expect([tr(0), tr(100), tr(200)]).toEqual([undefined, undefined, undefined]);
      sync(100, 200);
      expect([tr(0), tr(100), tr(200)]).toEqual([undefined, undefined, undefined]);
      store.finishReading();
      expect([tr(0), tr(100), tr(200)]).toEqual([-1, 100 + 100, 201]);
    });

    it('testNoTranslationIfNoOffsetSync', () => {
      const { store, tr } = mirrorMakerStore({ onDownstreamDecrease });
      store.finishReading();
      expect(tr(0)).toBeUndefined();
    });

    it('testPastOffsetTranslation', () => {
      const { store, sync, tr } = mirrorMakerStore({
        startUp: 'newest-only',
        onDownstreamDecrease,
      });
      for (const offset of range(0, 1_000, 10)) sync(offset, offset);
      store.finishReading();
      expect([tr(999), tr(1_000), tr(1_001), tr(1_002)]).toEqual([-1, 1_000, 1_001, 1_001]);
      for (const offset of range(1_010, 10_000, 10)) sync(offset, offset);
      expect([tr(999), tr(1_000), tr(1_001), tr(1_002)]).toEqual([-1, 1_000, 1_001, 1_001]);
      const kept = [
        [4_840, 1_000],
        [6_760, 4_840],
        [8_680, 6_760],
        [9_160, 8_680],
        [9_640, 9_160],
        [9_880, 9_640],
        [9_940, 9_880],
        [9_970, 9_940],
        [9_990, 9_970],
        [10_000, 9_990],
      ] as const;
      for (const [at, previous] of kept) {
        expect([tr(at - 1), tr(at), tr(at + 1), tr(at + 2)]).toEqual([
          previous + 1,
          at,
          at + 1,
          at + 1,
        ]);
      }
      sync(1_500, 11_000);
      expect([tr(1_499), tr(1_500), tr(2_000)]).toEqual([-1, 11_000, 11_001]);
    });

    it('testPastOffsetTranslationWithoutInitializationReadToEnd', () => {
      const { store, sync, tr } = mirrorMakerStore({ startUp: 'history', onDownstreamDecrease });
      for (const offset of range(0, 1_000, 10)) sync(offset, offset);
      store.finishReading();
      const expectKept = (pairs: readonly (readonly [number, number])[]): void => {
        for (const [at, previous] of pairs) {
          expect([tr(at - 1), tr(at), tr(at + 1), tr(at + 2)]).toEqual([
            previous + 1,
            at,
            at + 1,
            at + 1,
          ]);
        }
      };
      expectKept([
        [480, 0],
        [720, 480],
        [840, 720],
        [900, 840],
        [960, 900],
        [990, 960],
        [1_000, 990],
      ]);
      for (const offset of range(1_000, 10_000, 10)) sync(offset, offset);
      expectKept([
        [3_840, 0],
        [7_680, 3_840],
        [8_640, 7_680],
        [9_120, 8_640],
        [9_600, 9_120],
        [9_840, 9_600],
        [9_900, 9_840],
        [9_960, 9_900],
        [9_990, 9_960],
        [10_000, 9_990],
      ]);
      expect(tr(3_839)).toBe(1);
      sync(1_500, 11_000);
      expect([tr(1_499), tr(1_500), tr(2_000)]).toEqual([-1, 11_000, 11_001]);
    });
  },
);

/** Checks invariants B and C over all slots, in exact arithmetic, and A and D. */
function expectInvariants(history: SyncHistory, newest: bigint, first: bigint): void {
  const { slots, syncs } = history;
  const upstream = slots.map((index) => syncs[index]?.upstreamOffset ?? -1n);
  expect(upstream).toHaveLength(64);
  expect(upstream[0]).toBe(newest);
  expect(upstream[63]).toBe(first);
  const broken: string[] = [];
  for (let i = 0; i < 64; i += 1) {
    for (let j = i + 1; j < 64; j += 1) {
      if (slots[i] === slots[j]) continue;
      const distance = (upstream[i] ?? 0n) - (upstream[j] ?? 0n);
      const maximum = 2n ** BigInt(j) - 2n ** BigInt(i);
      const minimum = 2n ** BigInt(Math.max(i - 2, 0));
      if (distance > maximum) broken.push(`B ${i} ${j}: ${distance} > ${maximum}`);
      if (distance < minimum) broken.push(`C ${i} ${j}: ${distance} < ${minimum}`);
    }
  }
  expect(broken).toEqual([]);
}

const synced = (offset: bigint) => ({ upstreamOffset: offset, downstreamOffset: offset });

/** Adds syncs; after each one the invariants hold and at most `maxExpired` syncs were lost. */
function expectSpacing([first, ...rest]: readonly bigint[], maxExpired: number): void {
  if (first === undefined) throw new Error('no syncs');
  const history = new SyncHistory(synced(first));
  expectInvariants(history, first, first);
  let keptBefore = 1;
  for (const [index, offset] of rest.entries()) {
    history.push(synced(offset));
    // Comparing all slots with all others takes its time.
    if (index % 4 === 3) expectInvariants(history, offset, first);
    const keptNow = history.syncs.length;
    expect(keptBefore + 1 - keptNow).toBeLessThanOrEqual(maxExpired);
    keptBefore = keptNow;
  }
}

function* spaced(first: bigint, step: bigint, count: number): Generator<bigint> {
  for (let index = 0; index < count; index += 1) yield first + step * BigInt(index);
}

/** Deterministic, so that a failure can be repeated. */
function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function randomBelow(limit: bigint, random: () => number): bigint {
  let bits = 0n;
  for (let part = 0; part < 4; part += 1)
    bits = (bits << 16n) | BigInt(Math.floor(random() * 65_536));
  return bits % limit;
}

describe("MirrorMaker's spacing of what is kept", () => {
  const steps: bigint[] = [];
  for (let step = 1n; step < 2n ** 63n / 100n; step = step * 2n + 1n) steps.push(step);

  it.each(steps.filter((_, index) => index % 4 === 0 || index > steps.length - 3))(
    'testConsistentlySpacedSyncs: 100 syncs, each %d after the last, lose at most one each',
    (step) => {
      for (const first of [0n, 1n, 7n, 29n]) expectSpacing([...spaced(first, step, 100)], 1);
    },
  );

  it.each([1, 2, 5, 10, 16, 24, 33, 44, 53])(
    'testRandomlySpacedSyncs: steps below 2^%d lose at most so many and two',
    (bits) => {
      const random = randomSource(bits);
      for (const offset of [0n, 2n ** 16n]) {
        const steps = function* (): Generator<bigint> {
          let at = 0n;
          for (let index = 0; index < 128; index += 1) {
            yield at;
            at += offset + randomBelow(2n ** BigInt(bits), random) + 1n;
          }
        };
        expectSpacing([...steps()], bits + 2);
      }
    },
  );

  it('testDroppedSyncsSpacing: steps of 100 or 200 lose at most two each', () => {
    const random = randomSource(42);
    const steps = function* (): Generator<bigint> {
      let at = 0n;
      for (let index = 0; index < 1_000; index += 1) {
        yield at;
        at += random() < 0.5 ? 100n : 200n;
      }
    };
    expectSpacing([...steps()], 2);
  });

  it('is the same whether offsets fit into a number or not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 200 }),
        (gaps) => {
          const [small, large] = [0n, 2n ** 60n].map((base) => {
            const history = new SyncHistory(synced(base));
            let at = base;
            for (const gap of gaps) {
              at += BigInt(gap);
              history.push(synced(at));
            }
            return history.syncs.map((sync) => sync.upstreamOffset - base);
          });
          expect(small).toEqual(large);
        },
      ),
    );
  });
});

describe('the store', () => {
  const sync = (upstreamOffset: bigint, downstreamOffset: bigint) => ({
    upstreamOffset,
    downstreamOffset,
  });

  it('forgets what points into a log that is gone', () => {
    const store = new OffsetSyncStore();
    store.finishReading();
    store.put(topic, 0, sync(100n, 200n));
    store.put(topic, 0, sync(150n, 251n));
    store.put(topic, 0, sync(200n, 10n));
    expect(translate(store, topic, 0, 160n)).toEqual({
      kind: 'unavailable',
      reason: 'before-oldest-sync',
    });
    expect(translate(store, topic, 0, 250n)).toMatchObject({ offset: 11n });
  });

  it('forgets it also where the same record was copied to an earlier place', () => {
    const store = new OffsetSyncStore();
    store.finishReading();
    store.put(topic, 0, sync(100n, 200n));
    store.put(topic, 0, sync(150n, 251n));
    store.put(topic, 0, sync(150n, 0n));
    expect(translate(store, topic, 0, 120n).kind).toBe('unavailable');
    expect(translate(store, topic, 0, 150n)).toEqual({ kind: 'exact', offset: 0n });
  });

  it('remembers how far a log was copied that is gone, unless it is copied again', () => {
    const store = new OffsetSyncStore();
    const known = (): bigint | undefined => store.copiedBefore(topic, 0);
    store.finishReading();
    store.put(topic, 0, sync(100n, 200n));
    store.put(topic, 0, sync(150n, 251n));
    expect(known()).toBeUndefined();
    store.put(topic, 0, sync(170n, 2n));
    expect(known()).toBe(150n);
    store.put(topic, 0, sync(190n, 22n));
    expect(known()).toBe(150n);
    store.put(topic, 0, sync(190n, 0n));
    expect(known()).toBe(189n);
    store.put(topic, 0, sync(40n, 60n));
    expect(known()).toBeUndefined();
    store.put(topic, 0, sync(41n, 0n));
    store.delete(topic, 0);
    expect(known()).toBeUndefined();
  });

  it('keeps it where it stands in for MirrorMaker, which answers beyond the end', () => {
    const store = new OffsetSyncStore({ onDownstreamDecrease: 'keep' });
    store.finishReading();
    store.put(topic, 0, sync(100n, 200n));
    store.put(topic, 0, sync(150n, 251n));
    store.put(topic, 0, sync(200n, 10n));
    expect(translate(store, topic, 0, 160n)).toMatchObject({ offset: 252n });
    expect(translate(store, topic, 0, 250n)).toMatchObject({ offset: 11n });
  });

  it('goes by the first copies until a replay has repeated them all', () => {
    const store = new OffsetSyncStore();
    store.finishReading();
    for (let offset = 0n; offset <= 30n; offset += 1n) store.put(topic, 0, sync(offset, offset));
    // Records 31 to 34 were copied to 31 to 34 and have no sync; then MirrorMaker crashed and began again at 20.
    const at = (offset: bigint) => translate(store, topic, 0, offset);
    store.put(topic, 0, sync(20n, 35n));
    expect(at(25n)).toMatchObject({ kind: 'atOrBefore', distance: undefined });
    expect(store.around(topic, 0, 25n)).toMatchObject({ replay: { beginsAt: 35n } });
    expect(at(40n)).toEqual({ kind: 'atOrBefore', offset: 31n, distance: undefined });
    expect(translateAsMirrorMaker(store, topic, 0, 40n)).toMatchObject({ offset: 36n });
    store.put(topic, 0, sync(33n, 48n));
    expect(at(40n)).toMatchObject({ offset: 31n });
    // As far as before, and at least as many records as may lie between the first copy of 20 and the crash.
    store.put(topic, 0, sync(45n, 60n));
    expect(at(45n)).toEqual({ kind: 'exact', offset: 60n });
    expect(store.around(topic, 0, 25n)).toMatchObject({ replay: undefined });
  });

  it.each([
    ['not as far on the source as before', sync(33n, 70n)],
    ['fewer records on the target than before', sync(50n, 45n)],
  ])('takes a replay for unfinished while it brought %s', (_, later) => {
    const store = new OffsetSyncStore();
    store.finishReading();
    for (let offset = 0n; offset <= 30n; offset += 1n) store.put(topic, 0, sync(offset, offset));
    store.put(topic, 0, sync(20n, 35n));
    store.put(topic, 0, later);
    expect(store.around(topic, 0, 25n)).toMatchObject({ replay: { beginsAt: 35n } });
    store.put(topic, 0, sync(60n, 80n));
    expect(store.around(topic, 0, 25n)).toMatchObject({ replay: undefined });
  });

  it('waits for the later one of two replays, where MirrorMaker crashed again before the first was seen to end', () => {
    const store = new OffsetSyncStore();
    store.finishReading();
    for (let offset = 0n; offset <= 30n; offset += 1n) store.put(topic, 0, sync(offset, offset));
    store.put(topic, 0, sync(20n, 35n));
    // As far as before and further, but the source has holes: too few records on the target to be sure.
    store.put(topic, 0, sync(40n, 49n));
    // Record 40 has its only copy at 49 now.
    store.put(topic, 0, sync(34n, 53n));
    store.put(topic, 0, sync(35n, 70n));
    expect(translate(store, topic, 0, 40n)).toEqual({
      kind: 'atOrBefore',
      offset: 31n,
      distance: undefined,
    });
    store.put(topic, 0, sync(60n, 120n));
    expect(translate(store, topic, 0, 60n)).toEqual({ kind: 'exact', offset: 120n });
  });

  it('ends a replay that began before the one it interrupted', () => {
    const store = new OffsetSyncStore();
    store.finishReading();
    const copy = (from: bigint, to: bigint, at: bigint): void => {
      for (let offset = from; offset <= to; offset += 1n) {
        store.put(topic, 0, sync(offset, at + offset - from));
      }
    };
    copy(0n, 1000n, 0n);
    copy(901n, 950n, 1001n);
    copy(900n, 1900n, 1052n);
    expect(translate(store, topic, 0, 1900n)).toEqual({ kind: 'exact', offset: 2052n });
  });

  it('sees a replay also where it begins with the very record of the newest sync', () => {
    const store = new OffsetSyncStore();
    store.finishReading();
    store.put(topic, 0, sync(10n, 10n));
    store.put(topic, 0, sync(10n, 15n));
    expect(translate(store, topic, 0, 10n)).toEqual({
      kind: 'atOrBefore',
      offset: 10n,
      distance: undefined,
    });
  });

  it('does not take the same sync, seen twice, for a replay', () => {
    const store = new OffsetSyncStore();
    store.finishReading();
    store.put(topic, 0, sync(10n, 10n));
    store.put(topic, 0, sync(10n, 10n));
    expect(translate(store, topic, 0, 10n)).toEqual({ kind: 'exact', offset: 10n });
  });

  it('ends a replay where the target is another log', () => {
    const store = new OffsetSyncStore();
    store.finishReading();
    store.put(topic, 0, sync(10n, 10n));
    store.put(topic, 0, sync(5n, 11n));
    store.put(topic, 0, sync(3n, 0n));
    expect(translate(store, topic, 0, 3n)).toEqual({ kind: 'exact', offset: 0n });
  });

  it('keeps partitions and topics apart', () => {
    const store = new OffsetSyncStore();
    store.finishReading();
    store.put('a', 0, sync(1n, 10n));
    store.put('a', 2_000_000_000, sync(1n, 20n));
    store.put('b', 0, sync(1n, 30n));
    expect(store.newest('a', 0)?.downstreamOffset).toBe(10n);
    expect(store.newest('a', 2_000_000_000)?.downstreamOffset).toBe(20n);
    expect(store.newest('b', 0)?.downstreamOffset).toBe(30n);
    expect(store.newest('b', 1)).toBeUndefined();
    expect(store.partitionCount).toBe(3);
  });

  it('forgets a partition by a tombstone, and everything when it is read anew', () => {
    const store = new OffsetSyncStore();
    store.put('a', 0, sync(1n, 1n));
    store.put('a', 1, sync(1n, 1n));
    store.finishReading();
    store.delete('a', 0);
    store.delete('a', 7);
    expect(translate(store, 'a', 0, 1n)).toEqual({ kind: 'unavailable', reason: 'no-sync' });
    store.beginReading();
    expect(store.partitionCount).toBe(0);
    expect(translate(store, 'a', 1, 1n)).toEqual({ kind: 'unavailable', reason: 'not-read' });
  });

  it('holds offsets of 64 bits', () => {
    const store = new OffsetSyncStore();
    store.finishReading();
    const upstream = 2n ** 53n + 1n;
    store.put(topic, 0, sync(upstream, 2n ** 63n - 2n));
    expect(translate(store, topic, 0, upstream)).toEqual({
      kind: 'exact',
      offset: 2n ** 63n - 2n,
    });
    expect(translate(store, topic, 0, upstream - 1n).kind).toBe('unavailable');
    expect(translate(store, topic, 0, upstream + 1n)).toMatchObject({ offset: 2n ** 63n - 1n });
  });
});
