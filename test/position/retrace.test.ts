import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bounds } from '../../src/position/bounds.js';
import { toCopies } from '../../src/position/correspondence.js';
import { Retrace, type PlaceRules } from '../../src/position/retrace.js';
import { retrace, rulesOf, type HandledCopies } from '../../src/position/retracing.js';
import type { ScannedRecord } from '../../src/position/search.js';
import { OffsetSyncStore } from '../../src/replication/offset-sync-store.js';
import { translate } from '../../src/replication/translate.js';
import { FakeCluster } from '../replication/fake-cluster.js';
import {
  ALL_TROUBLES,
  flowScripts,
  simulateFlow,
  type SimulatedFlow,
} from '../replication/simulated-flow.js';
import { manualWorld } from '../support/manual-world.js';

/** A record was born on A; the group has handled its copy on B, and goes home. */
const [ORIGINALS, COPIES] = ['orders', 'A.orders'];

/** What a record looks like: with few looks many are twins. */
interface Looks {
  readonly lookCount: number;
  readonly perMillisecond: number;
  /** What lies among the copies and is none. Default: markers, which nobody is shown. */
  readonly extrasAre?: 'markers' | 'records';
}

const MANY_LOOKS: Looks = { lookCount: 1_000_000, perMillisecond: 3 };

/** Added to the offset of a record that A has lost after it was copied: another one has its place now. */
const LOST = 1_000_000;

function lookOf(upstream: number, looks: Looks): string {
  if (upstream >= LOST) return lookOf(upstream - LOST + 1, looks);
  const { lookCount, perMillisecond } = looks;
  return `${Math.floor(upstream / perMillisecond)} look ${upstream % lookCount}`;
}

/** Of a record that is no copy, at such a place: an aborted one. */
function valueOf(upstream: number | undefined, at: number, looks: Looks): Buffer {
  return Buffer.from(upstream === undefined ? `aborted ${at}` : lookOf(upstream, looks));
}

function timestampOf(upstream: number | undefined, at: number, { perMillisecond }: Looks): number {
  if (upstream !== undefined && upstream >= LOST) upstream = upstream - LOST + 1;
  return Math.floor((upstream ?? at) / perMillisecond);
}

function put(
  cluster: FakeCluster,
  topic: string,
  upstream: number | undefined,
  at: number,
  looks: Looks,
): void {
  if (upstream === undefined && looks.extrasAre !== 'records') {
    cluster.skip(topic, 1n);
    return;
  }
  const value = valueOf(upstream, at, looks);
  cluster.append(topic, { key: null, value }, { timestampMs: timestampOf(upstream, at, looks) });
}

interface Home {
  readonly flow: SimulatedFlow;
  /** Where the group had left A. */
  readonly leftAt: number;
  /** Everything below it was handled on B. */
  readonly below: number;
  readonly looks?: Looks;
  /** The group was never in the log on A, which begins at `leftAt` now. */
  readonly isNew?: boolean;
}

function clustersOf({ flow, looks = MANY_LOOKS }: Home): { A: FakeCluster; B: FakeCluster } {
  const A = new FakeCluster('A').create(ORIGINALS);
  const B = new FakeCluster('B').create(COPIES);
  flow.source.forEach((isRecord, upstream) => {
    if (isRecord) put(A, ORIGINALS, upstream, upstream, looks);
    else A.skip(ORIGINALS, 1n);
  });
  flow.target.forEach((upstream, at) => {
    put(B, COPIES, upstream, at, looks);
  });
  for (const cluster of [A, B]) cluster.maxRecordsPerFetch = 7;
  return { A, B };
}

/** Where the group went on on B: at the first copy of what it had not handled on A. */
function handledFrom({ target }: SimulatedFlow, leftAt: number): number {
  const first = target.findIndex((upstream) => upstream !== undefined && upstream % LOST >= leftAt);
  return first === -1 ? target.length : first;
}

function copiesOf({ flow, leftAt, below, isNew = false }: Home): HandledCopies {
  const store = new OffsetSyncStore();
  for (const sync of flow.syncs) store.put(ORIGINALS, 0, sync);
  store.finishReading();
  const mirror = {
    translate: (topic: string, partition: number, offset: bigint) =>
      translate(store, topic, partition, offset),
    syncsAround: (topic: string, partition: number, offset: bigint) =>
      store.around(topic, partition, offset),
  };
  const correspondence = toCopies(mirror, ORIGINALS, 0);
  const end = BigInt(below);
  const from = isNew ? 0n : BigInt(handledFrom(flow, leftAt));
  const handled = { from, below: end, deliveredBelow: end, deliveredOnTarget: undefined };
  return { physicalTopic: COPIES, ...handled, isNew, correspondence };
}

