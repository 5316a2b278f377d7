import type { Broker, Cluster } from 'kafkajs';
import { describe, expect, it, vi } from 'vitest';
import { aroundCoordinator } from '../../src/consumer/coordinator-calls.js';
import { OutOfRange } from '../../src/consumer/out-of-range.js';
import { PartitionProgress } from '../../src/consumer/progress.js';
import type { Beginning } from '../../src/consumer/standing.js';
import { RemovedRange } from '../../src/consumer/removed-range.js';
import { commitMetadata, leavingMetadata } from '../../src/position/commit-metadata.js';

/** kafkajs's cluster, whose coordinator answers that the group is at 7 in partition 0 and nowhere in partition 1. */
function rig(
  partitions: readonly { partition: number; offset: string; metadata?: string }[] = [
    { partition: 0, offset: '7' },
    { partition: 1, offset: '-1' },
  ],
  planned?: Beginning,
) {
  const told: unknown[][] = [];
  const learnt: unknown[][] = [];
  const offsetCommit = vi.fn(async () => {});
  const offsetFetch = vi.fn(async () => ({ responses: [{ topic: 'orders', partitions }] }));
  const broker = { offsetCommit, offsetFetch } as unknown as Broker;
  const cluster = { findBroker: async () => broker } as unknown as Cluster;
  const outOfRange = new OutOfRange({
    cluster: 'A',
    planned: () => planned,
    onLeaving: (...facts) => told.push(facts),
    onRemoved: (...facts) => learnt.push(facts),
  });
  const [assigner] = aroundCoordinator([() => ({}) as never], {
    commits: (...call) => outOfRange.commits(...call),
    begins: (...told) => outOfRange.begins(...told),
    beforeFetch: () => {},
  });
  assigner?.({ cluster, groupId: 'billing', logger: {} } as never);
  const commit = async (partition: number, offset: string): Promise<void> => {
    const found = await cluster.findBroker({ nodeId: '0' });
    await found.offsetCommit({
      groupId: 'billing',
      groupGenerationId: 1,
      memberId: 'm',
      topics: [{ topic: 'orders', partitions: [{ partition, offset }] }],
    });
  };
  const begin = async (): Promise<unknown> =>
    (await cluster.findBroker({ nodeId: '0' })).offsetFetch({ groupId: 'billing', topics: [] });
  return { told, learnt, commit, begin, offsetCommit };
}

describe('a place that is out of range', () => {
  it('is noticed by what kafkajs commits then, with where the group had begun', async () => {
    const { told, commit, begin } = rig();
    await begin();
    await commit(0, '12');
    await commit(0, '-2');
    await commit(1, '-2');
    expect(told).toEqual([
      ['orders', 0, 7n],
      ['orders', 1, undefined],
    ]);
  });

  it('is noticed also where the commit fails: the broker may have stored it', async () => {
    const { told, commit, offsetCommit } = rig();
    offsetCommit.mockRejectedValueOnce(new Error('gone'));
    await expect(commit(0, '-2')).rejects.toThrow('gone');
    expect(told).toHaveLength(1);
  });

  it('is none where the group reads from the end', async () => {
    const { told, commit } = rig();
    await commit(0, '-1');
    expect(told).toEqual([]);
  });
});

describe('what a member before had lost', () => {
  const log = { cluster: 'A', physicalTopic: 'orders', partition: 0 };
  const removed = { first: 5n, last: 9n };
  const said = { ...log, offset: 42n, atWallMs: 1, recent: [], removed };

  it('is known by the commit at which a member begins', async () => {
    const { learnt, begin } = rig([
      { partition: 0, offset: '42', metadata: commitMetadata(said) ?? '' },
    ]);
    await begin();
    expect(learnt).toEqual([['orders', 0, removed]]);
  });

  it('is what the plan says, where it names this very place: the commit may be of before the other cluster', async () => {
    const partitions = [{ partition: 0, offset: '42', metadata: commitMetadata(said) ?? '' }];
    const learntWith = async (planned: Beginning): Promise<unknown> => {
      const { learnt, begin } = rig(partitions, planned);
      await begin();
      return learnt;
    };
    const more = { first: 3n, last: 9n };
    expect(await learntWith({ offset: 42n })).toEqual([]);
    expect(await learntWith({ offset: 42n, removed: more })).toEqual([['orders', 0, more]]);
    expect(await learntWith({ offset: 41n })).toEqual([['orders', 0, removed]]);
  });

  it('is known where that one had left its place, and committed nothing since', async () => {
    const { told, begin } = rig([
      { partition: 0, offset: '-2', metadata: leavingMetadata({ ...log, leaves: 5n }) },
    ]);
    await begin();
    expect(told).toEqual([['orders', 0, 5n]]);
  });

  it('also what was removed before, and is not handled yet', async () => {
    const removed = { first: 1n, last: 3n };
    const metadata = leavingMetadata({ ...log, leaves: 5n, removed });
    const { told, learnt, begin } = rig([{ partition: 0, offset: '-2', metadata }]);
    await begin();
    expect(told).toEqual([['orders', 0, 5n]]);
    expect(learnt).toEqual([['orders', 0, removed]]);
  });

  it.each([
    ['another offset', { partition: 0, offset: '41', metadata: commitMetadata(said) ?? '' }],
    ['another partition', { partition: 1, offset: '42', metadata: commitMetadata(said) ?? '' }],
    [
      'another cluster',
      { partition: 0, offset: '42', metadata: commitMetadata({ ...said, cluster: 'B' }) ?? '' },
    ],
    ['metadata of the service', { partition: 0, offset: '42', metadata: 'event-3' }],
    ['an end of the log, and no word', { partition: 0, offset: '-2', metadata: '' }],
  ])('is not where the commit has %s', async (_what, row) => {
    const { told, learnt, begin } = rig([row]);
    await begin();
    expect([...told, ...learnt]).toEqual([]);
  });
});

