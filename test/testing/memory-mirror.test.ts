import { describe, expect, it } from 'vitest';
import { decodeCheckpoint, decodeOffsetSync } from '../../src/replication/records.js';
import {
  createMemoryWorld,
  type MemoryMirrorOptions,
  type MemoryWorld,
} from '../../src/testing/index.js';

function mirrored(mirror: MemoryMirrorOptions = {}): MemoryWorld {
  return createMemoryWorld({
    clusters: { A: { topics: { orders: 1 } }, B: { topics: { orders: 1 } } },
    mirror,
  });
}

const numbered = (from: number, count: number) =>
  Array.from({ length: count }, (_each, index) => ({ value: `v${from + index}` }));

const copies = (memory: MemoryWorld, topic = 'A.orders'): string[] =>
  memory
    .cluster('B')
    .records(topic, 0)
    .map(({ value }) => String(value));

function checkpoints(memory: MemoryWorld, group = 'g') {
  return memory
    .cluster('B')
    .records('A.checkpoints.internal', 0)
    .flatMap((record) => {
      const decoded = decodeCheckpoint(record);
      return decoded.kind === 'checkpoint' && decoded.key.group === group ? [decoded] : [];
    });
}

function syncs(memory: MemoryWorld, cluster = 'B', topic = 'mm2-offset-syncs.A.internal') {
  return memory
    .cluster(cluster)
    .records(topic, 0)
    .flatMap((record) => {
      const decoded = decodeOffsetSync(record);
      return decoded.kind === 'offset-sync' && decoded.key.topic === 'orders'
        ? [decoded.value]
        : [];
    });
}

const commit = (memory: MemoryWorld, offset: bigint, metadata = '') =>
  memory.cluster('A').setCommit('g', 'orders', 0, { offset, metadata });

