import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gatherBounds, withFoundCopies, type MirroredEvidence } from '../../src/position/bounds.js';
import { carriedRecords, soughtRecords } from '../../src/position/carried-records.js';
import { commitMetadata, readCommitMetadata } from '../../src/position/commit-metadata.js';
import type { HandledRecord } from '../../src/position/fingerprint.js';
import type { Checkpoint } from '../../src/replication/checkpoint-store.js';
import { unreachable } from '../../src/unreachable.js';
import { OffsetSyncStore } from '../../src/replication/offset-sync-store.js';
import { translateAsMirrorMaker } from '../../src/replication/translate.js';
import {
  ALL_TROUBLES,
  flowScripts,
  simulateFlow,
  skipsNothing,
  type FlowTroubles,
  type SimulatedFlow,
} from '../replication/simulated-flow.js';
import { findIn, handledOf, mirrorOf, type Looks } from './mirrored-logs.js';

const LOG = { cluster: 'A', physicalTopic: 'orders', partition: 0 };

function named(...offsets: readonly number[]): HandledRecord[] {
  const hash = '0123456789abcdef';
  return offsets.map((offset) => ({ offset: BigInt(offset), timestamp: '5', hash }));
}

const carried = { ...LOG, offset: 60n, atWallMs: 1_000, recent: named(57, 58, 59) };

function checkpointOf(metadata: string | undefined, upstreamOffset = 60n): Checkpoint {
  return {
    upstreamOffset,
    downstreamOffset: 41n,
    metadata: metadata ?? '',
    recordedAtWallMs: 5_000,
  };
}

/** Everything is copied to its own offset, and there are two syncs. */
function evidenceOf(
  checkpoint: Checkpoint | undefined,
  processed?: MirroredEvidence['processed'],
): MirroredEvidence {
  const flow: SimulatedFlow = {
    source: [],
    target: [],
    syncs: [
      { upstreamOffset: 40n, downstreamOffset: 40n },
      { upstreamOffset: 100n, downstreamOffset: 100n },
    ],
    next: 0,
  };
  return {
    mirror: { source: 'A', target: 'B', foreignFrom: () => undefined, ...mirrorOf(flow) },
    isShared: false,
    upstreamTopic: 'orders',
    partition: 0,
    checkpoint,
    sourceCommit: undefined,
    processed,
    deliveredOnTarget: undefined,
    hasAllSyncs: true,
  };
}

function processedTo(offset: bigint, recent: readonly HandledRecord[], rewoundBelow?: bigint) {
  const few = (): readonly HandledRecord[] => recent;
  return { offset, deliveredBelow: offset, rewoundBelow, recent: { all: few, few } };
}

