import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { LazyFingerprint } from '../../src/position/fingerprint.js';
import type { GroupPlan, PartitionPlan } from '../../src/position/plan.js';
import type { GroupNeed } from '../../src/position/need.js';
import { planGroups, type PlannerParts } from '../../src/position/planner.js';
import { openMirror, type Mirror } from '../../src/replication/mirror.js';
import { defaultPolicy, identityPolicy } from '../../src/replication/policy.js';
import { encodeCheckpoint, encodeOffsetSync } from '../../src/replication/records.js';
import { EventLog } from '../replication/event-log.js';
import { FakeCluster } from '../replication/fake-cluster.js';
import { manualWorld, settle, type ManualWorld } from '../support/manual-world.js';
import { NO_MIRROR } from '../replication/no-mirror.js';

interface Rig {
  readonly source: FakeCluster;
  readonly target: FakeCluster;
  readonly world: ManualWorld;
  readonly mirror: Mirror;
  readonly parts: PlannerParts;
}

/** A flow from `source` to `target`, where `orders` has two partitions on both, and its mirror too. */
function rig({
  source: sourceAlias = 'A',
  target: targetAlias = 'B',
  policy = defaultPolicy(),
} = {}): Rig {
  const source = new FakeCluster(sourceAlias);
  const target = new FakeCluster(targetAlias);
  const remote = policy.formatRemoteTopic(sourceAlias, 'orders');
  for (const cluster of [source, target]) cluster.create('orders', 2);
  target.create(remote, 2);
  target.create(`${sourceAlias}.checkpoints.internal`);
  target.create(`mm2-offset-syncs.${sourceAlias}.internal`);
  for (const partition of [0, 1]) {
    target.setRange('orders', partition, { low: 0n, high: 100n });
    target.setRange(remote, partition, { low: 0n, high: 1_000n });
  }
  const world = manualWorld();
  const mirror = openMirror({
    source: sourceAlias,
    target: targetAlias,
    policy,
    targetAccess: target,
    world,
    events: new EventLog(),
  });
  onTestFinished(() => mirror.close());
  const parts: PlannerParts = {
    needs: [need()],
    source,
    target,
    mirror,
    mirrorBack: NO_MIRROR,
    policy,
    aliases: ['A', 'B'],
    world,
    onMissing: 'earliest',
    deadlineAtMs: 5_000,
    recorded: () => Promise.resolve({ onSource: [], onTarget: [] }),
  };
  return { source, target, world, mirror, parts };
}

function need(processed: GroupNeed['processed'] = [], selectors = ['orders']): GroupNeed {
  return {
    groupId: 'g',
    selectors,
    processed,
    untouched: [],
    begunAt: [],
    earlier: [],
    deliveredBefore: [],
  };
}

/** Progress of the group in `orders-0` of the source: everything that was delivered is handled. */
function handledTo(offset: bigint): GroupNeed['processed'][number] {
  const position = {
    offset,
    deliveredBelow: offset,
    rewoundBelow: undefined,
    handledFrom: undefined,
    committed: undefined,
    recent: { all: () => [], few: () => [] },
  };
  return { physicalTopic: 'orders', partition: 0, ...position };
}

function writeCheckpoint(
  cluster: FakeCluster,
  source: string,
  topic: string,
  upstreamOffset: bigint,
  downstreamOffset: bigint,
): void {
  const key = { group: 'g', topic, partition: 0 };
  const value = { upstreamOffset, downstreamOffset, metadata: '' };
  cluster.append(`${source}.checkpoints.internal`, encodeCheckpoint(key, value));
}

function writeSync(
  cluster: FakeCluster,
  source: string,
  topic: string,
  upstreamOffset: bigint,
  downstreamOffset: bigint,
): void {
  const value = { upstreamOffset, downstreamOffset };
  const bytes = encodeOffsetSync({ topic, partition: 0 }, value);
  cluster.append(`mm2-offset-syncs.${source}.internal`, bytes);
}

