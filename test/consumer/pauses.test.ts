import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPausedTopics, Pauses } from '../../src/consumer/pauses.js';
import { SubscriptionState } from '../support/subscription-state.js';

const entry = fc.record(
  {
    topic: fc.constantFrom('orders', 'bills'),
    partitions: fc.uniqueArray(fc.integer({ min: 0, max: 2 })),
  },
  { requiredKeys: ['topic'] },
);
const step = fc.record({
  method: fc.constantFrom('pause' as const, 'resume' as const),
  list: fc.array(entry),
});

describe('pauses', () => {
  it("are kafkajs's own after any calls, and again where they are applied to a new consumer", () => {
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const theirs = new SubscriptionState();
        const ours = new Pauses();
        for (const { method, list } of steps) {
          theirs[method](list);
          ours[method](list);
        }
        const renewed = new SubscriptionState();
        const { pause, resume } = ours.calls();
        renewed.pause(pause);
        renewed.resume(resume);
        for (const topic of ['orders', 'bills']) {
          for (const partition of [0, 1, 2]) {
            const expected = theirs.isPaused(topic, partition);
            expect(ours.isPaused(topic, partition)).toBe(expected);
            expect(renewed.isPaused(topic, partition)).toBe(expected);
          }
        }
      }),
    );
  });

  it.each([
    [[{}], /Invalid topic/],
    [[undefined], /Invalid topic undefined/],
    [[{ topic: 'orders', partitions: 0 }], /Array of valid partitions required to pause/],
    [[{ topic: 'orders', partitions: ['x'] }], /Array of valid partitions required to pause/],
  ])('refuse %j in the words of kafkajs', (list, words) => {
    expect(() => checkPausedTopics(list, 'pause')).toThrow(words);
  });
});