function knownAs(leftAt: number, isNew = false): Bounds {
  return {
    bounds: isNew ? [] : [{ method: 'own-commit', offset: BigInt(leftAt) }],
    awaited: [],
    handledBelow: undefined,
    voidCommit: undefined,
    notes: [],
    missing: [],
  };
}

async function goHome(
  home: Home,
  change: (clusters: { A: FakeCluster; B: FakeCluster }) => void = () => {},
): Promise<Bounds> {
  const clusters = clustersOf(home);
  const { A, B } = clusters;
  const { leftAt, isNew } = home;
  if (isNew === true) {
    const high = BigInt(home.flow.source.length);
    A.setRange(ORIGINALS, 0, { low: BigInt(leftAt), high });
  }
  change(clusters);
  const range = (await A.ranges(ORIGINALS))?.get(0);
  if (range === undefined) throw new Error('no log');
  const log = { physicalTopic: ORIGINALS, partition: 0, range };
  const parts = { target: A, source: B, world: manualWorld(), deadlineAtMs: 1_000 };
  return retrace(log, copiesOf(home), knownAs(leftAt, isNew), parts);
}

/** Each record copied to the offset that it has, or so many further. */
function plainFlow(
  count: number,
  isCopied: (upstream: number) => boolean = () => true,
): SimulatedFlow {
  const offsets = [...Array.from({ length: count }).keys()];
  return {
    source: offsets.map(() => true),
    target: offsets.filter((upstream) => isCopied(upstream)),
    syncs: offsets
      .filter((upstream) => isCopied(upstream))
      .map((upstream, at) => ({ upstreamOffset: BigInt(upstream), downstreamOffset: BigInt(at) })),
    next: count,
  };
}

describe('records that were handled as copies, on the way home', () => {
  it('are not handled again: the position is behind the original of the last one', async () => {
    const found = await goHome({ flow: plainFlow(100), leftAt: 40, below: 70 });
    expect(found.bounds[0]).toEqual({ method: 'exact', offset: 70n });
    expect(found).toMatchObject({ handledBelow: 70n, notes: [] });
  });

  it('leave the position where it was if there are none', async () => {
    expect(await goHome({ flow: plainFlow(100), leftAt: 40, below: 40 })).toEqual(knownAs(40));
  });

  it('count up to the first original that has no copy', async () => {
    // What A got from 50 on while MirrorMaker went on at its stored position: the log was made anew, or had lost its end.
    const flow = plainFlow(100, (upstream) => upstream < 50 || upstream >= 60);
    const found = await goHome({ flow, leftAt: 40, below: 80 });
    expect(found.bounds[0]).toEqual({ method: 'fingerprint', offset: 50n });
  });

  it('are found also where MirrorMaker began when the group had left: the offset syncs say what they are copies of', async () => {
    const flow = plainFlow(100, (upstream) => upstream >= 40);
    const found = await goHome({ flow, leftAt: 40, below: 30 });
    expect(found.bounds[0]).toEqual({ method: 'exact', offset: 70n });
  });

  it('are passed over where they are of aborted transactions, which MirrorMaker copies as well', async () => {
    const flow = plainFlow(100);
    const target = [...flow.target.slice(0, 50), undefined, undefined, ...flow.target.slice(50)];
    const syncs = target.flatMap((upstream, at) =>
      upstream === undefined
        ? []
        : { upstreamOffset: BigInt(upstream), downstreamOffset: BigInt(at) },
    );
    const looks = { ...MANY_LOOKS, extrasAre: 'records' as const };
    const found = await goHome({ flow: { ...flow, target, syncs }, leftAt: 40, below: 72, looks });
    expect(found.bounds[0]).toEqual({ method: 'exact', offset: 70n });
  });

  it('count from the beginning of a log in which the group was never', async () => {
    const found = await goHome({ flow: plainFlow(100), leftAt: 0, below: 70, isNew: true });
    expect(found.bounds).toEqual([{ method: 'exact', offset: 70n }]);
  });

  it('count from what is left of such a log, where retention has removed the beginning', async () => {
    const found = await goHome({ flow: plainFlow(100), leftAt: 30, below: 70, isNew: true });
    expect(found.bounds).toEqual([{ method: 'exact', offset: 70n }]);
  });

  it('are not looked for without offset syncs: an older record may look the same', async () => {
    const flow = { ...plainFlow(100), syncs: [] };
    expect(await goHome({ flow, leftAt: 40, below: 70 })).toEqual(knownAs(40));
  });

  it('do not count beyond what retention has removed on the other cluster: it may not have been handled', async () => {
    const found = await goHome({ flow: plainFlow(100), leftAt: 40, below: 80 }, ({ B }) => {
      B.setRange(COPIES, 0, { low: 45n, high: 100n });
    });
    expect(found).toEqual(knownAs(40));
  });

  it('are none where the group stands beyond the end of the copies: they are others than it has handled', async () => {
    const found = await goHome({ flow: plainFlow(20), leftAt: 10, below: 25 });
    expect(found.bounds).toEqual(knownAs(10).bounds);
    expect(found.notes).toEqual([expect.stringContaining('ends at 20, before 25')]);
  });

  it('cost nothing but the bound where a cluster does not answer', async () => {
    const found = await goHome({ flow: plainFlow(20), leftAt: 10, below: 15 }, ({ B }) => {
      B.mood = 'fails';
    });
    expect(found.bounds).toEqual(knownAs(10).bounds);
    expect(found.notes).toEqual(['what was handled on B is not known here: the cluster is down']);
  });

  it('count as far as they were read in time', async () => {
    const home = { flow: plainFlow(100), leftAt: 40, below: 70 };
    const { A, B } = clustersOf(home);
    const world = manualWorld();
    let fetchCount = 0;
    B.beforeAnswer = (question) => {
      if (!question.startsWith('fetch')) return;
      fetchCount += 1;
      if (fetchCount === 3) B.mood = 'hangs';
    };
    const log = { physicalTopic: ORIGINALS, partition: 0, range: { low: 0n, high: 100n } };
    const parts = { target: A, source: B, world, deadlineAtMs: 1_000 };
    const found = retrace(log, copiesOf(home), knownAs(40), parts);
    await world.advance(1_000);
    const { bounds, notes } = await found;
    expect(bounds[0]).toEqual({ method: 'fingerprint', offset: 54n });
    expect(notes).toEqual([expect.stringContaining('reading took too long')]);
  });
});

