import { describe, expect, it } from 'vitest';
import { MARKS } from './marks.js';
import { replayCommand, reportSeed, type SeedReport } from './seed-report.js';

/** Seeds that every run of the tests goes through; about a minute on a quiet core. More: `npm run test:sim`. */
const SEED_COUNT = 120;
const BLOCK_COUNT = 10;

const seeds = Array.from({ length: SEED_COUNT }, (_, index) => String(index + 1));
const blocks = Array.from({ length: SEED_COUNT / BLOCK_COUNT }, (_, index) =>
  seeds.slice(index * BLOCK_COUNT, (index + 1) * BLOCK_COUNT),
);
const marks = new Set<string>();

/** Empty where all is well. Each seed is run twice: its trace has to repeat. */
function failuresOf({ seed, failures }: SeedReport): readonly string[] {
  return failures.map((failure) => `${failure} (replay: ${replayCommand(seed)})`);
}

describe('a fleet on two mirrored clusters, under faults', () => {
  it.each(blocks.map((block) => ({ first: block[0], last: block.at(-1), block })))(
    'breaks no invariant in seeds $first to $last, and does the same twice',
    async ({ block }) => {
      const failures: string[] = [];
      for (const seed of block) {
        const report = await reportSeed(seed);
        for (const mark of report.marks) marks.add(mark);
        failures.push(...failuresOf(report));
      }
      expect(failures).toEqual([]);
    },
  );

  it('has met every kind of trouble by then', () => {
    const unseen = Object.keys(MARKS).filter((mark) => !marks.has(mark));
    expect(unseen).toEqual([]);
  });
});
