import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { CONSUMER_EVENTS } from '../../src/consumer/consumer-events.js';
import { DedupLane } from '../../src/consumer/dedup-lane.js';
import { DedupWindow } from '../../src/consumer/dedup-window.js';
import { PartitionWork } from '../../src/consumer/partition-work.js';
import type { FailoverEachMessagePayload } from '../../src/consumer/types.js';
import { play, steps, type Style } from './dedup-flows.js';
import { controlled, harness, planFor, settle, start, type FakeInner } from './support.js';

const dedups = {
  'by message id': { messageId: 'id', maxEntries: 1_000 },
  'by message id, in a small window': { messageId: 'id', maxEntries: 3 },
  'by place': { messageId: undefined, maxEntries: 1_000 },
} as const;

const styles: fc.Arbitrary<Style> = fc.record({
  handlers: fc.constantFrom('eachMessage' as const, 'eachBatch' as const),
  autoCommit: fc.boolean(),
  dedup: fc.constantFrom(...Object.values(dedups)),
});

const SEED = { seed: 20_261_127 };

/** Every flow is sound: nothing is left out that is wanted, and what is wanted comes. */
function soundness(style: fc.Arbitrary<Style> = styles) {
  return fc.asyncProperty(style, steps, async (style, list) => {
    const { violation } = await play(style, list);
    if (violation !== undefined) throw new Error(violation);
  });
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('a window of handled records', () => {
  it('never leaves out what no handler has ended well with, nor what somebody wants again', async () => {
    await fc.assert(soundness(), { ...SEED, numRuns: 120 });
  }, 60_000);

  it('leaves out what comes again unasked', async () => {
    let hitCount = 0;
    const style = fc.constant<Style>({
      handlers: 'eachMessage',
      autoCommit: true,
      dedup: dedups['by message id'],
    });
    const property = fc.asyncProperty(style, steps, async (style, list) => {
      hitCount += (await play(style, list)).hitCount;
    });
    await fc.assert(property, { ...SEED, numRuns: 50 });
    expect(hitCount).toBeGreaterThan(50);
  }, 60_000);
});

/** Faults that are easy to make. Each must be seen in some flow, or the property above says nothing. */
const faults: Record<string, () => void> = {
  'a record is marked before its handler has ended': () => {
    const { watch } = DedupLane.prototype;
    vi.spyOn(DedupLane.prototype, 'watch').mockImplementation(function (this: DedupLane, opened) {
      watch.call(this, opened, undefined, { endCoversAll: true, resolved: undefined });
    });
  },
  'a record counts although it is not committed, without auto-commit': () => {
    const { lane } = DedupWindow.prototype;
    vi.spyOn(DedupWindow.prototype, 'lane').mockImplementation(function (
      this: DedupWindow,
      source,
      rest,
    ) {
      return lane.call(this, source, { ...rest, isAutoCommit: true });
    });
  },
  'a seek is overlooked': () => {
    vi.spyOn(DedupWindow.prototype, 'forget').mockImplementation(() => {});
  },
  'another member that had the partition is overlooked': () => {
    vi.spyOn(DedupWindow.prototype, 'joined').mockImplementation(() => {});
  },
  'another member that was quicker after a switch is overlooked': () => {
    vi.spyOn(DedupWindow.prototype, 'follow').mockImplementation(() => {});
  },
  'a group that was set back is overlooked': () => {
    vi.spyOn(PartitionWork.prototype, 'reach').mockImplementation(() => ({
      reached: undefined,
      committed: undefined,
    }));
  },
  'records are told apart by what they look like': () => {
    const { identify } = DedupWindow.prototype;
    vi.spyOn(DedupWindow.prototype, 'identify').mockImplementation(function (
      this: DedupWindow,
      message,
      log,
    ) {
      return identify.call(this, message, log) && String(message.value);
    });
  },
};

describe('a fault of the window is seen:', () => {
  it.each(Object.keys(faults))(
    '%s',
    async (fault) => {
      faults[fault]?.();
      const result = await fc.check(soundness(), { ...SEED, numRuns: 600, endOnFailure: true });
      expect(result.failed).toBe(true);
      expect(String(result.errorInstance)).toMatch(/was left out|never came/);
    },
    60_000,
  );
});

/** A consumer whose records have their offsets as ids. */
async function byOffset() {
  const handled: string[] = [];
  const limits = {
    onMissingPosition: 'earliest',
    topicRefreshMs: 30_000,
    commitMetadata: true,
    dedup: { messageId: ({ offset }: { offset: string }) => offset, maxEntries: 10 },
  } as const;
  const h = harness({}, { limits });
  const run = {
    eachMessage: async ({ message, cluster }: FailoverEachMessagePayload) => {
      handled.push(`${cluster}${message.offset}`);
    },
  };
  await start(h, run);
  for (const offset of [4, 5]) await h.a.inner.deliver('orders', 0, offset);
  return { h, run, handled };
}

function commit(inner: FakeInner, offset: string): void {
  const partitions = [{ partition: '0', offset }];
  inner.emit(CONSUMER_EVENTS.COMMIT_OFFSETS, { topics: [{ topic: 'orders', partitions }] });
}

describe('records are handed out again', () => {
  it('after a new start of the consumer', async () => {
    const { h, run, handled } = await byOffset();
    await h.consumer.stop();
    await h.consumer.run(run);
    for (const offset of [4, 5]) await h.a.inner.deliver('orders', 0, offset);
    expect(handled).toEqual(['A4', 'A5', 'A4', 'A5']);
  });

  it('where user code has committed further back, and a rebalance leads there', async () => {
    const { h, handled } = await byOffset();
    commit(h.a.inner, '6');
    commit(h.a.inner, '5');
    h.a.inner.join(h.a.assignment);
    await h.a.inner.deliver('orders', 0, 5);
    expect(handled).toEqual(['A4', 'A5', 'A5']);
  });

  it('and not where the rebalance leads behind what was handled and not committed', async () => {
    const { h, handled } = await byOffset();
    commit(h.a.inner, '5');
    h.a.inner.join(h.a.assignment);
    for (const offset of [5, 6]) await h.a.inner.deliver('orders', 0, offset);
    expect(handled).toEqual(['A4', 'A5', 'A6']);
    expect(h.client.status().dedupHitCount).toBe(1);
  });
});

describe('a seek before the consumer has joined on the new cluster', () => {
  it('is obeyed, also where it leads to the place of the plan', async () => {
    const { h, handled } = await byOffset();
    h.b.topicsDelay = controlled();
    const plan = planFor('B', [['A.orders', 0, 4n]]);
    const switching = h.switchTo('B', { plan });
    await settle();
    h.consumer.seek({ topic: 'orders', partition: 0, offset: '4', switchEpoch: 2 });
    h.b.topicsDelay.resolve();
    await switching;
    for (const offset of [4, 5]) await h.b.inner.deliver('A.orders', 0, offset);
    expect(handled).toEqual(['A4', 'A5', 'B4', 'B5']);
  });
});
