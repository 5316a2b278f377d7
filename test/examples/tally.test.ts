import { describe, expect, it } from 'vitest';
import { passes, tally, type Evidence, type LoggedRecord } from '../../examples/demo/tally.js';

/**
 * Ten records: 0 to 5 were acknowledged by A, of which A died with 5; 6 to 9 by B. The group is at the end of both logs
 * of B.
 */
function evidence(changes: Partial<Evidence> = {}): Evidence {
  const seqs = Array.from({ length: 10 }, (_, seq) => seq);
  return {
    name: 'killed',
    from: 'A',
    to: 'B',
    planned: false,
    members: ['consumer-1', 'consumer-2'],
    acknowledged: seqs.map((seq) => ({ seq, cluster: seq < 6 ? 'A' : 'B', atMs: atMs(seq) })),
    handled: seqs
      .filter((seq) => seq !== 5)
      .map((seq) => ({ seq, member: `consumer-${1 + (seq % 2)}`, atMs: atMs(seq) + 2 })),
    logged: [
      ...seqs.slice(0, 5).map((seq, index) => logged('A.orders', index, seq)),
      ...seqs.slice(6).map((seq, index) => logged('orders', index, seq)),
    ],
    commits: [
      { cluster: 'B', topic: 'A.orders', partition: 0, offset: 5n },
      { cluster: 'B', topic: 'orders', partition: 0, offset: 4n },
    ],
    positions: [
      { partition: 'A.orders-0', offset: 3, method: 'checkpoint' },
      { partition: 'A.orders-0', offset: 5, method: 'exact' },
      { partition: 'orders-0', offset: 0, method: 'earliest' },
    ],
    callerErrors: 0,
    measurements: [],
    switchedAtMs: 52,
    stoppedAtMs: 200,
    ...changes,
  };
}

/** A record every 10 ms; the switch takes 100 ms. */
function atMs(seq: number): number {
  return seq * 10 + (seq < 6 ? 0 : 100);
}

function logged(topic: string, offset: number, seq: number, cluster = 'B'): LoggedRecord {
  return { cluster, topic, partition: 0, offset: BigInt(offset), seq };
}

function without(...seqs: readonly number[]): Evidence['handled'] {
  return evidence().handled.filter(({ seq }) => !seqs.includes(seq));
}

