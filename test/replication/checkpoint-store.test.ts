import { describe, expect, it } from 'vitest';
import { CheckpointStore } from '../../src/replication/checkpoint-store.js';
import { defaultPolicy, identityPolicy } from '../../src/replication/policy.js';

const key = { group: 'g', topic: 'A.orders', partition: 3 };
const value = (upstreamOffset: bigint, downstreamOffset: bigint, metadata = '') => ({
  upstreamOffset,
  downstreamOffset,
  metadata,
});

describe('the checkpoints of a flow', () => {
  it('are found by group, topic and partition', () => {
    const store = new CheckpointStore({ source: 'A', policy: defaultPolicy() });
    store.put(key, value(250n, 201n, 'mine'), 17);
    expect(store.get('g', 'A.orders', 3)).toEqual({
      upstreamOffset: 250n,
      downstreamOffset: 201n,
      metadata: 'mine',
      recordedAtWallMs: 17,
    });
    expect(store.get('h', 'A.orders', 3)).toBeUndefined();
    expect(store.get('g', 'A.other', 3)).toBeUndefined();
    expect(store.get('g', 'A.orders', 2)).toBeUndefined();
  });

  it('are replaced by later ones, also where the group was rewound', () => {
    const store = new CheckpointStore({ source: 'A', policy: defaultPolicy() });
    store.put(key, value(250n, 201n), 1);
    store.put(key, value(100n, 51n), 2);
    expect(store.get('g', 'A.orders', 3)?.downstreamOffset).toBe(51n);
  });

  it('end by a tombstone', () => {
    const store = new CheckpointStore({ source: 'A', policy: defaultPolicy() });
    store.put(key, value(1n, 1n), 1);
    store.delete({ ...key, partition: 4 });
    store.delete({ ...key, group: 'other' });
    expect(store.groupCount).toBe(1);
    store.delete(key);
    expect(store.get('g', 'A.orders', 3)).toBeUndefined();
    expect(store.groupCount).toBe(0);
  });

  it.each(['orders', 'B.orders', 'A.', 'heartbeats'])(
    'are not taken for %s, which the flow from A does not write',
    (topic) => {
      const store = new CheckpointStore({ source: 'A', policy: defaultPolicy() });
      expect(store.put({ ...key, topic }, value(1n, 1n), 1)).toBe('foreign-topic');
      expect(store.get('g', topic, 3)).toBeUndefined();
    },
  );

  it('are taken for any topic under the identity policy', () => {
    const store = new CheckpointStore({ source: 'A', policy: identityPolicy() });
    expect(store.put({ ...key, topic: 'orders' }, value(1n, 1n), 1)).toBe('taken');
    expect(store.get('g', 'orders', 3)?.upstreamOffset).toBe(1n);
  });

  it('hold offsets of 64 bits', () => {
    const store = new CheckpointStore({ source: 'A', policy: defaultPolicy() });
    store.put(key, value(2n ** 53n + 1n, 2n ** 63n - 1n), 1);
    expect(store.get('g', 'A.orders', 3)).toMatchObject({
      upstreamOffset: 2n ** 53n + 1n,
      downstreamOffset: 2n ** 63n - 1n,
    });
  });
});
