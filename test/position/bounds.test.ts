import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gatherBounds, type MirroredEvidence } from '../../src/position/bounds.js';
import { missingBoundInWords } from '../../src/position/missing.js';
import { planPartition } from '../../src/position/plan.js';
import { OffsetSyncStore } from '../../src/replication/offset-sync-store.js';
import { translate, translateAsMirrorMaker } from '../../src/replication/translate.js';
import {
  ALL_TROUBLES,
  flowScripts,
  handledEnd,
  simulateFlow,
  skipsNothing,
  type FlowTroubles,
} from '../replication/simulated-flow.js';

function mirrorOf(
  ...syncs: readonly (readonly [bigint, bigint])[]
): MirroredEvidence['mirror'] & { readonly store: OffsetSyncStore } {
  return mirrorWith(new OffsetSyncStore(), syncs);
}

function mirrorWith(
  store: OffsetSyncStore,
  syncs: readonly (readonly [bigint, bigint])[],
): MirroredEvidence['mirror'] & { readonly store: OffsetSyncStore } {
  for (const [upstreamOffset, downstreamOffset] of syncs) {
    store.put('orders', 0, { upstreamOffset, downstreamOffset });
  }
  store.finishReading();
  return {
    store,
    source: 'A',
    target: 'B',
    translate: (topic, partition, offset) => translate(store, topic, partition, offset),
    syncsAround: (topic, partition, offset) => store.around(topic, partition, offset),
    foreignFrom: (topic, partition) => store.foreignFrom(topic, partition),
  };
}

function evidence(
  mirror: MirroredEvidence['mirror'],
  known: {
    checkpoint?: readonly [bigint, bigint];
    sourceCommit?: bigint;
    processed?: bigint;
    /** Default: as far as `processed`. */
    deliveredBelow?: bigint | undefined;
    rewoundBelow?: bigint;
    deliveredOnTarget?: bigint;
    hasAllSyncs?: boolean;
    /** The newest record that is remembered. */
    lastHandled?: bigint;
    untouched?: MirroredEvidence['untouched'];
    isShared?: boolean;
  },
): MirroredEvidence {
  const { checkpoint, sourceCommit, processed, isShared = false } = known;
  const deliveredBelow = 'deliveredBelow' in known ? known.deliveredBelow : processed;
  const recent =
    known.lastHandled === undefined
      ? []
      : [{ offset: known.lastHandled, timestamp: '1', hash: 'aa' }];
  return {
    mirror,
    isShared,
    upstreamTopic: 'orders',
    partition: 0,
    checkpoint:
      checkpoint === undefined
        ? undefined
        : {
            upstreamOffset: checkpoint[0],
            downstreamOffset: checkpoint[1],
            metadata: '',
            recordedAtWallMs: 0,
          },
    sourceCommit,
    processed:
      processed === undefined
        ? undefined
        : {
            offset: processed,
            deliveredBelow,
            rewoundBelow: known.rewoundBelow,
            recent: { all: () => recent, few: () => recent },
          },
    untouched: known.untouched,
    deliveredOnTarget: known.deliveredOnTarget,
    hasAllSyncs: known.hasAllSyncs ?? true,
  };
}

