import { getEventListeners } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openMirror, type Mirror, type MirrorParts } from '../../src/replication/mirror.js';
import { defaultPolicy, identityPolicy } from '../../src/replication/policy.js';
import {
  encodeCheckpoint,
  encodeHeartbeat,
  encodeOffsetSync,
} from '../../src/replication/records.js';
import { manualWorld, settle, type ManualWorld } from '../support/manual-world.js';
import { EventLog } from './event-log.js';
import { FakeCluster } from './fake-cluster.js';

const CHECKPOINTS = 'A.checkpoints.internal';
const SYNCS = 'mm2-offset-syncs.A.internal';
const HEARTBEATS = 'A.heartbeats';

function checkpoint(group: string, topic: string, upstream: bigint, downstream: bigint) {
  return encodeCheckpoint(
    { group, topic, partition: 0 },
    { upstreamOffset: upstream, downstreamOffset: downstream, metadata: 'm' },
  );
}

function sync(topic: string, upstream: bigint, downstream: bigint) {
  return encodeOffsetSync(
    { topic, partition: 0 },
    { upstreamOffset: upstream, downstreamOffset: downstream },
  );
}

function clusterB(): FakeCluster {
  return new FakeCluster('B').create(CHECKPOINTS).create(SYNCS).create(HEARTBEATS);
}

function mirrorOf(
  cluster: FakeCluster,
  options: Partial<MirrorParts> = {},
): { mirror: Mirror; world: ManualWorld; events: EventLog } {
  const world = manualWorld();
  const events = new EventLog();
  const mirror = openMirror({
    source: 'A',
    target: 'B',
    policy: defaultPolicy(),
    targetAccess: cluster,
    world,
    events,
    ...options,
  });
  onTestFinished(() => mirror.close());
  return { mirror, world, events };
}

