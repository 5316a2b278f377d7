import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SoughtLog } from '../../src/position/exact.js';
import type { FakeCluster } from '../replication/fake-cluster.js';
import {
  ALL_TROUBLES,
  flowScripts,
  handledEnd,
  simulateFlow,
  skipsNothing,
  type FlowTroubles,
  type SimulatedFlow,
} from '../replication/simulated-flow.js';
import { findIn, handledOf, MANY_LOOKS, TOPIC, type Looks } from './mirrored-logs.js';

/** A flow without troubles: so many records, each copied to the offset that it has, and syncs for the first `synced`. */
function plainFlow(count: number, synced = 1): SimulatedFlow {
  const offsets = [...Array.from({ length: count }).keys()];
  return {
    source: offsets.map(() => true),
    target: offsets,
    syncs: offsets
      .slice(0, synced)
      .map((one) => ({ upstreamOffset: BigInt(one), downstreamOffset: BigInt(one) })),
    next: count,
  };
}

describe('the last handled records, looked for on the target', () => {
  it('tell the position: behind the copy of the newest one', async () => {
    const flow = plainFlow(100);
    const handled = handledOf(flow, 60, 8, MANY_LOOKS);
    expect(await findIn(flow, handled)).toEqual({
      bound: { method: 'exact', offset: 60n },
      awaited: [],
      isLastMet: true,
      isLookedBehind: true,
      notes: [],
    });
  });

  it('are awaited where the log ends before them', async () => {
    const flow = plainFlow(50);
    const whole = { ...flow, source: Array.from({ length: 60 }, () => true) };
    const handled = handledOf(whole, 60, 20, MANY_LOOKS);
    const found = await findIn(whole, handled);
    expect(found.bound).toEqual({ method: 'exact', offset: 50n });
    expect(found.awaited.map(({ offset }) => Number(offset))).toEqual([
      50, 51, 52, 53, 54, 55, 56, 57, 58, 59,
    ]);
  });

  it('are a bound and no more where a twin follows: it may have been the twin', async () => {
    const flow = plainFlow(20);
    const looks = { lookCount: 1, perMillisecond: 1_000 };
    const found = await findIn(flow, handledOf(flow, 10, 3, looks), looks);
    expect(found.bound?.method).toBe('fingerprint');
    expect(Number(found.bound?.offset)).toBeLessThanOrEqual(10);
  });

  it('are exact before the first offset sync, too, where many of them, one directly behind the other, are at the very offsets that they had', async () => {
    // The last one is 242, and 249 looks like it.
    const looks = { lookCount: 7, perMillisecond: 10 };
    const flow = plainFlow(300, 0);
    const found = async (count: number, isUnsynced = true) =>
      (await findIn(flow, handledOf(flow, 243, count, looks), looks, () => ({ isUnsynced }))).bound;
    expect(await found(128)).toEqual({ method: 'exact', offset: 243n });
    // The first one that was written is of a later record.
    const later = (downstreamOffset: bigint) =>
      findIn(
        { ...flow, syncs: [{ upstreamOffset: 260n, downstreamOffset }] },
        handledOf(flow, 243, 128, looks),
        looks,
      );
    expect((await later(260n)).bound).toEqual({ method: 'exact', offset: 243n });
    expect((await later(261n)).bound).toMatchObject({ method: 'fingerprint' });
    // A few of them may be others that look the same; and where syncs were not read they may say something else.
    expect(await found(31)).toMatchObject({ method: 'fingerprint' });
    expect(await found(128, false)).toMatchObject({ method: 'fingerprint' });
  });

  it('are a bound and no more where what looks like the last one may be a second copy of an earlier one', async () => {
    // 6 looks like 4 and is not copied yet; MirrorMaker has sent its last batch twice.
    const looks = { lookCount: 2, perMillisecond: 4 };
    const source = Array.from({ length: 7 }, () => true);
    const target = [0, 1, 2, 3, 4, 5, 3, 4, 5];
    const flow = { ...plainFlow(1), source, target, next: 6 };
    const { bound } = await findIn(flow, handledOf(flow, 7, 7, looks), looks);
    expect(bound).toEqual({ method: 'fingerprint', offset: 8n });
    // The same where nothing lies between: 7 looks like 5, and 8 like 6.
    const longer = {
      ...flow,
      source: Array.from({ length: 9 }, () => true),
      target: [0, 1, 2, 3, 4, 5, 6, 3, 4, 5, 6],
      next: 7,
    };
    const more = { ...looks, perMillisecond: 16 };
    const second = await findIn(longer, handledOf(longer, 9, 9, more), more);
    expect(second.bound).toMatchObject({ method: 'fingerprint' });
    // Directly behind the copy of the one before it, it is the last one.
    const whole = { ...flow, target: [0, 1, 2, 3, 4, 5, 6], next: 7 };
    const found = await findIn(whole, handledOf(whole, 7, 7, looks), looks);
    expect(found.bound).toEqual({ method: 'exact', offset: 7n });
  });

  it('tell the position all the same where the twin lies beyond the copy of a later record, or where syncs on both sides say where the copy is', async () => {
    const sync = (at: number) => ({ upstreamOffset: BigInt(at), downstreamOffset: BigInt(at) });
    const methodWith = async (looks: Looks, ...syncs: readonly number[]) => {
      const flow = { ...plainFlow(20), syncs: syncs.map(sync) };
      const { bound } = await findIn(flow, handledOf(flow, 10, 10, looks), looks);
      expect(bound?.offset).toBe(10n);
      return bound?.method;
    };
    // 9 is the last one that was handled, and 13 looks the same.
    const looks = { lookCount: 4, perMillisecond: 7 };
    expect(await methodWith(looks, 0, 11)).toBe('exact');
    expect(await methodWith(looks, 0, 14)).toBe('exact');
    // Here 12 does, and what lies around it comes again as well: with a hole in the source directly before 15 these may be second copies.
    expect(await methodWith({ lookCount: 3, perMillisecond: 8 }, 0, 15)).toBe('fingerprint');
  });

  it('are a bound and no more where a second copy lies behind the records that are looked at, also where one fetch brings them all', async () => {
    // The batch from 20 to 59 was written twice, and a hole in the source as long makes up for it before the next sync.
    const range = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, index) => from + index);
    const sync = (at: number) => ({ upstreamOffset: BigInt(at), downstreamOffset: BigInt(at) });
    const flow: SimulatedFlow = {
      source: range(0, 110).map((one) => one < 60 || one >= 100),
      target: [...range(0, 60), ...range(20, 60), ...range(100, 110)],
      syncs: [sync(10), sync(100)],
      next: 110,
    };
    for (const maxRecordsPerFetch of [7, 1_000]) {
      const { bound } = await findIn(
        flow,
        handledOf(flow, 21, 8, MANY_LOOKS),
        MANY_LOOKS,
        (log) => {
          log.maxRecordsPerFetch = maxRecordsPerFetch;
          return {};
        },
      );
      expect(bound).toEqual({ method: 'fingerprint', offset: 21n });
    }
  });

  it('tell the position before a twin also where they stand one directly behind the other in both logs, as far from a sync', async () => {
    const looks = { lookCount: 4, perMillisecond: 7 };
    const flow = plainFlow(20);
    // 9 is the last one that was handled, and 13 looks the same.
    const dense = await findIn(flow, handledOf(flow, 10, 10, looks), looks);
    expect(dense.bound).toEqual({ method: 'exact', offset: 10n });
    // Something else lies between the copies of 7 and 8.
    const target = [...flow.target.slice(0, 8), undefined, ...flow.target.slice(8)];
    const apart = { ...flow, target };
    const found = await findIn(apart, handledOf(apart, 10, 10, looks), looks);
    expect(found.bound).toEqual({ method: 'fingerprint', offset: 11n });
    // A hole in the source, that something else makes up for.
    const source = flow.source.map((_, offset) => offset !== 5);
    const holed = { ...flow, source, target: [0, 1, 2, undefined, 3, 4, ...flow.target.slice(6)] };
    const behind = await findIn(holed, handledOf(holed, 10, 10, looks), looks);
    expect(behind.bound).toEqual({ method: 'fingerprint', offset: 10n });
  });

  it('tell the position where the twin lies beyond the copy of a later record, also behind a hole in the source', async () => {
    // 5 is the end of a transaction, 9 is the last one that was handled, and 12 looks the same.
    const source = Array.from({ length: 16 }, (_, offset) => offset !== 5);
    const flow: SimulatedFlow = {
      source,
      target: [...source.keys()].filter((offset) => source[offset]),
      syncs: [
        { upstreamOffset: 0n, downstreamOffset: 0n },
        { upstreamOffset: 11n, downstreamOffset: 10n },
      ],
      next: 16,
    };
    const looks = { lookCount: 3, perMillisecond: 1_000 };
    const sought = (known: SimulatedFlow) => findIn(known, handledOf(known, 10, 10, looks), looks);
    expect((await sought(flow)).bound).toEqual({ method: 'exact', offset: 9n });
    const [first] = flow.syncs;
    const unsynced = { ...flow, syncs: first === undefined ? [] : [first] };
    expect((await sought(unsynced)).bound).toEqual({ method: 'fingerprint', offset: 9n });
  });

  it('tell the position where no sync is known yet, and all records of the log are remembered', async () => {
    // One send: all have the same timestamp.
    const looks = { lookCount: 1_000, perMillisecond: 1_000 };
    const flow = { ...plainFlow(20), syncs: [] };
    const whole = await findIn(flow, handledOf(flow, 10, 10, looks), looks);
    expect(whole.bound).toEqual({ method: 'exact', offset: 10n });
    const part = await findIn(flow, handledOf(flow, 10, 9, looks), looks);
    expect(part.bound).toEqual({ method: 'fingerprint', offset: 10n });
  });

  it('say so where their timestamps were changed on the way', async () => {
    const flow = plainFlow(30);
    const handled = handledOf(flow, 20, 5, MANY_LOOKS).map((one) => ({
      ...one,
      timestamp: '4711',
    }));
    const found = await findIn(flow, handled);
    expect(found.bound).toBeUndefined();
    expect(found.notes).toEqual([expect.stringContaining('LogAppendTime')]);
  });

  it('are not looked for where retention may have removed them', async () => {
    const flow = plainFlow(100, 100);
    const found = await findIn(flow, handledOf(flow, 40, 5, MANY_LOOKS), MANY_LOOKS, (target) => {
      target.setRange(TOPIC, 0, { low: 50n, high: 100n });
      return { range: { low: 50n, high: 100n } };
    });
    expect(found.bound).toBeUndefined();
    expect(found.notes).toEqual([expect.stringContaining('is not known')]);
  });

  it('count in a compacted log only where the offsets predict them', async () => {
    const flow = plainFlow(30);
    const compacted = (target: FakeCluster): Partial<SoughtLog> => {
      target.isCompacted = () => Promise.resolve(true);
      return {};
    };
    const handled = handledOf(flow, 20, 3, MANY_LOOKS);
    expect((await findIn(flow, handled, MANY_LOOKS, compacted)).bound?.offset).toBe(20n);
    // One record less between the sync and the copy: it was removed, or the copy is a twin's.
    const shorter = { ...flow, target: flow.target.filter((one) => one !== 5) };
    expect((await findIn(shorter, handled, MANY_LOOKS, compacted)).bound).toBeUndefined();
    expect((await findIn(shorter, handled)).bound?.offset).toBe(19n);
  });

  it('are no match at or beyond the copy of a later record: it is the copy of a twin', async () => {
    // Record 5 was removed before it was copied; 12 looks the same.
    const flow: SimulatedFlow = {
      source: Array.from({ length: 14 }, () => true),
      target: [0, 1, 2, 3, 10, 11, 12, 13],
      syncs: [
        { upstreamOffset: 0n, downstreamOffset: 0n },
        { upstreamOffset: 10n, downstreamOffset: 4n },
      ],
      next: 14,
    };
    const looks = { lookCount: 7, perMillisecond: 1_000 };
    const handled = handledOf(flow, 6, 1, looks);
    expect(handled.map(({ offset }) => offset)).toEqual([5n]);
    expect((await findIn(flow, handled, looks)).bound).toBeUndefined();
  });

  it('count in a shared log up to the first record that is none of them: it may have been born there, unhandled', async () => {
    // Record 4711 was born on B.
    const flow = { ...plainFlow(20), target: [0, 1, 2, 3, 4, 4711, 5, 6, 7, 8] };
    const handled = handledOf(flow, 8, 7, MANY_LOOKS);
    const shared = (): Partial<SoughtLog> => ({ isShared: true });
    expect((await findIn(flow, handled, MANY_LOOKS, shared)).bound).toEqual({
      method: 'fingerprint',
      offset: 5n,
    });
    expect((await findIn(flow, handled)).bound).toEqual({ method: 'exact', offset: 9n });
    const clean = { ...flow, target: [0, 1, 2, 3, 4, 5, 6, 7, 8, 4711] };
    expect((await findIn(clean, handled, MANY_LOOKS, shared)).bound).toEqual({
      method: 'exact',
      offset: 8n,
    });
  });

  it('cost nothing but the bound where the target does not answer', async () => {
    const flow = plainFlow(30);
    const found = await findIn(flow, handledOf(flow, 20, 3, MANY_LOOKS), MANY_LOOKS, (target) => {
      target.mood = 'fails';
      return {};
    });
    expect(found.bound).toBeUndefined();
    expect(found.notes).toEqual([expect.stringContaining('cannot be read: the cluster is down')]);
  });
});