describe('the bounds of a log', () => {
  describe('that copies share with records born on the target', () => {
    // One record was born on B between the copies of upstream 10 and 11: it lies at 11, and 11 of A at 12.
    const mirror = mirrorOf([0n, 0n], [10n, 10n], [11n, 12n], [20n, 21n]);
    const known = { checkpoint: [15n, 13n], processed: 20n } as const;

    it('end where the first of those may lie: nobody may have handled it', () => {
      const mirrored = evidence(mirror, { ...known, isShared: true });
      expect(gatherBounds({ ownCommit: undefined, mirrored }).bounds).toEqual([
        { method: 'checkpoint', offset: 11n, named: 13n },
        { method: 'offset-sync', offset: 11n, named: 21n },
      ]);
    });

    it('do not limit an own commit, which speaks of every record below it', () => {
      const mirrored = evidence(mirror, { ...known, isShared: true });
      expect(gatherBounds({ ownCommit: 18n, mirrored }).bounds[0]).toEqual({
        method: 'own-commit',
        offset: 18n,
      });
    });

    it('are not limited in a log of copies alone, where second copies look the same', () => {
      const mirrored = evidence(mirror, known);
      expect(gatherBounds({ ownCommit: undefined, mirrored }).bounds).toEqual([
        { method: 'checkpoint', offset: 13n },
        { method: 'exact', offset: 21n },
      ]);
    });

    it('are void where the log held more than copies before the first sync', () => {
      const mirrored = evidence(mirrorOf([5n, 9n], [20n, 24n]), { processed: 20n, isShared: true });
      expect(gatherBounds({ ownCommit: undefined, mirrored }).bounds).toEqual([
        { method: 'offset-sync', offset: 0n, named: 24n },
      ]);
    });

    // Junk, or of a topic that was longer: beyond the log's end nothing of it counts, and the plan has to see that.
    it('tell further what was named, where that is beyond what counts at all', () => {
      const junk = { checkpoint: [60n, 1_000_060n], isShared: true } as const;
      const mirrored = evidence(mirrorOf([0n, 0n], [47n, 47n], [48n, 50n]), junk);
      expect(gatherBounds({ ownCommit: undefined, mirrored }).bounds).toEqual([
        { method: 'checkpoint', offset: 48n, named: 1_000_060n },
      ]);
    });
  });

  it('that was born on the target are the own commit alone', () => {
    expect(gatherBounds({ ownCommit: 7n, mirrored: undefined })).toEqual({
      bounds: [{ method: 'own-commit', offset: 7n }],
      handledBelow: undefined,
      awaited: [],
      notes: [],
      missing: [],
    });
    expect(gatherBounds({ ownCommit: undefined, mirrored: undefined })).toMatchObject({
      bounds: [],
      missing: [{ kind: 'no-own-commit' }],
    });
  });

  it('do not lead behind the very first record: it may be another one, where the topic was made anew with one record in it', () => {
    const mirror = mirrorOf([0n, 0n], [2n, 1n]);
    const mirrored = evidence(mirror, { checkpoint: [1n, 1n], processed: 1n, lastHandled: 0n });
    expect(gatherBounds({ ownCommit: undefined, mirrored }).bounds).toEqual([
      { method: 'checkpoint', offset: 0n, named: 1n },
      { method: 'offset-sync', offset: 0n, named: 1n },
    ]);
  });

  it('do not lead there by a commit either that MirrorMaker may have made of its checkpoint', () => {
    const mirrored = evidence(mirrorOf([0n, 0n]), { checkpoint: [1n, 1n] });
    const { bounds, voidCommit } = gatherBounds({ ownCommit: 1n, mirrored });
    expect(bounds).toEqual([{ method: 'checkpoint', offset: 0n, named: 1n }]);
    expect(voidCommit).toBe(1n);
  });

  it('are the own commit, the checkpoint and the translated position', () => {
    const mirrored = evidence(mirrorOf([100n, 200n], [150n, 260n]), {
      checkpoint: [120n, 201n],
      processed: 150n,
    });
    expect(gatherBounds({ ownCommit: 190n, mirrored })).toEqual({
      bounds: [
        { method: 'own-commit', offset: 190n },
        { method: 'checkpoint', offset: 201n },
        { method: 'exact', offset: 260n },
      ],
      handledBelow: 260n,
      awaited: [],
      notes: [],
      missing: [],
    });
  });

  it('are exact behind the last handled record where a sync names it, unless handlers were given more there before', () => {
    const boundOf = (known: Parameters<typeof evidence>[1]) =>
      gatherBounds({
        ownCommit: undefined,
        mirrored: evidence(mirrorOf([100n, 200n], [150n, 260n]), known),
      }).bounds;
    const exact = { method: 'exact', offset: 201n };
    const notExact = { method: 'offset-sync', offset: 201n };
    expect(boundOf({ processed: 101n })).toEqual([exact]);
    expect(boundOf({ processed: 105n, lastHandled: 100n })).toEqual([exact]);
    expect(boundOf({ processed: 105n, lastHandled: 101n })).toEqual([notExact]);
    expect(boundOf({ processed: 105n })).toEqual([notExact]);
    expect(boundOf({ processed: 101n, deliveredOnTarget: 201n })).toEqual([exact]);
    expect(boundOf({ processed: 101n, deliveredOnTarget: 202n })).toEqual([notExact]);
  });

  it('go by the further one of commit and own progress', () => {
    const mirror = mirrorOf([100n, 200n], [150n, 260n]);
    const offsetOf = (known: Parameters<typeof evidence>[1]): bigint | undefined =>
      gatherBounds({ ownCommit: undefined, mirrored: evidence(mirror, known) }).bounds[0]?.offset;
    expect(offsetOf({ sourceCommit: 100n, processed: 150n })).toBe(260n);
    expect(offsetOf({ sourceCommit: 150n, processed: 100n })).toBe(260n);
    expect(offsetOf({ sourceCommit: 150n })).toBe(260n);
  });

  it('are the own position alone, where user code moved back: commits from before are void', () => {
    const mirror = mirrorOf([110n, 215n], [150n, 260n]);
    const moved = { processed: 110n, deliveredBelow: 151n, rewoundBelow: 150n } as const;
    const mirrored = evidence(mirror, { ...moved, sourceCommit: 150n, checkpoint: [150n, 260n] });
    expect(gatherBounds({ ownCommit: 255n, mirrored })).toMatchObject({
      bounds: [{ method: 'exact', offset: 215n }],
      voidCommit: 255n,
      notes: [expect.stringContaining('moved back on A and stands at 110')],
    });
    // What was committed there is handled again.
    const handledBelow = (ownCommit: bigint): bigint | undefined =>
      gatherBounds({ ownCommit, mirrored }).handledBelow;
    expect(handledBelow(300n)).toBe(300n);
    expect(handledBelow(255n)).toBe(handledBelow(0n));
  });

  it('count what others committed beyond the place that user code moved back from', () => {
    const mirror = mirrorOf([100n, 200n], [110n, 215n], [150n, 260n]);
    const moved = { processed: 110n, deliveredBelow: undefined, rewoundBelow: 140n };
    const mirrored = evidence(mirror, { ...moved, sourceCommit: 150n, checkpoint: [105n, 201n] });
    expect(gatherBounds({ ownCommit: undefined, mirrored }).bounds).toEqual([
      { method: 'checkpoint', offset: 201n },
      { method: 'offset-sync', offset: 260n },
    ]);
  });

  it('say of a checkpoint that it could not be verified, where the offset syncs are not known', () => {
    const mirrored = evidence(mirrorOf(), { checkpoint: [150n, 260n] });
    expect(gatherBounds({ ownCommit: undefined, mirrored })).toMatchObject({
      bounds: [{ method: 'unverified-checkpoint', offset: 260n }],
      notes: [],
    });
  });

  it('say the same where it goes beyond every sync that is known, and newer ones may be unread: it was taken from one of them', () => {
    const at = (downstream: bigint) => {
      const mirrored = evidence(mirrorOf([100n, 200n]), {
        checkpoint: [150n, downstream],
        hasAllSyncs: false,
      });
      return gatherBounds({ ownCommit: undefined, mirrored }).bounds;
    };
    expect(at(201n)).toEqual([{ method: 'checkpoint', offset: 201n }]);
    expect(at(202n)).toEqual([{ method: 'unverified-checkpoint', offset: 202n }]);
    expect(at(250n)).toEqual([{ method: 'unverified-checkpoint', offset: 250n }]);
  });

  // The remote topic was made anew; upstream 15 is copied to 3. MirrorMaker takes 17 -> 13 from the sync 12 -> 12 of the log that is gone.
  describe('of a checkpoint that is taken from a sync of a topic that is gone', () => {
    const checkpoint = [17n, 13n] as const;
    const upTo = (end: bigint) => ({
      bounds: [{ method: 'checkpoint', offset: end, named: 13n }],
      notes: [expect.stringContaining(`checkpoint 17 -> 13 counts up to ${end}`)],
    });

    it('hold as much as the syncs around it allow', () => {
      const between = evidence(mirrorOf([15n, 3n], [30n, 18n]), { checkpoint });
      expect(gatherBounds({ ownCommit: undefined, mirrored: between })).toMatchObject(upTo(4n));
    });

    it('hold as much as the newest sync allows, where all are known', () => {
      const mirrored = evidence(mirrorOf([15n, 3n]), { checkpoint });
      expect(gatherBounds({ ownCommit: undefined, mirrored })).toMatchObject(upTo(4n));
    });

    it('hold no more where newer syncs may be unread: the source has not so many records behind the newest that is known', () => {
      const mirrored = evidence(mirrorOf([15n, 3n]), { checkpoint, hasAllSyncs: false });
      expect(gatherBounds({ ownCommit: undefined, mirrored })).toMatchObject(upTo(4n));
    });

    it('do not hold the commit of one that is older than a reset of the group', () => {
      const at = { upstreamOffset: 17n, downstreamOffset: 13n, metadata: '', recordedAtWallMs: 0 };
      const mirrored = { ...evidence(mirrorOf([15n, 3n]), {}), outdated: at };
      expect(gatherBounds({ ownCommit: 13n, mirrored })).toMatchObject({
        bounds: [],
        voidCommit: 13n,
      });
    });

    // Upstream 1500 was the first one that was copied to the new topic.
    const anew = [
      [1000n, 300n],
      [1499n, 799n],
      [1500n, 0n],
      [2000n, 500n],
    ] as const;
    const stands = (upstream: bigint, downstream: bigint, ...more: [bigint, bigint][]) => {
      const mirrored = evidence(mirrorOf(...anew, ...more), { checkpoint: [upstream, downstream] });
      return gatherBounds({ ownCommit: downstream, mirrored }).bounds;
    };

    it('hold nothing where the group stands before the first record of the topic as it is', () => {
      expect(stands(1000n, 300n)).toEqual([]);
    });

    it('hold no more where MirrorMaker copies a second time, and its older syncs do not count', () => {
      const again: [bigint, bigint] = [1900n, 501n];
      expect(stands(1000n, 300n, again)).toEqual([
        { method: 'checkpoint', offset: 0n, named: 300n },
      ]);
      // The very first record is no place (see below).
      expect(stands(1600n, 400n, again)).toEqual([
        { method: 'checkpoint', offset: 0n, named: 400n },
      ]);
      expect(stands(1600n, 90n, again)).toEqual([
        { method: 'own-commit', offset: 90n },
        { method: 'checkpoint', offset: 90n },
      ]);
    });

    it('are not against a checkpoint of the beginning, nor against what the group has committed since', () => {
      const mirror = mirrorOf([999n, 999n], [1100n, 100n]);
      const mirrored = evidence(mirror, { checkpoint: [0n, 0n] });
      expect(gatherBounds({ ownCommit: 19n, mirrored })).toMatchObject({
        bounds: [
          { method: 'own-commit', offset: 19n },
          { method: 'checkpoint', offset: 0n },
        ],
        notes: [],
      });
    });

    it('hold nothing where the first sync of the new topic is not of its first record', () => {
      const mirror = mirrorOf([999n, 999n], [1100n, 100n]);
      const mirrored = evidence(mirror, { checkpoint: [50n, 50n] });
      expect(gatherBounds({ ownCommit: undefined, mirrored }).bounds).toEqual([
        { method: 'checkpoint', offset: 0n, named: 50n },
      ]);
    });

    it('do not hold the commit that MirrorMaker has made of it', () => {
      const mirrored = evidence(mirrorOf([15n, 3n]), { checkpoint });
      const { bounds, missing, voidCommit } = gatherBounds({ ownCommit: 13n, mirrored });
      expect(bounds.map(({ offset }) => offset)).toEqual([4n]);
      expect(missing).toContainEqual({ kind: 'no-own-commit' });
      expect(voidCommit).toBe(13n);
    });
  });

  it('hold a checkpoint whose own sync was forgotten for want of memory', () => {
    const syncs = Array.from({ length: 1_000 }, (_, at) => [BigInt(2 * at), BigInt(at)] as const);
    const mirror = mirrorWith(new OffsetSyncStore({ maxBytes: 8_000 }), syncs);
    const held = syncs.slice(2).filter((checkpoint) => {
      const mirrored = evidence(mirror, { checkpoint });
      const [bound] = gatherBounds({ ownCommit: undefined, mirrored }).bounds;
      return bound?.method === 'checkpoint' && bound.offset === checkpoint[1];
    });
    expect(held).toHaveLength(998);
    expect(mirror.syncsAround('orders', 0, 2n)).toMatchObject({ isThinned: true });
  });

  it('hold a checkpoint in a shared log as far as syncs are known: records born there may lie beyond', () => {
    const known = { checkpoint: [60n, 78n], isShared: true } as const;
    const mirrored = evidence(mirrorOf([0n, 0n], [47n, 47n]), known);
    expect(gatherBounds({ ownCommit: undefined, mirrored })).toMatchObject({
      bounds: [{ method: 'checkpoint', offset: 48n }],
      notes: [expect.stringContaining('counts up to 48')],
    });
  });

  it('never hold a checkpoint’s upstream offset', () => {
    const mirrored = evidence(mirrorOf(), { checkpoint: [250n, 201n] });
    const { bounds } = gatherBounds({ ownCommit: undefined, mirrored });
    expect(bounds).toEqual([{ method: 'unverified-checkpoint', offset: 201n }]);
  });

  it('do not hold a checkpoint that an offset sync refutes', () => {
    const mirrored = evidence(mirrorOf([300n, 10n]), { checkpoint: [250n, 201n] });
    const { bounds, notes } = gatherBounds({ ownCommit: undefined, mirrored });
    expect(bounds).toEqual([]);
    expect(notes).toEqual([expect.stringContaining('300 -> 10')]);
  });

  it('do not hold a checkpoint among records that are being copied a second time', () => {
    const mirror = mirrorOf([10n, 10n], [30n, 30n], [20n, 31n]);
    const known = (checkpoint: readonly [bigint, bigint]) =>
      gatherBounds({ ownCommit: undefined, mirrored: evidence(mirror, { checkpoint }) });
    expect(known([25n, 32n]).bounds).toEqual([]);
    expect(known([25n, 32n]).notes).toEqual([expect.stringContaining('a second time')]);
    expect(known([25n, 11n]).bounds).toEqual([{ method: 'checkpoint', offset: 11n }]);
  });

  it('say why they are missing', () => {
    const missing = (mirror: MirroredEvidence['mirror'], processed?: bigint): readonly string[] =>
      gatherBounds({
        ownCommit: undefined,
        mirrored: evidence(mirror, processed === undefined ? {} : { processed }),
      }).missing.map(missingBoundInWords);
    expect(missing(mirrorOf())).toEqual([
      'the group has no commit in this log that counts',
      'MirrorMaker has written no checkpoint for the group',
      'no position of the group on A is known',
    ]);
    expect(missing(mirrorOf(), 5n).at(-1)).toContain('no offset sync');
    expect(missing(mirrorOf([10n, 10n]), 5n).at(-1)).toContain('older than every offset sync');
  });
});

