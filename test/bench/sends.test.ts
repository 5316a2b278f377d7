import { describe, expect, it } from 'vitest';
import { jsonLine, sendsTable, type Result } from '../../bench/sends/figures.js';

const result: Result = {
  planned: { runs: 20, sends: 1_000, callerErrors: 1, lost: 2, pauseMs: { p50: 60, p95: 130 } },
  unplanned: { runs: 10, acknowledged: 500, named: 7, unaccounted: 3, wronglyNamed: 4 },
  overhead: { ledgerRatio: 0.98, singleLedgerRatio: 0.97, identityRatio: 0.96 },
  hold: { records: 100_000, bytes: 15_728_640, heldBytes: 20_971_520 },
};

describe('the figures of what a producer may rely on', () => {
  it('stand beside their goals', () => {
    expect(sendsTable(result).split('\n')).toEqual([
      expect.stringMatching(/ measured +goal$/),
      expect.stringMatching(/^20 planned switches, 1000 sends: errors, lost +1, 2 +0, 0$/),
      expect.stringMatching(/^longest pause: p50, p95 +60 ms, 130 ms +p95 300 ms$/),
      expect.stringMatching(/^killed 10 times, 500 acknowledged: unaccounted +3 +0$/),
      expect.stringMatching(/^named as not mirrored; of them wrongly +7; 4 +-; 0$/),
      expect.stringMatching(/batches, single messages +0\.98, 0\.97 +0\.99$/),
      expect.stringMatching(/with ids as well.* +0\.96 +0\.97$/),
      expect.stringMatching(/^100000 records held: memory; counted +15 MiB; 20 MiB +bounded$/),
    ]);
  });

  it('leave out what was not measured', () => {
    expect(sendsTable({}).split('\n')).toHaveLength(1);
  });

  it('are one line for machines', () => {
    expect(JSON.parse(jsonLine(result))).toEqual(result);
    expect(jsonLine(result)).not.toContain('\n');
  });
});
