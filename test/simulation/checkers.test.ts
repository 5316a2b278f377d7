import { describe, expect, it } from 'vitest';
import { check, type Invariant } from './checkers.js';
import {
  acknowledged,
  call,
  committed,
  done,
  fenced,
  logOf,
  opened,
  place,
  planned,
  runOf,
  translating,
  written,
} from './histories.js';
import type { Run } from './history.js';
import type { Fact } from './service.js';

/** The invariants that a run breaks, each once. */
function broken(run: Run): readonly Invariant[] {
  return [...new Set(check(run).map(({ invariant }) => invariant))];
}

function evidence(run: Run): string {
  return check(run)
    .map((one) => one.evidence)
    .join('\n');
}

const A = 'A/orders-0';
const COPY = 'B/A.orders-0';
const BORN = 'B/orders-0';

describe('a history without a switch', () => {
  it('is clean where everything is handled, and then committed', () => {
    const run = runOf(
      [
        opened('A'),
        acknowledged('m1'),
        done('m1', place(A, 0)),
        committed(place(A, 1)),
        acknowledged('m2'),
        done('m2', place(A, 1)),
        committed(place(A, 2)),
      ],
      { logs: [logOf(A, ['m1', 'm2'])] },
    );
    expect(check(run)).toEqual([]);
  });

  it('is clean where a batch is repeated, or a record lies in the log twice', () => {
    const run = runOf(
      [
        opened('A'),
        acknowledged('m1'),
        done('m1', place(A, 0)),
        done('m1', place(A, 0)),
        done('m1', place(A, 1)),
        committed(place(A, 2)),
      ],
      { logs: [logOf(A, ['m1', 'm1'])] },
    );
    expect(check(run)).toEqual([]);
  });
});

describe('I1, no acknowledged record is lost', () => {
  it('sees a record that nobody handled', () => {
    const run = runOf([acknowledged('m1'), done('m1', place(A, 0)), acknowledged('m2')]);
    expect(broken(run)).toEqual(['I1']);
    expect(evidence(run)).toContain('m2');
  });

  it('sees a record whose only handler failed', () => {
    const tried = [call('handling', 'm1', place(A, 0)), call('handler-failed', 'm1', place(A, 0))];
    expect(broken(runOf([acknowledged('m1'), tried]))).toEqual(['I1']);
  });

  it('demands nothing of records that nobody acknowledged', () => {
    const failed: Fact = { kind: 'send-failed', process: 1, id: 'm1', code: 'ECONNRESET' };
    expect(check(runOf([failed]))).toEqual([]);
  });

  it('lets off what the service chose to skip, and nothing behind it', () => {
    const rest = {
      logs: [logOf(BORN, ['m1', 'm2'])],
      onMissingPosition: 'latest',
    } as const;
    const skipped = planned([[BORN, 1, 'latest']]);
    expect(check(runOf([acknowledged('m1'), skipped], rest))).toEqual([]);
    expect(broken(runOf([acknowledged('m2'), skipped], rest))).toEqual(['I1']);
  });

  it('lets off a group that does not start because the service chose so', () => {
    const refused = planned([[BORN, 'unavailable']]);
    const run = runOf([acknowledged('m1'), refused], { onMissingPosition: 'fail' });
    expect(check(run)).toEqual([]);
  });
});

describe('I2, what was not sent is nowhere', () => {
  const notSent: Fact = {
    kind: 'send-failed',
    process: 1,
    id: 'm1',
    code: 'ERR_FAILOVER_HOLD_FULL',
  };

  it('is clean where the record is in no log', () => {
    expect(check(runOf([notSent], { logs: [logOf(A, ['m2'])] }))).toEqual([]);
  });

  it('sees the record in a log', () => {
    expect(broken(runOf([notSent], { logs: [logOf(A, ['m1'])] }))).toEqual(['I2']);
  });

  it('does not mind where the outcome was called unknown', () => {
    const unknown: Fact = { ...notSent, code: 'ERR_FAILOVER_OUTCOME_UNKNOWN' };
    expect(check(runOf([unknown], { logs: [logOf(A, ['m1'])] }))).toEqual([]);
  });
});

