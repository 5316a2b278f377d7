import { describe, expect, it } from 'vitest';
import { defaultPolicy, identityPolicy } from '../src/replication/policy.js';
import { missingPieceInWords } from '../src/missing-pieces.js';
import { missingTopics } from '../src/topic-readiness.js';

function topicWarnings(...args: Parameters<typeof missingTopics>): readonly string[] {
  return missingTopics(...args).map(missingPieceInWords);
}

const source = (topics: Record<string, number>, policy = defaultPolicy()) => ({
  alias: 'A',
  aliases: ['A', 'B'],
  topics: new Map(Object.entries(topics)),
  policy,
});
const target = (topics: Record<string, number>) => ({
  alias: 'B',
  topics: new Map(Object.entries(topics)),
});

describe('the topics of a planned switch', () => {
  it('are no matter where both are there, with as many partitions', () => {
    const here = source({ orders: 3 });
    expect(topicWarnings(['orders'], here, target({ orders: 3, 'A.orders': 3 }))).toEqual([]);
    expect(topicWarnings([/^orders/], here, target({ orders: 3, 'A.orders': 3 }))).toEqual([]);
  });

  it('are missing in one of two ways: the service has not made it, or MirrorMaker does not copy it', () => {
    const here = source({ orders: 3 });
    expect(topicWarnings(['orders'], here, target({}))).toEqual([
      'orders is missing on B: sends to it will fail there',
      'A.orders is missing on B: MirrorMaker does not copy orders',
    ]);
    expect(topicWarnings(['orders'], here, target({ 'A.orders': 3 }))).toHaveLength(1);
  });

  it('have as many partitions on both clusters, or keys change theirs', () => {
    expect(
      topicWarnings(['orders'], source({ orders: 3 }), target({ orders: 1, 'A.orders': 3 })),
    ).toEqual(['orders has 1 partitions on B, and orders has 3 on A']);
  });

  it('are asked for once each, and not where nothing of them is on the source', () => {
    const here = source({ orders: 3, 'B.audit': 1 });
    const there = target({ 'A.orders': 3 });
    expect(topicWarnings(['orders', /^orders/, 'audit'], here, there)).toEqual([
      'orders is missing on B: sends to it will fail there',
    ]);
  });

  it('have one name under the Identity policy', () => {
    const here = source({ orders: 3 }, identityPolicy());
    expect(topicWarnings(['orders'], here, target({ orders: 3 }))).toEqual([]);
    expect(topicWarnings(['orders'], here, target({}))).toHaveLength(1);
  });
});