function lookWith(walk: Retrace, copy: ScannedRecord, originals: ScannedRecord[]): void {
  giveTo(walk, originals);
  walk.look(copy);
}

/** As many as are wanted; true where there are no more. */
function giveTo(walk: Retrace, originals: ScannedRecord[]): boolean {
  while (walk.wantsOriginal) {
    const next = originals.shift();
    if (next === undefined) return true;
    walk.add(next);
  }
  return false;
}

/** By the last three records that were handled on A, and no I/O. */
async function goHomeByFew(home: Home): Promise<Pick<Bounds, 'bounds'>> {
  const { flow, leftAt, below, looks = MANY_LOOKS } = home;
  const scanned = (upstream: number | undefined, at: number): ScannedRecord => ({
    offset: String(at),
    timestamp: String(timestampOf(upstream, at, looks)),
    key: null,
    value: valueOf(upstream, at, looks),
  });
  const originals = [...flow.source.keys()].filter((one) => flow.source[one] === true);
  const correspondence = copiesOf(home).correspondence;
  const handled = originals.filter((one) => one < leftAt).slice(-3);
  const walk = new Retrace(
    handled.map((one) => scanned(one, one)),
    { leftAt: BigInt(leftAt), ...rulesOf(correspondence) },
  );
  const rest = originals.filter((one) => one >= leftAt).map((one) => scanned(one, one));
  const sought = Number(correspondence.atOrBefore(BigInt(handled[0] ?? leftAt)) ?? 0n);
  const from = Math.min(sought, handledFrom(flow, leftAt));
  for (let at = from; at < below; at += 1) {
    const upstream = flow.target[at];
    if (upstream === undefined && looks.extrasAre !== 'records') continue;
    lookWith(walk, scanned(upstream, at), rest);
  }
  walk.finish(giveTo(walk, rest));
  const { offset, isExact } = walk.result();
  return offset === undefined
    ? { bounds: [] }
    : { bounds: [{ method: isExact ? 'exact' : 'fingerprint', offset }] };
}