describe('I3, plans skip nothing', () => {
  const logs = [logOf(COPY, ['m1', 'm2', 'm3'])];

  it('is clean where everything below the position was handled', () => {
    const run = runOf([done('m1', place(A, 0)), planned([[COPY, 1]])], { logs });
    expect(check(run)).toEqual([]);
  });

  it('sees a position that is one too far', () => {
    const run = runOf([done('m1', place(A, 0)), planned([[COPY, 2]])], { logs });
    expect(broken(run)).toEqual(['I3']);
    expect(evidence(run)).toContain('m2 before it was not handled');
  });

  it('sees a plan made before the handler was done, although it was done later', () => {
    const run = runOf([planned([[COPY, 1]]), done('m1', place(A, 0))], { logs });
    expect(broken(run)).toEqual(['I3']);
  });

  it('accepts first copies behind the position where second ones lie before it', () => {
    const twice = [logOf(COPY, ['m1', 'm2', 'm1', 'm2'])];
    expect(check(runOf([planned([[COPY, 2]], { ends: [4] })], { logs: twice }))).toEqual([]);
  });

  it('does not count on second copies that are not there yet', () => {
    const twice = [logOf(COPY, ['m1', 'm2', 'm1', 'm2'])];
    const run = runOf([planned([[COPY, 2]], { ends: [3] })], { logs: twice });
    expect(broken(run)).toEqual(['I3']);
    expect(evidence(run)).toContain('m2');
  });
});

describe('I5, handling leaves no gap', () => {
  const logs = [logOf(COPY, ['m1', 'm2', 'm3'])];

  it('allows a rewind', () => {
    const run = runOf(
      [
        done('m1', place(A, 0)),
        done('m2', place(A, 1)),
        planned([[COPY, 0]]),
        done('m1', place(COPY, 0), { epoch: 2 }),
        done('m2', place(COPY, 1), { epoch: 2 }),
        done('m3', place(COPY, 2), { epoch: 2 }),
      ],
      { logs },
    );
    expect(check(run)).toEqual([]);
  });

  it('sees a jump, once', () => {
    const run = runOf([done('m1', place(COPY, 0)), done('m3', place(COPY, 2))], { logs });
    expect(check(run)).toMatchObject([{ invariant: 'I5' }]);
  });

  it('sees a jump also where the record is handled later', () => {
    const run = runOf([done('m2', place(COPY, 1)), done('m1', place(COPY, 0))], { logs });
    expect(broken(run)).toEqual(['I5']);
  });

  it('accepts a jump over what was handled on the other cluster', () => {
    const run = runOf([done('m1', place(A, 0)), done('m2', place(COPY, 1))], { logs });
    expect(check(run)).toEqual([]);
  });
});

describe('I7, nothing is written after the fence', () => {
  const there = [opened('A'), written('A', 'Produce'), fenced('A'), opened('B', { epoch: 2 })];

  it('is clean where a process writes to the cluster that it has opened', () => {
    expect(check(runOf([there, written('B', 'Produce'), written('B', 'OffsetCommit')]))).toEqual(
      [],
    );
  });

  it.each(['Produce', 'OffsetCommit'] as const)('sees a late %s', (apiName) => {
    expect(broken(runOf([there, written('A', apiName)]))).toEqual(['I7']);
  });

  it('allows it to others, and again after a way home', () => {
    const home = [fenced('B', { epoch: 2 }), opened('A', { epoch: 3 })];
    const other = opened('A', { process: 2 });
    expect(check(runOf([other, there, written('A', 'Produce', 2)]))).toEqual([]);
    expect(check(runOf([there, home, written('A', 'Produce')]))).toEqual([]);
  });

  it('sees two clusters open at a time', () => {
    expect(broken(runOf([opened('A'), opened('B', { epoch: 2 })]))).toEqual(['I7']);
  });
});

describe('I8, epochs only grow', () => {
  it.each([1, 2])('sees epoch %i opened after epoch 2', (epoch) => {
    const run = runOf([opened('A', { epoch: 2 }), fenced('A'), opened('B', { epoch })]);
    expect(broken(run)).toEqual(['I8']);
  });

  it('counts each process for itself', () => {
    expect(check(runOf([opened('A', { epoch: 3 }), opened('A', { process: 2 })]))).toEqual([]);
  });
});