describe('a simulated MirrorMaker', () => {
  it('copies after its lag, and no sooner', async () => {
    const memory = mirrored({ copyLagMs: 500 });
    await memory.run(async () => {
      await memory.clock.sleep(10);
      memory.cluster('A').append('orders', 0, numbered(0, 1));
      await memory.clock.sleep(400);
      memory.cluster('A').append('orders', 0, numbered(1, 1));
      await memory.clock.sleep(150);
      expect(copies(memory)).toEqual(['v0']);
      expect(memory.mirror('A->B').pendingCount()).toBe(1);
      memory.mirror('A->B').setCopyLag(0);
      await memory.clock.sleep(400);
      expect(copies(memory)).toEqual(['v0', 'v1']);
      expect(memory.mirror('A->B').pendingCount()).toBe(0);
    });
  });

  it.each([22.8, 0.1, 1_234.567])(
    'copies what came at %d ms, which no binary number is',
    async (atMs) => {
      const memory = mirrored({ copyLagMs: 10 });
      await memory.run(async () => {
        await memory.clock.sleep(atMs);
        memory.cluster('A').append('orders', 0, numbered(0, 1));
        await memory.clock.sleep(11);
        expect(copies(memory)).toEqual(['v0']);
      });
    },
  );

  it('copies both ways under the Default policy, and nothing in a circle', async () => {
    const memory = mirrored();
    await memory.run(async () => {
      memory.cluster('A').append('orders', 0, [{ value: 'of A' }]);
      memory.cluster('B').append('orders', 0, [{ value: 'of B' }]);
      await memory.clock.sleep(5000);
      expect(copies(memory)).toEqual(['of A']);
      expect(memory.cluster('A').records('B.orders', 0)).toHaveLength(1);
      expect(memory.cluster('A').topicNames().toSorted()).toEqual([
        'B.checkpoints.internal',
        'B.heartbeats',
        'B.orders',
        'heartbeats',
        'mm2-offset-syncs.B.internal',
        'orders',
      ]);
    });
  });

  it('keeps names under the Identity policy, and still emits the heartbeats of the way back', async () => {
    const memory = mirrored({ policy: 'identity', flows: ['A->B'] });
    await memory.run(async () => {
      memory.cluster('A').append('orders', 0, numbered(0, 3));
      commit(memory, 2n);
      await memory.clock.sleep(5000);
      expect(copies(memory, 'orders')).toEqual(['v0', 'v1', 'v2']);
      expect(memory.mirror('A->B').remoteTopic('orders')).toBe('orders');
      expect(checkpoints(memory)[0]?.key.topic).toBe('orders');
      expect(memory.cluster('B').records('A.heartbeats', 0).length).toBeGreaterThan(2);
      expect(() => memory.mirror('B->A')).toThrow('no flow B->A');
    });
  });

  it('follows topics that are made and grown later', async () => {
    const memory = mirrored();
    await memory.run(async () => {
      await memory.clock.sleep(100);
      memory.cluster('A').createTopic('later', { partitions: 2, config: { 'retention.ms': '5' } });
      memory.cluster('A').append('later', 1, [{ value: 'v' }]);
      await memory.clock.sleep(1500);
      expect(memory.cluster('B').records('A.later', 1)).toHaveLength(1);
    });
  });

  it('syncs every record that comes alone, and few of a burst', async () => {
    const memory = mirrored();
    await memory.run(async () => {
      await memory.clock.sleep(10);
      for (let count = 0; count < 20; count += 1) {
        memory.cluster('A').append('orders', 0, numbered(count, 1));
        await memory.clock.sleep(20);
      }
      expect(syncs(memory)).toHaveLength(20);
      memory.cluster('A').append('orders', 0, numbered(20, 400));
      await memory.clock.sleep(1500);
      const found = syncs(memory);
      expect(found.length).toBeLessThan(40);
      // The last one is not forgotten: the flush sends it.
      expect(found.at(-1)).toEqual({ upstreamOffset: 419n, downstreamOffset: 419n });
    });
  });

  it('leaves out syncs within offset.lag.max, except at a flush', async () => {
    const memory = mirrored({ offsetLagMax: 10, offsetFlushIntervalMs: 60_000 });
    await memory.run(async () => {
      await memory.clock.sleep(10);
      for (let count = 0; count < 25; count += 1) {
        memory.cluster('A').append('orders', 0, numbered(count, 1));
        await memory.clock.sleep(20);
      }
      expect(syncs(memory).map(({ upstreamOffset }) => upstreamOffset)).toEqual([0n, 11n, 22n]);
      await memory.clock.sleep(60_000);
      expect(syncs(memory).at(-1)?.upstreamOffset).toBe(24n);
    });
  });

  it('syncs right behind a gap, whatever offset.lag.max says', async () => {
    const memory = mirrored({ offsetLagMax: 100, offsetFlushIntervalMs: 60_000 });
    await memory.run(async () => {
      const append = async (value: string, key: string) => {
        memory.cluster('A').append('orders', 0, [{ key, value }]);
        await memory.clock.sleep(1);
      };
      memory.mirror('A->B').pause();
      for (const key of ['a', 'b', 'c', 'b', 'd', 'e']) await append('v', key);
      // The older b, at offset 1, is gone.
      memory.cluster('A').compact('orders', 0);
      memory.mirror('A->B').resume();
      await memory.clock.sleep(1500);
      expect(syncs(memory)).toEqual([
        { upstreamOffset: 0n, downstreamOffset: 0n },
        { upstreamOffset: 2n, downstreamOffset: 1n },
      ]);
    });
  });

  it('puts syncs where it is told to', async () => {
    const memory = mirrored({ offsetSyncsLocation: 'source' });
    await memory.run(async () => {
      memory.cluster('A').append('orders', 0, numbered(0, 1));
      await memory.clock.sleep(2000);
      expect(syncs(memory, 'A', 'mm2-offset-syncs.B.internal')).toHaveLength(1);
    });
  });

  it('makes coarse checkpoints for a group far behind, and exact ones at a sync', async () => {
    const memory = mirrored();
    await memory.run(async () => {
      await memory.clock.sleep(10);
      for (let count = 0; count < 1000; count += 10) {
        memory.cluster('A').append('orders', 0, numbered(count, 10));
        await memory.clock.sleep(20);
      }
      await memory.clock.sleep(1000);
      commit(memory, 3n, 'far behind');
      await memory.clock.sleep(2500);
      const [first] = checkpoints(memory);
      expect(first?.value).toMatchObject({ upstreamOffset: 3n, metadata: 'far behind' });
      expect(first?.value.downstreamOffset).toBeLessThan(3n);
      commit(memory, 1000n, 'at the head');
      await memory.clock.sleep(2500);
      const last = checkpoints(memory).at(-1);
      expect(last?.value).toMatchObject({ upstreamOffset: 1000n, downstreamOffset: 1000n });
    });
  });

  it('writes no checkpoint that goes back, unless the group did', async () => {
    const memory = mirrored();
    await memory.run(async () => {
      memory.cluster('A').append('orders', 0, numbered(0, 5));
      commit(memory, 4n, 'a');
      await memory.clock.sleep(2500);
      commit(memory, 4n, 'b');
      await memory.clock.sleep(2500);
      commit(memory, 2n, 'c');
      await memory.clock.sleep(2500);
      expect(checkpoints(memory).map(({ value }) => value.metadata)).toEqual(['a', 'c']);
    });
  });

  it('copies again what it had not written down, after a crash and not after a stop', async () => {
    const memory = mirrored({ offsetFlushIntervalMs: 10_000 });
    const flow = memory.mirror('A->B');
    await memory.run(async () => {
      memory.cluster('A').append('orders', 0, numbered(0, 3));
      await memory.clock.sleep(2000);
      flow.stop();
      expect(flow.state).toBe('stopped');
      flow.start();
      memory.cluster('A').append('orders', 0, numbered(3, 2));
      await memory.clock.sleep(2000);
      expect(copies(memory)).toEqual(['v0', 'v1', 'v2', 'v3', 'v4']);
      flow.kill();
      flow.start();
      await memory.clock.sleep(2000);
      expect(copies(memory)).toEqual(['v0', 'v1', 'v2', 'v3', 'v4', 'v3', 'v4']);
      // The upstream offset went back: the new syncs say so.
      expect(syncs(memory).at(-1)).toEqual({ upstreamOffset: 4n, downstreamOffset: 6n });
    });
  });

  it('goes on from its own checkpoints after a restart', async () => {
    const memory = mirrored();
    await memory.run(async () => {
      memory.cluster('A').append('orders', 0, numbered(0, 5));
      commit(memory, 4n);
      await memory.clock.sleep(3000);
      memory.mirror('A->B').stop();
      memory.mirror('A->B').start();
      await memory.clock.sleep(5000);
      expect(checkpoints(memory)).toHaveLength(1);
    });
  });

  it('does nothing while it is paused, and catches up', async () => {
    const memory = mirrored();
    const flow = memory.mirror('A->B');
    await memory.run(async () => {
      await memory.clock.sleep(10);
      flow.pause();
      memory.cluster('A').append('orders', 0, numbered(0, 1200));
      const beats = memory.cluster('B').records('heartbeats', 0).length;
      await memory.clock.sleep(5000);
      expect(flow.state).toBe('paused');
      expect(copies(memory)).toEqual([]);
      expect(memory.cluster('B').records('heartbeats', 0)).toHaveLength(beats);
      flow.resume();
      await memory.clock.sleep(1000);
      expect(copies(memory)).toHaveLength(1200);
    });
  });

  it.each(['A', 'B'])('waits while %s cannot be reached', async (alias) => {
    const memory = mirrored();
    await memory.run(async () => {
      await memory.clock.sleep(10);
      memory.cluster(alias).down();
      memory.cluster('A').append('orders', 0, numbered(0, 2));
      await memory.clock.sleep(5000);
      expect(copies(memory)).toEqual([]);
      memory.cluster(alias).up();
      await memory.clock.sleep(1000);
      expect(copies(memory)).toEqual(['v0', 'v1']);
    });
  });

  it('writes twice what the target did not acknowledge', async () => {
    const memory = mirrored();
    await memory.run(async () => {
      await memory.clock.sleep(10);
      memory.mirror('A->B').loseNextAcknowledgement();
      memory.cluster('A').append('orders', 0, numbered(0, 2));
      await memory.clock.sleep(50);
      memory.cluster('A').append('orders', 0, numbered(2, 1));
      await memory.clock.sleep(50);
      expect(copies(memory)).toEqual(['v0', 'v1', 'v0', 'v1', 'v2']);
      expect(syncs(memory).at(-1)).toEqual({ upstreamOffset: 2n, downstreamOffset: 4n });
    });
  });

  it('goes on at the earliest record where retention was faster, and leaves a gap', async () => {
    const memory = mirrored();
    await memory.run(async () => {
      memory.mirror('A->B').pause();
      memory.cluster('A').append('orders', 0, numbered(0, 5));
      memory.cluster('A').trim('orders', 0, 3n);
      memory.mirror('A->B').resume();
      await memory.clock.sleep(2000);
      expect(copies(memory)).toEqual(['v3', 'v4']);
      expect(syncs(memory)[0]).toEqual({ upstreamOffset: 3n, downstreamOffset: 0n });
    });
  });

  it('makes copies anew that somebody has deleted, and loses nothing meanwhile', async () => {
    const memory = mirrored();
    await memory.run(async () => {
      memory.cluster('A').append('orders', 0, numbered(0, 3));
      await memory.clock.sleep(1_500);
      memory.cluster('B').deleteTopic('A.orders');
      memory.cluster('A').append('orders', 0, numbered(3, 2));
      await memory.clock.sleep(1_500);
      expect(copies(memory)).toEqual(['v3', 'v4']);
      expect(syncs(memory).at(-1)).toEqual({ upstreamOffset: 4n, downstreamOffset: 1n });
      expect(memory.mirror('A->B').pendingCount()).toBe(0);
    });
    memory.close();
  });

  it("writes translated offsets into the target's idle groups, where it is told to", async () => {
    const memory = mirrored({ syncGroupOffsets: true });
    await memory.run(async () => {
      memory.cluster('A').append('orders', 0, numbered(0, 5));
      commit(memory, 4n, 'm');
      await memory.clock.sleep(5000);
      expect(memory.cluster('B').commit('g', 'A.orders', 0)).toEqual({ offset: 4n, metadata: 'm' });
      memory.cluster('B').setCommit('g', 'A.orders', 0, { offset: 5n, metadata: 'ours' });
      await memory.clock.sleep(5000);
      expect(memory.cluster('B').commit('g', 'A.orders', 0)?.metadata).toBe('ours');
    });
  });

  it('copies only committed records where it reads so', async () => {
    const memory = mirrored({ isolationLevel: 'read_committed' });
    await memory.run(async () => {
      const producer = memory
        .createKafka('A', { logLevel: 0 })
        .producer({ transactionalId: 't', idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      for (const how of ['abort', 'commit'] as const) {
        const transaction = await producer.transaction();
        await transaction.send({ topic: 'orders', messages: [{ value: how }] });
        await memory.clock.sleep(100);
        await transaction[how]();
      }
      await memory.clock.sleep(1000);
      expect(copies(memory)).toEqual(['commit']);
    });
  });

  it('needs clusters that are there', () => {
    expect(() => mirrored({ flows: ['A->C'] })).toThrow('A->C needs two clusters');
  });
});