async function planOne(parts: PlannerParts): Promise<GroupPlan> {
  const [plan] = await planGroups(parts);
  if (plan === undefined) throw new Error('no plan');
  return plan;
}

function at(plan: GroupPlan, physicalTopic: string, partition = 0): PartitionPlan | undefined {
  return plan.partitions.find(
    (one) => one.physicalTopic === physicalTopic && one.partition === partition,
  );
}

/** Closed with the test. */
function withSyncsOnSource({ source, target, world, parts }: ReturnType<typeof rig>): Mirror {
  const mirror = openMirror({
    source: 'A',
    target: 'B',
    policy: parts.policy,
    offsetSyncsLocation: 'source',
    targetAccess: target,
    sourceAccess: source,
    world,
    events: new EventLog(),
  });
  onTestFinished(() => mirror.close());
  return mirror;
}

describe('a plan', () => {
  it('has an entry for every physical partition of the target', async () => {
    const { parts } = rig();
    const plan = await planOne(parts);
    expect(plan).toMatchObject({ groupId: 'g', cluster: 'B' });
    expect(plan.topics).toEqual([
      {
        topic: 'orders',
        logs: [
          { name: 'orders', origin: 'B' },
          { name: 'A.orders', origin: 'A' },
        ],
      },
    ]);
    expect(plan.partitions.map((one) => `${one.physicalTopic}-${one.partition}`)).toEqual([
      'orders-0',
      'orders-1',
      'A.orders-0',
      'A.orders-1',
    ]);
  });

  it('takes the best of what target, source and mirror know', async () => {
    const { source, target, parts } = rig();
    target.commit('g', 'A.orders', 0, 50n);
    expect(at(await planOne(parts), 'A.orders')).toMatchObject({
      method: 'own-commit',
      offset: 50n,
    });
    writeCheckpoint(target, 'A', 'A.orders', 210n, 201n);
    expect(at(await planOne(parts), 'A.orders')).toMatchObject({
      method: 'unverified-checkpoint',
      offset: 201n,
    });
    writeSync(target, 'A', 'orders', 200n, 200n);
    expect(at(await planOne(parts), 'A.orders')).toMatchObject({
      method: 'checkpoint',
      offset: 201n,
    });
    writeSync(target, 'A', 'orders', 300n, 310n);
    source.commit('g', 'orders', 0, 300n);
    expect(at(await planOne(parts), 'A.orders')).toMatchObject({
      method: 'offset-sync',
      offset: 310n,
    });
    writeSync(target, 'A', 'orders', 400n, 415n);
    const processed = [handledTo(350n), handledTo(400n)];
    expect(at(await planOne({ ...parts, needs: [need(processed)] }), 'A.orders')).toMatchObject({
      method: 'exact',
      offset: 415n,
      maxRereadCount: 0n,
    });
  });

  it('knows of a log born on the target only what the group committed there', async () => {
    const { source, target, parts } = rig();
    // Positions in the source's `orders` say nothing about the target's.
    source.commit('g', 'orders', 0, 90n);
    writeSync(target, 'A', 'orders', 0n, 0n);
    const processed = [handledTo(95n)];
    const unknown = await planOne({ ...parts, needs: [need(processed)] });
    expect(at(unknown, 'orders')).toMatchObject({ method: 'earliest', offset: 0n });
    target.commit('g', 'orders', 0, 42n);
    const plan = await planOne({ ...parts, needs: [need(processed)] });
    expect(at(plan, 'orders')).toMatchObject({ method: 'own-commit', offset: 42n });
  });

  it('finds the way home: own commits for the own log, the mirror for the other one', async () => {
    const { target: home, parts } = rig({ source: 'B', target: 'A' });
    home.commit('g', 'orders', 0, 77n);
    writeCheckpoint(home, 'B', 'B.orders', 60n, 55n);
    writeSync(home, 'B', 'orders', 50n, 54n);
    const plan = await planOne(parts);
    expect(at(plan, 'orders')).toMatchObject({ method: 'own-commit', offset: 77n });
    expect(at(plan, 'B.orders')).toMatchObject({
      method: 'checkpoint',
      offset: 55n,
    });
  });

  it('has one log with all bounds under the identity policy', async () => {
    const { source, target, parts } = rig({ policy: identityPolicy() });
    target.commit('g', 'orders', 0, 50n);
    source.commit('g', 'orders', 0, 400n);
    writeSync(target, 'A', 'orders', 400n, 390n);
    const plan = await planOne(parts);
    expect(plan.partitions).toHaveLength(2);
    expect(at(plan, 'orders')).toMatchObject({ method: 'offset-sync', offset: 390n });
  });

  it('drops what speaks of a log that is gone', async () => {
    const { target, parts } = rig();
    writeCheckpoint(target, 'A', 'A.orders', 5_000n, 5_000n);
    expect(at(await planOne(parts), 'A.orders')).toMatchObject({ method: 'earliest', offset: 0n });
  });

  it('does not take a bound for one of a log that is gone because the log grew meanwhile', async () => {
    const { target, parts } = rig();
    target.beforeAnswer = (question) => {
      if (question !== 'committed g') return;
      // The mirror goes on while the plan is made: records first, then what is said about them.
      target.setRange('A.orders', 0, { low: 0n, high: 2_000n });
      target.commit('g', 'A.orders', 0, 2_000n);
    };
    expect(at(await planOne(parts), 'A.orders')).toMatchObject({
      method: 'own-commit',
      offset: 2_000n,
    });
  });

  it('reads a topic again where nothing is known, and says why', async () => {
    const { parts } = rig();
    const partition = at(await planOne(parts), 'A.orders');
    expect(partition).toMatchObject({ method: 'earliest', offset: 0n, maxRereadCount: 1_000n });
    expect(partition).toHaveProperty('notes', [expect.stringContaining('no checkpoint')]);
  });

  it('says that nothing is handled again of a partition that nobody has handled anything of', async () => {
    const { target, parts } = rig();
    const untouched = [{ physicalTopic: 'orders', partition: 0, deliveredBelow: 0n }];
    const needs = [{ ...need(), untouched }];
    const plan = await planOne({ ...parts, needs });
    expect(at(plan, 'A.orders')).toMatchObject({ method: 'earliest', maxRereadCount: 0n });
    expect(at(plan, 'A.orders', 1)).toMatchObject({ method: 'earliest', maxRereadCount: 1_000n });
    // Handled up to its commit, which only the member knows.
    writeSync(target, 'A', 'orders', 300n, 310n);
    const committed = [{ ...untouched[0], committed: 300n, deliveredBelow: 300n }] as const;
    const known = await planOne({
      ...parts,
      needs: [
        { ...need(), untouched: [{ ...committed[0], physicalTopic: 'orders', partition: 0 }] },
      ],
    });
    expect(at(known, 'A.orders')).toMatchObject({
      method: 'offset-sync',
      offset: 310n,
      maxRereadCount: 0n,
    });
  });

  it.each(['asked', 'not asked'] as const)(
    'knows what MirrorMaker may have copied again only where the syncs can be read: on the source, %s',
    async (asked) => {
      const known = rig();
      const { source, parts } = known;
      source.create('mm2-offset-syncs.B.internal');
      writeSync(source, 'B', 'orders', 300n, 310n);
      const mirror = withSyncsOnSource(known);
      await mirror.refreshSyncs();
      const plan = await planOne({
        ...parts,
        mirror,
        source: asked === 'asked' ? source : undefined,
        needs: [need([handledTo(300n)])],
      });
      expect(at(plan, 'A.orders')).toMatchObject({
        method: 'exact',
        offset: 310n,
        maxRereadCount: asked === 'asked' ? 0n : 690n,
      });
    },
  );

  it.each([true, false])(
    'waits for syncs on a source that is given up where the process has just begun: %s',
    async (isStart) => {
      const known = rig();
      const { source, parts } = known;
      source.create('mm2-offset-syncs.B.internal');
      const mirror = withSyncsOnSource(known);
      const waited = vi.spyOn(mirror, 'refreshSyncs');
      await planOne({ ...parts, mirror, source: undefined, isStart });
      expect(waited).toHaveBeenCalledTimes(isStart ? 1 : 0);
    },
  );

  it('is exact before MirrorMaker has written an offset sync, too, where the last records lie as in the log of the source', async () => {
    const { target, mirror, parts } = rig();
    target.create('A.orders', 2);
    const recent = [...Array.from({ length: 60 }).keys()].map((offset) => {
      // 45 looks like 39, the last one.
      const record = { key: null, value: Buffer.from(`${offset === 45 ? 39 : offset}`) };
      target.append('A.orders', record);
      return new LazyFingerprint(BigInt(offset), { ...record, timestamp: '0' });
    });
    const all = () => recent.slice(0, 40);
    const handled = { ...handledTo(40n), recent: { all, few: all } };
    const needs = [need([handled])];
    // Where there are none at all they may be elsewhere.
    expect(at(await planOne({ ...parts, needs }), 'A.orders')).toMatchObject({
      method: 'fingerprint',
      maxRereadCount: 20n,
    });
    writeSync(target, 'A', 'heartbeats', 0n, 0n);
    const plan = at(await planOne({ ...parts, needs }), 'A.orders');
    expect(plan).toMatchObject({ method: 'exact', offset: 40n, maxRereadCount: 0n });
    // A checkpoint is made of an offset sync: there was one.
    writeCheckpoint(target, 'A', 'A.orders', 10n, 10n);
    const lost = at(await planOne({ ...parts, needs }), 'A.orders');
    expect(lost).toMatchObject({ method: 'fingerprint', offset: 40n, maxRereadCount: 20n });
    // What was not read may say something else.
    vi.spyOn(mirror, 'refresh').mockRejectedValue(new Error('not now'));
    const careful = at(await planOne({ ...parts, needs }), 'A.orders');
    expect(careful).toMatchObject({ method: 'fingerprint', offset: 40n, maxRereadCount: 20n });
  });

  it('follows the option where nothing is known', async () => {
    const { parts } = rig();
    const latest = await planOne({ ...parts, onMissing: 'latest' });
    expect(at(latest, 'A.orders')).toMatchObject({ method: 'latest', offset: 1_000n });
    const fail = await planOne({ ...parts, onMissing: 'fail' });
    expect(at(fail, 'A.orders')).toMatchObject({ kind: 'unavailable' });
  });

  it('leaves out topics that do not exist on the target', async () => {
    const { target, parts } = rig();
    target.delete('orders');
    const plan = await planOne(parts);
    expect(plan.partitions.map(({ physicalTopic }) => physicalTopic)).toEqual([
      'A.orders',
      'A.orders',
    ]);
  });

  it('serves several groups at once', async () => {
    const { target, parts } = rig();
    target.commit('g', 'orders', 0, 1n);
    target.commit('h', 'orders', 0, 2n);
    const needs = [need(), { ...need(), groupId: 'h' }];
    const plans = await planGroups({ ...parts, needs });
    expect(plans.map((plan) => at(plan, 'orders'))).toMatchObject([{ offset: 1n }, { offset: 2n }]);
    expect(plans.map(({ groupId }) => groupId)).toEqual(['g', 'h']);
  });
});

