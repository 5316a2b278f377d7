import { describe, expect, it } from 'vitest';
import type { GroupPlan, PartitionPlan } from '../../src/position/plan.js';
import type { UpstreamLog } from '../../src/position/upstream.js';
import { recoveryPointOf, unhandledOf, unmirroredLogs } from '../../src/switch/loss.js';

const MIRRORED_TO_100: UpstreamLog = {
  topic: 'orders',
  mirrored: { kind: 'known', end: 100n },
  end: { kind: 'asked', offset: 160n },
  handledEnd: 120n,
};

function planOf(upstream: Partial<UpstreamLog> | undefined, awaitedCount = 0): PartitionPlan {
  return {
    kind: 'resume',
    topic: 'orders',
    physicalTopic: 'A.orders',
    partition: 0,
    offset: 0n,
    method: 'exact',
    maxRereadCount: 0n,
    voidCommit: undefined,
    awaited: Array.from({ length: awaitedCount }, (_, index) => ({
      offset: BigInt(index),
      timestamp: '1',
      hash: 'h',
    })),
    ...(upstream === undefined ? {} : { upstream: { ...MIRRORED_TO_100, ...upstream } }),
    missing: [],
    notes: [],
  };
}

function groupOf(...partitions: readonly PartitionPlan[]): GroupPlan {
  return { groupId: 'billing', cluster: 'B', topics: [], partitions };
}

const SEEN = { kind: 'seen', offset: 130n } as const;
const ACKNOWLEDGED = [{ topic: 'orders', partition: 0, end: 150n }];
const NOWHERE = { kind: 'unknown', because: 'no sync' } as const;

describe('what is not mirrored', () => {
  it.each([
    [
      'is counted where the source says where its log ends',
      {},
      [],
      0,
      { kind: 'counted', count: 60 },
    ],
    [
      'is at least what was seen of a dead source',
      { end: SEEN },
      [],
      0,
      { kind: 'atLeast', count: 30 },
    ],
    ['or what it has acknowledged', { end: SEEN }, ACKNOWLEDGED, 0, { kind: 'atLeast', count: 50 }],
    [
      'or the acknowledged alone',
      { end: { kind: 'unknown' } },
      ACKNOWLEDGED,
      0,
      { kind: 'atLeast', count: 50 },
    ],
    [
      'is at least so much where some copies are second ones',
      { mirrored: { kind: 'atMost', end: 100n } },
      [],
      0,
      { kind: 'atLeast', count: 60 },
    ],
    [
      'is at most so much where more may be mirrored',
      { mirrored: { kind: 'atLeast', end: 100n } },
      [],
      0,
      { kind: 'atMost', count: 60 },
    ],
    [
      'is nothing where the mirror is level, however much it may be ahead',
      { mirrored: { kind: 'atLeast', end: 160n } },
      [],
      0,
      { kind: 'counted', count: 0 },
    ],
    [
      'is at least what was handled and looked for in vain',
      { mirrored: NOWHERE },
      [],
      7,
      { kind: 'atLeast', count: 7 },
    ],
    ['is unknown without offset syncs', { mirrored: NOWHERE }, [], 0, NOWHERE],
    [
      'is unknown, and not 0, where the log shares its name and its source is dead',
      { mirrored: { kind: 'atLeast', end: 100n }, end: SEEN },
      [],
      0,
      { kind: 'unknown' },
    ],
    [
      'is unknown where nothing of the log was seen',
      { end: { kind: 'unknown' } },
      [],
      0,
      { kind: 'unknown' },
    ],
  ] as const)('%s', (_what, upstream, ends, awaitedCount, records) => {
    const logs = unmirroredLogs([groupOf(planOf(upstream, awaitedCount))], ends);
    expect(logs).toMatchObject([{ topic: 'orders', partition: 0, records }]);
  });

  it('is named once, also where several groups read the log', () => {
    const less = planOf({ end: SEEN });
    const more = planOf({ end: { kind: 'seen', offset: 140n } });
    expect(unmirroredLogs([groupOf(less), groupOf(more), groupOf(less)], [])).toMatchObject([
      { records: { kind: 'atLeast', count: 40 }, mirroredEnd: '100', knownEnd: '140' },
    ]);
  });

  it('is unknown, with its end, of a log that only producers of this process know', () => {
    const logs = unmirroredLogs([groupOf(planOf(undefined))], ACKNOWLEDGED);
    expect(logs).toMatchObject([{ records: { kind: 'unknown' }, knownEnd: '150' }]);
  });

  it('is summed up as well as the least known of it', () => {
    const counted = unmirroredLogs([groupOf(planOf({}))], []);
    const unknown = unmirroredLogs([], ACKNOWLEDGED);
    const sum = (logs: typeof counted) => recoveryPointOf(logs, undefined).records;
    expect(sum(counted)).toEqual({ kind: 'counted', count: 60 });
    expect(sum([...counted, ...unknown])).toEqual({ kind: 'atLeast', count: 60 });
    expect(sum(unknown)).toMatchObject({ kind: 'unknown' });
    expect(sum([])).toMatchObject({ kind: 'unknown' });
  });
});

describe('what is neither handled nor mirrored', () => {
  const range = (first: string, last: string) => ({ topic: 'orders', partition: 0, first, last });

  it.each([
    ['begins where the group is', {}, [], { kind: 'counted', count: 40 }, range('120', '159')],
    [
      'begins where the mirror is, where that is further',
      { handledEnd: 90n },
      [],
      { kind: 'counted', count: 60 },
      range('100', '159'),
    ],
    [
      'is nothing where all is handled',
      { handledEnd: 160n },
      [],
      { kind: 'counted', count: 0 },
      undefined,
    ],
    [
      'ends at what was acknowledged, where the source is dead',
      { end: SEEN },
      ACKNOWLEDGED,
      { kind: 'atLeast', count: 30 },
      range('120', '149'),
    ],
    [
      'is not known where the group is nowhere',
      { handledEnd: undefined },
      [],
      { kind: 'unknown' },
      undefined,
    ],
    ['is not known where the mirror is not', { mirrored: NOWHERE }, [], NOWHERE, undefined],
  ] as const)('%s', (_what, upstream, ends, records, named) => {
    const found = unhandledOf(planOf(upstream), ends);
    expect(found).toMatchObject({ records });
    expect(found?.range).toEqual(named);
  });

  it('is no question in a log that was born on the target', () => {
    expect(unhandledOf(planOf(undefined), ACKNOWLEDGED)).toBeUndefined();
  });
});