describe('a copy', () => {
  const at = (offset: number, value: string): ScannedRecord => ({
    offset: String(offset),
    timestamp: '0',
    key: null,
    value: Buffer.from(value),
  });
  /** Originals a to d from 0 on; the group had left at 1. The sync names (0, 0). */
  function walk(
    copies: string,
    originals: string,
    rules: Partial<PlaceRules> = {},
  ): { readonly offset: bigint | undefined; readonly isExact: boolean } {
    const [before, ...rest] = originals.split('').map((value, index) => at(index, value));
    const retraced = new Retrace(before === undefined ? [] : [before], {
      leftAt: 1n,
      placeOf: (original) => (original === 0n ? 0n : undefined),
      isPossible: () => true,
      isCertain: (original, copyAt) => original === 0n && copyAt === 0n,
      ...rules,
    });
    copies.split('').forEach((value, index) => {
      lookWith(retraced, at(index, value), rest);
    });
    retraced.finish(false);
    const { offset, isExact } = retraced.result();
    return { offset, isExact };
  }

  it('counts in its order', () => {
    expect(walk('abc', 'abcd')).toEqual({ offset: 3n, isExact: true });
  });

  it('that is a second one does not stand for a twin of its original', () => {
    // The first c was written twice, the second one is not copied yet.
    expect(walk('abcc', 'abcc')).toEqual({ offset: 3n, isExact: false });
  });

  it('of a twin counts where it is expected, and the next one is of a record that nothing looks like', () => {
    expect(walk('abcbd', 'abcbd')).toEqual({ offset: 5n, isExact: true });
    // Two at once.
    expect(walk('abcdbce', 'abcdbcef')).toEqual({ offset: 7n, isExact: true });
    // The last one is not known to be in its place.
    expect(walk('abcb', 'abcbd')).toEqual({ offset: 3n, isExact: false });
  });

  it('of a twin counts where a sync names it, and all came in order', () => {
    const placeOf: PlaceRules['placeOf'] = (original) => (original === 3n ? 3n : undefined);
    expect(walk('abcb', 'abcbd', { placeOf })).toEqual({ offset: 4n, isExact: true });
    // What was copied twice may stand for what was never copied.
    expect(walk('abxb', 'abbd', { placeOf })).toMatchObject({ offset: 2n });
  });

  it('of a twin does not count behind second copies, nor where the same comes twice in a row', () => {
    expect(walk('abcbcd', 'abcdbc')).toMatchObject({ offset: 3n });
    expect(walk('abccd', 'abccd')).toMatchObject({ offset: 3n });
    expect(walk('abcbcd', 'abcbcd')).toMatchObject({ offset: 3n });
    expect(walk('abxcbd', 'abcbd')).toMatchObject({ offset: 2n });
  });

  it('behind one that belongs to nothing counts only where a sync is certain: an older record may look the same', () => {
    // MirrorMaker copies again what is older: x, and a record that looks like c.
    expect(walk('abxc', 'abcd')).toEqual({ offset: 2n, isExact: false });
    expect(walk('abx', 'abcd')).toEqual({ offset: 2n, isExact: true });
    const isCertain: PlaceRules['isCertain'] = (original, copyAt) =>
      (original === 0n && copyAt === 0n) || (original === 2n && copyAt === 3n);
    expect(walk('abxc', 'abcd', { isCertain })).toEqual({ offset: 3n, isExact: true });
  });

  it('behind second ones counts only where a sync names it', () => {
    expect(walk('ababc', 'abcd')).toEqual({ offset: 2n, isExact: false });
  });

  it('does not count where the syncs exclude it', () => {
    const isPossible: PlaceRules['isPossible'] = (original) => original < 2n;
    expect(walk('abc', 'abcd', { isPossible })).toEqual({ offset: 2n, isExact: false });
  });
});

describe('what the offset syncs say of a place, while MirrorMaker copies again', () => {
  it('is worth nothing behind the last first copy that they name', () => {
    // 0 to 4 were copied, and 0 again: the answer to the first attempt was lost.
    const syncs = [0, 1, 2, 3, 4].map((one) => ({ upstream: one, downstream: one }));
    const flow = {
      ...plainFlow(6),
      target: [0, 1, 2, 3, 4, 0, 0],
      syncs: [...syncs, { upstream: 0, downstream: 6 }].map(({ upstream, downstream }) => ({
        upstreamOffset: BigInt(upstream),
        downstreamOffset: BigInt(downstream),
      })),
    };
    const { isPossible, isCertain } = rulesOf(
      copiesOf({ flow, leftAt: 4, below: 7 }).correspondence,
    );
    expect(isCertain(4n, 4n, 0n)).toBe(true);
    expect(isPossible(5n, 5n)).toBe(false);
    expect(isPossible(5n, 6n)).toBe(false);
  });
});

describe('the copy of a later record', () => {
  it('lies behind that of an earlier one', () => {
    const syncs = [{ upstreamOffset: 2n, downstreamOffset: 7n }];
    const flow = { ...plainFlow(6), syncs };
    const { isPossible } = rulesOf(copiesOf({ flow, leftAt: 2, below: 6 }).correspondence);
    expect([6n, 7n, 8n].map((copyAt) => isPossible(3n, copyAt))).toEqual([false, false, true]);
  });
});

