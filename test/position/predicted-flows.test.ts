import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gatherBounds, withFoundCopies, type MirroredEvidence } from '../../src/position/bounds.js';
import { toCopies } from '../../src/position/correspondence.js';
import { findCopies } from '../../src/position/exact.js';
import { contentHash, type HandledRecord } from '../../src/position/fingerprint.js';
import { planPartition, type PartitionPlan } from '../../src/position/plan.js';
import { OffsetSyncStore } from '../../src/replication/offset-sync-store.js';
import { translate } from '../../src/replication/translate.js';
import { FakeCluster } from '../replication/fake-cluster.js';
import {
  ALL_TROUBLES,
  flowScripts,
  handledEnd,
  simulateFlow,
  type FlowScript,
  type FlowTroubles,
  type SimulatedFlow,
} from '../replication/simulated-flow.js';
import { manualWorld } from '../support/manual-world.js';

const TOPIC = 'A.orders';

/** A group that is switched: what it handled, and how much of it is known. */
interface Switched {
  readonly script: FlowScript;
  /** Everything below was handled. */
  readonly handled: number;
  /** So many offsets more were given to handlers, which did not say how far they came. */
  readonly openCount: number;
  /** So many of the last handled records are remembered. */
  readonly rememberedCount: number;
  /** With few looks many records are twins. */
  readonly lookCount: number;
  readonly perMillisecond: number;
  /** The share of the offset syncs that was read: the rest is on a source that is dead. */
  readonly readShare: number;
  /** MirrorMaker has not written the first ones; of `all` that is known. */
  readonly unwritten: number | 'all';
}

function switchedGroups(
  troubles: FlowTroubles,
  readShares: fc.Arbitrary<number>,
  unwritten: fc.Arbitrary<number | 'all'>,
): fc.Arbitrary<Switched> {
  return fc.record({
    script: flowScripts(troubles),
    handled: fc.integer({ min: 0, max: 160 }),
    openCount: fc.constantFrom(0, 0, 0, 1, 7),
    rememberedCount: fc.constantFrom(0, 1, 8, 128),
    lookCount: fc.constantFrom(1, 2, 5, 1_000),
    perMillisecond: fc.constantFrom(1, 4, 50),
    readShare: readShares,
    unwritten,
  });
}

function contentOf(upstream: number, { lookCount, perMillisecond }: Switched) {
  return {
    timestamp: String(Math.floor(upstream / perMillisecond)),
    key: null,
    value: Buffer.from(`look ${upstream % lookCount}`),
  };
}

function targetOf(flow: SimulatedFlow, group: Switched): FakeCluster {
  const target = new FakeCluster('B').create(TOPIC);
  for (const upstream of flow.target) {
    if (upstream === undefined) {
      target.skip(TOPIC, 1n);
      continue;
    }
    const { timestamp, ...content } = contentOf(upstream, group);
    target.append(TOPIC, content, { timestampMs: Number(timestamp) });
  }
  return target;
}

/** What is known of the group when it comes to B. */
function evidenceOf(flow: SimulatedFlow, group: Switched): MirroredEvidence {
  const { handled, openCount, rememberedCount, readShare, unwritten } = group;
  const store = new OffsetSyncStore();
  const written = unwritten === 'all' ? [] : flow.syncs.slice(unwritten);
  const read = written.slice(0, Math.ceil(written.length * readShare));
  for (const sync of read) store.put('orders', 0, sync);
  store.finishReading();
  const offsets = [...flow.source.keys()].filter((one) => flow.source[one] && one < handled);
  const recent = offsets.slice(offsets.length - rememberedCount).map((one): HandledRecord => {
    const content = contentOf(one, group);
    return { offset: BigInt(one), timestamp: content.timestamp, hash: contentHash(content) };
  });
  return {
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
    checkpoint: undefined,
    sourceCommit: undefined,
    processed: {
      offset: BigInt(handled),
      deliveredBelow: BigInt(handled + openCount),
      rewoundBelow: undefined,
      recent: { all: () => recent, few: () => recent },
    },
    deliveredOnTarget: undefined,
    hasAllSyncs: readShare === 1,
  };
}