describe('the mirror of a flow', () => {
  it('answers for any group, from what MirrorMaker wrote', async () => {
    const cluster = clusterB();
    cluster.append(CHECKPOINTS, checkpoint('g', 'A.orders', 250n, 201n), { timestampMs: 42 });
    cluster.append(SYNCS, sync('orders', 200n, 200n));
    const { mirror } = mirrorOf(cluster);
    await mirror.refresh();
    expect(mirror.checkpoint('g', 'A.orders', 0)).toEqual({
      upstreamOffset: 250n,
      downstreamOffset: 201n,
      metadata: 'm',
      recordedAtWallMs: 42,
    });
    expect(mirror.checkpoint('h', 'A.orders', 0)).toBeUndefined();
    expect(mirror.translate('orders', 0, 250n)).toMatchObject({ kind: 'atOrBefore', offset: 201n });
    expect(mirror.newestSync('orders', 0)).toEqual({
      upstreamOffset: 200n,
      downstreamOffset: 200n,
    });
    expect(mirror.state()).toMatchObject({
      isComplete: true,
      groupCount: 1,
      syncedPartitionCount: 1,
    });
  });

  it('says nothing before it has read everything', async () => {
    const cluster = clusterB();
    cluster.append(CHECKPOINTS, checkpoint('g', 'A.orders', 250n, 201n));
    cluster.append(SYNCS, sync('orders', 200n, 200n));
    cluster.mood = 'hangs';
    const { mirror } = mirrorOf(cluster);
    await settle();
    expect(mirror.checkpoint('g', 'A.orders', 0)).toBeUndefined();
    expect(mirror.translate('orders', 0, 250n)).toEqual({
      kind: 'unavailable',
      reason: 'not-read',
    });
    expect(mirror.state()).toMatchObject({ isComplete: false, ageMs: undefined });
    cluster.answerHeld();
    await mirror.refresh();
    expect(mirror.checkpoint('g', 'A.orders', 0)).toBeDefined();
  });

  it('does not answer from half of the checkpoints: the rest may take them back', async () => {
    const cluster = clusterB();
    cluster.maxRecordsPerFetch = 1;
    cluster.append(CHECKPOINTS, checkpoint('g', 'A.orders', 250n, 201n));
    cluster.append(CHECKPOINTS, checkpoint('g', 'A.orders', 100n, 51n));
    let fetchCount = 0;
    cluster.beforeAnswer = (question) => {
      if (question !== `fetch ${CHECKPOINTS}`) return;
      fetchCount += 1;
      if (fetchCount === 2) cluster.mood = 'hangs';
    };
    const { mirror } = mirrorOf(cluster);
    await settle();
    expect(mirror.state()).toMatchObject({ isComplete: false, groupCount: 1 });
    expect(mirror.checkpoint('g', 'A.orders', 0)).toBeUndefined();
    cluster.answerHeld();
    await mirror.refresh();
    expect(mirror.checkpoint('g', 'A.orders', 0)?.downstreamOffset).toBe(51n);
  });

  it('is ready where MirrorMaker has written nothing at all', async () => {
    const { mirror } = mirrorOf(new FakeCluster('B'));
    await mirror.refresh();
    expect(mirror.translate('orders', 0, 1n)).toEqual({ kind: 'unavailable', reason: 'no-sync' });
    expect(mirror.state().topics.map(({ topic, phase }) => [topic, phase])).toEqual([
      [CHECKPOINTS, 'missing'],
      [HEARTBEATS, 'missing'],
      [SYNCS, 'missing'],
    ]);
  });

  it('obeys tombstones', async () => {
    const cluster = clusterB();
    const written = checkpoint('g', 'A.orders', 250n, 201n);
    const synced = sync('orders', 200n, 200n);
    cluster.append(CHECKPOINTS, written);
    cluster.append(CHECKPOINTS, { key: written.key, value: null });
    cluster.append(SYNCS, synced);
    cluster.append(SYNCS, { key: synced.key, value: null });
    const { mirror } = mirrorOf(cluster);
    await mirror.refresh();
    expect(mirror.checkpoint('g', 'A.orders', 0)).toBeUndefined();
    expect(mirror.newestSync('orders', 0)).toBeUndefined();
  });

  it('skips junk and checkpoints that were never translated, and says which', async () => {
    const cluster = clusterB();
    cluster.append(CHECKPOINTS, { key: null, value: null });
    cluster.append(CHECKPOINTS, { key: Buffer.from('junk'), value: Buffer.from('junk') });
    cluster.append(CHECKPOINTS, checkpoint('g', 'orders', 7n, 7n));
    cluster.append(CHECKPOINTS, checkpoint('g', 'A.orders', 250n, 201n));
    const { mirror, events } = mirrorOf(cluster);
    await mirror.refresh();
    expect(mirror.checkpoint('g', 'orders', 0)).toBeUndefined();
    expect(mirror.checkpoint('g', 'A.orders', 0)).toBeDefined();
    expect(mirror.state().topics[0]?.skippedCounts).toEqual({
      'no-key': 1,
      'short-buffer': 1,
      'foreign-topic': 1,
    });
    expect(events.named('mirror.record-skipped')).toHaveLength(3);
  });

  it('reads what is there now when it is asked to', async () => {
    const cluster = clusterB();
    const { mirror } = mirrorOf(cluster);
    await mirror.refresh();
    cluster.append(SYNCS, sync('orders', 1n, 1n));
    await mirror.refresh();
    expect(mirror.newestSync('orders', 0)).toBeDefined();
  });

  it('ends a wait with its signal, and goes on reading', async () => {
    const cluster = clusterB();
    cluster.mood = 'hangs';
    const { mirror } = mirrorOf(cluster);
    const stop = new AbortController();
    const waiting = mirror.refresh({ signal: stop.signal });
    stop.abort(new Error('too long'));
    await expect(waiting).rejects.toThrow('too long');
    cluster.answerHeld();
    await mirror.refresh();
    expect(mirror.state().isComplete).toBe(true);
  });

  it.each([
    ['target', 1],
    ['source', 4],
  ] as const)(
    'looks once a second at rest, and at offset syncs on the %s %i times',
    async (offsetSyncsLocation, times) => {
      const [B, A] = [clusterB(), new FakeCluster('A').create('mm2-offset-syncs.B.internal')];
      const { world } = mirrorOf(B, { offsetSyncsLocation, sourceAccess: A });
      const pass = async (forMs: number): Promise<void> => {
        for (let passedMs = 0; passedMs < forMs; passedMs += 50) {
          await world.advance(50);
          await settle();
        }
      };
      await settle();
      await pass(2_000);
      const count = (what: string): number =>
        [...B.asked, ...A.asked].filter((question) => question.includes(what)).length;
      const before = { checkpoints: count(CHECKPOINTS), syncs: count('offset-syncs') };
      await pass(4_000);
      expect(count(CHECKPOINTS) - before.checkpoints).toBe(4);
      expect(count('offset-syncs') - before.syncs).toBe(4 * times);
    },
  );

  it('names its topics as the policy says', async () => {
    const separated = mirrorOf(new FakeCluster('B'), { policy: defaultPolicy({ separator: '-' }) });
    await separated.mirror.refresh();
    expect(separated.mirror.state().topics.map(({ topic }) => topic)).toEqual([
      'A-checkpoints-internal',
      'A-heartbeats',
      'mm2-offset-syncs-A-internal',
    ]);
    const identity = mirrorOf(new FakeCluster('B'), { policy: identityPolicy() });
    await identity.mirror.refresh();
    expect(identity.mirror.state().topics.map(({ topic }) => topic)).toEqual([
      CHECKPOINTS,
      HEARTBEATS,
      SYNCS,
    ]);
  });
});