describe('what is taken for handled on the way home', () => {
  /** Looks of the originals that would not be handled, and were not, as often as they are missing. */
  function skipped({ flow, leftAt, below, looks = MANY_LOOKS }: Home, offset: bigint): string[] {
    const handled = new Map<string, number>();
    for (const upstream of new Set(flow.target.slice(0, below))) {
      // What A has lost below the place where the group had left was handled there.
      if (upstream === undefined || upstream < leftAt) continue;
      const look = lookOf(upstream, looks);
      handled.set(look, (handled.get(look) ?? 0) + 1);
    }
    const missing: string[] = [];
    for (let upstream = leftAt; upstream < Number(offset); upstream += 1) {
      if (flow.source[upstream] !== true) continue;
      const look = lookOf(upstream, looks);
      const count = handled.get(look) ?? 0;
      if (count === 0) missing.push(look);
      handled.set(look, count - 1);
    }
    return missing;
  }

  /** Originals behind a place that were handled, as copies. Those that MirrorMaker has copied again would come again on B as well. */
  function handledBehind({ flow, below }: Home, offset: bigint): readonly unknown[] {
    const toCome = new Set(flow.target.slice(below));
    return flow.target
      .slice(0, below)
      .filter(
        (one) => one !== undefined && one < LOST && one >= Number(offset) && !toCome.has(one),
      );
  }

  const looksLike = fc.record({
    lookCount: fc.constantFrom(1, 2, 5, 30, 1_000),
    perMillisecond: fc.constantFrom(1, 4, 50, 1_000_000),
  });
  const homes = fc
    .record({
      script: flowScripts(ALL_TROUBLES),
      left: fc.integer({ min: 0, max: 60 }),
      end: fc.integer({ min: 0, max: 160 }),
      looks: looksLike,
      // Originals that were never copied: A has lost its end, and MirrorMaker went on at its stored position. The copies of those that were there before stay.
      hole: fc.record({
        from: fc.integer({ min: 0, max: 100 }),
        count: fc.constantFrom(0, 0, 1, 10),
      }),
      extrasAre: fc.constantFrom<'markers' | 'records'>('markers', 'records'),
    })
    .map(({ script, left, end, looks, hole, extrasAre }): Home => {
      const whole = simulateFlow(script);
      const isHole = (upstream: number): boolean =>
        upstream >= hole.from && upstream < hole.from + hole.count;
      const target = whole.target.map((upstream) =>
        upstream !== undefined && isHole(upstream) ? upstream + LOST : upstream,
      );
      const flow = { ...whole, target };
      return {
        flow,
        leftAt: Math.min(left, flow.source.length),
        below: Math.min(end, flow.target.length),
        looks: { ...looks, extrasAre },
      };
    });

  async function checkAll(
    find: (home: Home) => Promise<Pick<Bounds, 'bounds'>>,
    least: { found: number; exact: number },
  ): Promise<void> {
    let foundCount = 0;
    let exactCount = 0;
    await fc.assert(
      fc.asyncProperty(homes, async (home) => {
        const { bounds } = await find(home);
        const [bound] = bounds;
        if (bound === undefined || bound.method === 'own-commit') return;
        foundCount += 1;
        if (bound.method === 'exact') exactCount += 1;
        expect(skipped(home, bound.offset)).toEqual([]);
        if (bound.method === 'exact') expect(handledBehind(home, bound.offset)).toEqual([]);
      }),
      { numRuns: 2_000 },
    );
    expect(foundCount).toBeGreaterThan(least.found);
    expect(exactCount).toBeGreaterThan(least.exact);
  }

  it('was handled, whatever happens to the mirror, and however alike records are', async () => {
    await checkAll((home) => goHome(home), { found: 500, exact: 200 });
  });

  it('was handled, also in a log in which the group was never', async () => {
    await checkAll((home) => goHome({ ...home, isNew: true }), { found: 150, exact: 50 });
  });

  it('was handled, also where MirrorMaker copies again what is older than all that is known', async () => {
    await checkAll(goHomeByFew, { found: 500, exact: 100 });
  });

  it('is everything that was handled, where nothing happens to the mirror and no two records look alike', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 300 }),
        fc.nat(),
        fc.nat(),
        async (count, left, end) => {
          const leftAt = left % (count + 1);
          const below = leftAt + (end % (count - leftAt + 1));
          const found = await goHome({ flow: plainFlow(count), leftAt, below });
          if (below === leftAt) return;
          expect(found.bounds[0]).toEqual({ method: 'exact', offset: BigInt(below) });
        },
      ),
      { numRuns: 300 },
    );
  });
});
