import { describe, expect, it } from 'vitest';
import {
  jsonLine,
  positionsTable,
  switchesFigures,
  type OverheadFigures,
  type SwitchedGroup,
} from '../../bench/positions/figures.js';
import {
  isAsPredicted,
  judge,
  type Evidence,
  type Judgement,
} from '../../bench/positions/judge.js';
import {
  drawWorkload,
  isLast,
  lastMessages,
  Messages,
  type Workload,
} from '../../bench/positions/workload.js';
import { medianRange } from '../../bench/statistics.js';
import type { PartitionPlan } from '../../src/position/plan.js';
import { createRandom } from '../../src/testing/random.js';

const OVERHEAD: OverheadFigures = {
  ratio: 1,
  ratioRange: { low: 0.96, high: 1.03 },
  cpuRatio: 1,
  cpuRatioRange: { low: 0.98, high: 1.02 },
  addedNs: 50,
  addedShare: 0.008,
  waitingShare: 0.03,
  progressRecords: 9,
};

const plan = (
  method: 'exact' | 'fingerprint' | 'earliest',
  maxRereadCount: bigint,
  notes: readonly string[] = [],
): PartitionPlan => ({
  kind: 'resume',
  topic: 'orders',
  physicalTopic: 'A.orders',
  partition: 0,
  offset: 1n,
  method,
  maxRereadCount,
  voidCommit: undefined,
  awaited: [],
  missing: [],
  notes,
});

/** Three records of A and one of B, all handled once. */
const evidence: Evidence = {
  born: ['A-1', 'A-2', 'A-3', 'B-1'],
  bornOnA: ['A-1', 'A-2', 'A-3'],
  copied: ['A-1', 'A-2', 'A-3'],
  handled: ['A-2', 'A-1', 'B-1', 'A-3'],
  plans: [plan('exact', 0n)],
  interrupted: [],
};

describe('the judge of a switch', () => {
  it('finds nothing where each record was handled once, in whatever order', () => {
    expect(judge(evidence)).toEqual({
      records: 4,
      skipped: 0,
      twice: 0,
      predicted: 0,
      predictedAtLeast: 0,
      copiedTwice: 0,
      methods: { exact: 1 },
      notes: [],
      allowances: [],
    });
  });

  it('counts each record that no handler was given', () => {
    expect(judge({ ...evidence, handled: ['A-2', 'B-1'] })).toMatchObject({ skipped: 2, twice: 0 });
  });

  it('counts each handling beyond the first', () => {
    const handled = [...evidence.handled, 'A-1', 'A-1', 'B-1'];
    expect(judge({ ...evidence, handled })).toMatchObject({ skipped: 0, twice: 3 });
  });

  it('does not set a record that was handled twice off against a skipped one', () => {
    const handled = ['A-1', 'A-1', 'A-3', 'B-1'];
    expect(judge({ ...evidence, handled })).toMatchObject({ skipped: 1, twice: 1 });
  });

  it('wants twins to be handled as often as they are in the logs', () => {
    const twins = {
      ...evidence,
      born: [...evidence.born, 'A-1'],
      bornOnA: [...evidence.bornOnA, 'A-1'],
      copied: [...evidence.copied, 'A-1'],
    };
    expect(judge(twins)).toMatchObject({ skipped: 1, twice: 0 });
    const handled = [...evidence.handled, 'A-1'];
    expect(judge({ ...twins, handled })).toMatchObject({ skipped: 0, twice: 0, copiedTwice: 0 });
    expect(judge({ ...twins, handled: [...handled, 'A-1'] })).toMatchObject({ twice: 1 });
  });

  it('names the second copies that MirrorMaker itself has made', () => {
    const copied = [...evidence.copied, 'A-2', 'A-3'];
    expect(judge({ ...evidence, copied })).toMatchObject({ copiedTwice: 2 });
  });

  it('refuses evidence in which something was handled that is in no log', () => {
    expect(() => judge({ ...evidence, handled: ['A-9'] })).toThrow('A-9 was handled');
  });

  it('adds up what the report allows for, and knows where it says nothing', () => {
    const plans = [
      plan('exact', 0n),
      plan('fingerprint', 3n),
      plan('earliest', 4n, ['no position']),
    ];
    expect(judge({ ...evidence, plans })).toMatchObject({
      predicted: 7,
      methods: { earliest: 1, exact: 1, fingerprint: 1 },
      notes: ['no position'],
    });
    const unknown: PartitionPlan[] = [
      ...plans,
      {
        ...{ kind: 'unavailable', topic: 'orders', physicalTopic: 'A.orders', partition: 0 },
        ...{ because: 'nothing is known', missing: [] },
      },
    ];
    expect(judge({ ...evidence, plans: unknown }).predicted).toBeUndefined();
  });

  it('takes a limit for a prediction only of a log whose handler was interrupted', () => {
    const limited: PartitionPlan = {
      ...plan('exact', 5n),
      upstream: {
        topic: 'orders',
        mirrored: { kind: 'known', end: 9n },
        end: { kind: 'unknown' },
        handledEnd: 4n,
      },
    };
    const isRight = (twiceCount: number, interrupted: readonly string[]): boolean => {
      const again = Array.from({ length: twiceCount }, () => 'A-1');
      const handled = [...evidence.handled, ...again];
      const plans = [limited, plan('earliest', 2n, ['no position'])];
      return isAsPredicted(judge({ ...evidence, handled, plans, interrupted }));
    };
    const counts = [0, 1, 2, 5, 7, 8];
    expect(counts.filter((count) => isRight(count, ['orders-0']))).toEqual([2, 5, 7]);
    expect(counts.filter((count) => isRight(count, ['orders-1']))).toEqual([7]);
    expect(counts.filter((count) => isRight(count, []))).toEqual([7]);
  });

  it('does not name how an empty log begins', () => {
    expect(judge({ ...evidence, plans: [plan('earliest', 0n)] }).methods).toEqual({});
  });
});

