import { describe, expect, it } from 'vitest';
import { hasHandled } from '../../src/consumer/handled-here.js';

const progress = ({
  first,
  position,
  removed,
}: {
  first?: bigint;
  position?: bigint;
  removed?: { first: bigint; last: bigint };
}): NonNullable<Parameters<typeof hasHandled>[1]> => ({
  position: () => position,
  everDelivered: () => (first === undefined ? undefined : { first, last: first }),
  removed: { range: removed } as never,
});

const NOTHING = { committedAtJoin: undefined, begunAt: undefined };

describe('whether a group has handled a record of the cluster’s own topic', () => {
  it('is known where its member was given what lies before it, and has come past it', () => {
    expect(hasHandled(7n, progress({ first: 5n, position: 8n }), NOTHING)).toBe(true);
    expect(hasHandled(8n, progress({ first: 5n, position: 8n }), NOTHING)).toBe(false);
    expect(hasHandled(4n, progress({ first: 5n, position: 8n }), NOTHING)).toBe(false);
  });

  it('is known by its commit where it reads from the beginning, or its plan began before', () => {
    expect(hasHandled(7n, undefined, { committedAtJoin: 8n, begunAt: 0n })).toBe(true);
    expect(hasHandled(7n, undefined, { committedAtJoin: 8n, begunAt: 7n })).toBe(true);
    expect(hasHandled(7n, undefined, { committedAtJoin: 7n, begunAt: 0n })).toBe(false);
  });

  it('is not where it may have begun behind it', () => {
    expect(hasHandled(7n, undefined, { committedAtJoin: 8n, begunAt: undefined })).toBe(false);
    expect(hasHandled(7n, undefined, { committedAtJoin: 8n, begunAt: 8n })).toBe(false);
  });

  it('is not where nothing says how far it has come', () => {
    expect(hasHandled(7n, undefined, NOTHING)).toBe(false);
    expect(hasHandled(7n, undefined, { committedAtJoin: undefined, begunAt: 0n })).toBe(false);
  });

  it('is not where the record was removed before it was delivered', () => {
    const removed = { first: 6n, last: 7n };
    expect(hasHandled(7n, progress({ first: 5n, position: 9n, removed }), NOTHING)).toBe(false);
    expect(hasHandled(8n, progress({ first: 5n, position: 9n, removed }), NOTHING)).toBe(true);
  });
});