describe('planning', () => {
  it('asks a source that was given up nothing', async () => {
    const { source, parts } = rig();
    await planOne({ ...parts, source: undefined });
    expect(source.asked).toEqual([]);
  });

  it.each(['hangs', 'fails'] as const)(
    'does without a source that %s, and says so',
    async (mood) => {
      const { source, target, world, parts } = rig();
      source.mood = mood;
      writeCheckpoint(target, 'A', 'A.orders', 210n, 201n);
      const planning = planOne(parts);
      await world.advance(500);
      const plan = await planning;
      expect(at(plan, 'A.orders')).toMatchObject({
        method: 'unverified-checkpoint',
        offset: 201n,
      });
      expect(at(plan, 'A.orders', 1)).toHaveProperty('notes', [
        expect.stringContaining("the group's commits on A are not known"),
      ]);
      expect(at(plan, 'orders', 1)).toHaveProperty('notes', [
        expect.not.stringContaining("the group's commits on A are not known"),
      ]);
    },
  );

  it('waits for the mirror to be up to date', async () => {
    const { target, parts } = rig();
    writeCheckpoint(target, 'A', 'A.orders', 210n, 201n);
    expect(at(await planOne(parts), 'A.orders')).toMatchObject({ offset: 201n });
    writeCheckpoint(target, 'A', 'A.orders', 310n, 301n);
    expect(at(await planOne(parts), 'A.orders')).toMatchObject({ offset: 301n });
  });

  it.each(['at its deadline', 'with the plan'])(
    'leaves nobody behind who waits for the mirror, when the waiting ends %s',
    async (end) => {
      const { world, mirror, parts } = rig();
      await mirror.refresh();
      const waiting: (AbortSignal | undefined)[] = [];
      mirror.refresh = (options) => {
        waiting.push(options?.signal);
        return new Promise(() => {});
      };
      const overtaken = new AbortController();
      const deadlineAtMs = world.nowMs() + 2_000;
      const planning = planOne({ ...parts, deadlineAtMs, signal: overtaken.signal });
      planning.catch(() => {});
      await settle();
      expect(waiting).toMatchObject([{ aborted: false }]);
      if (end === 'with the plan') overtaken.abort();
      else await world.advance(2_000);
      expect(waiting).toMatchObject([{ aborted: true }]);
    },
  );

  it('does without a mirror that cannot be read in time, and says so', async () => {
    const { target, world, mirror, parts } = rig();
    await mirror.refresh();
    target.commit('g', 'A.orders', 0, 10n);
    const slow = new FakeCluster('B');
    slow.mood = 'hangs';
    const unread = openMirror({
      source: 'A',
      target: 'B',
      policy: parts.policy,
      targetAccess: slow,
      world,
      events: new EventLog(),
    });
    onTestFinished(() => unread.close());
    const planning = planOne({ ...parts, mirror: unread, deadlineAtMs: world.nowMs() + 2_000 });
    await world.advance(2_000);
    const plan = await planning;
    expect(at(plan, 'A.orders')).toMatchObject({ method: 'own-commit', offset: 10n });
    expect(at(plan, 'A.orders', 1)).toHaveProperty('notes', [
      expect.stringContaining("MirrorMaker's records of A->B are not known"),
    ]);
  });

  it('fails where the target does', async () => {
    const { target, mirror, parts } = rig();
    await mirror.refresh();
    target.mood = 'fails';
    await expect(planOne({ ...parts, deadlineAtMs: 0 })).rejects.toBe(target.failure);
  });

  it('fails where a partition of the target has no leader, rather than leave it to chance', async () => {
    const { target, parts } = rig();
    target.dropPartition('A.orders', 0);
    await expect(planOne(parts)).rejects.toThrow('A.orders-0 has no leader');
  });

  it('ends with its signal', async () => {
    const { target, parts } = rig();
    target.mood = 'hangs';
    const stop = new AbortController();
    const planning = planOne({ ...parts, signal: stop.signal });
    await settle();
    stop.abort(new Error('fenced'));
    await expect(planning).rejects.toThrow('fenced');
  });
});
