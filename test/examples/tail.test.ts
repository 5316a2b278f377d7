import { describe, expect, it } from 'vitest';
import { passesTail, tailTable, tallyTail, type TailEvidence } from '../../examples/demo/tail.js';
import type { LoggedRecord } from '../../examples/demo/tally.js';

const record = (cluster: string, topic: string, seq: number, isReplay = false): LoggedRecord => ({
  ...{ cluster, topic, partition: 0, offset: BigInt(seq), seq, isReplay },
});
const acknowledged = (seq: number, cluster = 'A') => ({ seq, cluster, atMs: 0 });
const handled = (seq: number) => ({ seq, member: 'one', atMs: 0 });

/** 0 is mirrored; 1 and 2 are not, and are replayed; 3 was sent to B, and stands in A's log as well. */
const GOOD: TailEvidence = {
  topic: 'orders',
  acknowledged: [acknowledged(0), acknowledged(1), acknowledged(2), acknowledged(3, 'B')],
  handled: [0, 1, 2, 3].map(handled),
  mirrored: [record('B', 'A.orders', 0)],
  onA: [0, 1, 2, 3, 4].map((seq) => record('A', 'orders', seq)),
  onB: [record('B', 'orders', 3), record('B', 'orders', 1, true), record('B', 'orders', 2, true)],
  searched: {
    ...{ from: 'A', to: 'B', searchedAtWallMs: 0, recordCount: 2, isComplete: true },
    logs: [
      {
        ...{ topic: 'orders', partition: 0, switchEpoch: 1, recordCount: 2 },
        ...{ ranges: [{ first: '1', last: '2' }], unknown: undefined },
      },
    ],
    file: undefined,
  },
};

const named = (first: string, last: string): TailEvidence['searched'] => {
  const [log] = GOOD.searched?.logs ?? [];
  return (
    GOOD.searched && log && { ...GOOD.searched, logs: [{ ...log, ranges: [{ first, last }] }] }
  );
};

describe('the judge of what was not mirrored', () => {
  it('is content where the list is the difference, and each record of it was handled once', () => {
    const tally = tallyTail(GOOD);
    expect(tally).toEqual({
      ...{ acknowledged: 4, unmirrored: 2, named: 2, notNamed: 0, wronglyNamed: 0 },
      ...{ replayed: 2, handledOnce: 2, handledTwice: 0, neverHandled: 0, lost: 0 },
    });
    expect(passesTail(tally)).toBe(true);
    expect(tailTable(tally)).toContain('passed');
  });

  it.each<[string, Partial<TailEvidence>]>([
    ['is not named', { searched: named('1', '1') }],
    ['is named wrongly', { searched: named('0', '2') }],
    ['is not named at all', { searched: undefined }],
    ['was not sent again', { onB: GOOD.onB.slice(0, 2) }],
    ['was handled twice', { handled: [...GOOD.handled, handled(1)] }],
    ['was never handled', { handled: GOOD.handled.filter(({ seq }) => seq !== 2) }],
    ['that B has acknowledged was never handled', { handled: [0, 1, 2].map(handled) }],
  ])('is not where a record %s', (_, change) => {
    const tally = tallyTail({ ...GOOD, ...change });
    expect(passesTail(tally)).toBe(false);
    expect(tailTable(tally)).toContain('FAILED');
  });

  it('is not where there was nothing to name', () => {
    const mirrored = [0, 1, 2].map((seq) => record('B', 'A.orders', seq));
    expect(passesTail(tallyTail({ ...GOOD, mirrored, onB: [], searched: undefined }))).toBe(false);
  });
});