describe('a random workload', () => {
  const workloads = Array.from({ length: 300 }, (_, seed) =>
    drawWorkload(`switch-${seed}`, createRandom(seed)),
  );

  it('repeats from its seed', () => {
    expect(drawWorkload('switch-7', createRandom(7))).toEqual(workloads[7]);
    const messages = (seed: number) =>
      new Messages(workloads[7] as Workload, 'A', createRandom(seed)).take(50, 1_000);
    expect(messages(1)).toEqual(messages(1));
    expect(messages(1)).not.toEqual(messages(2));
  });

  it('is of every kind', () => {
    const share = (holds: (one: Workload) => boolean): number =>
      workloads.filter(holds).length / workloads.length;
    for (const commits of ['never', 'often', 'off'] as const) {
      expect(share((one) => one.commits === commits)).toBeGreaterThan(0.03);
    }
    expect(share(({ twins }) => twins > 0)).toBeGreaterThan(0.1);
    expect(share(({ isTransactional }) => isTransactional)).toBeGreaterThan(0.1);
    expect(share(({ handler }) => handler === 'eachBatch')).toBeGreaterThan(0.1);
    expect(share(({ nullKeys }) => nullKeys > 0)).toBeGreaterThan(0.1);
    expect(share(({ nullValues }) => nullValues > 0)).toBeGreaterThan(0.1);
  });

  it('never waits for more records than are there, aborted ones aside', () => {
    for (const { backlog, handledBefore } of workloads) {
      expect(handledBefore).toBeGreaterThan(0);
      expect(handledBefore).toBeLessThanOrEqual(backlog * 0.8);
    }
  });

  it('has twins that are the same in everything, and no others', () => {
    const [workload] = workloads;
    if (workload === undefined) throw new Error('there is a workload');
    const ids = (twins: number): string[] =>
      new Messages({ ...workload, twins }, 'A', createRandom(1))
        .take(500, 1_000)
        .map(({ headers }) => headers['id'] ?? '');
    expect(new Set(ids(0)).size).toBe(500);
    expect(new Set(ids(0.5)).size).toBeLessThan(400);
    const messages = new Messages({ ...workload, twins: 0.5 }, 'A', createRandom(1));
    const seen = new Map<string, unknown>();
    for (const nowMs of [1_000, 2_000, 3_000]) {
      for (const message of messages.take(200, nowMs)) {
        const id = message.headers['id'] ?? '';
        expect(seen.get(id) ?? message).toEqual(message);
        seen.set(id, message);
      }
    }
  });

  it('ends each partition with a record of its own', () => {
    const ids = lastMessages(3, { leg: 'home', origin: 'B' }, 1_000).map(
      ({ partition, headers }) => [
        partition,
        isLast(headers['id'] ?? '', 'home'),
        isLast(headers['id'] ?? '', 'away'),
      ],
    );
    expect(ids).toEqual([
      [0, true, false],
      [1, true, false],
      [2, true, false],
    ]);
    expect(isLast('A-1')).toBe(false);
  });
});

function workloadWith(part: Partial<Workload>): Workload {
  return { ...drawWorkload('switch-1', createRandom(1)), ...part };
}

