import { describe, expect, it } from 'vitest';
import { check, type Invariant } from './checkers.js';
import {
  automaticRun,
  condition,
  fenced,
  opened,
  resting,
  runOf,
  started,
  switched,
  told,
  toldNothing,
} from './histories.js';
import type { Run } from './history.js';
import type { Fact } from './service.js';

/** The invariants that a run breaks, each once. */
function broken(run: Run): readonly Invariant[] {
  return [...new Set(check(run).map(({ invariant }) => invariant))];
}

describe('I8, epochs only grow, over restarts too', () => {
  const before = [started(1), opened('A'), fenced('A'), opened('B', { epoch: 2 })];

  it('is clean where a restart goes on in the same epoch, or in a later one', () => {
    const same = [started(2), opened('B', { process: 2, epoch: 2 })];
    const later = [started(2), opened('A', { process: 2, epoch: 3 })];
    expect(check(runOf([before, same]))).toEqual([]);
    expect(check(runOf([before, later]))).toEqual([]);
  });

  it.each([
    ['in an older epoch', 'B', 1],
    ['with the other cluster in the same epoch', 'A', 2],
  ])('sees a restart that begins %s', (_how, cluster, epoch) => {
    const after = [started(2), opened(cluster, { process: 2, epoch })];
    expect(broken(runOf([before, after]))).toEqual(['I8']);
  });

  it('demands nothing where the state file is lost, nor of another machine', () => {
    const lost = [started(2, { isIntact: false }), opened('A', { process: 2 })];
    const elsewhere = [started(2, { host: 2 }), opened('A', { process: 2 })];
    expect(check(runOf([before, lost]))).toEqual([]);
    expect(check(runOf([before, elsewhere]))).toEqual([]);
  });
});

describe('I10, ignorance never switches', () => {
  const dead = condition('A', 'down');

  it('is clean where a dead cluster is left for one that works', () => {
    expect(check(automaticRun([dead, 1_000, switched('B', 'health')]))).toEqual([]);
  });

  it('is clean where the fault is over, and not for long', () => {
    const run = automaticRun([dead, 1_000, condition('A'), 3_000, switched('B', 'health')]);
    expect(check(run)).toEqual([]);
  });

  it('sees a cluster left that nothing is wrong with, or was wrong long ago', () => {
    expect(broken(automaticRun([switched('B', 'health')]))).toEqual(['I10']);
    const late = automaticRun([dead, 1_000, condition('A'), 60_000, switched('B', 'health')]);
    expect(broken(late)).toEqual(['I10']);
  });

  it('sees a switch to a cluster that has been dead for long, and not where it has just died', () => {
    const both = (pauseMs: number): Run =>
      automaticRun([dead, condition('B', 'frozen'), pauseMs, switched('B', 'health')]);
    expect(check(both(1_000))).toEqual([]);
    expect(broken(both(10_000))).toEqual(['I10']);
  });

  it('knows that one process alone may be cut off', () => {
    const cut = { ...condition('A', 'cut'), process: 1 };
    expect(check(automaticRun([cut, 1_000, switched('B', 'health')]))).toEqual([]);
    const other = switched('B', 'health', { process: 2 });
    expect(broken(automaticRun([cut, 1_000, other]))).toEqual(['I10']);
  });

  it('lets operators do as they like', () => {
    expect(check(automaticRun([switched('B', 'operator')]))).toEqual([]);
  });

  it('is clean where the source says so', () => {
    expect(check(automaticRun([told('B', 1), switched('B', 'signal')]))).toEqual([]);
  });

  it.each([
    ['was never told anything', []],
    ['was told of the other cluster', [told('A', 2)]],
    ['cannot read it any more', [told('B', 1), toldNothing()]],
    ['was told garbage last', [told('B', 1), toldNothing('value')]],
    ['was told that there is no value', [toldNothing('absent')]],
    ['was told an older value last', [told('A', 2), told('B', 1)]],
  ])('sees a process follow the source that %s', (_what, before) => {
    expect(broken(automaticRun([before, switched('B', 'signal')]))).toEqual(['I10']);
  });

  it('remembers over a restart which value was newer, where the state file is intact', () => {
    const first = [started(1), opened('A'), told('A', 2), fenced('A')];
    const again = (isIntact: boolean): Run =>
      automaticRun([
        first,
        started(2, { isIntact }),
        opened('A', { process: 2 }),
        told('B', 1, undefined, { process: 2 }),
        switched('B', 'signal', { process: 2 }),
      ]);
    expect(broken(again(true))).toEqual(['I10']);
    expect(check(again(false))).toEqual([]);
  });
});

