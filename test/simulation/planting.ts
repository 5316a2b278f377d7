import { describe, expect, it } from 'vitest';
import type { Invariant, Violation } from './checkers.js';
import { runSeed } from './run.js';
import { drawScenario, type Scenario } from './scenario.js';
import type { Size } from './size.js';

/**
 * A bug that is easy to make, planted in the real library. It has to be seen, by the checker that is responsible for it and
 * within a few seeds; otherwise the green of the simulation means nothing. Without the bug the same seeds are clean.
 */
export interface PlantedBug<Name extends string> {
  readonly name: Name;
  readonly seenBy: Invariant;
  /** Runs of relevant scenarios after which it must have been seen. */
  readonly withinRuns: number;
  /** Whether the bug can matter at all; other seeds are passed over. */
  readonly matters: (scenario: Scenario) => boolean;
}

/** What a bug needs is rare, and `withinRuns` counts on how often it is met in a large world. */
const SIZE: Size = 'large';

/** The bug that is planted at the moment. */
export interface Planted {
  bug: string | undefined;
}

/** A test for each bug: they are planted one at a time. */
export function testPlantedBugs(bugs: readonly PlantedBug<string>[], planted: Planted): void {
  const clean = new Map<string, readonly Violation[]>();

  async function runWith(bug: string | undefined, seed: string): ReturnType<typeof runSeed> {
    planted.bug = bug;
    try {
      return await runSeed(seed, SIZE);
    } finally {
      planted.bug = undefined;
    }
  }

  /** Many bugs are looked for in the same seeds. */
  async function unplanted(seed: string): Promise<readonly Violation[]> {
    const violations = clean.get(seed) ?? (await runWith(undefined, seed)).violations;
    clean.set(seed, violations);
    return violations;
  }

  describe.each(bugs)('a planted bug: $name', ({ name, seenBy, withinRuns, matters }) => {
    it(`is seen by ${seenBy}, and only because it was planted`, async () => {
      const seeds = relevantSeeds(withinRuns, matters);
      const seen = new Map<string, readonly string[]>();
      for (const seed of seeds) {
        const { violations } = await runWith(name, seed);
        const found = violations.filter(({ invariant }) => invariant === seenBy);
        seen.set(seed, [...new Set(violations.map(({ invariant }) => invariant))]);
        expect(await unplanted(seed), `seed ${seed} without the bug`).toEqual([]);
        if (found.length > 0) return;
      }
      expect.fail(`${seenBy} saw nothing; seen were ${JSON.stringify([...seen])}`);
    });
  });
}

/** The first seeds in which the bug can matter. */
function relevantSeeds(count: number, matters: (scenario: Scenario) => boolean): readonly string[] {
  const seeds: string[] = [];
  for (let seed = 1; seeds.length < count; seed += 1) {
    if (matters(drawScenario(String(seed), SIZE))) seeds.push(String(seed));
  }
  return seeds;
}
