import { CORPUS_SEED_COUNT } from './corpus.js';
import { marksOf } from './marks.js';
import { runSeed, traceOf } from './run.js';

/** What a worker tells of one seed. */
export interface SeedReport {
  readonly seed: string;
  /** Violations, a crash of the run, or a trace that differs from run to run; empty where all is well. */
  readonly failures: readonly string[];
  readonly marks: readonly string[];
}

/**
 * Is the seed one of those that are run twice? What makes runs differ (a clock, a random source) is the code's, and not one seed's: so every tenth of the
 * corpus, and every fiftieth beyond it.
 */
export function isRepeated(seed: number): boolean {
  return seed % (seed <= CORPUS_SEED_COUNT ? 10 : 50) === 0;
}

/** Runs a seed, once or twice: the same seed must give the same trace. Never rejects. */
export async function reportSeed(seed: string, { once }: { once: boolean }): Promise<SeedReport> {
  const stray: string[] = [];
  const onStray = (reason: unknown): void => void stray.push(textOf(reason));
  process.on('unhandledRejection', onStray);
  try {
    const report = await runAndReport(seed, once);
    const failures = stray.map((text) => `a rejection that nobody handled: ${text}`);
    return { ...report, failures: [...report.failures, ...failures] };
  } finally {
    process.off('unhandledRejection', onStray);
  }
}

async function runAndReport(seed: string, once: boolean): Promise<SeedReport> {
  try {
    const first = await runSeed(seed);
    const failures = first.violations.map(({ invariant, evidence }) => `${invariant}: ${evidence}`);
    if (!once) {
      const traces = [traceOf(first), traceOf(await runSeed(seed))];
      if (traces[0] !== traces[1]) {
        failures.push(`determinism: the traces are ${traces.join(' and ')}`);
      }
    }
    return { seed, failures, marks: marksOf(first.run) };
  } catch (error) {
    return { seed, failures: [`the run failed: ${textOf(error)}`], marks: [] };
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** How a person repeats a seed. */
export function replayCommand(seed: string): string {
  return `npm run test:sim -- --seed ${seed}`;
}