describe('the tally of an act', () => {
  it('counts what was acknowledged, mirrored and handled, and passes where nothing is missing', () => {
    const result = tally(evidence());
    expect(result).toMatchObject({
      acknowledged: 10,
      acknowledgedBySource: 6,
      mirrored: 5,
      handled: 9,
      lostMirrored: 0,
      skipped: 0,
      duplicates: 0,
      methods: { 'A.orders-0': 'exact', 'orders-0': 'earliest' },
    });
    expect(passes(result)).toBe(true);
  });

  it('counts a record that died with its cluster apart, and by whether it had been handled', () => {
    expect(tally(evidence())).toMatchObject({ unmirrored: 1, unmirroredUnhandled: 1 });
    const handled = [...evidence().handled, { seq: 5, member: 'consumer-1', atMs: 53 }];
    expect(tally(evidence({ handled }))).toMatchObject({ unmirrored: 1, unmirroredUnhandled: 0 });
  });

  it('reports a skip: below the position of its own log and never handled', () => {
    const result = tally(evidence({ handled: without(3) }));
    expect(result).toMatchObject({ skipped: 1, lostMirrored: 1 });
    expect(passes(result)).toBe(false);
  });

  it('reports a loss, and no skip, where the position has not passed the record', () => {
    const commits = [{ cluster: 'B', topic: 'A.orders', partition: 0, offset: 4n }];
    const result = tally(evidence({ handled: without(4), commits }));
    expect(result).toMatchObject({ skipped: 0, lostMirrored: 1 });
    expect(passes(result)).toBe(false);
  });

  it('reports a loss of a record that was born on the target', () => {
    const result = tally(evidence({ handled: without(9), commits: [] }));
    expect(result).toMatchObject({ skipped: 0, lostMirrored: 1 });
  });

  it('reports a skip of a record that nobody acknowledged: the position lies all the same', () => {
    const result = tally(evidence({ logged: [...evidence().logged, logged('orders', 3, 77)] }));
    expect(result).toMatchObject({ skipped: 1, lostMirrored: 0 });
  });

  it('compares a position with the log of the same cluster, topic and partition only', () => {
    const commits = [
      { cluster: 'A', topic: 'A.orders', partition: 0, offset: 5n },
      { cluster: 'B', topic: 'orders', partition: 1, offset: 5n },
    ];
    expect(tally(evidence({ handled: without(3), commits })).skipped).toBe(0);
  });

  it('counts every run of the handler beyond the first, where the record stands there once', () => {
    const again = { seq: 2, member: 'consumer-2', atMs: 170 };
    const result = tally(evidence({ handled: [...evidence().handled, again, again] }));
    expect(result).toMatchObject({ handled: 9, duplicates: 2, storedTwice: 0 });
    expect(passes(result)).toBe(true);
  });

  it('does not count a record twice that lies in both logs of the target', () => {
    const resent = logged('orders', 4, 4);
    const result = tally(evidence({ logged: [...evidence().logged, resent] }));
    expect(result).toMatchObject({ acknowledged: 10, mirrored: 5, skipped: 0, lostMirrored: 0 });
    expect(result).toMatchObject({ duplicates: 0, storedTwice: 1 });
  });

  it('does not call it a duplicate that each copy of a record is handled once', () => {
    const resent = [...evidence().logged, logged('orders', 4, 4)];
    const again = { seq: 4, member: 'consumer-2', atMs: 170 };
    const twice = tally(evidence({ logged: resent, handled: [...evidence().handled, again] }));
    expect(twice).toMatchObject({ duplicates: 0, storedTwice: 1 });
    const thrice = [...evidence().handled, again, again];
    expect(tally(evidence({ logged: resent, handled: thrice })).duplicates).toBe(1);
  });

  it('does not pass where nothing was at stake', () => {
    expect(
      passes(tally(evidence({ acknowledged: [], handled: [], logged: [], commits: [] }))),
    ).toBe(false);
    const onlySource = evidence().acknowledged.filter(({ cluster }) => cluster === 'A');
    expect(passes(tally(evidence({ acknowledged: onlySource })))).toBe(false);
  });

  it('measures the pause of the producer and of each member around the switch', () => {
    expect(tally(evidence())).toMatchObject({
      // 5 was acknowledged at 50, 6 at 160; 4 was handled at 42, 6 at 162; 3 at 32, 7 at 172.
      producerPauseMs: 110,
      memberPausesMs: [
        { member: 'consumer-1', pauseMs: 120 },
        { member: 'consumer-2', pauseMs: 140 },
      ],
      consumerPauseMs: 140,
    });
  });

  it('counts the silence of a member that never came back until the producer stopped', () => {
    const handled = evidence().handled.filter(
      ({ member, seq }) => member === 'consumer-1' || seq < 6,
    );
    expect(tally(evidence({ handled })).memberPausesMs[1]).toEqual({
      member: 'consumer-2',
      pauseMs: 168,
    });
    expect(tally(evidence({ members: ['consumer-3'] })).memberPausesMs[0]?.pauseMs).toBe(148);
  });

  it('does not clip a silence that ends after the producer has stopped', () => {
    const late = { seq: 9, member: 'consumer-3', atMs: 1052 };
    const result = tally(
      evidence({
        members: ['consumer-3'],
        handled: [{ seq: 1, member: 'consumer-3', atMs: 50 }, late],
      }),
    );
    expect(result.consumerPauseMs).toBe(1002);
  });
});
