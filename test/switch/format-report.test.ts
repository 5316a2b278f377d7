import { describe, expect, it } from 'vitest';
import type {
  PartitionMeasurement,
  SwitchMeasurement,
  SwitchPrediction,
} from '../../src/switch/exactness.js';
import { formatSwitchReport } from '../../src/switch/format-report.js';

function partition(number: number, more: Partial<PartitionMeasurement> = {}): PartitionMeasurement {
  return {
    topic: 'orders',
    physicalTopic: 'A.orders',
    partition: number,
    position: { kind: 'resume', offset: '1234', method: 'exact' },
    predictedReread: { kind: 'counted', count: 0 },
    reread: { kind: 'counted', count: 0 },
    awaitedCount: 0,
    unhandled: { records: { kind: 'counted', count: 0 }, range: undefined },
    gone: undefined,
    missing: [],
    ...more,
  };
}

const measurement: SwitchMeasurement = {
  kind: 'measured',
  unmirroredRecords: undefined,
  switchEpoch: 7,
  from: 'A',
  to: 'B',
  planned: false,
  reason: 'A answers nobody',
  by: 'health',
  startedAtWallMs: Date.UTC(2026, 10, 27, 2, 31, 4),
  durationMs: 1_204,
  phases: [
    { phase: 'fence', durationMs: 31.4, overran: false },
    { phase: 'open', durationMs: 12_000, overran: true },
  ],
  pending: ['consumer-billing-2'],
  warnings: ['the mirror A->B stands still: no heartbeat for 12 s', 'open overran its deadline'],
  missing: [{ kind: 'silent-mirror', source: 'A', target: 'B', silentMs: 12_000 }],
  groups: [
    {
      groupId: 'billing',
      partitions: [
        partition(0),
        partition(1, {
          position: { kind: 'resume', offset: '88', method: 'checkpoint' },
          predictedReread: { kind: 'atMost', count: 100 },
          reread: { kind: 'counted', count: 17 },
          awaitedCount: 3,
          unhandled: {
            records: { kind: 'atLeast', count: 5 },
            range: { topic: 'orders', partition: 1, first: '95', last: '99' },
          },
        }),
        partition(2, {
          position: { kind: 'unavailable', because: 'no position is known' },
          predictedReread: { kind: 'unknown', because: 'no position is known' },
        }),
        partition(3),
      ],
    },
  ],
  unmirrored: [
    {
      topic: 'orders',
      partition: 1,
      records: { kind: 'atLeast', count: 8 },
      mirroredEnd: '92',
      knownEnd: '100',
    },
    {
      topic: 'orders',
      partition: 0,
      records: { kind: 'counted', count: 0 },
      mirroredEnd: '50',
      knownEnd: '50',
    },
  ],
  rpo: {
    records: { kind: 'atLeast', count: 8 },
    heartbeat: { sentAgeMs: 12_400, arrivedAgeMs: 12_000 },
  },
  rto: {
    producers: { kind: 'measured', durationMs: 1_340, lastMs: -300, firstMs: 1_040 },
    consumers: { kind: 'open', lastMs: -12 },
  },
};

describe('a report for people', () => {
  it('tells what happened, what it cost, and what to do', () => {
    expect(formatSwitchReport(measurement)).toBe(
      `
Switch 7 from A to B, unplanned, by health: A answers nobody
began 2026-11-27 02:31:04 UTC, took 1204 ms: fence 31 ms, open 12.0 s (OVERRAN)
NOT OPEN YET when it ended: consumer-billing-2

producers  stood still for 1340 ms       last acknowledged on A 300 ms before it began, first on B 1040 ms after it began
consumers  nothing new handled on B yet  last handled on A 12 ms before it began

On A and not on B: at least 8 offsets (newest heartbeat of the mirror: 12.4 s old, came 12.0 s before)
  orders[1]  at least 8 offsets  mirrored up to 92

group billing, 4 partitions
  partition    from  by           again, predicted  really  awaited  neither handled nor mirrored
  A.orders[1]  88    checkpoint   at most 100       17      3        at least 5: orders[1] 95..99
  A.orders[2]  -     NOT STARTED  unknown           0       0        0
  2 partitions: at the very next record, nothing again, nothing missing
  A.orders[2]: no position is known

missing
  the mirror A->B stands still: no heartbeat for 12 s
    to do: start MirrorMaker's flow A->B; its log says why it stopped

warnings
  open overran its deadline`.trim(),
    );
  });

  it('tells of a plan whether it would go through, in the same columns', () => {
    const { from, to, groups, unmirrored, rpo } = measurement;
    const partitions = groups[0]?.partitions.map(({ reread: _reread, ...one }) => one) ?? [];
    const prediction: SwitchPrediction = {
      ...{ kind: 'predicted', from, to, unmirrored, rpo, warnings: [], missing: [] },
      groups: [{ groupId: 'billing', partitions }],
      obstacles: ['cluster B does not answer'],
    };
    const text = formatSwitchReport(prediction);
    expect(text).toMatch(
      /^A planned switch from A to B, if it were ordered now\nwould be REFUSED:\n {2}cluster B does/,
    );
    expect(text).not.toContain('really');
    expect(formatSwitchReport({ ...prediction, obstacles: [] })).toContain('would go through');
  });
});
