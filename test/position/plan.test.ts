import { describe, expect, it } from 'vitest';
import { planPartition, type PartitionFacts, type PartitionPlan } from '../../src/position/plan.js';

const base: PartitionFacts = {
  topic: 'orders',
  physicalTopic: 'A.orders',
  partition: 0,
  range: { low: 0n, high: 1_000n, end: 1_000n },
  bounds: [],
  handledBelow: undefined,
  voidCommit: undefined,
  awaited: [],
  notes: [],
  missing: [],
};

function plan(
  facts: Partial<PartitionFacts>,
  onMissing: 'earliest' | 'latest' | 'fail' = 'earliest',
): PartitionPlan {
  return planPartition({ ...base, ...facts }, onMissing);
}

describe('a position', () => {
  it('is the highest of the bounds', () => {
    const bounds = [
      { method: 'own-commit', offset: 300n },
      { method: 'checkpoint', offset: 500n },
      { method: 'offset-sync', offset: 400n },
    ] as const;
    expect(plan({ bounds })).toEqual({
      kind: 'resume',
      topic: 'orders',
      physicalTopic: 'A.orders',
      partition: 0,
      offset: 500n,
      method: 'checkpoint',
      end: 1000n,
      maxRereadCount: 500n,
      awaited: [],
      missing: [],
      notes: [],
    });
  });

  const upstream = {
    topic: 'orders',
    mirrored: { kind: 'known', end: 100n },
    end: { kind: 'asked', offset: 100n },
    handledEnd: 10n,
    gone: { first: 10n, last: 49n },
  } as const;

  it('in the log refutes that records are gone, but a commit does not: it may be of a member that had to begin behind them', () => {
    const range = { low: 50n, high: 100n, end: 100n };
    const goneBy = (method: 'checkpoint' | 'own-commit') =>
      plan({ bounds: [{ method, offset: 60n }], range, upstream }).upstream?.gone;
    expect(goneBy('checkpoint')).toBeUndefined();
    expect(goneBy('own-commit')).toEqual({ first: 10n, last: 49n });
  });

  it('at 0 refutes nothing: nothing lies below it in a topic that was made anew', () => {
    const bounds = [{ method: 'checkpoint', offset: 0n }] as const;
    const range = { low: 0n, high: 50n, end: 50n };
    expect(plan({ bounds, range, upstream }).upstream?.gone).toEqual({ first: 10n, last: 49n });
  });

  it('is named after the first of equal bounds', () => {
    const bounds = [
      { method: 'own-commit', offset: 500n },
      { method: 'checkpoint', offset: 500n },
    ] as const;
    expect(plan({ bounds })).toMatchObject({ method: 'own-commit' });
  });

  it('is exact where one of equal bounds is, and none is an own commit', () => {
    const exact = { method: 'exact', offset: 500n } as const;
    const others = (method: 'own-commit' | 'checkpoint') =>
      plan({ bounds: [{ method, offset: 500n }, exact] });
    expect(others('checkpoint')).toMatchObject({ method: 'exact' });
    expect(others('own-commit')).toMatchObject({ method: 'own-commit' });
  });

  it('may be the end of the log', () => {
    expect(plan({ bounds: [{ method: 'checkpoint', offset: 1_000n }] })).toMatchObject({
      offset: 1_000n,
      maxRereadCount: 0n,
      notes: [],
    });
  });

  it('is never taken from a bound beyond the end, which speaks of a log that is gone', () => {
    const planned = plan({
      bounds: [
        { method: 'own-commit', offset: 300n },
        { method: 'checkpoint', offset: 1_001n },
      ],
    });
    expect(planned).toMatchObject({ offset: 300n, method: 'own-commit' });
    expect(planned).toHaveProperty('notes', [expect.stringContaining('re-created')]);
  });

  it('is not taken from what a checkpoint counts up to, where the checkpoint itself names a place beyond the end', () => {
    const junk = { method: 'checkpoint', offset: 400n, named: 1_000_400n } as const;
    expect(plan({ bounds: [junk, { method: 'own-commit', offset: 300n }] })).toMatchObject({
      method: 'own-commit',
      offset: 300n,
    });
    expect(plan({ bounds: [{ ...junk, named: 450n }] })).toMatchObject({ offset: 400n });
  });

  it('is missing where every bound lies beyond the end', () => {
    const bounds = [{ method: 'checkpoint', offset: 1_001n }] as const;
    expect(plan({ bounds })).toMatchObject({ offset: 0n, method: 'earliest' });
    expect(plan({ bounds }, 'fail')).toMatchObject({
      kind: 'unavailable',
      because: expect.stringContaining('re-created'),
    });
  });

  it('is moved up to the beginning of the log, and the plan says so', () => {
    const planned = plan({
      range: { low: 200n, high: 1_000n, end: 1_000n },
      bounds: [{ method: 'checkpoint', offset: 150n }],
    });
    expect(planned).toMatchObject({ offset: 200n, method: 'checkpoint', maxRereadCount: 800n });
    expect(planned).toHaveProperty('notes', [expect.stringContaining('retention')]);
  });
});

