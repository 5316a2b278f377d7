import { describe, expect, it } from 'vitest';
import { CORPUS_SEED_COUNT, RARE_SEEDS } from './corpus.js';
import { MARKS } from './marks.js';
import { isRepeated, replayCommand, reportSeed, type SeedReport } from './seed-report.js';

/** So that a test takes seconds. More seeds: `npm run test:sim`. */
const SEEDS_PER_TEST = 10;

const seeds = Array.from({ length: CORPUS_SEED_COUNT }, (_, index) => String(index + 1));
const blocks = Array.from({ length: CORPUS_SEED_COUNT / SEEDS_PER_TEST }, (_, index) =>
  seeds.slice(index * SEEDS_PER_TEST, (index + 1) * SEEDS_PER_TEST),
);
const marks = new Set<string>();

async function runAndMark(seed: string): Promise<SeedReport> {
  const report = await reportSeed(seed, { once: !isRepeated(Number(seed)) });
  for (const mark of report.marks) marks.add(mark);
  return report;
}

/** Empty where all is well. */
function failuresOf({ seed, failures }: SeedReport): readonly string[] {
  return failures.map((failure) => `${failure} (replay: ${replayCommand(seed)})`);
}

describe('a fleet on two mirrored clusters, under faults', () => {
  it.each(blocks.map((block) => ({ first: block[0], last: block.at(-1), block })))(
    'breaks no invariant in seeds $first to $last, and the last does the same twice',
    async ({ block }) => {
      const failures: string[] = [];
      for (const seed of block) failures.push(...failuresOf(await runAndMark(seed)));
      expect(failures).toEqual([]);
    },
  );

  it.each(Object.entries(RARE_SEEDS))('breaks no invariant in seed %s: %s', async (seed, mark) => {
    const report = await runAndMark(seed);
    expect(failuresOf(report)).toEqual([]);
    expect(report.marks).toContain(mark);
  });

  it('has met every kind of trouble by then', () => {
    const unseen = Object.keys(MARKS).filter((mark) => !marks.has(mark));
    expect(unseen).toEqual([]);
  });
});
