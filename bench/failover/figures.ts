import type { SwitchPhase } from 'kafkajs-failover';
import { median, percentile, rounded } from '../statistics.js';

/** @internal */
export type CaseName = 'killed' | 'stopped' | 'fleet' | 'consul' | 'noise';

/** @internal */
export const CASE_NAMES: readonly CaseName[] = ['killed', 'stopped', 'fleet', 'consul', 'noise'];

/**
 * What is measured in a run, in milliseconds: from the event, but `switchMs`, which runs from the start of a switch to its end.
 */
const FIGURES = ['detectMs', 'switchMs', 'switchedMs', 'firstAckMs', 'firstRecordMs'] as const;
type Figure = (typeof FIGURES)[number];

/** @internal One measured switch: a sample of each figure, or one for each process. */
export type Run = Readonly<Partial<Record<Figure, readonly number[]>>> & {
  /** How many cores of the machine were busy meanwhile, on average; undefined where that is not known. */
  readonly busyCores?: number | undefined;
  /** How long the phases of the switch took, one sample for each process. */
  readonly phases: readonly { readonly phase: SwitchPhase; readonly durationMs: number }[];
  /** Why each process switched. */
  readonly reasons: readonly string[];
};

/** @internal Milliseconds, or cores. */
export interface Spread {
  readonly p50: number;
  readonly p95: number;
}

/** @internal What all runs of a case say. What a case does not have is left out. */
export type CaseFigures = Readonly<Partial<Record<Figure, Spread>>> & {
  readonly name: CaseName;
  readonly runs: number;
  readonly phaseMs?: Readonly<Partial<Record<SwitchPhase, Spread>>>;
  readonly busyCores?: Spread;
  /** Automatic switches where there was no reason for one. */
  readonly falseSwitches?: number;
};

/** @internal */
export function figuresOf(name: CaseName, runs: readonly Run[]): CaseFigures {
  const figures: Partial<Record<Figure, Spread>> = {};
  for (const figure of FIGURES) {
    const samples = runs.flatMap((run) => run[figure] ?? []);
    if (samples.length > 0) figures[figure] = spread(samples);
  }
  const phases = runs.flatMap((run) => run.phases);
  const names = [...new Set(phases.map(({ phase }) => phase))];
  const phaseMs = Object.fromEntries(
    names.map((one) => [
      one,
      spread(phases.filter(({ phase }) => phase === one).map(({ durationMs }) => durationMs)),
    ]),
  );
  const busy = runs.flatMap(({ busyCores }) => busyCores ?? []);
  return {
    name,
    runs: runs.length,
    ...figures,
    ...(names.length === 0 ? {} : { phaseMs }),
    ...(busy.length === 0 ? {} : { busyCores: spread(busy) }),
  };
}

/** One run, said at once, so that a benchmark that ends early was not for nothing. @internal */
export function inWords(run: Run): string {
  const figures = FIGURES.flatMap((figure) => {
    const samples = run[figure];
    return samples === undefined ? [] : [`${figure} ${samples.map(Math.round).join('/')}`];
  });
  return [...figures, ...new Set(run.reasons)].join('; ');
}

/** The one line for machines. @internal */
export function jsonLine(cases: readonly CaseFigures[]): string {
  return JSON.stringify({ cases });
}

const WORDS: Readonly<Record<Figure, string>> = {
  detectMs: 'detect: until a process begins to switch',
  switchMs: 'switch: from there to its end',
  switchedMs: 'until the last process has switched',
  firstAckMs: 'until the first acknowledged send',
  firstRecordMs: 'until the first new record is handled',
};

/** Where every process is measured until its own acknowledgement, the last one counts. */
const WORDS_OF_FLEETS: Partial<Record<Figure, string>> = {
  firstAckMs: 'until the last process has an acknowledged send',
  firstRecordMs: 'until the last process has handled a new record',
};

/** For people. @internal */
export function failoverTable(cases: readonly CaseFigures[]): string {
  const rows = cases.flatMap((one) => rowsOf(one));
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

function rowsOf(figures: CaseFigures): readonly (readonly [name: string, value: string])[] {
  const { name, runs, phaseMs = {}, busyCores, falseSwitches } = figures;
  const title = `${name}, ${runs} ${runs === 1 ? 'run' : 'runs'}`;
  if (falseSwitches !== undefined) {
    return [[`${title} of a simulated hour: switches without a reason`, String(falseSwitches)]];
  }
  const words = name === 'consul' || name === 'fleet' ? { ...WORDS, ...WORDS_OF_FLEETS } : WORDS;
  return [
    ...FIGURES.flatMap((figure) => {
      const value = figures[figure];
      return value === undefined ? [] : [[`${title}: ${words[figure]}`, text(value)] as const];
    }),
    ...Object.entries(phaseMs).map(
      ([phase, value]) => [`${title}: phase ${phase}`, text(value)] as const,
    ),
    ...(busyCores === undefined
      ? []
      : [[`${title}: busy cores of the machine`, text(busyCores, 'cores')] as const]),
  ];
}

function text({ p50, p95 }: Spread, unit = 'ms'): string {
  return `p50 ${p50}, p95 ${p95} ${unit}`;
}

function spread(samples: readonly number[]): Spread {
  return { p50: rounded(median(samples)), p95: rounded(percentile(samples, 0.95)) };
}
