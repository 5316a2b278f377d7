import { describe, expect, it } from 'vitest';
import { PendingSeeks } from '../../src/consumer/pending-seeks.js';
import { PartitionProgress } from '../../src/consumer/progress.js';
import { controlled } from './support.js';

type Row = { partition: number | string; offset: string; metadata?: null };

function requestOf(row: Row): Parameters<PendingSeeks['commits']>[0] {
  return {
    groupId: 'billing',
    groupGenerationId: 1,
    memberId: 'm',
    topics: [{ topic: 'orders', partitions: [row as never] }],
  };
}

/** A consumer that has sought to 7 in partition 0, and what kafkajs is told. */
function rig({ isAutoCommit = true } = {}) {
  const told: string[] = [];
  const progress = new PartitionProgress('orders', 'orders', 0);
  const pending = new PendingSeeks({
    consumer: { seek: ({ offset }) => told.push(offset) },
    progressOf: (_topic, partition) => (partition === 0 ? progress : undefined),
  });
  pending.isAutoCommit = isAutoCommit;
  const seek = (offset: bigint): void => {
    progress.seek(offset);
    pending.add({ topic: 'orders', partition: 0, offset: String(offset) });
  };
  const commits = (row: Row, error?: Error): Promise<unknown> =>
    pending.commits(requestOf(row), () =>
      error === undefined ? Promise.resolve('stored') : Promise.reject(error),
    );
  /** Whether it is stored is not known yet. */
  const send = (row: Row): { answer: Promise<unknown>; reject: (error: Error) => void } => {
    const stored = controlled();
    const answer = pending.commits(requestOf(row), () => stored.promise);
    return { answer, reject: (error) => stored.reject(error) };
  };
  seek(7n);
  return { told, progress, pending, seek, commits, send };
}

describe('a seek', () => {
  it('is told anew before each fetch until kafkajs has committed it, also where that fails', async () => {
    const { told, pending, commits } = rig();
    pending.beforeFetch();
    await expect(commits({ partition: 0, offset: '7' }, new Error('gone'))).rejects.toThrow('gone');
    pending.beforeFetch();
    expect(told).toEqual(['7', '7']);
    expect(await commits({ partition: 0, offset: '7' })).toBe('stored');
    pending.beforeFetch();
    expect(told).toHaveLength(2);
  });

  it.each<[string, Row]>([
    ['of another offset', { partition: 0, offset: '8' }],
    ['of another partition', { partition: 1, offset: '7' }],
    ['of what was handled', { partition: '0', offset: '7' }],
    ['of the service', { partition: 0, offset: '7', metadata: null }],
  ])('is not taken for carried out by a commit %s', async (_what, row) => {
    const { told, pending, commits } = rig();
    await commits(row);
    pending.beforeFetch();
    expect(told).toEqual(['7']);
  });

  it('is over once a record was delivered, the partition has gone, or kafkajs begins anew', () => {
    const delivered = rig();
    delivered.progress.delivers('7', '7');
    const gone = rig();
    gone.progress.revoked();
    const anew = rig();
    anew.pending.forget();
    for (const { told, pending } of [delivered, gone, anew]) {
      pending.beforeFetch();
      expect(told).toEqual([]);
    }
  });

  it('counts as the last one says, to an end of the log too', async () => {
    const { told, pending, seek, commits } = rig();
    seek(-1n);
    await commits({ partition: 0, offset: '7' });
    pending.beforeFetch();
    expect(told).toEqual(['-1']);
    await commits({ partition: 0, offset: '-1' });
    pending.beforeFetch();
    expect(told).toHaveLength(1);
  });

  it('is not told anew while kafkajs commits it: another broker fetches meanwhile', async () => {
    const { told, pending, send } = rig();
    const first = send({ partition: 0, offset: '7' });
    pending.beforeFetch();
    expect(told).toEqual([]);
    first.reject(new Error('gone'));
    await expect(first.answer).rejects.toThrow('gone');
    pending.beforeFetch();
    expect(told).toEqual(['7']);
  });

  it('is kept by kafkajs for when its partition comes back, unless it was carried out before, or another one counts since', async () => {
    const here = { orders: [0] };
    const elsewhere = { orders: [1] };
    const { pending, progress } = rig();
    expect(pending.keepsOneOf(here)).toBe(false);
    expect(pending.keepsOneOf(elsewhere)).toBe(false);
    progress.revoked();
    expect(pending.keepsOneOf(elsewhere)).toBe(false);
    expect(pending.keepsOneOf(here)).toBe(true);
    pending.soughtElsewhere({ topic: 'orders', partition: 0, offset: '9' });
    expect(pending.keepsOneOf(here)).toBe(false);
    const done = rig();
    await done.commits({ partition: 0, offset: '7' });
    expect(done.pending.keepsOneOf(elsewhere)).toBe(false);
    expect(done.pending.keepsOneOf(here)).toBe(false);
  });

  it('is not told anew without auto-commit: there kafkajs forgets none', () => {
    const { told, pending } = rig({ isAutoCommit: false });
    pending.beforeFetch();
    expect(told).toEqual([]);
  });
});
