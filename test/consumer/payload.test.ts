import type { EachBatchPayload } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import type { FailoverEachBatchPayload } from '../../src/consumer/types.js';
import { replicationPolicy } from '../../src/replication/policy.js';
import { FakeBatch, harness, planFor, start, type Harness } from './support.js';

type CommitOffsets = EachBatchPayload['commitOffsetsIfNecessary'];

/** Both clusters name the topic alike. */
function identityHarness(): Harness {
  const h = harness({}, { policy: replicationPolicy({ policy: 'identity' }) });
  h.b.topics.clear();
  h.b.topics.set('orders', 2);
  h.b.assignment = { orders: [0, 1] };
  return h;
}

async function startBatches(
  h: Harness,
  eachBatch: (payload: FailoverEachBatchPayload) => Promise<void>,
): Promise<void> {
  await start(h, { autoCommit: false, eachMessage: undefined, eachBatch });
}

/** What reached kafkajs of the commits that a handler made. */
function forwarded(): { readonly commits: unknown[]; readonly commit: CommitOffsets } {
  const commits: unknown[] = [];
  return { commits, commit: async (offsets) => void commits.push(offsets) };
}

describe('what a batch commits', () => {
  it('is refused where it was delivered before the switch, also where both clusters name the topic alike', async () => {
    const h = identityHarness();
    const pending = new Map<number, string>();
    await startBatches(h, async ({ batch, commitOffsetsIfNecessary, cluster }) => {
      pending.set(batch.partition, String(Number(batch.lastOffset()) + 1));
      if (cluster === 'A') return;
      const partitions = [...pending].map(([partition, offset]) => ({ partition, offset }));
      await commitOffsetsIfNecessary({ topics: [{ topic: 'orders', partitions }] });
    });
    await h.a.inner.deliverBatch(new FakeBatch('orders', 0, [998, 999]));
    const plan = planFor('B', [
      ['orders', 0, 500n],
      ['orders', 1, 10n],
    ]);
    await h.switchTo('B', { plan });
    const { commits, commit } = forwarded();
    await expect(
      h.b.inner.deliverBatch(new FakeBatch('orders', 1, [10, 11]), commit),
    ).rejects.toMatchObject({ code: 'ERR_FAILOVER_STALE_OFFSET', partition: 0 });
    expect(commits).toEqual([]);
    expect(h.facts.map(({ name }) => name)).toContain('consumer.offset-refused');

    pending.delete(0);
    await h.b.inner.deliverBatch(new FakeBatch('orders', 1, [12]), commit);
    expect(commits).toEqual([
      {
        topics: [{ topic: 'orders', partitions: [{ partition: 1, offset: '13', metadata: null }] }],
      },
    ]);
  });

  it('is refused by the epoch that it names, also where this batch has the same numbers', async () => {
    const h = identityHarness();
    await startBatches(h, async ({ batch, commitOffsetsIfNecessary }) => {
      const { topic, partition } = batch;
      const entry = { partition, offset: '6', switchEpoch: 1 };
      await commitOffsetsIfNecessary({ topics: [{ topic, partitions: [entry] }] });
    });
    await h.a.inner.deliverBatch(new FakeBatch('orders', 0, [5]));
    await h.switchTo('B');
    await expect(h.b.inner.deliverBatch(new FakeBatch('orders', 0, [5]))).rejects.toMatchObject({
      code: 'ERR_FAILOVER_STALE_OFFSET',
    });
  });

  it('may be what uncommittedOffsets gave, whatever numbers an older epoch delivered', async () => {
    const h = harness();
    await startBatches(h, async ({ uncommittedOffsets, commitOffsetsIfNecessary }) => {
      await commitOffsetsIfNecessary(uncommittedOffsets());
    });
    await h.a.inner.deliverBatch(new FakeBatch('orders', 0, [6]));
    await h.switchTo('B');
    const { commits, commit } = forwarded();
    // kafkajs says 7 of this partition; the batch at hand is another one of it, far behind.
    await h.b.inner.deliverBatch(new FakeBatch('A.orders', 0, [3]), commit);
    expect(commits).toEqual([
      {
        topics: [
          { topic: 'A.orders', partitions: [{ partition: 0, offset: '7', metadata: null }] },
        ],
      },
    ]);
  });
});