describe('how much may be read again', () => {
  const mirror = mirrorOf([100n, 200n], [150n, 260n]);
  const limit = (known: Parameters<typeof evidence>[1]): bigint | undefined =>
    gatherBounds({ ownCommit: undefined, mirrored: evidence(mirror, known) }).handledBelow;

  it('is known where this process handled the partition last', () => {
    expect(limit({ processed: 100n })).toBe(200n);
    expect(limit({ processed: 120n })).toBe(260n);
    expect(limit({ processed: 120n, sourceCommit: 110n, checkpoint: [110n, 201n] })).toBe(260n);
  });

  it('reaches as far as records were delivered, however little of it is progress', () => {
    expect(limit({ processed: 100n, deliveredBelow: 102n })).toBe(260n);
    // A commit beyond the position, from before a seek back, is this process's own as long as it was delivered that far.
    expect(limit({ processed: 110n, sourceCommit: 120n, deliveredBelow: 120n })).toBe(260n);
  });

  it('reaches as far as records were delivered on the target itself, in an earlier epoch', () => {
    expect(limit({ processed: 100n, deliveredOnTarget: 190n })).toBe(200n);
    expect(limit({ processed: 100n, deliveredOnTarget: 230n })).toBe(230n);
  });

  it('is not known where another member may have had the partition', () => {
    expect(limit({ processed: 100n, deliveredBelow: undefined })).toBeUndefined();
  });

  it('is not known behind the newest sync', () => {
    expect(limit({ processed: 152n })).toBeUndefined();
    expect(limit({ processed: 100n, deliveredBelow: 152n })).toBeUndefined();
  });

  it('ends behind the copy that a sync names, where that is the copy of the last record', () => {
    expect(limit({ processed: 101n })).toBe(201n);
    expect(limit({ processed: 151n })).toBe(261n);
    expect(limit({ processed: 100n, deliveredBelow: 101n })).toBe(201n);
    // 100 is handled, and 101 to 104 no handler was given: aborted records, the end of a transaction.
    expect(limit({ processed: 105n, lastHandled: 100n })).toBe(201n);
    expect(limit({ processed: 105n, lastHandled: 101n })).toBe(260n);
    expect(limit({ processed: 105n, lastHandled: 100n, deliveredBelow: 110n })).toBe(260n);
  });

  it('is nothing where nothing was handled on the source, and is not known where that is not', () => {
    expect(limit({ untouched: { deliveredBelow: 0n } })).toBe(0n);
    expect(limit({ untouched: { deliveredBelow: 0n }, deliveredOnTarget: 230n })).toBe(230n);
    expect(limit({ untouched: {} })).toBeUndefined();
    // Another member went on from there.
    expect(limit({ untouched: { deliveredBelow: 0n }, checkpoint: [130n, 201n] })).toBeUndefined();
    // Under autoCommit: false nothing is committed, and something was given to handlers.
    expect(limit({ untouched: { deliveredBelow: 101n } })).toBe(201n);
  });

  it('is not known where MirrorMaker may have copied again, and nobody has read it', () => {
    const unread = { hasAllSyncs: false } as const;
    expect(limit({ processed: 100n, ...unread })).toBeUndefined();
    expect(limit({ processed: 101n, ...unread })).toBeUndefined();
    // Second copies of what nobody handled are new.
    expect(limit({ untouched: { deliveredBelow: 0n }, ...unread })).toBe(0n);
  });

  it('is not known where another member went on, or only commits are known', () => {
    expect(limit({ processed: 120n, sourceCommit: 130n })).toBeUndefined();
    expect(limit({ processed: 120n, checkpoint: [130n, 201n] })).toBeUndefined();
    expect(limit({ sourceCommit: 120n })).toBeUndefined();
  });
});

