import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OffsetSyncStore } from '../../src/replication/offset-sync-store.js';
import {
  translate,
  translateAsMirrorMaker,
  type Translation,
} from '../../src/replication/translate.js';
import {
  ALL_TROUBLES,
  firstUnhandled,
  flowScripts,
  handledEnd,
  simulateFlow,
  skipsNothing,
  type FlowTroubles,
  type SimulatedFlow,
} from './simulated-flow.js';

function storeOf(syncs: SimulatedFlow['syncs']): OffsetSyncStore {
  const store = new OffsetSyncStore();
  for (const sync of syncs) store.put('t', 0, sync);
  store.finishReading();
  return store;
}

function translator(...pairs: readonly (readonly [number, number])[]) {
  const store = storeOf(
    pairs.map(([upstream, downstream]) => ({
      upstreamOffset: BigInt(upstream),
      downstreamOffset: BigInt(downstream),
    })),
  );
  return (upstream: number): Translation => translate(store, 't', 0, BigInt(upstream));
}

describe('a translation', () => {
  it('is exact where the next record is the one that a sync names', () => {
    expect(translator([100, 200], [150, 260])(100)).toEqual({ kind: 'exact', offset: 200n });
  });

  it('is at or before behind it, at most up to the next sync', () => {
    const tr = translator([100, 200], [150, 260]);
    expect(tr(101)).toEqual({ kind: 'atOrBefore', offset: 201n, distance: 59n });
    expect(tr(149)).toEqual({ kind: 'atOrBefore', offset: 201n, distance: 59n });
  });

  it('has no limit behind the newest sync, not even for the very next record', () => {
    expect(translator([100, 200])(101)).toEqual({
      kind: 'atOrBefore',
      offset: 201n,
      distance: undefined,
    });
  });

  it('is exact where nothing fits between two syncs, although the source has a gap', () => {
    expect(translator([100, 200], [107, 201])(103)).toEqual({ kind: 'exact', offset: 201n });
  });

  it('never extrapolates', () => {
    expect(translator([100, 200])(100_000)).toMatchObject({ offset: 201n });
  });

  it('is unavailable below every sync', () => {
    expect(translator([100, 200])(99)).toEqual({
      kind: 'unavailable',
      reason: 'before-oldest-sync',
    });
  });

  it('limits nothing by syncs that contradict each other', () => {
    const store = new OffsetSyncStore({ onDownstreamDecrease: 'keep' });
    store.finishReading();
    store.put('t', 0, { upstreamOffset: 100n, downstreamOffset: 200n });
    store.put('t', 0, { upstreamOffset: 200n, downstreamOffset: 10n });
    expect(translate(store, 't', 0, 150n)).toEqual({
      kind: 'atOrBefore',
      offset: 201n,
      distance: undefined,
    });
  });
});

/** For properties that are expected to fail: always the same runs, and no time spent on a small counterexample. */
const TO_FAIL = { seed: 1, numRuns: 5_000, endOnFailure: true };

describe('every translation', () => {
  const upstreamOffsets = fc.integer({ min: 0, max: 160 }).map(BigInt);

  /** The reader may be behind the writer. */
  const readShares = fc.double({ min: 0, max: 1, noNaN: true });

  function checkAll(
    troubles: FlowTroubles,
    rule: typeof translate,
    options: { thatLives: boolean },
    parameters: fc.Parameters<unknown> = {},
  ): void {
    let translatedCount = 0;
    fc.assert(
      fc.property(
        flowScripts(troubles),
        upstreamOffsets,
        readShares,
        (script, processed, readShare) => {
          const flow = simulateFlow(script);
          const read = flow.syncs.slice(0, Math.ceil(flow.syncs.length * readShare));
          const translation = rule(storeOf(read), 't', 0, processed);
          if (translation.kind === 'unavailable') return;
          translatedCount += 1;
          expect(skipsNothing(flow, processed, translation.offset, options)).toBe(true);
        },
      ),
      { numRuns: 1_500, ...parameters },
    );
    expect(translatedCount).toBeGreaterThan(300);
  }

  it('skips nothing, whatever gaps, duplicates, foreign records, restarts and missing syncs there are', () => {
    checkAll(ALL_TROUBLES, translate, { thatLives: true });
  });

  it.each([
    ['a sync for every record', { ...ALL_TROUBLES, sparseSyncs: false }],
    ['sparse syncs and no restarts', { ...ALL_TROUBLES, restarts: false }],
  ])('skips nothing although the source dies at any time, with %s', (_, troubles) => {
    checkAll(troubles, translate, { thatLives: false });
  });

  it("would skip records by MirrorMaker's own rule, where the source dies while it repeats its copying", () => {
    const troubles = { ...ALL_TROUBLES, sparseSyncs: false };
    checkAll(troubles, translateAsMirrorMaker, { thatLives: true });
    expect(() => checkAll(troubles, translateAsMirrorMaker, { thatLives: false }, TO_FAIL)).toThrow(
      'Property failed',
    );
  });

  it('tells at most how far the next record is, and so how much is read again', () => {
    const counts = { exact: 0, limited: 0 };
    fc.assert(
      fc.property(
        fc.oneof(
          flowScripts({ ...ALL_TROUBLES, sparseSyncs: false }),
          flowScripts({ ...ALL_TROUBLES, restarts: false }),
        ),
        upstreamOffsets,
        (script, processed) => {
          const flow = simulateFlow(script);
          const translation = translate(storeOf(flow.syncs), 't', 0, processed);
          if (translation.kind === 'unavailable') return;
          if (translation.kind === 'exact') {
            counts.exact += 1;
            expect(handledEnd(flow, processed)).toBeLessThanOrEqual(translation.offset);
          } else if (translation.distance !== undefined) {
            counts.limited += 1;
            const end = translation.offset + translation.distance;
            expect(handledEnd(flow, processed)).toBeLessThanOrEqual(end);
          }
        },
      ),
      { numRuns: 1_500 },
    );
    expect(counts.exact).toBeGreaterThan(20);
    expect(counts.limited).toBeGreaterThan(20);
  });

  it('is the very position where it says exact and MirrorMaker never started anew', () => {
    fc.assert(
      fc.property(
        flowScripts({ gaps: true, extras: false, restarts: false, sparseSyncs: true }),
        upstreamOffsets,
        (script, processed) => {
          const flow = simulateFlow(script);
          const translation = translate(storeOf(flow.syncs), 't', 0, processed);
          if (translation.kind !== 'exact') return;
          expect(translation.offset).toBe(firstUnhandled(flow, processed));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('would skip records if it added the distance on the source (the check can fail)', () => {
    const run = (): void =>
      fc.assert(
        fc.property(flowScripts(ALL_TROUBLES), upstreamOffsets, (script, processed) => {
          const flow = simulateFlow(script);
          const around = storeOf(flow.syncs).around('t', 0, processed);
          if (around.kind !== 'known' || around.floor === undefined) return;
          const { upstreamOffset, downstreamOffset } = around.floor;
          const extrapolated = downstreamOffset + processed - upstreamOffset;
          expect(skipsNothing(flow, processed, extrapolated, { thatLives: true })).toBe(true);
        }),
        TO_FAIL,
      );
    expect(run).toThrow('Property failed');
  });
});