describe('the records that a checkpoint brings along', () => {
  it('are those that its commit names', () => {
    const evidence = evidenceOf(checkpointOf(commitMetadata(carried)));
    expect(carriedRecords(evidence, undefined)).toEqual(carried.recent);
  });

  it('are those of the commit on the source, where that is as far or further', () => {
    const further = { ...carried, offset: 70n, recent: named(69) };
    const commit = { offset: 70n, metadata: commitMetadata(further) ?? '' };
    const evidence = evidenceOf(checkpointOf(commitMetadata(carried)));
    expect(carriedRecords(evidence, undefined, commit)).toEqual(named(69));
    expect(carriedRecords({ ...evidence, checkpoint: undefined }, undefined, commit)).toEqual(
      named(69),
    );
    // Older than the checkpoint; without metadata, as a reset by hand is; of before the log began anew.
    expect(carriedRecords(evidence, undefined, { ...commit, offset: 50n })).toEqual(carried.recent);
    expect(carriedRecords(evidence, undefined, { ...commit, metadata: '' })).toEqual([]);
    expect(carriedRecords(evidence, 9_999, commit)).toEqual([]);
  });

  it.each([
    ['none', ''],
    ["the service's own metadata", 'event-3'],
    [
      'that of another offset: it was kept beside a reset',
      commitMetadata({ ...carried, offset: 61n }),
    ],
    [
      'that of another cluster: group offsets were copied',
      commitMetadata({ ...carried, cluster: 'B' }),
    ],
    ['that of another topic', commitMetadata({ ...carried, physicalTopic: 'invoices' })],
    ['that of another partition', commitMetadata({ ...carried, partition: 1 })],
  ])('are none where it holds %s', (_, metadata) => {
    expect(carriedRecords(evidenceOf(checkpointOf(metadata)), undefined)).toEqual([]);
  });

  it('are none where the offset syncs have begun anew since the commit: the log may be another one', () => {
    const evidence = evidenceOf(checkpointOf(commitMetadata(carried)));
    expect(carriedRecords(evidence, 999)).toEqual(carried.recent);
    expect(carriedRecords(evidence, 1_001)).toEqual([]);
    // A clock that runs ahead does not make a commit younger than its checkpoint.
    const ahead = commitMetadata({ ...carried, atWallMs: 9_000 });
    expect(carriedRecords(evidenceOf(checkpointOf(ahead)), 5_001)).toEqual([]);
  });

  it('are none where an offset sync contradicts the checkpoint', () => {
    const beyond = { ...checkpointOf(commitMetadata(carried)), downstreamOffset: 101n };
    expect(carriedRecords(evidenceOf(beyond), undefined)).toEqual([]);
  });

  it('are none where this process is as far, and remembers records; or has moved back', () => {
    const checkpoint = checkpointOf(commitMetadata(carried));
    const of = (processed: MirroredEvidence['processed']): number =>
      carriedRecords(evidenceOf(checkpoint, processed), undefined).length;
    expect(of(processedTo(60n, named(59)))).toBe(0);
    expect(of(processedTo(60n, []))).toBe(3);
    expect(of(processedTo(59n, named(58)))).toBe(3);
    expect(of(processedTo(20n, [], 70n))).toBe(0);
  });

  it('are looked for behind what this process knows of before them', () => {
    const processed = processedTo(58n, named(55, 56, 57));
    expect(
      soughtRecords({ processed, carried: carried.recent }).map(({ offset }) => offset),
    ).toEqual([55n, 56n, 57n, 58n, 59n]);
    expect(soughtRecords({ processed })).toEqual(processed.recent.all());
  });

  it('are a lower bound, never called exact: the group may have handled more since', () => {
    const evidence = evidenceOf(checkpointOf(commitMetadata(carried)));
    const copies = {
      bound: { method: 'exact', offset: 60n },
      awaited: [],
      isLastMet: true,
      isLookedBehind: true,
      notes: [],
    } as const;
    const known = gatherBounds({ ownCommit: undefined, mirrored: evidence });
    expect(withFoundCopies(known, copies, { ...evidence, carried: carried.recent }).bounds).toEqual(
      [
        { method: 'fingerprint', offset: 60n, isOfLast: false },
        { method: 'checkpoint', offset: 41n },
      ],
    );
  });
});

/** What stands beside a commit at `U`: of a member, or of what is done to groups and their metadata. */
type Beside = 'own' | 'kept beside a reset' | 'of another log' | 'contradicting itself' | 'junk';

/** What is believed of a checkpoint; planted faults believe more. */
type Belief = (evidence: MirroredEvidence) => readonly HandledRecord[];

const believed: Belief = (evidence) => carriedRecords(evidence, undefined);

function textBeside(
  beside: Beside,
  flow: SimulatedFlow,
  { below, ahead, looks }: { below: number; ahead: number; looks: Looks },
): string {
  const offset = BigInt(below);
  const own = (position: number): HandledRecord[] => handledOf(flow, position, 4, looks);
  const further = own(below + ahead);
  const text = (more: object): string =>
    commitMetadata({ ...LOG, offset, atWallMs: 0, recent: own(below), ...more }) ?? '';
  switch (beside) {
    case 'own':
      return text({});
    // The group was further before, and was set back.
    case 'kept beside a reset':
      return text({ offset: offset + BigInt(ahead), recent: further });
    // By chance the same offset, on the other cluster: other records.
    case 'of another log': {
      const recent = further.map((one, index) => ({ ...one, offset: BigInt(index) }));
      return text({ cluster: 'B', recent: recent.filter((one) => one.offset < offset) });
    }
    case 'contradicting itself':
      return text({ recent: further });
    case 'junk':
      return 'event-3';
    default:
      return unreachable(beside);
  }
}

