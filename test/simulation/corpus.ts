/** Seeds 1 to this one are the fixed corpus: `simulation.test.ts` goes through them, so that every run of the tests meets all marks. */
export const CORPUS_SEED_COUNT = 360;
