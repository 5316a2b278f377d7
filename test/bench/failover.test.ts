import { describe, expect, it } from 'vitest';
import {
  failoverTable,
  figuresOf,
  inWords,
  jsonLine,
  type CaseFigures,
  type Run,
} from '../../bench/failover/figures.js';

const run = (ms: number): Run => ({
  detectMs: [ms, ms + 10],
  firstAckMs: [ms + 100],
  busyCores: ms / 1_000,
  phases: [
    { phase: 'fence', durationMs: ms / 100 },
    { phase: 'open', durationMs: ms / 10 },
  ],
  reasons: ['A is unhealthy', 'A is unhealthy'],
});

describe('the figures of all runs of a case', () => {
  it('are medians and 95th percentiles, over the processes of all runs', () => {
    const runs = Array.from({ length: 20 }, (_, index) => run(100 * (index + 1)));
    expect(figuresOf('killed', runs)).toEqual({
      name: 'killed',
      runs: 20,
      detectMs: { p50: 1_010, p95: 1_910 },
      firstAckMs: { p50: 1_100, p95: 2_000 },
      phaseMs: { fence: { p50: 10, p95: 19 }, open: { p50: 100, p95: 190 } },
      busyCores: { p50: 1, p95: 1.9 },
    });
  });

  it('leave out what was not measured', () => {
    const figures = figuresOf('consul', [{ switchedMs: [700], phases: [], reasons: [] }]);
    expect(figures).toEqual({ name: 'consul', runs: 1, switchedMs: { p50: 700, p95: 700 } });
  });

  it('are said of each run, with the reasons of its processes', () => {
    expect(inWords(run(200))).toBe('detectMs 200/210; firstAckMs 300; A is unhealthy');
  });

  it('are one line for machines', () => {
    const noise: CaseFigures = { name: 'noise', runs: 3, falseSwitches: 0 };
    const line = jsonLine([figuresOf('killed', [run(200)]), noise]);
    expect(line).not.toContain('\n');
    expect(JSON.parse(line)).toEqual({
      cases: [
        {
          name: 'killed',
          runs: 1,
          detectMs: { p50: 200, p95: 210 },
          firstAckMs: { p50: 300, p95: 300 },
          phaseMs: { fence: { p50: 2, p95: 2 }, open: { p50: 20, p95: 20 } },
          busyCores: { p50: 0.2, p95: 0.2 },
        },
        noise,
      ],
    });
  });

  it('are a table for people, which says what each is measured to', () => {
    const noise: CaseFigures = { name: 'noise', runs: 3, falseSwitches: 0 };
    const fleet = figuresOf('consul', [{ firstAckMs: [80], phases: [], reasons: [] }]);
    const lines = failoverTable([figuresOf('killed', [run(200)]), fleet, noise]).split('\n');
    expect(lines.map((line) => line.replace(/ {2,}/, ' | '))).toEqual([
      'killed, 1 run: detect: until a process begins to switch | p50 200, p95 210 ms',
      'killed, 1 run: until the first acknowledged send | p50 300, p95 300 ms',
      'killed, 1 run: phase fence | p50 2, p95 2 ms',
      'killed, 1 run: phase open | p50 20, p95 20 ms',
      'killed, 1 run: busy cores of the machine | p50 0.2, p95 0.2 cores',
      'consul, 1 run: until the last process has an acknowledged send | p50 80, p95 80 ms',
      'noise, 3 runs of a simulated hour: switches without a reason | 0',
    ]);
  });
});
