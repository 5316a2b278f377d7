import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MirroredEvidence } from '../../src/position/bounds.js';
import { upstreamOf } from '../../src/position/upstream.js';
import { OffsetSyncStore } from '../../src/replication/offset-sync-store.js';
import { translate } from '../../src/replication/translate.js';

type Pair = readonly [upstream: number, downstream: number];

function evidence(
  syncs: readonly Pair[] | 'not-readable' | 'not-read',
  more: Partial<MirroredEvidence> = {},
): MirroredEvidence {
  const store = new OffsetSyncStore();
  if (syncs !== 'not-read') store.finishReading();
  for (const [upstream, downstream] of Array.isArray(syncs) ? (syncs as readonly Pair[]) : []) {
    store.put('orders', 0, {
      upstreamOffset: BigInt(upstream),
      downstreamOffset: BigInt(downstream),
    });
  }
  return {
    mirror: {
      source: 'A',
      target: 'B',
      translate: (topic, partition, offset) =>
        syncs === 'not-readable'
          ? { kind: 'unavailable', reason: 'not-readable' }
          : translate(store, topic, partition, offset),
      syncsAround: (topic, partition, offset) => store.around(topic, partition, offset),
      foreignFrom: (topic, partition) => store.foreignFrom(topic, partition),
    },
    isShared: false,
    upstreamTopic: 'orders',
    partition: 0,
    checkpoint: undefined,
    sourceCommit: undefined,
    processed: undefined,
    deliveredOnTarget: undefined,
    hasAllSyncs: true,
    ...more,
  };
}

const log = (high: number) => ({ low: 0n, high: BigInt(high) });

describe('how far a log is mirrored', () => {
  it.each([
    ['up to the newest sync, where nothing follows it', [[10, 5]], 6, { kind: 'known', end: 11n }],
    ['and by as many as follow it', [[10, 5]], 26, { kind: 'known', end: 31n }],
    [
      'also where the sync is newer than the look at the end',
      [[10, 5]],
      3,
      { kind: 'known', end: 11n },
    ],
    [
      'at most so far, while MirrorMaker copies a second time',
      [
        [10, 10],
        [90, 90],
        [40, 95],
      ],
      110,
      { kind: 'atMost' },
    ],
    [
      'is not known without a sync',
      [],
      26,
      { kind: 'unknown', because: expect.stringContaining('no offset sync') },
    ],
    ['is not known before the syncs are read', 'not-read', 26, { kind: 'unknown' }],
    [
      'is not known where nobody can read them',
      'not-readable',
      26,
      { kind: 'unknown', because: expect.stringContaining('offset-syncs.topic.location') },
    ],
  ] as const)('%s', (_what, syncs, high, mirrored) => {
    expect(upstreamOf(evidence(syncs), log(high), undefined, []).mirrored).toMatchObject(mirrored);
  });

  it('is at least up to the newest sync, where the copies share the log with others', () => {
    const shared = evidence([[10, 5]], { isShared: true });
    expect(upstreamOf(shared, log(26), undefined, []).mirrored).toEqual({
      kind: 'atLeast',
      end: 11n,
    });
  });

  it('is at least up to the newest sync where the log was made anew, and holds nothing that a sync names: what was copied behind it is gone, too', () => {
    const newestSync = { upstreamOffset: 10n, downstreamOffset: 5n };
    const mirrored = (high: number) =>
      upstreamOf(evidence([[10, 5]], { newestSync }), log(high), undefined, []).mirrored;
    expect(mirrored(5)).toEqual({ kind: 'atLeast', end: 11n });
    expect(mirrored(6)).toEqual({ kind: 'known', end: 11n });
  });

  it('is not known where the syncs could not be brought up to date, and says why', () => {
    const because = 'reading them took too long';
    const found = upstreamOf(evidence([[10, 5]]), log(26), 100n, [{ kind: 'not-known', because }]);
    expect(found.mirrored).toEqual({ kind: 'unknown', because });
    expect(found.end).toEqual({ kind: 'asked', offset: 100n });
  });

  it('is exact for every history of a mirror that meets gaps and writes its syncs', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean()), { minLength: 1 }),
        fc.nat(200),
        (steps, open) => {
          const syncs: Pair[] = [];
          let upstream = -1;
          steps.forEach(([step, isSynced], downstream) => {
            upstream += step;
            // As MirrorMaker: behind every gap, at the beginning, and from time to time.
            if (downstream === 0 || step > 1 || isSynced) syncs.push([upstream, downstream]);
          });
          const end = BigInt(upstream + 1 + open);
          const found = upstreamOf(evidence(syncs), log(steps.length), end, []);
          expect(found.mirrored).toEqual({ kind: 'known', end: BigInt(upstream + 1) });
          expect(found.end).toEqual({ kind: 'asked', offset: end });
        },
      ),
    );
  });
});