describe('what a search finds', () => {
  async function checkAll(
    troubles: FlowTroubles,
    options: { thatLives: boolean; isExactRight?: boolean },
  ): Promise<void> {
    let foundCount = 0;
    let exactCount = 0;
    await fc.assert(
      fc.asyncProperty(
        flowScripts(troubles),
        fc.integer({ min: 1, max: 160 }),
        fc.integer({ min: 1, max: 40 }),
        fc.record({
          lookCount: fc.constantFrom(1, 2, 5, 1_000),
          perMillisecond: fc.constantFrom(1, 4, 50),
        }),
        async (script, below, count, looks) => {
          const flow = simulateFlow(script);
          const { bound } = await findIn(flow, handledOf(flow, below, count, looks), looks);
          if (bound === undefined) return;
          foundCount += 1;
          if (bound.method === 'exact') exactCount += 1;
          expect(skipsNothing(flow, BigInt(below), bound.offset, options)).toBe(true);
          if (options.isExactRight !== true || bound.method !== 'exact') return;
          expect(handledEnd(flow, BigInt(below))).toBeLessThanOrEqual(bound.offset);
        },
      ),
      { numRuns: 1_000 },
    );
    expect(foundCount).toBeGreaterThan(300);
    expect(exactCount).toBeGreaterThan(100);
  }

  it('skips nothing, whatever happens to the mirror, and however alike records are', async () => {
    await checkAll(ALL_TROUBLES, { thatLives: true });
  });

  it.each([
    ['a sync for every record', { ...ALL_TROUBLES, sparseSyncs: false }],
    ['sparse syncs and no restarts', { ...ALL_TROUBLES, restarts: false }],
  ])('skips nothing although the source dies at any time, with %s', async (_, troubles) => {
    await checkAll(troubles, { thatLives: false });
  });

  it('is the very next record, where it says so and MirrorMaker makes no second copies', async () => {
    const troubles = { ...ALL_TROUBLES, extras: false, restarts: false };
    await checkAll(troubles, { thatLives: false, isExactRight: true });
  });
});