describe('I10, old news', () => {
  const overtaken = [
    started(1),
    opened('A'),
    told('B', 5),
    ...switched('B', 'signal'),
    fenced('A'),
    opened('B', { epoch: 2 }),
    ...switched('A', 'operator', { epoch: 3 }),
    fenced('B', { epoch: 2 }),
    opened('A', { epoch: 3 }),
  ];
  const restarted = (isIntact: boolean): readonly Fact[] => [
    started(2, { isIntact }),
    told('B', 5, undefined, { process: 2 }),
  ];
  const onA = opened('A', { process: 2, epoch: 3 });
  const onB = opened('B', { process: 2, epoch: 4 });
  const toB = switched('B', 'signal', { process: 2, epoch: 4 });

  it('sees a process that restarts taken back by a word that was overtaken', () => {
    expect(check(automaticRun([...overtaken, restarted(true), onA]))).toEqual([]);
    expect(broken(automaticRun([...overtaken, restarted(true), onB]))).toEqual(['I10']);
    expect(broken(automaticRun([...overtaken, restarted(true), onA, toB]))).toEqual(['I10']);
  });

  it('sees it in the same process, too', () => {
    const again = switched('B', 'signal', { epoch: 4 });
    expect(broken(automaticRun([...overtaken, again]))).toEqual(['I10']);
  });

  it('is clean where the source has said something else since, or the state file is lost', () => {
    const news = [...overtaken, told('B', 6), restarted(true).slice(0, 1)];
    const again = told('B', 6, undefined, { process: 2 });
    expect(check(automaticRun([...news, again, onB]))).toEqual([]);
    expect(check(automaticRun([...overtaken, restarted(false), onB]))).toEqual([]);
  });

  it('is clean where a switch to there was rolled back', () => {
    const begun = switched('B', 'signal').slice(0, 1);
    const back = [opened('A'), told('B', 5), begun, fenced('A'), opened('A', { epoch: 3 })];
    expect(check(automaticRun([started(1), ...back, restarted(true), onB]))).toEqual([]);
  });

  it('is clean where a lease ended on the way there: it goes on where it was, and then there', () => {
    const turn = { process: 1, switchEpoch: 3, to: 'A' } as const;
    const goesOn = (from: string): Fact => ({
      kind: 'switching',
      ...turn,
      from,
      planned: false,
      by: 'agreement',
      reason: 'the agreement is heard again',
    });
    const toB = switched('B', 'signal', { epoch: 4 });
    const after = (from: string): Run =>
      automaticRun([
        ...[started(1), opened('A'), told('B', 5), 100, goesOn(from)],
        ...[opened('A', { epoch: 3 }), toB],
      ]);
    expect(check(after('A'))).toEqual([]);
    expect(broken(after('B'))).toEqual(['I10']);
  });
});

describe('I11, automatic switches are rare', () => {
  const there = [condition('A', 'down'), ...switched('B', 'health')];
  const back = (epoch: number) => switched('A', 'health', { epoch });

  it('is clean where the cooldown is over, and the budget not spent', () => {
    const run = automaticRun([there, condition('A'), condition('B', 'down'), 5_000, back(3)]);
    expect(check(run)).toEqual([]);
  });

  it('sees a switch within the cooldown, whoever ordered the one before', () => {
    const turned = [condition('A'), condition('B', 'down'), 1_000];
    expect(broken(automaticRun([there, ...turned, back(3)]))).toEqual(['I11']);
    const ordered = [condition('B', 'down'), ...switched('B', 'operator'), 1_000];
    expect(broken(automaticRun([...ordered, back(3)]))).toEqual(['I11']);
  });

  it('takes going on after a lease for no switch, unless it leads elsewhere', () => {
    const goesOn = (from: string): readonly Fact[] => {
      const turn = { process: 1, switchEpoch: 2, from, to: 'B', planned: false } as const;
      return [
        { kind: 'switching', ...turn, by: 'agreement', reason: 'the agreement is heard again' },
        { kind: 'switched', process: 1, switchEpoch: 2, to: 'B' },
      ];
    };
    const after = (from: string): Run =>
      automaticRun([condition('B', 'down'), ...goesOn(from), 1_000, back(3)]);
    expect(check(after('B'))).toEqual([]);
    expect(broken(after('A'))).toEqual(['I11']);
  });

  it('sees one more than are allowed within an hour', () => {
    const run = (pauseMs: number): Run =>
      automaticRun([
        ...there,
        condition('A'),
        condition('B', 'down'),
        5_000,
        back(3),
        condition('B'),
        condition('A', 'down'),
        pauseMs,
        switched('B', 'health', { epoch: 4 }),
      ]);
    expect(broken(run(5_000))).toEqual(['I11']);
    expect(check(run(3_600_000))).toEqual([]);
  });

  it('sees a way home that nobody asked for', () => {
    const home = switched('A', 'health', { planned: true });
    expect(broken(automaticRun([home]))).toEqual(['I11']);
    expect(check(automaticRun([home], { limits: { failback: 'automatic' } }))).toEqual([]);
  });
});