describe('the figures', () => {
  const judgement = (twice: number, predicted: number | undefined): Judgement => ({
    records: 100,
    skipped: 0,
    twice,
    predicted,
    predictedAtLeast: predicted,
    copiedTwice: 0,
    methods: {},
    notes: [],
    allowances: [],
  });
  const group = (
    twice: number,
    predicted: number | undefined,
    rest: Partial<SwitchedGroup> = {},
  ): SwitchedGroup => ({
    workload: workloadWith({ commits: 'never', twins: 0 }),
    loss: 'killed',
    ...judgement(twice, predicted),
    home: judgement(0, 0),
    ...rest,
  });
  const none = {
    runs: 0,
    exact: 0,
    skipped: 0,
    duplicates: 0,
    mispredicted: 0,
    exceeded: 0,
  };

  it('of switches tell a wrong prediction from a careful one', () => {
    const groups = [
      group(0, 0),
      group(2, 2),
      group(0, 5),
      group(4, 3, { skipped: 1 }),
      group(0, undefined),
    ];
    expect(switchesFigures(groups, 5)).toEqual({
      runs: 5,
      exact: 3,
      skipped: 1,
      duplicates: 6,
      mispredicted: 3,
      exceeded: 1,
      withTwins: none,
      home: { ...none, runs: 5, exact: 5 },
      withoutAutoCommit: none,
    });
  });

  it('of ways home are counted apart', () => {
    const groups = [group(0, 0, { home: judgement(3, 2) }), group(1, 1)];
    expect(switchesFigures(groups, 2)).toMatchObject({
      exact: 1,
      duplicates: 1,
      home: { runs: 2, exact: 1, duplicates: 3, mispredicted: 1, exceeded: 1 },
    });
  });

  it('of switches keep groups apart that commit by themselves', () => {
    const groups = [
      group(9, 9, { workload: workloadWith({ commits: 'off' }) }),
      group(0, 0),
      group(3, 4, { workload: workloadWith({ commits: 'often', twins: 0.5 }) }),
      group(7, 7),
    ];
    expect(switchesFigures(groups, 2)).toMatchObject({
      runs: 2,
      exact: 1,
      duplicates: 3,
      withTwins: { runs: 1, exact: 0 },
      withoutAutoCommit: { runs: 2, duplicates: 9 },
    });
  });

  const whole = { ...none, runs: 100, exact: 100 };
  const exact = { ...whole, withTwins: none, home: whole, withoutAutoCommit: none };
  const goals = (table: string): readonly string[] =>
    table.split('\n').flatMap((line) => /(met|MISSED): .*$/.exec(line)?.[0] ?? []);

  it('stand beside their goals, met or missed', () => {
    expect(goals(positionsTable({ switches: exact }))).toEqual([
      'met: 99 of 100',
      'met: 0',
      'met: 0',
      'met: 0',
    ]);
    const bad = {
      ...exact,
      exact: 98,
      skipped: 1,
      mispredicted: 1,
      home: { ...whole, skipped: 1 },
    };
    expect(goals(positionsTable({ switches: bad }))).toEqual([
      'MISSED: 99 of 100',
      'MISSED: 0',
      'MISSED: 0',
      'MISSED: 0',
    ]);
    const translate = { partitions: 10_000, ms: 5, readMs: 900, remoteClusterUtilsRepeatMs: 74 };
    expect(
      goals(positionsTable({ translate: { ...translate, remoteClusterUtilsFirstMs: 500 } })),
    ).toEqual(['met: at most 5 ms', 'met: at least 100 times', 'MISSED: at least 15 times']);
    const overhead = { ...OVERHEAD, ratio: 0.989 };
    expect(goals(positionsTable({ overhead }))).toEqual(['MISSED: at least 0.99']);
  });

  it('say within what range a ratio is known', () => {
    const [throughput = ''] = positionsTable({ overhead: OVERHEAD }).split('\n');
    expect(throughput).toContain('1 (95 %: 0.96 to 1.03)');
    expect(medianRange([9, 1, 3, 2, 8, 4, 7, 5, 6, 10, 15, 11, 14, 12, 13])).toEqual({
      low: 3,
      high: 13,
    });
    expect(medianRange([2, 1, 3])).toEqual({ low: 1, high: 3 });
  });

  it('of an overhead count only where progress was written', () => {
    const overhead = { ...OVERHEAD, progressRecords: 0 };
    expect(goals(positionsTable({ overhead }))).toEqual(['MISSED: at least 0.99']);
  });

  it('of a ledger count only where all syncs are still known', () => {
    const shape = { name: 'no neighbours', put: 10, syncs: 9, bytes: 1_000 };
    const ledger = { syncs: 9, bytes: 1_000, shapes: [shape, { ...shape, syncs: 10 }] };
    expect(goals(positionsTable({ ledger }))).toEqual([
      'MISSED: all in at most 32 MB',
      'met: all in at most 32 MB',
    ]);
  });

  it('of a standby say how soon a new record is handled, cold and hot, and have a goal for each', () => {
    const coldMs = { p50: 3_100, p95: 3_400 };
    const hotMs = { p50: 90, p95: 200 };
    const hotUnplannedMs = { p50: 80, p95: 201 };
    const standby = { coldMs, hotMs, hotUnplannedMs, coldAckMs: coldMs, hotAckMs: hotMs };
    const table = positionsTable({ standby });
    expect(table.split('\n')[0]).toContain('p50 3100, p95 3400 ms');
    expect(goals(table)).toEqual([
      'met: p95 at most 3500 ms',
      'met: p95 at most 200 ms',
      'MISSED: p95 at most 200 ms',
    ]);
  });

  it('are one line for machines, without the parts that were not asked for', () => {
    const line = jsonLine({ switches: exact });
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toEqual({ switches: exact });
  });
});