describe('I14, no silent reset', () => {
  const logs = [logOf(BORN, ['m1', 'm2'])];

  it('is clean where a partition without a bound starts at its beginning', () => {
    expect(check(runOf([planned([[BORN, 0, 'earliest']])], { logs }))).toEqual([]);
  });

  it.each([
    ['is reset to its end', [BORN, 0, 'latest']],
    ['has no bound and begins in the middle', [BORN, 1, 'earliest']],
    ['is not planned', [BORN, 'unavailable']],
  ] as const)('sees a partition that %s', (_what, position) => {
    const handled = done('m1', place(A, 0));
    expect(broken(runOf([handled, planned([position])], { logs }))).toEqual(['I14']);
  });

  it('accepts what the service chose', () => {
    const atEnd = runOf([planned([[BORN, 2, 'latest']])], { logs, onMissingPosition: 'latest' });
    expect(check(atEnd)).toEqual([]);
    const refused = runOf([planned([[BORN, 'unavailable']])], { onMissingPosition: 'fail' });
    expect(check(refused)).toEqual([]);
  });

  it('sees a group that begins although a position is unavailable', () => {
    const refused = planned([[BORN, 'unavailable']]);
    const begun = done('m1', place(BORN, 0), { epoch: 2 });
    const run = runOf([translating(), refused, begun], { logs, onMissingPosition: 'fail' });
    expect(broken(run)).toEqual(['I14']);
  });

  it('accepts a group that begins by a newer plan', () => {
    const [refused, found] = [planned([[BORN, 'unavailable']]), planned([[BORN, 0]])];
    const begun = done('m1', place(BORN, 0), { epoch: 2 });
    const events = [translating(), refused, found, begun];
    expect(check(runOf(events, { logs, onMissingPosition: 'fail' }))).toEqual([]);
  });
});

describe('I16, commits never run ahead', () => {
  const logs = [logOf(A, ['m1', 'm2'])];

  it('sees a commit while the handler runs', () => {
    const running = call('handling', 'm1', place(A, 0));
    const ended = call('handled', 'm1', place(A, 0));
    expect(broken(runOf([running, committed(place(A, 1)), ended], { logs }))).toEqual(['I16']);
    expect(check(runOf([running, ended, committed(place(A, 1))], { logs }))).toEqual([]);
  });

  it('sees a commit of a failed record', () => {
    const failed = [call('handling', 'm1', place(A, 0)), call('handler-failed', 'm1', place(A, 0))];
    expect(broken(runOf([failed, committed(place(A, 1))], { logs }))).toEqual(['I16']);
  });

  it('sees an offset of another log', () => {
    const handled = done('m1', place(COPY, 0));
    const run = runOf([handled, committed(place(BORN, 1))], { logs: [logOf(BORN, ['m9'])] });
    expect(broken(run)).toEqual(['I16']);
  });

  it('accepts a commit that goes back', () => {
    const handled = [...done('m1', place(A, 0)), committed(place(A, 1)), committed(place(A, 0))];
    expect(check(runOf([handled], { logs }))).toEqual([]);
  });
});