describe('what was not handled below a position', () => {
  const range = { low: 200n, high: 1_000n, end: 1_000n };
  const before = [{ method: 'own-commit', offset: 150n }] as const;
  const behind = [{ method: 'own-commit', offset: 300n }] as const;
  const removed = { first: 100n, last: 149n };

  it('is all below the beginning of the log where nothing is known to be handled of it, also of an empty one', () => {
    const all = { first: 0n, last: 199n };
    const end = 200n;
    expect(plan({ range, bounds: [] })).toHaveProperty('removed', all);
    expect(plan({ range: { low: end, high: end, end }, bounds: [] })).toMatchObject({
      offset: end,
      removed: all,
    });
    const isHandledAsCopies = (offset: bigint): boolean => offset <= 199n;
    expect(plan({ range, bounds: [], isHandledAsCopies })).toHaveProperty('removed', undefined);
    const from0 = { low: 0n, high: 500n, end: 500n };
    expect(plan({ range: from0, bounds: [] })).toHaveProperty('removed', undefined);
  });

  it('is what retention has removed between a bound and the beginning of the log', () => {
    expect(plan({ range, bounds: before })).toHaveProperty('removed', {
      first: 150n,
      last: 199n,
    });
    expect(plan({ range, bounds: behind })).toHaveProperty('removed', undefined);
  });

  it('is also what was left before: one range counts for both', () => {
    expect(plan({ bounds: behind, removed })).toHaveProperty('removed', removed);
    expect(plan({ range, bounds: before, removed })).toHaveProperty('removed', {
      first: 100n,
      last: 199n,
    });
  });

  it('is nothing once the group has handled the copies of all of them', () => {
    const asked: bigint[] = [];
    const handledUpTo = (end: bigint) => (offset: bigint) => {
      asked.push(offset);
      return offset <= end;
    };
    expect(
      plan({ range, bounds: before, removed, isHandledAsCopies: handledUpTo(199n) }),
    ).toHaveProperty('removed', undefined);
    expect(
      plan({ range, bounds: before, removed, isHandledAsCopies: handledUpTo(198n) }),
    ).toHaveProperty('removed', { first: 100n, last: 199n });
    expect(asked).toEqual([199n, 199n]);
  });

  it('lies below it: what comes again is handled', () => {
    const bounds = [{ method: 'own-commit', offset: 120n }] as const;
    expect(plan({ bounds, removed })).toHaveProperty('removed', { first: 100n, last: 119n });
    const first = [{ method: 'own-commit', offset: 100n }] as const;
    expect(plan({ bounds: first, removed })).toHaveProperty('removed', undefined);
  });

  it('is not what a commit says where a bound from the other cluster is better, or the commit is of another log', () => {
    const upstream = {
      topic: 'orders',
      mirrored: { kind: 'known', end: 1_000n },
      end: { kind: 'asked', offset: 1_000n },
      handledEnd: 400n,
    } as const;
    const better = [...behind, { method: 'checkpoint', offset: 400n }] as const;
    expect(plan({ bounds: behind, removed, upstream })).toHaveProperty('removed', removed);
    expect(plan({ bounds: better, removed, upstream })).toHaveProperty('removed', undefined);
    const beyond = [
      { method: 'own-commit', offset: 2_000n },
      { method: 'fingerprint', offset: 300n },
    ] as const;
    // The log is the same where records were found in it.
    expect(plan({ bounds: beyond, removed })).toHaveProperty('removed', removed);
    expect(plan({ bounds: beyond, removed, upstream })).toHaveProperty('removed', undefined);
  });
});

