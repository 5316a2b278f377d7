/** Seeds 1 to this one are the fixed corpus: `simulation.test.ts` goes through them, and through those of {@link RARE_SEEDS}, so that every run of the tests meets all marks. */
export const CORPUS_SEED_COUNT = 360;

/** They show what at most one seed in a hundred shows, and none of the corpus. */
export const RARE_SEEDS: Readonly<Record<string, string>> = {
  '522': 'a group did not start',
  '858': 'the budget of an hour was spent',
};