describe('I17, promises settle and handlers take turns', () => {
  it('sees a send that never settles, or too late', () => {
    const sent: Fact = { kind: 'sent', process: 1, id: 'm1' };
    expect(broken(runOf([sent], { unsettledSends: ['m1'] }))).toEqual(['I17']);
    expect(broken(runOf([sent, 2_000, acknowledged('m1'), done('m1', place(A, 0))]))).toEqual([
      'I17',
    ]);
    expect(check(runOf([sent, 500, acknowledged('m1'), done('m1', place(A, 0))]))).toEqual([]);
  });

  it('sees an order that never settles, or too late', () => {
    const ordered: Fact = { kind: 'ordered', process: 1, order: 7 };
    const settled: Fact = { kind: 'order-settled', process: 1, order: 7 };
    expect(broken(runOf([ordered]))).toEqual(['I17']);
    expect(broken(runOf([ordered, 2_000, settled]))).toEqual(['I17']);
    expect(check(runOf([ordered, 500, settled]))).toEqual([]);
    expect(check(runOf([ordered, { kind: 'crashed', process: 1 }]))).toEqual([]);
  });

  it('sees two handlers of one logical partition, whichever logs they read', () => {
    const first = call('handling', 'm1', place(COPY, 0));
    const end = call('handled', 'm1', place(COPY, 0));
    const second = call('handling', 'm2', place(BORN, 0));
    expect(broken(runOf([first, second, end]))).toEqual(['I17']);
    expect(check(runOf([first, end, second]))).toEqual([]);
  });

  it('sees a handler of an older epoch meet one of the new epoch', () => {
    const old = call('handling', 'm1', place(A, 0));
    const fresh = call('handling', 'm1', place(COPY, 0), { epoch: 2 });
    expect(broken(runOf([old, fresh]))).toEqual(['I17']);
  });

  it('lets other consumers and other partitions be', () => {
    const first = call('handling', 'm1', place(A, 0));
    const other = call('handling', 'm1', place(A, 0), { process: 2 });
    const elsewhere = call('handling', 'm2', place('A/orders-1', 0));
    expect(check(runOf([first, other, elsewhere]))).toEqual([]);
  });

  it('sees a handler call after the stop, and none between its call and its end', () => {
    const stopping: Fact = { kind: 'consumer-stopping', process: 1, consumer: 'consumer-1' };
    const stopped: Fact = { ...stopping, kind: 'consumer-stopped' };
    const handling = call('handling', 'm1', place(A, 0));
    expect(check(runOf([stopping, handling, stopped]))).toEqual([]);
    expect(broken(runOf([stopping, stopped, handling]))).toEqual(['I17']);
  });
});

describe('I18, positions are in place before anything is handled', () => {
  const logs = [logOf(COPY, ['m1', 'm2', 'm3'])];
  const handled = [...done('m1', place(A, 0)), ...done('m2', place(A, 1))];
  const begun = (offset: number, process = 1) =>
    call('handling', `m${offset + 1}`, place(COPY, offset), { process, epoch: 2 });

  it('is clean where a log begins at its position, or further on', () => {
    const plan = [translating(), planned([[COPY, 1]])];
    expect(check(runOf([handled, plan, begun(1)], { logs }))).toEqual([]);
    expect(check(runOf([handled, plan, begun(2)], { logs }))).toEqual([]);
  });

  it('sees a log that begins below its position', () => {
    const run = runOf([handled, translating(), planned([[COPY, 1]]), begun(0)], { logs });
    expect(broken(run)).toEqual(['I18']);
  });

  it('sees a beginning without a plan', () => {
    expect(broken(runOf([handled, translating(), begun(0)], { logs }))).toEqual(['I18']);
  });

  it('takes the lowest of what the members planned', () => {
    const plans = [
      translating(),
      translating({ process: 2 }),
      planned([[COPY, 2]]),
      planned([[COPY, 0]], { process: 2 }),
    ];
    expect(check(runOf([handled, plans, begun(0)], { logs }))).toEqual([]);
  });

  it('looks at the newest plan of each', () => {
    const again = [
      translating(),
      planned([[COPY, 0]]),
      translating({ epoch: 4 }),
      planned([[COPY, 2]], { epoch: 4 }),
    ];
    const begunAgain = call('handling', 'm1', place(COPY, 0), { epoch: 4 });
    expect(broken(runOf([handled, again, begunAgain], { logs }))).toEqual(['I18']);
  });

  it('lets a log begin where a foreigner came to since the plan, and nowhere else', () => {
    const plan = [translating(), planned([[COPY, 2]])];
    const foreign = call('handled', 'm1', place(COPY, 0), { process: 1_000, epoch: 0 });
    expect(check(runOf([handled, plan, foreign, begun(1)], { logs }))).toEqual([]);
    expect(broken(runOf([handled, plan, foreign, begun(0)], { logs }))).toEqual(['I18']);
    expect(broken(runOf([handled, foreign, plan, begun(1)], { logs }))).toEqual(['I18']);
  });

  it('asks for no plan where a switch was rolled back', () => {
    const back = call('handling', 'm2', place(A, 1), { epoch: 3 });
    expect(check(runOf([handled, opened('A', { epoch: 3 }), back], { logs }))).toEqual([]);
  });
});
