import { describe, expect, it } from 'vitest';
import { KeptSeeks } from '../../src/consumer/kept-seeks.js';
import { PartitionProgress } from '../../src/consumer/progress.js';

type Row = { partition: number | string; offset: string; metadata?: null };

/** A consumer that has sought to 7 in partition 0, and what kafkajs is told. */
function rig({ isNeeded = true } = {}) {
  const told: string[] = [];
  const progress = new PartitionProgress('orders', 'orders', 0);
  const kept = new KeptSeeks({
    consumer: { seek: ({ offset }) => told.push(offset) },
    progressOf: (_topic, partition) => (partition === 0 ? progress : undefined),
  });
  kept.isNeeded = isNeeded;
  const seek = (offset: bigint): void => {
    progress.seek(offset);
    kept.sought({ topic: 'orders', partition: 0, offset: String(offset) });
  };
  const commits = (row: Row, error?: Error): Promise<unknown> =>
    kept.commits(
      {
        groupId: 'billing',
        groupGenerationId: 1,
        memberId: 'm',
        topics: [{ topic: 'orders', partitions: [row as never] }],
      },
      () => (error === undefined ? Promise.resolve('stored') : Promise.reject(error)),
    );
  seek(7n);
  return { told, progress, kept, seek, commits };
}

describe('a seek', () => {
  it('is told anew before each fetch until kafkajs has committed it, also where that fails', async () => {
    const { told, kept, commits } = rig();
    kept.beforeFetch();
    await expect(commits({ partition: 0, offset: '7' }, new Error('gone'))).rejects.toThrow('gone');
    kept.beforeFetch();
    expect(told).toEqual(['7', '7']);
    expect(await commits({ partition: 0, offset: '7' })).toBe('stored');
    kept.beforeFetch();
    expect(told).toHaveLength(2);
  });

  it.each<[string, Row]>([
    ['of another offset', { partition: 0, offset: '8' }],
    ['of another partition', { partition: 1, offset: '7' }],
    ['of what was handled', { partition: '0', offset: '7' }],
    ['of the service', { partition: 0, offset: '7', metadata: null }],
  ])('is not taken for carried out by a commit %s', async (_what, row) => {
    const { told, kept, commits } = rig();
    await commits(row);
    kept.beforeFetch();
    expect(told).toEqual(['7']);
  });

  it('is over once a record was delivered, the partition has gone, or kafkajs begins anew', () => {
    const delivered = rig();
    delivered.progress.delivers('7', '7');
    const gone = rig();
    gone.progress.revoked();
    const anew = rig();
    anew.kept.forget();
    for (const { told, kept } of [delivered, gone, anew]) {
      kept.beforeFetch();
      expect(told).toEqual([]);
    }
  });

  it('counts as the last one says, to an end of the log too', async () => {
    const { told, kept, seek, commits } = rig();
    seek(-1n);
    await commits({ partition: 0, offset: '7' });
    kept.beforeFetch();
    expect(told).toEqual(['-1']);
    await commits({ partition: 0, offset: '-1' });
    kept.beforeFetch();
    expect(told).toHaveLength(1);
  });

  it('is not told anew without auto-commit: there kafkajs forgets none', () => {
    const { told, kept } = rig({ isNeeded: false });
    kept.beforeFetch();
    expect(told).toEqual([]);
  });
});
