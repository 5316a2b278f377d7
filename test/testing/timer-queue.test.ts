import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TimerQueue } from '../../src/testing/timer-queue.js';

describe('the queue of timers', () => {
  it('gives out what was not cancelled, sorted by due time and then by start', () => {
    const timers = fc.array(fc.record({ atMs: fc.nat(20), isCancelled: fc.boolean() }));
    fc.assert(
      fc.property(timers, (asked) => {
        const queue = new TimerQueue();
        const taken: number[] = [];
        const entries = asked.map(({ atMs }, index) => queue.add(atMs, () => taken.push(index)));
        asked.forEach(({ isCancelled }, index) => {
          const entry = entries[index];
          if (isCancelled && entry !== undefined) queue.cancel(entry);
        });
        const kept = asked
          .map((timer, index) => ({ ...timer, index }))
          .filter(({ isCancelled }) => !isCancelled)
          .toSorted((a, b) => a.atMs - b.atMs || a.index - b.index);
        expect(queue.size).toBe(kept.length);
        for (let next = queue.take(); next !== undefined; next = queue.take()) next.callback();
        expect(taken).toEqual(kept.map(({ index }) => index));
        expect(queue.nextAtMs()).toBeUndefined();
      }),
    );
  });

  it('does not keep what was cancelled', () => {
    const queue = new TimerQueue();
    const fired: number[] = [];
    for (let index = 0; index < 5000; index += 1) {
      const entry = queue.add(10_000 - index, () => fired.push(index));
      if (index % 100 !== 0) queue.cancel(entry);
    }
    expect(queue.size).toBe(50);
    for (let next = queue.take(); next !== undefined; next = queue.take()) next.callback();
    expect(fired).toEqual(Array.from({ length: 50 }, (_each, index) => 4900 - index * 100));
  });
});