describe('the re-read', () => {
  const bounds = [{ method: 'checkpoint', offset: 500n }] as const;

  it('is at most the rest of the log', () => {
    expect(plan({ bounds })).toMatchObject({ maxRereadCount: 500n });
  });

  it('is at most what lies below the first record that was not handled', () => {
    expect(plan({ bounds, handledBelow: 510n })).toMatchObject({ maxRereadCount: 10n });
    expect(plan({ bounds, handledBelow: 500n })).toMatchObject({ maxRereadCount: 0n });
    expect(plan({ bounds, handledBelow: 5_000n })).toMatchObject({ maxRereadCount: 500n });
  });

  it('is nothing in a partition that is read from its start and that nobody has handled anything of', () => {
    const range = { low: 10n, high: 1_000n, end: 1_000n };
    expect(plan({ range, handledBelow: 0n })).toMatchObject({
      method: 'earliest',
      offset: 10n,
      maxRereadCount: 0n,
    });
    expect(plan({ range, handledBelow: 30n })).toMatchObject({ maxRereadCount: 20n });
  });

  it('is not limited by what a bound refutes', () => {
    expect(plan({ bounds, handledBelow: 499n })).toMatchObject({ maxRereadCount: 500n });
  });
});

describe('a partition without a bound', () => {
  const missing = [
    { kind: 'no-checkpoint' },
    { kind: 'no-translation', reason: 'no-sync', source: 'A' },
  ] as const;
  const words =
    'MirrorMaker has written no checkpoint for the group; MirrorMaker has written no offset sync for the partition';

  it('is read from its beginning by default, never from its end', () => {
    const planned = plan({ missing, range: { low: 10n, high: 1_000n, end: 1_000n } });
    expect(planned).toMatchObject({ offset: 10n, method: 'earliest', maxRereadCount: 990n });
    expect(planned).toHaveProperty('notes', [
      `no position is known; ${words}; read from the start`,
    ]);
  });

  it('is read from its end only where that was asked for, and the plan says what is skipped', () => {
    const planned = plan({ missing, range: { low: 10n, high: 1_000n, end: 1_000n } }, 'latest');
    expect(planned).toMatchObject({ offset: 1_000n, method: 'latest', maxRereadCount: 0n });
    expect(planned).toHaveProperty('notes', [expect.stringContaining('990 offsets are skipped')]);
  });

  it('keeps the group from starting where that was asked for', () => {
    expect(plan({ missing }, 'fail')).toEqual({
      kind: 'unavailable',
      topic: 'orders',
      physicalTopic: 'A.orders',
      partition: 0,
      because: `no position is known; ${words}`,
      missing,
    });
  });

  it.each(['earliest', 'latest', 'fail'] as const)(
    'has one position where it is empty, whatever is asked for (%s)',
    (onMissing) => {
      expect(plan({ missing, range: { low: 7n, high: 7n, end: 7n } }, onMissing)).toMatchObject({
        kind: 'resume',
        offset: 7n,
        method: 'earliest',
        maxRereadCount: 0n,
        notes: [],
      });
    },
  );
});