describe('the maximum of the bounds', () => {
  const positions = fc.integer({ min: 0, max: 160 });

  /** A group at a random position, with commits and a checkpoint of earlier moments. */
  function checkAll(troubles: FlowTroubles, options: { thatLives: boolean }): void {
    let checkedCount = 0;
    fc.assert(
      fc.property(
        flowScripts(troubles),
        fc.tuple(positions, positions, positions).map((three) => three.toSorted((a, b) => a - b)),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.record({ commit: fc.boolean(), processed: fc.boolean(), checkpoint: fc.boolean() }),
        (script, [atCheckpoint = 0, atCommit = 0, handled = 0], share, has) => {
          const flow = simulateFlow(script);
          const read = flow.syncs.slice(0, Math.ceil(flow.syncs.length * share));
          const mirror = mirrorOf(
            ...read.map((sync) => [sync.upstreamOffset, sync.downstreamOffset] as const),
          );
          // MirrorMaker made the checkpoint by its own rule, from what the reader has read as well.
          const { store } = mirror;
          const made = translateAsMirrorMaker(store, 'orders', 0, BigInt(atCheckpoint));
          const mirrored = evidence(mirror, {
            ...(has.checkpoint && made.kind !== 'unavailable'
              ? { checkpoint: [BigInt(atCheckpoint), made.offset] as const }
              : {}),
            ...(has.commit ? { sourceCommit: BigInt(atCommit) } : {}),
            ...(has.processed ? { processed: BigInt(handled) } : {}),
          });
          const facts = gatherBounds({ ownCommit: undefined, mirrored });
          const range = {
            low: 0n,
            high: BigInt(flow.target.length),
            end: BigInt(flow.target.length),
          };
          const log = { topic: 'orders', physicalTopic: 'A.orders', partition: 0, range };
          const plan = planPartition({ ...log, ...facts }, 'earliest');
          if (plan.kind !== 'resume' || plan.method === 'earliest') return;
          checkedCount += 1;
          expect(skipsNothing(flow, BigInt(handled), plan.offset, options)).toBe(true);
        },
      ),
      { numRuns: 2_000 },
    );
    expect(checkedCount).toBeGreaterThan(300);
  }

  it('skips nothing, whatever happens to the mirror', () => {
    checkAll(ALL_TROUBLES, { thatLives: true });
  });

  it.each([
    ['a sync for every record', { ...ALL_TROUBLES, sparseSyncs: false }],
    ['sparse syncs and no restarts', { ...ALL_TROUBLES, restarts: false }],
  ])('skips nothing although the source dies at any time, with %s', (_, troubles) => {
    checkAll(troubles, { thatLives: false });
  });

  it('tells at most how many records are read again', () => {
    let limitedCount = 0;
    fc.assert(
      fc.property(
        flowScripts({ ...ALL_TROUBLES, sparseSyncs: false }),
        positions,
        fc.integer({ min: 0, max: 10 }),
        (script, handled, openCount) => {
          const flow = simulateFlow(script);
          const mirror = mirrorOf(
            ...flow.syncs.map((sync) => [sync.upstreamOffset, sync.downstreamOffset] as const),
          );
          const delivered = BigInt(handled + openCount);
          const mirrored = evidence(mirror, {
            processed: BigInt(handled),
            deliveredBelow: delivered,
          });
          const range = {
            low: 0n,
            high: BigInt(flow.target.length),
            end: BigInt(flow.target.length),
          };
          const log = { topic: 'orders', physicalTopic: 'A.orders', partition: 0, range };
          const facts = gatherBounds({ ownCommit: undefined, mirrored });
          const plan = planPartition({ ...log, ...facts }, 'earliest');
          if (plan.kind !== 'resume' || plan.maxRereadCount === undefined) return;
          if (plan.offset + plan.maxRereadCount < range.high) limitedCount += 1;
          const end = handledEnd(flow, delivered);
          expect(end).toBeLessThanOrEqual(plan.offset + plan.maxRereadCount);
        },
      ),
      { numRuns: 1_000 },
    );
    expect(limitedCount).toBeGreaterThan(100);
  });
});
