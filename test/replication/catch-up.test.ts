import { describe, expect, it, onTestFinished } from 'vitest';
import { catchUp, type CatchUpOutcome } from '../../src/replication/catch-up.js';
import { openMirror } from '../../src/replication/mirror.js';
import { defaultPolicy } from '../../src/replication/policy.js';
import { encodeOffsetSync } from '../../src/replication/records.js';
import { manualWorld, settle, type ManualWorld } from '../support/manual-world.js';
import { EventLog } from './event-log.js';
import { FakeCluster } from './fake-cluster.js';

const SYNCS = 'mm2-offset-syncs.A.internal';
const record = { key: null, value: Buffer.from('x') };

interface Rig {
  readonly source: FakeCluster;
  readonly target: FakeCluster;
  readonly world: ManualWorld;
  readonly stop: AbortController;
  start(topics?: readonly string[]): { outcome(): CatchUpOutcome | undefined };
  /** MirrorMaker copies a record, with or without a sync. */
  copy(upstream: bigint, options?: { isSynced?: boolean }): void;
}

function rig(): Rig {
  const source = new FakeCluster('A').create('orders');
  const target = new FakeCluster('B').create('A.orders').create(SYNCS);
  const world = manualWorld();
  const events = new EventLog();
  const policy = defaultPolicy();
  const mirror = openMirror({
    source: 'A',
    target: 'B',
    policy,
    targetAccess: target,
    world,
    events,
  });
  onTestFinished(() => mirror.close());
  const stop = new AbortController();
  return {
    source,
    target,
    world,
    stop,
    start(topics = ['orders']) {
      let outcome: CatchUpOutcome | undefined;
      const parts = { topics, source, target, mirror, world, signal: stop.signal };
      void catchUp(parts).then((result) => {
        outcome = result;
      });
      return { outcome: () => outcome };
    },
    copy(upstream, { isSynced = true } = {}) {
      const downstreamOffset = target.append('A.orders', record);
      if (!isSynced) return;
      const key = { topic: 'orders', partition: 0 };
      target.append(SYNCS, encodeOffsetSync(key, { upstreamOffset: upstream, downstreamOffset }));
    },
  };
}

const DONE: CatchUpOutcome = { unmirrored: [], unknown: [] };

describe('catching up', () => {
  it('is done at once where there is nothing to mirror', async () => {
    const { start } = rig();
    const empty = start();
    const unknownTopic = start(['never-created']);
    await settle();
    expect(empty.outcome()).toEqual(DONE);
    expect(unknownTopic.outcome()).toEqual(DONE);
  });

  it('waits until the mirror has the last record', async () => {
    const { source, world, start, copy } = rig();
    for (let index = 0; index < 3; index += 1) source.append('orders', record);
    const waiting = start();
    await world.advance(1_000);
    copy(0n);
    copy(1n);
    await world.advance(1_000);
    expect(waiting.outcome()).toBeUndefined();
    copy(2n);
    await world.advance(100);
    expect(waiting.outcome()).toEqual(DONE);
  });

  it('does not wait for what others write later', async () => {
    const { source, world, start, copy } = rig();
    source.append('orders', record);
    const waiting = start();
    await world.advance(100);
    source.append('orders', record);
    copy(0n);
    await world.advance(100);
    expect(waiting.outcome()).toEqual(DONE);
  });

  it('counts records that have no sync yet', async () => {
    const { source, world, start, copy } = rig();
    for (let index = 0; index < 3; index += 1) source.append('orders', record);
    copy(0n);
    copy(1n, { isSynced: false });
    const waiting = start();
    await world.advance(500);
    expect(waiting.outcome()).toBeUndefined();
    copy(2n, { isSynced: false });
    await world.advance(100);
    expect(waiting.outcome()).toEqual(DONE);
  });

  it("sees that what is left is a transaction's marker", async () => {
    const { source, world, start, copy } = rig();
    source.append('orders', record);
    source.skip('orders', 1n);
    copy(0n);
    const waiting = start();
    await world.advance(200);
    expect(waiting.outcome()).toEqual(DONE);
  });

  it('sees it also between records that have no sync yet', async () => {
    const { source, world, start, copy } = rig();
    source.append('orders', record);
    source.append('orders', record);
    source.skip('orders', 1n);
    copy(0n);
    const waiting = start();
    await world.advance(500);
    expect(waiting.outcome()).toBeUndefined();
    copy(1n, { isSynced: false });
    await world.advance(100);
    expect(waiting.outcome()).toEqual(DONE);
  });

  it('names what is missing when its time is over', async () => {
    const { source, world, stop, start, copy } = rig();
    source.create('orders', 2);
    for (let index = 0; index < 5; index += 1) source.append('orders', record);
    source.append('orders', record, { partition: 1 });
    copy(0n);
    copy(1n);
    const waiting = start();
    await world.advance(1_000);
    stop.abort();
    await settle();
    expect(waiting.outcome()).toEqual({
      unmirrored: [
        { topic: 'orders', partition: 0, recordCount: 3n },
        { topic: 'orders', partition: 1, recordCount: 1n },
      ],
      unknown: [],
    });
  });

  it('counts everything as missing where the target has no such topic', async () => {
    const { source, target, world, stop, start } = rig();
    target.delete('A.orders');
    source.append('orders', record);
    const waiting = start();
    await world.advance(1_000);
    stop.abort();
    await settle();
    expect(waiting.outcome()?.unmirrored).toEqual([
      { topic: 'orders', partition: 0, recordCount: 1n },
    ]);
  });

  it('says which ends it could not learn from a source that does not answer', async () => {
    const { source, world, stop, start } = rig();
    source.mood = 'hangs';
    const waiting = start();
    await world.advance(1_000);
    stop.abort();
    await settle();
    expect(waiting.outcome()).toEqual({ unmirrored: [], unknown: ['orders'] });
    expect(world.timerCount).toBeLessThanOrEqual(3);
  });

  it('tries again where a cluster fails in between', async () => {
    const { source, target, world, start, copy } = rig();
    source.append('orders', record);
    source.mood = 'fails';
    const waiting = start();
    await world.advance(500);
    source.mood = 'answers';
    target.mood = 'fails';
    await world.advance(2_000);
    target.mood = 'answers';
    copy(0n);
    await world.advance(5_000);
    expect(waiting.outcome()).toEqual(DONE);
  });
});