describe('the heartbeats', () => {
  const beat = (timestampMs: number) =>
    encodeHeartbeat({ source: 'B', target: 'A' }, { timestampMs: BigInt(timestampMs) });

  it('tell how far the flow is behind, and since when it is silent', async () => {
    const cluster = clusterB();
    const { mirror, world } = mirrorOf(cluster);
    cluster.append(HEARTBEATS, beat(world.wallMs() - 60_000));
    expect(mirror.state().heartbeat).toBeUndefined();
    await mirror.refresh();
    expect(mirror.state().heartbeat).toEqual({ sentAgeMs: 60_000, arrivedAgeMs: 60_000 });
    await world.advance(10_000);
    cluster.append(HEARTBEATS, beat(world.wallMs() - 300));
    await mirror.refresh();
    expect(mirror.state().heartbeat).toEqual({ sentAgeMs: 300, arrivedAgeMs: 0 });
    await world.advance(5_000);
    expect(mirror.state().heartbeat).toEqual({ sentAgeMs: 5_300, arrivedAgeMs: 5_000 });
  });

  it('that come from a clock ahead of ours are just now', async () => {
    const cluster = clusterB();
    const { mirror, world } = mirrorOf(cluster);
    cluster.append(HEARTBEATS, beat(world.wallMs() + 5_000));
    await mirror.refresh();
    expect(mirror.state().heartbeat?.sentAgeMs).toBe(0);
  });
});

describe('offset syncs on the source', () => {
  const location = { offsetSyncsLocation: 'source' } as const;
  const ON_SOURCE = 'mm2-offset-syncs.B.internal';

  it('are not known without access to it', async () => {
    const { mirror } = mirrorOf(clusterB(), location);
    await mirror.refresh();
    expect(mirror.translate('orders', 0, 1n)).toEqual({
      kind: 'unavailable',
      reason: 'not-readable',
    });
    expect(mirror.syncsAround('orders', 0, 1n)).toEqual({ kind: 'not-read' });
  });

  it('are read there while it lives, and kept when it does not', async () => {
    const source = new FakeCluster('A').create(ON_SOURCE);
    source.append(ON_SOURCE, sync('orders', 10n, 10n));
    const { mirror } = mirrorOf(clusterB(), { ...location, sourceAccess: source });
    await settle();
    source.mood = 'hangs';
    await mirror.refresh();
    expect(mirror.translate('orders', 0, 10n)).toEqual({ kind: 'exact', offset: 10n });
  });

  it('keep nobody waiting', async () => {
    const source = new FakeCluster('A');
    source.mood = 'hangs';
    const { mirror } = mirrorOf(clusterB(), { ...location, sourceAccess: source });
    await mirror.refresh();
    expect(mirror.state().isComplete).toBe(true);
    expect(mirror.translate('orders', 0, 1n)).toEqual({ kind: 'unavailable', reason: 'not-read' });
  });

  it('leave no listener on the signal of a caller that asks again and again', async () => {
    const source = new FakeCluster('A');
    source.mood = 'hangs';
    const { mirror } = mirrorOf(clusterB(), { ...location, sourceAccess: source });
    const { signal } = new AbortController();
    for (let round = 0; round < 3; round += 1) await mirror.refresh({ signal });
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('closing a mirror', () => {
  it('ends its reading and its waits', async () => {
    const cluster = clusterB();
    cluster.mood = 'hangs';
    const { mirror, world } = mirrorOf(cluster);
    const waiting = mirror.refresh();
    mirror.close();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
    await settle();
    expect(world.timerCount).toBe(0);
  });
});
