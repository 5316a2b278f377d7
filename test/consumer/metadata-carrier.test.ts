import type { Broker, Cluster } from 'kafkajs';
import { describe, expect, it, vi } from 'vitest';
import { aroundCoordinator, type CoordinatorCalls } from '../../src/consumer/coordinator-calls.js';
import { MetadataCarrier } from '../../src/consumer/metadata-carrier.js';
import { readCommitMetadata, readLeavingMetadata } from '../../src/position/commit-metadata.js';

type Commit = Parameters<Broker['offsetCommit']>[0];

interface Row {
  readonly partition: number | string;
  readonly offset: unknown;
  readonly metadata?: string | null;
}

const recent = [{ offset: 41n, timestamp: '5', hash: '0123456789abcdef' }];

function refusal(type: string): Error {
  return Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type, retriable: false });
}

const none: CoordinatorCalls = {
  commits: (request, send) => send(request),
  begins: () => {},
  beforeFetch: () => {},
};

/** A cluster of one broker, as kafkajs hands it to assigners, and what that broker was asked to store. */
function rig({
  maxLength = 4_096,
  removed,
  leaves,
}: { maxLength?: number; removed?: { first: bigint; last: bigint }; leaves?: bigint } = {}) {
  const stored: Row[][] = [];
  const asked: string[] = [];
  const offsetCommit = vi.fn(async ({ topics }: Commit) => {
    const rows = topics.flatMap(({ partitions }) => partitions as Row[]);
    stored.push(rows);
    if (rows.some(({ metadata }) => (metadata?.length ?? 0) > maxLength)) {
      throw refusal('OFFSET_METADATA_TOO_LARGE');
    }
  });
  const broker = { offsetCommit, offsetFetch: vi.fn() } as unknown as Broker;
  const cluster = { findBroker: async () => broker } as unknown as Cluster;
  const made = vi.fn(() => ({ name: 'any' }) as never);
  const parts = {
    cluster: 'A',
    wallMs: () => 1_000,
    recentBelow: (topic: string, partition: number, position: bigint) => {
      asked.push(`${topic}-${partition} ${position}`);
      return partition === 9 ? [] : recent;
    },
    removed: () => removed,
    leaves: () => leaves,
  };
  const config = { cluster, groupId: 'billing', logger: {} } as never;
  const carrier = new MetadataCarrier(parts);
  const calls = { ...none, commits: carrier.commits.bind(carrier) };
  for (const assigner of aroundCoordinator([made, made], calls)) assigner(config);
  const commit = async (...rows: readonly Row[]): Promise<void> => {
    const found = await cluster.findBroker({ nodeId: '0' });
    const request = { groupId: 'billing', groupGenerationId: 1, memberId: 'm' };
    await found.offsetCommit({
      ...request,
      topics: [{ topic: 'orders', partitions: rows as never }],
    });
  };
  return { stored, asked, commit, made, offsetCommit };
}

describe('what a consumer commits', () => {
  it('names the records that were handled last, once, however many assigners there are', async () => {
    const { stored, commit, made, offsetCommit } = rig();
    expect(made).toHaveBeenCalledTimes(2);
    await commit({ partition: '0', offset: '42' });
    await commit({ partition: 0, offset: { toString: () => '42' }, metadata: null });
    for (const [row] of stored) {
      expect(readCommitMetadata(row?.metadata ?? '')).toEqual({
        cluster: 'A',
        physicalTopic: 'orders',
        partition: 0,
        offset: 42n,
        atWallMs: 1_000,
        recent,
      });
    }
    expect(stored).toHaveLength(2);
    expect(offsetCommit).toHaveBeenCalledTimes(2);
  });

  it('names what was removed before it was handled, below the commit, also where no record is named', async () => {
    const removed = { first: 20n, last: 29n };
    const { stored, commit } = rig({ removed });
    await commit({ partition: 0, offset: '42' });
    await commit({ partition: 9, offset: '42' });
    await commit({ partition: 0, offset: '25' });
    const read = stored.map(([row]) => readCommitMetadata(row?.metadata ?? ''));
    expect(read[0]).toMatchObject({ recent, removed });
    expect(read[1]).toMatchObject({ recent: [], removed });
    expect(read[2]).toBeUndefined();
  });

  it('names the place that kafkajs leaves because it is out of range', async () => {
    const { stored, commit } = rig({ leaves: 17n });
    await commit({ partition: 0, offset: -2 });
    const log = { cluster: 'A', physicalTopic: 'orders', partition: 0 };
    expect(readLeavingMetadata(stored[0]?.[0]?.metadata ?? '')).toEqual({ ...log, leaves: 17n });
  });

  it('names there what was removed before as well, below that place', async () => {
    const { stored, commit } = rig({ leaves: 17n, removed: { first: 3n, last: 40n } });
    await commit({ partition: 0, offset: -2 });
    const said = readLeavingMetadata(stored[0]?.[0]?.metadata ?? '');
    expect(said?.removed).toEqual({ first: 3n, last: 16n });
  });

  it('is what kafkajs says, in all else', async () => {
    const { offsetCommit, commit } = rig();
    await commit({ partition: 3, offset: '42' });
    expect(offsetCommit).toHaveBeenCalledWith({
      groupId: 'billing',
      groupGenerationId: 1,
      memberId: 'm',
      topics: [
        {
          topic: 'orders',
          partitions: [{ partition: 3, offset: '42', metadata: expect.any(String) }],
        },
      ],
    });
  });

  it.each<[string, Row]>([
    ['has metadata of the service', { partition: 0, offset: '42', metadata: 'event-3' }],
    ['has empty metadata of the service', { partition: 0, offset: '42', metadata: '' }],
    ['is an end of the log', { partition: 0, offset: -2 }],
    ['is no offset', { partition: 0, offset: 'next' }],
    ['is a partition of which nothing was handled', { partition: 9, offset: '42' }],
  ])('stays as it is where it %s', async (_, row) => {
    const { stored, commit } = rig();
    await commit(row);
    expect(stored).toEqual([[row]]);
  });

  it('goes again without, at once, where the broker takes less; and without from then on', async () => {
    const { stored, asked, commit } = rig({ maxLength: 50 });
    await commit({ partition: 0, offset: '42' });
    await commit({ partition: 0, offset: '43' });
    expect(stored.slice(1)).toEqual([
      [{ partition: 0, offset: '42' }],
      [{ partition: 0, offset: '43' }],
    ]);
    expect(asked).toEqual(['orders-0 42']);
  });

  it('fails as ever where the service says too much, or something else is wrong', async () => {
    const { stored, commit, offsetCommit } = rig({ maxLength: 300 });
    const tooLong = { partition: 0, offset: '42', metadata: 'x'.repeat(400) };
    await expect(commit(tooLong)).rejects.toMatchObject({ type: 'OFFSET_METADATA_TOO_LARGE' });
    expect(stored).toHaveLength(2);
    const other = rig();
    other.offsetCommit.mockRejectedValueOnce(refusal('REBALANCE_IN_PROGRESS'));
    await expect(other.commit({ partition: 0, offset: '42' })).rejects.toMatchObject({
      type: 'REBALANCE_IN_PROGRESS',
    });
    expect(other.stored).toEqual([]);
    expect(offsetCommit).toHaveBeenCalledTimes(2);
  });

  it('is left alone in a client that is not built like kafkajs', () => {
    const assigner = vi.fn(() => ({ name: 'any' }) as never);
    const [watched] = aroundCoordinator([assigner], none);
    expect(watched?.({ cluster: {}, groupId: 'g', logger: {} } as never)).toEqual({ name: 'any' });
  });
});