describe('the place behind what a checkpoint brings along', () => {
  async function check(
    belief: Belief,
    troubles: FlowTroubles,
    thatLives: boolean,
  ): Promise<{ skipped: string | undefined; foundCount: number; betterCount: number }> {
    let foundCount = 0;
    let betterCount = 0;
    const property = fc.asyncProperty(
      flowScripts(troubles),
      fc.integer({ min: 1, max: 160 }),
      fc.integer({ min: 1, max: 30 }),
      fc.constantFrom<Beside>(
        'own',
        'own',
        'kept beside a reset',
        'of another log',
        'contradicting itself',
        'junk',
      ),
      fc.record({
        lookCount: fc.constantFrom(1, 2, 5, 1_000),
        perMillisecond: fc.constantFrom(1, 4, 50),
      }),
      async (script, below, ahead, beside, looks) => {
        const flow = simulateFlow(script);
        const store = new OffsetSyncStore({ remember: 'mirrormaker' });
        for (const sync of flow.syncs) store.put('orders', 0, sync);
        store.finishReading();
        const down = translateAsMirrorMaker(store, 'orders', 0, BigInt(below));
        if (down.kind === 'unavailable') return;
        const checkpoint = {
          upstreamOffset: BigInt(below),
          downstreamOffset: down.offset,
          metadata: textBeside(beside, flow, { below, ahead, looks }),
          recordedAtWallMs: 0,
        };
        const mirror = { ...evidenceOf(undefined).mirror, ...mirrorOf(flow) };
        const evidence = { ...evidenceOf(checkpoint), mirror };
        const records = soughtRecords({ processed: undefined, carried: belief(evidence) });
        const { bound } = await findIn(flow, records, looks);
        if (bound === undefined) return;
        foundCount += 1;
        if (bound.offset > down.offset) betterCount += 1;
        expect(skipsNothing(flow, BigInt(below), bound.offset, { thatLives })).toBe(true);
      },
    );
    // A planted fault is looked for until it is met, and need not be made small.
    const isPlanted = belief !== believed;
    const details = await fc.check(
      property,
      isPlanted ? { numRuns: 10_000, endOnFailure: true } : { numRuns: 1_500 },
    );
    return { skipped: fc.defaultReportMessage(details), foundCount, betterCount };
  }

  const SPARSE = { ...ALL_TROUBLES, restarts: false };

  it('skips nothing, whatever stands beside the commit, and whatever happens to the mirror', async () => {
    const seen = await check(believed, ALL_TROUBLES, true);
    expect(seen.skipped).toBeUndefined();
    expect(seen.foundCount).toBeGreaterThan(75);
  });

  it('skips nothing although the source dies at any time, and is further than the checkpoint', async () => {
    const seen = await check(believed, SPARSE, false);
    expect(seen.skipped).toBeUndefined();
    expect(seen.betterCount).toBeGreaterThan(25);
  });

  it.each<[string, Belief]>([
    [
      'metadata of another offset',
      ({ checkpoint }) => {
        const read = readCommitMetadata(checkpoint?.metadata ?? '');
        return read?.cluster === 'A' ? read.recent : [];
      },
    ],
    [
      'metadata of another log',
      ({ checkpoint }) => {
        const read = readCommitMetadata(checkpoint?.metadata ?? '');
        return read?.offset === checkpoint?.upstreamOffset ? (read?.recent ?? []) : [];
      },
    ],
    [
      'records beyond the commit',
      (evidence) => {
        const { checkpoint } = evidence;
        const text = checkpoint?.metadata.replace(/"offset":"\d+"/, '"offset":"999999"') ?? '';
        const isFar = checkpoint?.metadata.includes(`"offset":"${checkpoint.upstreamOffset}"`);
        const read = isFar === true ? readCommitMetadata(text) : undefined;
        return read?.cluster === 'A' ? read.recent : [];
      },
    ],
  ])('would skip records if it believed %s', async (_, planted) => {
    expect((await check(planted, SPARSE, false)).skipped).toContain('Property failed');
  });
});
