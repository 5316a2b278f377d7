import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import type { KafkaMessage } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { RecentRecords } from '../../src/consumer/recent-records.js';
import { Reread } from '../../src/consumer/reread.js';
import type { HandledPosition } from '../../src/position/need.js';

function record(id: number, offset: bigint): KafkaMessage {
  return {
    offset: String(offset),
    timestamp: String(1_000 + Math.trunc(id / 3)),
    key: null,
    value: Buffer.from(`r${id}`),
    attributes: 0,
    headers: {},
  };
}

/** A process that has handled records 0 to `count - 1` on the source. */
function handledUpTo(count: number): HandledPosition {
  const recent = new RecentRecords();
  for (let id = 0; id < count; id += 1) recent.add(record(id, BigInt(id)));
  const offset = BigInt(count);
  return {
    physicalTopic: 'orders',
    partition: 0,
    offset,
    deliveredBelow: offset,
    rewoundBelow: undefined,
    handledFrom: undefined,
    committed: undefined,
    recent: recent.below(offset),
  };
}

function reread(offset: number, limit: number, handled: HandledPosition | undefined): Reread {
  const maxRereadCount = BigInt(limit - offset);
  return new Reread({
    groupId: 'billing',
    plan: {
      physicalTopic: 'A.orders',
      partition: 0,
      offset: BigInt(offset),
      method: 'exact',
      maxRereadCount,
    },
    handled,
  });
}

/** Hands records over whose ids are their offsets. Answers at which one it said that all is new from there. */
function give(counter: Reread, from: number, to: number): number | undefined {
  let first: number | undefined;
  for (let id = from; id < to; id += 1) {
    if (counter.handles(record(id, BigInt(id)))) first ??= id;
  }
  return first;
}

describe('what is handled again', () => {
  it('is also what comes from below the place of the plan, where somebody has set the group back since', () => {
    const counter = reread(50, 50, handledUpTo(50));
    give(counter, 40, 45);
    // Its handler has failed.
    give(counter, 44, 50);
    expect(counter).toMatchObject({ hasBegun: true, isOver: false });
    expect(counter.count()).toEqual({ kind: 'counted', count: 10 });
    expect(give(counter, 50, 60)).toBe(50);
    expect(counter.count()).toEqual({ kind: 'counted', count: 10 });
  });

  it('is nothing where the position is exact, and the first record is new', () => {
    const counter = reread(50, 50, handledUpTo(50));
    expect(counter).toMatchObject({ isFinal: true, isOver: false });
    expect(counter.count()).toEqual({ kind: 'counted', count: 0 });
    expect(give(counter, 50, 60)).toBe(50);
    expect(counter.count()).toEqual({ kind: 'counted', count: 0 });
    expect(counter.isOver).toBe(true);
  });

  it('is everything up to the copy of the last handled record', () => {
    const counter = reread(20, 90, handledUpTo(50));
    expect(counter.count()).toMatchObject({ kind: 'unknown' });
    expect(give(counter, 20, 100)).toBe(90);
    expect(counter.count()).toEqual({ kind: 'counted', count: 30 });
  });

  it('is counted once where a record comes again because its handler has failed', () => {
    const counter = reread(20, 90, handledUpTo(50));
    give(counter, 20, 30);
    give(counter, 25, 60);
    expect(counter.count()).toEqual({ kind: 'counted', count: 30 });
  });

  it('is at least what was recognised where the last one has not come', () => {
    const counter = reread(20, 90, handledUpTo(50));
    give(counter, 20, 40);
    expect(counter.count()).toEqual({ kind: 'atLeast', count: 20 });
  });

  it('is at least that, too, where handlers had been given more than was handled', () => {
    const counter = reread(20, 90, { ...handledUpTo(50), deliveredBelow: 60n });
    give(counter, 20, 100);
    expect(counter.count()).toEqual({ kind: 'atLeast', count: 30 });
  });

  it('is at most what came below the limit where nothing is remembered', () => {
    const counter = reread(20, 90, undefined);
    give(counter, 20, 80);
    expect(counter.count()).toMatchObject({ kind: 'unknown' });
    give(counter, 80, 100);
    expect(counter.count()).toEqual({ kind: 'atMost', count: 70 });
  });

  it('is not known any more where another member has had the partition', () => {
    const counter = reread(20, 90, undefined);
    give(counter, 20, 30);
    counter.giveUp('it went elsewhere');
    expect(give(counter, 30, 100)).toBeUndefined();
    expect(counter.count()).toEqual({ kind: 'unknown', because: 'it went elsewhere' });
  });

  it('is never told wrongly, whatever is missing on the target', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 300 }),
        fc.integer({ min: 0, max: 200 }),
        fc.integer({ min: 0, max: 50 }),
        fc.uniqueArray(fc.integer({ min: 0, max: 350 })),
        fc.integer({ min: 0, max: 400 }),
        (handledCount, back, beyond, lost, givenCount) => {
          const from = Math.max(0, handledCount - back);
          const counter = reread(from, handledCount + beyond, handledUpTo(handledCount));
          let twiceCount = 0;
          for (let id = from; id < from + givenCount; id += 1) {
            if (lost.includes(id)) continue;
            counter.handles(record(id, BigInt(id)));
            if (id < handledCount) twiceCount += 1;
          }
          const count = counter.count();
          if (count.kind === 'counted') expect(count.count).toBe(twiceCount);
          if (count.kind === 'atLeast') expect(count.count).toBeLessThanOrEqual(twiceCount);
          if (count.kind === 'atMost') expect(count.count).toBeGreaterThanOrEqual(twiceCount);
        },
      ),
    );
  });
});
