import { describe, expect, it, onTestFinished } from 'vitest';
import type { GroupNeed, HandledPosition } from '../../src/position/need.js';
import type { PartitionPlan } from '../../src/position/plan.js';
import { planGroups, type PlannerParts } from '../../src/position/planner.js';
import type { RecordedPosition } from '../../src/position/progress-record.js';
import { handledStretch } from '../../src/position/returned.js';
import { openMirror } from '../../src/replication/mirror.js';
import { defaultPolicy } from '../../src/replication/policy.js';
import { EventLog } from '../replication/event-log.js';
import { FakeCluster } from '../replication/fake-cluster.js';
import { NO_MIRROR } from '../replication/no-mirror.js';
import { manualWorld } from '../support/manual-world.js';

const none = { all: () => [], few: () => [] };

function position(physicalTopic: string, offset: bigint, handledFrom: bigint): HandledPosition {
  const log = { physicalTopic, partition: 0, rewoundBelow: undefined, recent: none };
  return { ...log, offset, deliveredBelow: offset, handledFrom, committed: offset };
}

/** The group came from A at 10; this process has handled the copies from 10 to 14 on B, and goes home. */
async function planHome({
  commit,
  deliveredOnA,
  deliveredOnB,
  begunAt = [{ physicalTopic: 'A.orders', partition: 0, offset: 10n }],
  isCopiedAgain = false,
  recorded = [],
}: {
  /** Of the group, on B. */
  commit: bigint;
  deliveredOnA?: bigint;
  /** Of the copies, before the inner consumer in force. */
  deliveredOnB?: bigint;
  begunAt?: GroupNeed['begunAt'];
  isCopiedAgain?: boolean;
  recorded?: readonly RecordedPosition[];
}): Promise<PartitionPlan | undefined> {
  const A = new FakeCluster('A').create('orders').create('B.orders');
  A.create('B.checkpoints.internal').create('mm2-offset-syncs.B.internal');
  const B = new FakeCluster('B').create('orders').create('A.orders');
  for (let at = 0; at < 30; at += 1) {
    const record = { key: null, value: Buffer.from(`r${at}`) };
    A.append('orders', record, { timestampMs: at });
    B.append('A.orders', record, { timestampMs: at });
  }
  A.commit('g', 'orders', 0, 10n);
  B.commit('g', 'A.orders', 0, commit);
  const world = manualWorld();
  const policy = defaultPolicy();
  const events = new EventLog();
  const mirror = openMirror({ source: 'B', target: 'A', policy, targetAccess: A, world, events });
  onTestFinished(() => mirror.close());
  const deliveredOn = (cluster: string, physicalTopic: string, below: bigint | undefined) =>
    below === undefined ? [] : [{ cluster, physicalTopic, partition: 0, below }];
  const parts: PlannerParts = {
    needs: [
      {
        groupId: 'g',
        selectors: ['orders'],
        untouched: [],
        processed: [position('A.orders', 15n, 10n)],
        begunAt,
        earlier: [{ cluster: 'A', position: position('orders', 10n, 0n) }],
        deliveredBefore: [
          ...deliveredOn('A', 'orders', deliveredOnA),
          ...deliveredOn('B', 'A.orders', deliveredOnB),
        ],
      },
    ],
    ...{ source: B, target: A, mirror, policy, world },
    mirrorBack: {
      ...NO_MIRROR,
      refresh: () => Promise.resolve(),
      restartedAtWallMs: () => (isCopiedAgain ? 1 : undefined),
      syncsAround: (_topic, _partition, offset) => {
        const sync = { upstreamOffset: offset, downstreamOffset: offset };
        return { kind: 'known', floor: sync, ceiling: sync, replay: undefined };
      },
    },
    ...{ aliases: ['A', 'B'], onMissing: 'earliest', deadlineAtMs: 5_000 },
    recorded: () => Promise.resolve({ onSource: recorded, onTarget: [] }),
  };
  const [plan] = await planGroups(parts);
  return plan?.partitions.find(({ physicalTopic }) => physicalTopic === 'orders');
}

/** What another member says that has got the partition. */
const ofAnother: RecordedPosition = {
  ...{ physicalTopic: 'A.orders', partition: 0, offset: 20n, switchEpoch: 2, atWallMs: 10 },
  ...{ writer: 'another', isLast: true, isPast: false, committed: 20n, rewoundBelow: undefined },
  ...{ onStandby: undefined, recent: [] },
};

describe('a plan for the way home', () => {
  it('goes as far as this process has handled', async () => {
    const plan = await planHome({ commit: 15n });
    expect(plan).toMatchObject({ method: 'exact', offset: 15n, maxRereadCount: 0n });
  });

  it('expects again what handlers were given of the copies before this consumer, and may have handled', async () => {
    const plan = await planHome({ commit: 15n, deliveredOnB: 20n });
    expect(plan).toMatchObject({ offset: 15n, maxRereadCount: 15n });
  });

  it('goes as far as another member has committed, and says no number for what that one was given', async () => {
    const plan = await planHome({ commit: 20n });
    expect(plan).toMatchObject({ method: 'exact', offset: 20n, maxRereadCount: 10n });
  });

  it.each([
    ['MirrorMaker has copied again', { isCopiedAgain: true }],
    ['this process does not know where the group began', { begunAt: [] }],
  ])('forgets nothing of its own where another member has gone on, and %s', async (_, known) => {
    const plan = await planHome({ commit: 20n, recorded: [ofAnother], ...known });
    expect(plan).toMatchObject({ method: 'exact', offset: 15n, maxRereadCount: 15n });
  });

  it('expects what handlers were given there before, and may not have handled', async () => {
    const plan = await planHome({ commit: 15n, deliveredOnA: 25n });
    expect(plan).toMatchObject({ method: 'fingerprint', offset: 15n, maxRereadCount: 10n });
  });
});

describe('the copies that were handled', () => {
  const own = position('A.orders', 15n, 12n);

  it.each([
    ['of the group', own, { commit: 15n, begunAt: 10n }, { from: 10n, below: 15n }],
    ['of other members alone', undefined, { commit: 15n, begunAt: 10n }, { from: 10n, below: 15n }],
    ['no further than the commit', own, { commit: 13n, begunAt: 10n }, { from: 10n, below: 13n }],
    ['its own, set back', own, { commit: 15n, begunAt: 14n }, { from: 12n, below: 15n }],
    ['its own', own, { commit: 20n, begunAt: undefined }, { from: 12n, below: 15n }],
    ['none without a commit', own, { commit: undefined, begunAt: 10n }, undefined],
    ['none', undefined, { commit: 15n, begunAt: undefined }, undefined],
  ])('are %s', (_, mine, known, expected) => {
    const found = handledStretch(mine, { ...known, isCopiedAgain: false });
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject(expected);
  });

  it('are those of this process alone where MirrorMaker has copied again', () => {
    const known = { commit: 20n, begunAt: 10n, isCopiedAgain: true };
    expect(handledStretch(own, known)).toMatchObject({ from: 12n, below: 15n });
    expect(handledStretch(undefined, known)).toBeUndefined();
  });
});
