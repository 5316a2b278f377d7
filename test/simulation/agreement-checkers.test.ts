import { describe, expect, it } from 'vitest';
import {
  agreedRun,
  contact,
  heard,
  held,
  openedBy,
  orderedAlone,
  orderSettled,
  stated,
  switching,
} from './agreed-histories.js';
import { check, type Invariant } from './checkers.js';
import { call, condition, fenced, place, resting, started, written } from './histories.js';
import type { Run } from './history.js';
import type { Fact } from './service.js';

/** The invariants that a run breaks, each once. */
function broken(run: Run): readonly Invariant[] {
  return [...new Set(check(run).map(({ invariant }) => invariant))];
}

/** A process follows a decision, in order. */
function follows(epoch: number, cluster: string, process = 1): readonly Fact[] {
  const other = cluster === 'A' ? 'B' : 'A';
  return [
    heard(epoch, cluster, { process }),
    switching(cluster, { process }),
    fenced(other, { process }),
    stated(epoch, cluster, process),
    openedBy(epoch, cluster, process),
  ];
}

describe('I8, nothing older is obeyed', () => {
  const first = [started(1), openedBy(0, 'A'), held(3, 'B'), follows(3, 'B')];

  it('sees a process obey an older decision, and its successor on the machine', () => {
    expect(check(agreedRun(first.flat()))).toEqual([]);
    const back = [...first, held(2, 'A'), fenced('B'), openedBy(2, 'A')];
    expect(broken(agreedRun(back.flat()))).toContain('I8');
    const next = [...first, started(2), openedBy(2, 'B', 2)];
    expect(broken(agreedRun(next.flat()))).toContain('I8');
  });

  it('demands nothing where the state file is lost', () => {
    const next = [...first, started(2, { isIntact: false }), openedBy(0, 'A', 2)];
    expect(broken(agreedRun(next.flat()))).toEqual([]);
  });
});

describe('I9, one decision for an epoch', () => {
  it('is clean where all have the same account', () => {
    const run = agreedRun([held(1, 'B'), heard(1, 'B'), heard(1, 'B', { process: 2 })]);
    expect(check(run)).toEqual([]);
  });

  it.each([
    ['held another one', [held(1, 'B'), held(1, 'A')]],
    ['was told another one', [held(1, 'B'), heard(1, 'A')]],
    ['was told another reason', [held(1, 'B'), heard(1, 'B', { reason: 'mine' })]],
  ])('sees that somebody %s', (_what, events) => {
    expect(broken(agreedRun(events))).toEqual(['I9']);
  });

  it('lets a lost decision be made anew where nobody has obeyed it for long', () => {
    const lost: Fact = { kind: 'lost', above: 0 };
    const soon = agreedRun([held(1, 'B'), stated(1, 'B'), 100, lost, held(1, 'A')]);
    expect(check(soon)).toEqual([]);
    const late = agreedRun([held(1, 'B'), stated(1, 'B'), 5_000, lost, held(1, 'A')]);
    expect(broken(late)).toEqual(['I9']);
  });
});

describe('I9, no member moves alone', () => {
  it('is clean where it follows a decision', () => {
    expect(check(agreedRun([openedBy(0, 'A'), held(1, 'B'), ...follows(1, 'B')]))).toEqual([]);
  });

  it.each([
    ['without a decision', [openedBy(0, 'A'), fenced('A'), openedBy(0, 'B', 1, 2)]],
    ['by one that nobody holds', [openedBy(0, 'A'), fenced('A'), openedBy(1, 'B')]],
    [
      'by one for the other cluster',
      [openedBy(0, 'A'), held(1, 'A'), fenced('A'), openedBy(1, 'B')],
    ],
    [
      'by an old one, with a newer one heard',
      [
        openedBy(0, 'A'),
        held(1, 'B'),
        held(2, 'A'),
        heard(2, 'A'),
        switching('B'),
        fenced('A'),
        openedBy(1, 'B'),
      ],
    ],
  ])('sees it move %s', (_how, events) => {
    expect(broken(agreedRun(events))).toEqual(['I9']);
  });

  it('lets a person move it alone', () => {
    const moved = [fenced('A'), openedBy(0, 'B', 1, 2)];
    const events = [openedBy(0, 'A'), orderedAlone('B'), moved, orderSettled()];
    expect(check(agreedRun(events.flat()))).toEqual([]);
    const late = [openedBy(0, 'A'), orderedAlone('B'), orderSettled(), moved];
    expect(broken(agreedRun(late.flat()))).toEqual(['I9']);
  });
});

