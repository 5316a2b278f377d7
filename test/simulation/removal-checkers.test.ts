import { describe, expect, it } from 'vitest';
import type { UpstreamLog } from '../../src/position/upstream.js';
import { check, type Invariant } from './checkers.js';
import {
  acknowledged,
  committed,
  done,
  logOf,
  opened,
  place,
  planned,
  runOf,
  translating,
} from './histories.js';
import type { FinalLog, Run } from './history.js';
import type { Fact } from './service.js';

const A = 'A/orders-0';
const COPY = 'B/A.orders-0';

/** The invariants that a run breaks, each once. */
function broken(run: Run): readonly Invariant[] {
  return [...new Set(check(run).map(({ invariant }) => invariant))];
}

function removed(log: string, below: number): Fact {
  return { kind: 'removed', place: place(log, below) };
}

function remade(log: string): Fact {
  return { kind: 'remade', place: place(log, 0) };
}

function setBack(log: string, to: number): Fact {
  return { kind: 'set-back', place: place(log, to) };
}

/** A log that retention has been at. */
function trimmed(name: string, ids: readonly string[], low: number): FinalLog {
  return { ...logOf(name, ids), low: BigInt(low) };
}

/** A plan of the copies, and what it says of them. */
function plannedCopies(
  offset: number,
  upstream: Partial<UpstreamLog> = {},
  actor: Parameters<typeof planned>[1] = {},
): Fact {
  const plan = planned([[COPY, offset, 'offset-sync']], actor);
  if (plan.kind !== 'planned') throw new Error('it is a plan');
  const known: UpstreamLog = {
    topic: 'orders',
    mirrored: { kind: 'known', end: 3n },
    end: { kind: 'asked', offset: 3n },
    handledEnd: 1n,
    ...upstream,
  };
  const partitions = plan.plan.partitions.map((one) => ({ ...one, upstream: known }));
  return { ...plan, plan: { ...plan.plan, partitions } };
}

/** m1 was handled on A, m2 was not, and both copies are gone when the group comes to B. */
function leftBehind(...plans: readonly Fact[]): Run {
  return runOf(
    [
      opened('A'),
      acknowledged('m1'),
      done('m1', place(A, 0)),
      acknowledged('m2'),
      acknowledged('m3'),
      removed(COPY, 2),
      translating(),
      ...plans,
      done('m3', place(COPY, 2), { epoch: 2 }),
    ],
    {
      logs: [logOf(A, ['m1', 'm2', 'm3']), trimmed(COPY, ['m1', 'm2', 'm3'], 2)],
      finalClusters: ['B'],
    },
  );
}

describe('copies that retention has removed', () => {
  const gone = { first: 1n, last: 1n };

  it('are no skip of the library where its plan names them', () => {
    expect(check(leftBehind(plannedCopies(2, { gone })))).toEqual([]);
  });

  it('are one where it says nothing, or something else', () => {
    expect(broken(leftBehind(plannedCopies(2)))).toEqual(['I14']);
    const other = plannedCopies(2, { gone: { first: 2n, last: 2n } });
    expect(broken(leftBehind(other))).toEqual(['I14']);
  });

  it('are named once, by the member that comes first', () => {
    const plans = [
      plannedCopies(2, { gone }),
      translating({ process: 2 }),
      plannedCopies(2, {}, { process: 2 }),
    ];
    expect(check(leftBehind(...plans))).toEqual([]);
  });

  it('need not be named where the position of the group is not known', () => {
    expect(check(leftBehind(plannedCopies(2, { handledEnd: undefined })))).toEqual([]);
  });

  it('were there before they were removed: whoever went past them then has skipped them', () => {
    const run = runOf(
      [opened('A'), planned([[COPY, 2]]), removed(COPY, 2), committed(place(COPY, 2))],
      { logs: [trimmed(COPY, ['m1', 'm2', 'm3'], 2)] },
    );
    expect(broken(run)).toEqual(['I3']);
  });

  it('are lost where the group is not on the cluster any more that has the original', () => {
    const run = leftBehind(plannedCopies(2, { gone }));
    expect(broken({ ...run, finalClusters: ['A'] })).toEqual(['I1']);
  });
});

describe('copies in a topic that was made anew', () => {
  const leftIn = (...ids: readonly string[]): Run =>
    runOf([opened('A'), remade(COPY), translating(), plannedCopies(0)], {
      logs: [{ ...logOf(COPY, ids), isEnded: true }, logOf(COPY, ['m4']), logOf(A, [...ids, 'm4'])],
      finalClusters: ['B'],
    });

  it('have to be named', () => {
    expect(broken(leftIn('m1', 'm2'))).toContain('I14');
  });

  it('need not be where there was one: MirrorMaker writes no offset sync then', () => {
    expect(broken(leftIn('m1'))).not.toContain('I14');
  });
});

describe('a topic that was made anew', () => {
  const logs = [
    { ...logOf(COPY, ['m1', 'm2', 'm3']), isEnded: true },
    logOf(COPY, ['m4', 'm5']),
    logOf(A, ['m1', 'm2', 'm3', 'm4', 'm5']),
  ];

  it('is another log: a place in the old one says nothing of it', () => {
    const steps = [opened('A'), done('m1', place(A, 0)), done('m2', place(A, 1))];
    const before = runOf([...steps, planned([[COPY, 2]]), remade(COPY)], { logs });
    expect(broken(before)).toEqual([]);
    const after = runOf([...steps, remade(COPY), planned([[COPY, 2]])], { logs });
    expect(broken(after)).toEqual(['I3']);
  });
});

describe('a group that was set back', () => {
  const handled = [opened('A'), done('m1', place(A, 0)), done('m2', place(A, 1))];
  const logs = [logOf(A, ['m1', 'm2', 'm3']), logOf(COPY, ['m1', 'm2', 'm3'])];

  it('has to handle once more what lies there', () => {
    expect(broken(runOf([...handled, planned([[COPY, 2]])], { logs }))).toEqual([]);
    const ignored = runOf([...handled, setBack(A, 1), planned([[COPY, 2]])], { logs });
    expect(broken(ignored)).toEqual(['I3']);
    const obeyed = runOf([...handled, setBack(A, 1), planned([[COPY, 1]])], { logs });
    expect(broken(obeyed)).toEqual([]);
  });

  it('has not handled what it handles no more', () => {
    const run = runOf([...handled, acknowledged('m2'), setBack(A, 1)], { logs });
    expect(broken(run)).toEqual(['I1']);
  });

  it('commits no more than it has handled since', () => {
    const run = runOf([...handled, committed(place(A, 2)), setBack(A, 1), committed(place(A, 2))], {
      logs,
    });
    expect(broken(run)).toEqual(['I16']);
  });
});