describe('what was removed before it was handled', () => {
  it('lies between the place and the next record that is delivered; several count as one', () => {
    const range = new RemovedRange();
    const found: unknown[] = [];
    range.onFound = (one) => found.push(one);
    range.delivers(3n, 3n);
    range.outOfRange(undefined);
    range.delivers(10n, 5n);
    range.delivers(11n, 11n);
    range.outOfRange(undefined);
    range.delivers(30n, 20n);
    expect(found).toEqual([
      { first: 5n, last: 9n },
      { first: 20n, last: 29n },
    ]);
    expect(range.range).toEqual({ first: 5n, last: 29n });
  });

  it('begins at the commit where nothing was delivered before, and is not known without one', () => {
    const range = new RemovedRange();
    range.outOfRange(7n);
    range.delivers(10n, undefined);
    expect(range.range).toEqual({ first: 7n, last: 9n });
    range.clear();
    range.outOfRange(undefined);
    range.delivers(10n, undefined);
    expect(range.range).toBeUndefined();
  });

  it('begins where it did where the place is out of range again before anything is delivered', () => {
    const range = new RemovedRange();
    range.outOfRange(10n);
    range.outOfRange(30n);
    expect(range.leaves(undefined)).toBe(10n);
    range.delivers(60n, undefined);
    expect(range.range).toEqual({ first: 10n, last: 59n });
  });

  it('is nothing where the log had lost its end', () => {
    const range = new RemovedRange();
    range.outOfRange(7n);
    range.delivers(3n, 20n);
    expect(range.range).toBeUndefined();
  });

  it('begins behind what was handled, also where the last handler call returned a promise', async () => {
    const progress = new PartitionProgress('orders', 'orders', 0);
    progress.delivers('5', '8');
    progress.outcome = Promise.resolve();
    progress.outOfRange(undefined);
    await progress.ended();
    progress.delivers('20', '20');
    expect(progress.removed.range).toEqual({ first: 9n, last: 19n });
  });

  it.each([
    ['user code moves', (progress: PartitionProgress) => progress.seek(25n)],
    ['others get the partition', (progress: PartitionProgress) => progress.revoked()],
    [
      'the group is set back',
      (progress: PartitionProgress) => {
        progress.rejoined();
        progress.confirms(21n);
        progress.delivers('2', '2');
      },
    ],
  ])('is forgotten where %s', (_what, move) => {
    const progress = new PartitionProgress('orders', 'orders', 0);
    progress.outOfRange(7n);
    progress.delivers('20', '20');
    progress.outcome = undefined;
    expect(progress.removed.range).toEqual({ first: 7n, last: 19n });
    move(progress);
    expect(progress.removed.range).toBeUndefined();
  });

  it('is carried to the next inner consumer of the epoch', () => {
    const progress = new PartitionProgress('orders', 'orders', 0);
    progress.outOfRange(7n);
    progress.delivers('20', '20');
    const next = new PartitionProgress('orders', 'orders', 0);
    next.continues(progress.carry());
    expect(next.removed.range).toEqual({ first: 7n, last: 19n });
  });

  it('is none where user code has gone to the beginning', () => {
    const progress = new PartitionProgress('orders', 'orders', 0);
    progress.delivers('5', '5');
    progress.seek(-2n);
    progress.outOfRange(undefined);
    progress.delivers('20', '20');
    expect(progress.removed.range).toBeUndefined();
  });
});