/** As the planner does it: the bounds, and what is recognised where they are not exact. */
async function planOf(flow: SimulatedFlow, group: Switched): Promise<PartitionPlan> {
  const evidence = evidenceOf(flow, group);
  const target = targetOf(flow, group);
  const high = BigInt(flow.target.length);
  const range = { low: 0n, high, end: high };
  const known = gatherBounds({ ownCommit: undefined, mirrored: evidence });
  const handled = evidence.processed?.recent.all() ?? [];
  const isSought = handled.length > 0 && known.bounds.every(({ method }) => method !== 'exact');
  const correspondence = toCopies(evidence.mirror, 'orders', 0);
  const isUnsynced = group.unwritten === 'all';
  const log = { physicalTopic: TOPIC, partition: 0, isShared: false, isUnsynced, range, handled };
  const [found] = isSought
    ? await findCopies([{ ...log, correspondence }], {
        target,
        world: manualWorld(),
        deadlineAtMs: 1_000,
      })
    : [];
  const bounds = found === undefined ? known : withFoundCopies(known, found, evidence);
  return planPartition(
    { topic: 'orders', physicalTopic: TOPIC, partition: 0, range, ...bounds },
    'earliest',
  );
}

/** Checks random groups; answers how many of them were told that nothing comes again, and how many more than what really does. */
async function checkAll(
  troubles: FlowTroubles,
  {
    readShares = fc.constant(1),
    unwritten = fc.constant(0),
  }: { readShares?: fc.Arbitrary<number>; unwritten?: fc.Arbitrary<number | 'all'> } = {},
): Promise<{ readonly exactCount: number; readonly carefulCount: number }> {
  let [exactCount, carefulCount] = [0, 0];
  await fc.assert(
    fc.asyncProperty(switchedGroups(troubles, readShares, unwritten), async (group) => {
      const flow = simulateFlow(group.script);
      const plan = await planOf(flow, group);
      if (plan.kind !== 'resume' || plan.maxRereadCount === undefined) return;
      const end = handledEnd(flow, BigInt(group.handled + group.openCount));
      const reallyBelow = end > plan.offset ? end : plan.offset;
      const predictedBelow = plan.offset + plan.maxRereadCount;
      expect(predictedBelow).toBeGreaterThanOrEqual(reallyBelow);
      if (predictedBelow === reallyBelow) exactCount += 1;
      else carefulCount += 1;
    }),
    { numRuns: 1_000 },
  );
  return { exactCount, carefulCount };
}

describe('how much a plan says may be handled again', () => {
  it('is never less than what comes, whatever happens to the mirror, and however alike records are', async () => {
    const { exactCount, carefulCount } = await checkAll(ALL_TROUBLES);
    expect(exactCount).toBeGreaterThan(carefulCount);
  });

  it('is never less than what comes where syncs are on a source that died before they were read', async () => {
    const readShares = fc.double({ min: 0, max: 1, noNaN: true });
    await checkAll(ALL_TROUBLES, { readShares });
  });

  it('is never less than what comes where MirrorMaker has written no sync yet', async () => {
    // In its first life, that is: it does not die between the first copies and the first sync.
    const unwritten = fc.constant('all' as const);
    await checkAll({ ...ALL_TROUBLES, restarts: false }, { unwritten });
  });

  it('is never less than what comes where the first sync that MirrorMaker has written is of a later record', async () => {
    const unwritten = fc.integer({ min: 1, max: 20 });
    await checkAll({ ...ALL_TROUBLES, restarts: false }, { unwritten });
  });

  it('is what comes, nearly always, where MirrorMaker writes a sync for every record', async () => {
    const troubles = { ...ALL_TROUBLES, restarts: false, extras: false, sparseSyncs: false };
    const { exactCount, carefulCount } = await checkAll(troubles);
    expect(exactCount).toBeGreaterThan(20 * carefulCount);
  });
});
