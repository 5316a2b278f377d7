import { describe, expect, it } from 'vitest';
import type { ClusterAccess, Commit } from '../../src/cluster/access.js';
import {
  aheadOf,
  commitPositions,
  replanned,
  type ResumePosition,
} from '../../src/consumer/resume.js';
import { readMetadataOf } from '../../src/position/commit-metadata.js';

const at = (offset: bigint, more: Partial<ResumePosition> = {}): ResumePosition => ({
  topic: 'orders',
  partition: 0,
  offset,
  metadata: '',
  ...more,
});

describe('what is still to be committed of a plan', () => {
  it('is what the group has not committed, or not as far', () => {
    const wanted = [at(5n)];
    expect(aheadOf(wanted, [])).toEqual(wanted);
    expect(aheadOf(wanted, [at(4n)])).toEqual(wanted);
    expect(aheadOf(wanted, [at(4n, { partition: 1 })])).toEqual(wanted);
    expect(aheadOf(wanted, [at(5n)])).toEqual([]);
    expect(aheadOf(wanted, [at(6n)])).toEqual([]);
  });

  it('is also what a void commit stands in the way of, and no other commit', () => {
    const wanted = [at(5n, { voided: { first: 9n, last: 9n } })];
    expect(aheadOf(wanted, [at(9n)])).toEqual(wanted);
    // Somebody has gone on from the position meanwhile.
    expect(aheadOf(wanted, [at(8n)])).toEqual([]);
    expect(aheadOf(wanted, [at(10n)])).toEqual([]);
  });

  it('is a beginning only where the group has no commit at all, also no lower one', () => {
    const wanted = [at(5n, { ifNone: true })];
    expect(aheadOf(wanted, [])).toEqual(wanted);
    expect(aheadOf(wanted, [at(3n)])).toEqual([]);
    expect(aheadOf(wanted, [at(9n)])).toEqual([]);
  });

  it('is nothing where the commit is the very position', () => {
    expect(aheadOf([at(5n, { voided: { first: 5n, last: 9n } })], [at(5n)])).toEqual([]);
    expect(aheadOf([at(5n, { voided: { first: 5n, last: 9n } })], [at(7n)])).toHaveLength(1);
  });
});

describe('a later plan in the same epoch', () => {
  it('does not replace positions of an earlier one that are not in place yet', () => {
    const late = [at(5n, { voided: { first: 9n, last: 9n } })];
    const planned = [at(9n), at(3n, { partition: 1 })];
    expect(replanned(late, planned)).toEqual([...late, at(3n, { partition: 1 })]);
    expect(replanned([], planned)).toEqual(planned);
  });
});

describe('a position below which records were not handled', () => {
  const removed = { first: 2n, last: 4n };
  const signal = new AbortController().signal;
  const log = { cluster: 'B', physicalTopic: 'orders', partition: 0 };

  async function stored(
    atWallMs: number | undefined,
    refusal?: Error,
  ): Promise<readonly (readonly Commit[])[]> {
    const sent: (readonly Commit[])[] = [];
    const access = {
      alias: 'B',
      committed: async () => [],
      commitIdle: async (_group: string, commits: readonly Commit[]) => {
        sent.push(commits);
        if (refusal !== undefined && sent.length === 1) throw refusal;
        return 'stored';
      },
    } as unknown as ClusterAccess;
    const wanted = [at(5n, { removed }), at(7n, { partition: 1 })];
    expect(await commitPositions(access, 'billing', wanted, { signal, atWallMs })).toEqual([]);
    return sent;
  }

  it('is committed with metadata that says so, for whoever gets the partition next', async () => {
    const [rows = []] = await stored(1_000);
    const [first, second] = rows;
    expect(first && readMetadataOf(first, log)).toMatchObject({ offset: 5n, removed });
    expect(second?.metadata).toBe('');
  });

  it('is committed without where commits must have none, or the broker takes less', async () => {
    expect((await stored(undefined)).map((rows) => rows[0]?.metadata)).toEqual(['']);
    const type = 'OFFSET_METADATA_TOO_LARGE';
    const name = 'KafkaJSProtocolError';
    const tooLarge = Object.assign(new Error(type), { name, type, retriable: false });
    const [, again] = await stored(1_000, tooLarge);
    expect(again).toMatchObject([{ offset: 5n, metadata: '' }, { offset: 7n }]);
  });
});