describe('where a log ends', () => {
  it('is, without the source, the end of all that was seen of it', () => {
    const processed = { offset: 40n, deliveredBelow: 42n, rewoundBelow: undefined } as const;
    const recent = { all: () => [], few: () => [] };
    const found = upstreamOf(
      evidence([[10, 10]], { processed: { ...processed, recent }, sourceCommit: 30n }),
      log(11),
      undefined,
      [],
    );
    expect(found).toMatchObject({ end: { kind: 'seen', offset: 42n }, handledEnd: 40n });
  });

  it('is not known where nothing was seen of it', () => {
    const found = upstreamOf(evidence([]), log(11), undefined, []);
    expect(found).toMatchObject({ end: { kind: 'unknown' }, handledEnd: undefined });
  });
});

describe('copies that are gone', () => {
  const handled = (offset: number): Partial<MirroredEvidence> => ({ sourceCommit: BigInt(offset) });
  const goneIn = (
    syncs: readonly Pair[],
    handledEnd: number | undefined,
    low: number,
  ): readonly [bigint, bigint] | undefined => {
    const known = evidence(syncs, handledEnd === undefined ? {} : handled(handledEnd));
    const { gone } = upstreamOf(known, { low: BigInt(low), high: 1_000n }, undefined, []);
    return gone && [gone.first, gone.last];
  };
  const every = (count: number, from = 0, to = 0): readonly Pair[] =>
    Array.from({ length: count }, (_, index) => [from + index, to + index] as const);

  it('are those before the first one in a topic that was made anew', () => {
    expect(goneIn([...every(300), ...every(50, 300)], 64, 0)).toEqual([64n, 299n]);
  });

  it('are those below the start of the log, where retention was quicker than the group', () => {
    expect(goneIn(every(300), 34, 200)).toEqual([34n, 199n]);
  });

  it('are all that was copied where a topic was made anew and no sync is of the new one', () => {
    const newestSync = { upstreamOffset: 299n, downstreamOffset: 299n };
    const goneBefore = (high: bigint, handledEnd: number) =>
      upstreamOf(
        evidence(every(300), { ...handled(handledEnd), newestSync }),
        { low: 0n, high },
        undefined,
        [],
      ).gone;
    expect(goneBefore(0n, 64)).toEqual({ first: 64n, last: 299n });
    expect(goneBefore(299n, 64)).toEqual({ first: 64n, last: 299n });
    expect(goneBefore(300n, 64)).toBeUndefined();
    expect(goneBefore(0n, 300)).toBeUndefined();
  });

  it('are all that was copied before, also where the first sync of the new log is not of its first record', () => {
    const goneBefore = (copiedBefore: bigint | undefined, handledEnd: number) =>
      upstreamOf(
        evidence([[23, 2]], { ...handled(handledEnd), copiedBefore }),
        { low: 0n, high: 9n },
        undefined,
        [],
      ).gone;
    expect(goneBefore(20n, 19)).toEqual({ first: 19n, last: 20n });
    expect(goneBefore(20n, 21)).toBeUndefined();
    expect(goneBefore(undefined, 19)).toBeUndefined();
  });

  it('are found between offset syncs as well, where there are few', () => {
    const few: readonly Pair[] = [
      [0, 0],
      [101, 100],
      [202, 200],
    ];
    expect(goneIn(few, 34, 250)).toEqual([34n, 251n]);
    expect(goneIn(few, 34, 150)).toEqual([34n, 150n]);
    expect(goneIn(few, 34, 90)).toEqual([34n, 89n]);
    expect(goneIn(few, 34, 99)).toEqual([34n, 98n]);
    expect(goneIn(few, 34, 34)).toBeUndefined();
  });

  it('are those below the start of the log, also where no sync is left of them', () => {
    expect(goneIn(every(100, 100, 100), 34, 50)).toEqual([34n, 49n]);
    expect(goneIn([[210, 100]], 34, 50)).toEqual([34n, 49n]);
    // Copied again before: 100 places hold fewer records.
    expect(goneIn([[80, 100]], 4, 50)).toEqual([4n, 29n]);
    expect(goneIn(every(100, 100, 100), 34, 0)).toBeUndefined();
    expect(goneIn(every(100, 100, 100), 50, 50)).toBeUndefined();
  });

  it('are not known in a log that copies share with others', () => {
    const known = evidence(every(300), { ...handled(34), isShared: true });
    const { gone } = upstreamOf(known, { low: 200n, high: 1_000n }, undefined, []);
    expect(gone).toBeUndefined();
  });

  it.each([
    ['all were handled that are gone', every(300), 200, 200],
    ['the group is ahead of the mirror', every(300), 400, 200],
    ['nobody knows how far the group had come', every(300), undefined, 200],
    ['the log begins at its beginning', every(300), 34, 0],
    ['retention was not quicker than the group', every(300), 200, 150],
    ['MirrorMaker copies them again', [...every(300), [0, 300], [1, 301]] as const, 34, 200],
    // 20 records, and then those from 15 on twice more: the newest copies of 15 to 17 are there.
    [
      'MirrorMaker crashes again, and copies the same ones',
      [...every(20), [15, 20], [15, 25]] as const,
      4,
      23,
    ],
    ['no sync is known', [], 34, 200],
  ])('are none where %s', (_what, syncs, handledEnd, low) => {
    expect(goneIn(syncs, handledEnd, low)).toBeUndefined();
  });
});
