import { describe, expect, it } from 'vitest';
import { MemoryPool } from '../../src/ledger/memory-pool.js';

describe('the memory of the ledger', () => {
  it('is used again, and as large as it has to be', () => {
    const pool = new MemoryPool(100);
    const [first, large] = [pool.take(10), pool.take(250)];
    expect([first.length, large.length, pool.sizeOf(10), pool.sizeOf(250)]).toEqual([
      100, 250, 100, 250,
    ]);
    pool.give(first);
    pool.give(large);
    expect(pool.take(250)).not.toBe(large);
    expect(pool.take(100)).toBe(first);
    expect(pool.take(100)).not.toBe(first);
  });

  it('is not used again where somebody may still be reading it', () => {
    const pool = new MemoryPool(100);
    const ends = [pool.read(), pool.read()];
    const piece = pool.take(1);
    ends[0]?.();
    pool.give(piece);
    expect(pool.take(1)).not.toBe(piece);
    ends[1]?.();
    pool.give(piece);
    expect(pool.take(1)).toBe(piece);
  });

  it('is given back by and by', () => {
    const pool = new MemoryPool(100);
    const pieces = [pool.take(1), pool.take(1), pool.take(1)];
    for (const piece of pieces) pool.give(piece);
    pool.shrink();
    expect([pool.take(1), pool.take(1)].filter((piece) => pieces.includes(piece))).toHaveLength(1);
  });
});