describe('I19, everybody arrives', () => {
  const wish = { cluster: 'B', epoch: 1, mode: undefined };

  it('is clean where a process is steady on a cluster that works', () => {
    expect(check(automaticRun([resting('A')]))).toEqual([]);
  });

  it('sees a process that is still on its way', () => {
    expect(broken(automaticRun([resting('A', { state: 'switching' })]))).toEqual(['I19']);
  });

  it('sees a process on a dead cluster', () => {
    expect(broken(automaticRun([condition('A', 'down'), resting('A')]))).toEqual(['I19']);
  });

  it('lets it stay where it is pinned, has moved often enough, or only follows', () => {
    const dead = condition('A', 'down');
    expect(check(automaticRun([told('A', 1, 'pinned'), dead, resting('A')]))).toEqual([]);
    expect(check(automaticRun([dead, resting('A')], { strategy: 'follow' }))).toEqual([]);
    const spent = { limits: { maxSwitchesPerHour: 0 } };
    expect(check(automaticRun([dead, resting('A')], spent))).toEqual([]);
  });

  it('counts the switches of the process before it, where it has its state file', () => {
    const once = { limits: { maxSwitchesPerHour: 1 } };
    const before = [started(1), condition('A', 'down'), switched('B', 'health')];
    const after = [condition('A'), condition('B', 'down'), resting('B', { process: 2 })];
    expect(check(automaticRun([...before, started(2), ...after], once))).toEqual([]);
    const lost = started(2, { isIntact: false });
    expect(broken(automaticRun([...before, lost, ...after], once))).toEqual(['I19']);
  });

  it('counts a switch that had opened its target when the process died, and no other', () => {
    const once = { limits: { maxSwitchesPerHour: 1 } };
    const [begins] = switched('B', 'health');
    const died = (...before: readonly Fact[]): Run =>
      automaticRun(
        [
          started(1),
          condition('A', 'down'),
          ...(begins === undefined ? [] : [begins]),
          ...before,
          { kind: 'crashed', process: 1 },
          started(2),
          condition('A'),
          condition('B', 'down'),
          resting('B', { process: 2 }),
        ],
        once,
      );
    expect(check(died(opened('B', { epoch: 2 })))).toEqual([]);
    expect(broken(died())).toEqual(['I19']);
  });

  it('sees a process that has not followed news', () => {
    const run = automaticRun([told('B', 1), 10_000, resting('A', { wish })]);
    expect(broken(run)).toEqual(['I19']);
    const followed = [told('B', 1), switched('B', 'signal', { planned: true })];
    expect(check(automaticRun([...followed, resting('B', { wish })]))).toEqual([]);
  });

  it('does not ask it to follow what was overtaken, or leads to a dead cluster', () => {
    const overtaken = [told('B', 1), switched('A', 'operator')];
    expect(check(automaticRun([...overtaken, resting('A', { wish })]))).toEqual([]);
    const dead = [condition('B', 'down'), told('B', 1)];
    expect(check(automaticRun([...dead, resting('A', { wish })]))).toEqual([]);
  });

  it('does not ask it to follow what the process before had heard on its machine, where a switch has overtaken that', () => {
    const later = (isIntact: boolean, isOlder = false): Run =>
      automaticRun([
        started(1),
        opened('B'),
        told('B', 1),
        fenced('B'),
        started(2, { isIntact, isOlder }),
        opened('B', { process: 2 }),
        ...switched('A', 'operator', { process: 2 }),
        fenced('B', { process: 2 }),
        opened('A', { process: 2, epoch: 2 }),
        10_000,
        told('B', 1, undefined, { process: 2 }),
        10_000,
        resting('A', { process: 2, wish }),
      ]);
    expect(check(later(true))).toEqual([]);
    expect(broken(later(false))).toEqual(['I19']);
    // A full disk: what is there may say so.
    expect(check(later(false, true))).toEqual([]);
  });
});
