import { describe, expect, it } from 'vitest';
import { planWarnings } from '../../src/position/plan-warnings.js';
import {
  planGroup,
  type GroupPlan,
  type MissingPosition,
  type PartitionFacts,
} from '../../src/position/plan.js';

function facts(partition: number, found: Partial<PartitionFacts> = {}): PartitionFacts {
  return {
    topic: 'orders',
    physicalTopic: 'A.orders',
    partition,
    range: { low: 0n, high: 100n, end: 100n },
    bounds: [],
    handledBelow: undefined,
    voidCommit: undefined,
    awaited: [],
    notes: [],
    missing: [{ kind: 'no-checkpoint' }],
    ...found,
  };
}

function plan(partitions: readonly PartitionFacts[], onMissing: MissingPosition): GroupPlan {
  return planGroup({ groupId: 'billing', cluster: 'B', topics: [] }, partitions, { onMissing });
}

const known = { bounds: [{ method: 'checkpoint', offset: 90n }] } as const;
const empty = { range: { low: 7n, high: 7n, end: 7n } };

describe('the warnings of a plan', () => {
  it('are none where every position is known, or the log is empty', () => {
    expect(planWarnings(plan([facts(0, known), facts(1, empty)], 'earliest'))).toEqual([]);
  });

  it.each([
    ['earliest', 'no position is known, read from the start'],
    ['latest', 'no position is known, read from the end, so records may be skipped'],
    ['fail', "no position is known, the group does not start (consumer.onMissingPosition: 'fail')"],
  ] as const)('say what becomes of a partition without a position: %s', (onMissing, what) => {
    expect(planWarnings(plan([facts(0, known), facts(1), facts(2)], onMissing))).toEqual([
      `group billing: in 2 of 3 partitions on B ${what}: A.orders[1], A.orders[2]`,
    ]);
  });

  it('say where a checkpoint is all that is known, and nothing confirms it', () => {
    const unverified = { bounds: [{ method: 'unverified-checkpoint', offset: 90n }] } as const;
    expect(planWarnings(plan([facts(0, known), facts(1, unverified)], 'earliest'))).toEqual([
      'group billing: in 1 of 2 partitions on B a checkpoint is all that is known, without offset syncs to confirm it ' +
        '(mirror.offsetSyncsLocation), so records may be skipped if MirrorMaker had just been restarted when the source ' +
        'was lost: A.orders[1]',
    ]);
  });

  it('are none about an unverified checkpoint where a better position is known', () => {
    const both = [
      { method: 'own-commit', offset: 95n },
      { method: 'unverified-checkpoint', offset: 90n },
    ] as const;
    expect(planWarnings(plan([facts(0, { bounds: both })], 'earliest'))).toEqual([]);
  });

  it('name a few partitions and count the rest', () => {
    const [warning] = planWarnings(
      plan(
        Array.from({ length: 500 }, (_, partition) => facts(partition)),
        'earliest',
      ),
    );
    expect(warning).toContain('in 500 of 500 partitions');
    expect(warning).toMatch(/: A\.orders\[0\].*A\.orders\[4\] and 495 more$/);
  });

  it('say where records are gone that were not handled, unless a position in the log refutes it', () => {
    const upstream = {
      topic: 'orders',
      mirrored: { kind: 'known', end: 100n },
      end: { kind: 'asked', offset: 100n },
      handledEnd: 10n,
      gone: { first: 10n, last: 49n },
    } as const;
    const range = { low: 50n, high: 100n, end: 100n };
    const bound = (offset: bigint) => ({ bounds: [{ method: 'checkpoint', offset }] }) as const;
    const group = plan(
      [
        facts(0, { ...bound(10n), range, upstream }),
        facts(1, { ...bound(50n), range, upstream }),
        facts(2, { range, upstream }),
      ],
      'fail',
    );
    expect(planWarnings(group)).toEqual([
      'group billing: in 2 of 3 partitions on B records that were not handled may be gone (retention, or the topic was made anew; on the ' +
        'other cluster they may still be): A.orders[0], A.orders[2]',
      "group billing: in 1 of 3 partitions on B no position is known, the group does not start (consumer.onMissingPosition: 'fail'): A.orders[2]",
    ]);
    const [first, second] = group.partitions;
    expect(first).toMatchObject({
      notes: [expect.stringContaining('orders 10 to 49'), expect.anything()],
    });
    expect(second).toMatchObject({ upstream: { gone: undefined }, notes: [] });
  });
});
