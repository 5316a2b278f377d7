import { describe, expect, it } from 'vitest';
import {
  assess,
  gate,
  lagGate,
  mirrorGates,
  positionsGate,
  type AssessmentFacts,
  type FailbackLook,
} from '../../src/failback/gates.js';
import type { GroupPlan, PartitionPlan } from '../../src/position/plan.js';
import { FAILING, HEALTHY, healthOf, UNHEALTHY } from '../strategy/support.js';

const OPEN: FailbackLook = {
  atMs: 990_000,
  endedAtMs: 990_000,
  switchEpoch: 2,
  gates: (['reachable', 'identity', 'mirror', 'topics', 'lag', 'positions'] as const).map((name) =>
    gate(name, true, 'well'),
  ),
  stranded: [],
};

function factsOf(more: Partial<AssessmentFacts> = {}): AssessmentFacts {
  return {
    nowMs: 1_000_000,
    from: 'B',
    to: 'A',
    switchEpoch: 2,
    away: { sinceMs: 100_000, isExact: true },
    dwellMs: 600_000,
    health: healthOf(HEALTHY),
    stableMs: 600_000,
    look: OPEN,
    lookValidMs: 60_000,
    ...more,
  };
}

describe('the way home', () => {
  it('is open where every gate is', () => {
    expect(assess(factsOf())).toMatchObject({ isOpen: true, whyNot: undefined });
    expect(assess(factsOf()).gates.map(({ name }) => name)).toEqual([
      ...['dwell', 'healthy', 'reachable', 'identity', 'mirror', 'topics', 'lag', 'positions'],
    ]);
  });

  it.each([
    ['was away too short a time', { away: { sinceMs: 400_001, isExact: true } }, /^dwell: /],
    ['has a home that is unhealthy', { health: healthOf(UNHEALTHY) }, /^healthy: .*it is dead/],
    ['has a home that fails at the moment', { health: healthOf(FAILING) }, /^healthy: /],
    [
      'has a home that does not let it in',
      { health: healthOf(HEALTHY, { refusedBecause: 'no such user' }) },
      /^healthy: .*no such user/,
    ],
    ['has a home that is not healthy for long', { stableMs: 1_000_001 }, /^healthy: .*1000001/],
    ['has not asked', { look: undefined }, /^reachable: not yet/],
    ['has asked too long ago', { nowMs: 1_100_000 }, /^reachable: not lately/],
    ['has asked in another epoch', { switchEpoch: 3 }, /^reachable: not lately/],
  ] as const)('is not for a service that %s', (_what, more, whyNot) => {
    const assessment = assess(factsOf(more));
    expect(assessment.isOpen).toBe(false);
    expect(assessment.whyNot).toMatch(whyNot);
  });

  it('does not need the health of a cluster that nobody watches, and says so', () => {
    const { isOpen, gates } = assess(factsOf({ health: undefined }));
    expect(isOpen).toBe(true);
    expect(gates[1]).toMatchObject({
      name: 'healthy',
      detail: expect.stringMatching(/does not watch/),
    });
  });

  it('says the first gate that is shut, and shows those behind it as not looked at', () => {
    const gates = [gate('reachable', true, 'well'), gate('identity', false, 'it is another one')];
    const assessment = assess(factsOf({ look: { ...OPEN, gates } }));
    expect(assessment.whyNot).toBe('identity: it is another one');
    expect(assessment.gates.slice(4).map(({ state }) => state)).toEqual(
      Array.from({ length: 4 }, () => 'not-looked-at'),
    );
  });
});

describe('the gates of the mirror and of topics', () => {
  it('are told apart by what is missing', () => {
    const missing = [
      { kind: 'silent-mirror', source: 'B', target: 'A', silentMs: 20_000 },
      { kind: 'no-topic', cluster: 'A', topic: 'orders', copyOf: undefined },
    ] as const;
    expect(mirrorGates({ missing, topicsSeen: true }, 1)).toMatchObject([
      { name: 'mirror', state: 'closed' },
      { name: 'topics', state: 'closed' },
    ]);
    expect(mirrorGates({ missing: missing.slice(0, 1), topicsSeen: true }, 1)).toMatchObject([
      { state: 'closed' },
      { state: 'open' },
    ]);
    expect(mirrorGates({ missing: [], topicsSeen: true }, 1)).toMatchObject([
      { state: 'open' },
      { state: 'open' },
    ]);
  });

  it('are open where no group needs them', () => {
    const missing = [{ kind: 'no-heartbeat', source: 'B', target: 'A' }] as const;
    expect(mirrorGates({ missing, topicsSeen: false }, 0)).toMatchObject([
      { state: 'open' },
      { state: 'open' },
    ]);
  });
});

describe('the gate of the lag', () => {
  it('is shut by what is not mirrored, and by what is not known', () => {
    const own = { lagMs: 5_000, groupCount: 1 };
    const lag = { topic: 'orders', partition: 3, recordCount: 12n };
    expect(lagGate({ unmirrored: [lag], unknown: ['audit'] }, 'B', own)).toMatchObject({
      state: 'closed',
      detail: expect.stringMatching(/12 of orders-3, audit/),
    });
    expect(lagGate({ unmirrored: [], unknown: [] }, 'B', own)).toMatchObject({ state: 'open' });
  });
});

describe('the gate of the positions', () => {
  const resume = {
    kind: 'resume',
    topic: 'orders',
    physicalTopic: 'orders',
    partition: 0,
    offset: 0n,
    method: 'exact',
    maxRereadCount: 0n,
    voidCommit: undefined,
    awaited: [],
    missing: [],
    notes: [],
  } as const satisfies PartitionPlan;
  const planOf = (...partitions: PartitionPlan[]): GroupPlan[] => [
    { groupId: 'billing', cluster: 'A', topics: [], partitions },
  ];

  it('is open where each has one, also at the beginning of an empty log', () => {
    const atTheBeginning = { ...resume, method: 'earliest' } as const;
    expect(positionsGate(planOf(resume, atTheBeginning))).toMatchObject({ state: 'open' });
  });

  it.each([
    ['would be read again from its beginning', { method: 'earliest', maxRereadCount: 7n }],
    ['could be skipped', { method: 'latest', maxRereadCount: 7n }],
  ] as const)('is shut where a partition %s', (_what, more) => {
    expect(positionsGate(planOf(resume, { ...resume, partition: 1, ...more }))).toMatchObject({
      state: 'closed',
      detail: expect.stringMatching(/orders-1 of billing/),
    });
  });

  it('is shut where no position is known, and names the first five', () => {
    const unavailable = Array.from(
      { length: 7 },
      (_, partition) =>
        ({
          kind: 'unavailable',
          ...{ topic: 'orders', physicalTopic: 'orders', partition },
          ...{ because: 'nothing is known', missing: [] },
        }) as const,
    );
    expect(positionsGate(planOf(...unavailable))).toMatchObject({
      state: 'closed',
      detail: expect.stringMatching(/orders-4 of billing and 2 more/),
    });
  });
});