describe('I10, health needs a quorum', () => {
  /** Three members that have heard each other. */
  const together = [1, 2, 3].flatMap((process) => [contact(process), contact(process)]);
  const again = contact(1);
  const proposes: readonly Fact[] = [
    switching('B', { by: 'health' }),
    { kind: 'proposing', process: 1, to: 'B', by: 'health' },
  ];
  const cut = (process: number): Fact => ({ ...condition('A', 'cut'), process }) as Fact;

  it('is clean where more than half have lost the cluster', () => {
    expect(check(agreedRun([...together, again, condition('A', 'down'), ...proposes]))).toEqual([]);
    expect(check(agreedRun([...together, again, cut(1), cut(2), ...proposes]))).toEqual([]);
  });

  it('sees one process move all by what it alone has lost', () => {
    expect(broken(agreedRun([...together, again, cut(1), ...proposes]))).toEqual(['I10']);
  });

  it('counts the voices that are asked for, and only members that were heard', () => {
    const run = (agreement: Parameters<typeof agreedRun>[1]): Run =>
      agreedRun([...together, again, cut(1), ...proposes], agreement);
    expect(check(run({ quorum: { voices: 1 } }))).toEqual([]);
    expect(broken(run({ quorum: { voices: 2 } }))).toEqual(['I10']);
    const left = agreedRun([...together, 20_000, contact(1), cut(1), ...proposes]);
    expect(check(left)).toEqual([]);
    // Its own voice also where it could not speak for long.
    const mute = [...together, 20_000, cut(1), ...proposes];
    expect(check(agreedRun(mute, { quorum: { voices: 1 } }))).toEqual([]);
  });

  it('does not ask who obeys', () => {
    const obeys = [held(1, 'B', { by: 'health' }), heard(1, 'B', { by: 'health' })];
    const run = agreedRun([...together, ...obeys, switching('B', { by: 'health' })]);
    expect(check(run)).toEqual([]);
  });
});

describe('I19, the fleet is together', () => {
  it('sees who is not where the newest decision leads, or still on its way', () => {
    expect(check(agreedRun([held(1, 'B'), resting('B')]))).toEqual([]);
    expect(check(agreedRun([resting('A')]))).toEqual([]);
    expect(broken(agreedRun([held(2, 'A'), held(1, 'B'), resting('B')]))).toEqual(['I19']);
    expect(broken(agreedRun([resting('A', { state: 'halted' })]))).toEqual(['I19']);
  });
});

describe('I7, the lease', () => {
  const run = (pauseMs: number): Run =>
    agreedRun([openedBy(0, 'A'), contact(1), contact(1), pauseMs, written('A', 'Produce')], {
      leaseMs: 3_000,
    });

  it('sees a write after it, and none within it', () => {
    expect(check(run(2_900))).toEqual([]);
    expect(broken(run(3_100))).toEqual(['I7']);
  });

  it('counts from when the contact began', () => {
    const slow = [openedBy(0, 'A'), contact(1), 1_500, contact(1, 1_000), 2_500];
    const late = agreedRun([...slow, written('A', 'Produce')], { leaseMs: 3_000 });
    expect(broken(late)).toEqual(['I7']);
  });
});

describe('I7, obeyed is fenced', () => {
  const before = [openedBy(0, 'A'), stated(0, 'A'), held(1, 'B'), heard(1, 'B'), switching('B')];

  it('sees a process say that it obeys while it works with the other cluster', () => {
    expect(check(agreedRun([...before, fenced('A'), stated(1, 'A')]))).toEqual([]);
    expect(broken(agreedRun([...before, stated(1, 'A'), fenced('A')]))).toEqual(['I7']);
  });

  it('is clean where it obeys by staying, or was moved alone', () => {
    const stays = [openedBy(0, 'A'), stated(0, 'A'), held(1, 'A'), heard(1, 'A'), stated(1, 'A')];
    expect(check(agreedRun(stays))).toEqual([]);
    const alone = [orderedAlone('A'), ...before, stated(1, 'A'), orderSettled()];
    expect(check(agreedRun(alone))).toEqual([]);
  });
});

describe('I17, nobody handles on both clusters', () => {
  const there = place('B/orders-0', 0);
  const here = place('A/orders-0', 0);
  const both = [1, 2].flatMap((process) => [
    openedBy(0, 'A', process),
    contact(process),
    contact(process),
  ]);

  /** Process 2 is at work on A, while process 1 goes to B and begins there. */
  function run(between: readonly (Fact | number)[] = [], leaseMs?: number): Run {
    const events = [
      ...both,
      contact(1),
      call('handling', 'slow', here, { process: 2 }),
      held(1, 'B'),
      ...follows(1, 'B'),
      ...between,
      call('handling', 'next', there, { process: 1, epoch: 2 }),
    ];
    return agreedRun(events, { leaseMs });
  }

  it('sees a member begin while another one is at work on the source', () => {
    expect(broken(run())).toEqual(['I17']);
  });

  it('is clean where that one has ended its work', () => {
    const ended = call('handled', 'slow', here, { process: 2 });
    expect(check(run([ended]))).toEqual([]);
  });

  it('sees it also where that one has left a moment ago, and its handler runs on', () => {
    const left = [heard(1, 'B', { process: 2 }), fenced('A', { process: 2 })];
    expect(broken(run(left))).toEqual(['I17']);
    expect(check(run([...left, 2_500]))).toEqual([]);
    // It leaves another place since, where that handler never was.
    const again = fenced('B', { process: 2 });
    expect(check(run([...left, 2_500, again]))).toEqual([]);
  });

  it('lets it begin where the other one is silent, or has crashed', () => {
    expect(check(run([3_500, contact(1)]))).toEqual([]);
    // Heard again after that it comes too late: the wait is over.
    expect(check(run([3_500, contact(2), contact(1)]))).toEqual([]);
    expect(broken(run([2_000, contact(2), contact(1), 1_500, contact(1)]))).toEqual(['I17']);
    expect(check(run([3_500, contact(1)], 10_000))).not.toEqual([]);
    expect(check(run([{ kind: 'crashed', process: 2 }]))).toEqual([]);
  });

  it('lets it begin where it has waited for as long as it has to', () => {
    const overran: Fact = { kind: 'fact', process: 1, what: 'barrier overran' };
    expect(check(run([overran]))).toEqual([]);
  });
});
