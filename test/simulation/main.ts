import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { misused, readCommandLine } from '../../scripts/command-line.js';
import { compile } from './compiled.js';
import { RARE_SEEDS } from './corpus.js';
import type { HistoryEvent } from './history.js';
import { MARKS } from './marks.js';
import { runSeed, traceOf } from './run.js';
import { isRepeated, replayCommand, reportSeed, type SeedReport } from './seed-report.js';

const NAME = 'npm run test:sim';

const USAGE = `npm run test:sim -- [options]: a fleet of services on memory clusters with random faults, checked for its promises
  --seeds N     how many seeds (default 200)
  --from K      the first seed (default 1)
  --seed S      one seed: prints its scenario, its history and what is wrong
  --twice       run each seed twice, which shows that it repeats (default: some of them)
  --workers W   processes (default: one for each core)`;

const { values } = readCommandLine({
  name: NAME,
  usage: USAGE,
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    twice: { type: 'boolean', default: false },
    workers: { type: 'string', default: String(availableParallelism()) },
    // A worker's own: which part of the seeds it runs.
    share: { type: 'string' },
  },
});

const first = positive('from', values.from);
const count = positive('seeds', values.seeds);
const workerCount = positive('workers', values.workers);

function positive(option: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  return misused(NAME, `--${option} must be a whole number from 1, got "${text}".`);
}

async function main(): Promise<number> {
  if (values.seed !== undefined) return replay(values.seed);
  if (values.share !== undefined) return work(Number(values.share));
  return lead();
}

/** Prints one seed in full. */
async function replay(seed: string): Promise<number> {
  const result = await runSeed(seed);
  const { scenario, run, violations } = result;
  console.log(text(scenario));
  for (const event of run.events) console.log(line(event));
  for (const { invariant, evidence } of violations) console.log(`${invariant}: ${evidence}`);
  console.log(violations.length === 0 ? 'no violation' : `${violations.length} violations`);
  const traces = [traceOf(result), traceOf(await runSeed(seed))];
  const repeats = traces[0] === traces[1];
  if (!repeats) console.log(`determinism: the traces are ${traces.join(' and ')}`);
  return violations.length === 0 && repeats ? 0 : 1;
}

/** A worker: its share of the seeds, one report a line. */
async function work(share: number): Promise<number> {
  for (let seed = first + share; seed < first + count; seed += workerCount) {
    const once = !values.twice && !isRepeated(seed);
    console.log(JSON.stringify(await reportSeed(String(seed), { once })));
  }
  return 0;
}

/** A handful of seeds need not show everything; and so many not what {@link RARE_SEEDS} are for. */
const ALL_SEEN_COUNT = 500;

/** So many show that, too. */
const RARE_SEEN_COUNT = 2_000;

async function lead(): Promise<number> {
  const failed: SeedReport[] = [];
  const marks = new Map<string, number>();
  let done = 0;
  const startedAtMs = performance.now();
  const onReport = (report: SeedReport): void => {
    done += 1;
    for (const mark of report.marks) marks.set(mark, (marks.get(mark) ?? 0) + 1);
    if (report.failures.length > 0) {
      failed.push(report);
      console.log(`seed ${report.seed} failed; replay: ${replayCommand(report.seed)}`);
      for (const failure of report.failures.slice(0, 3)) console.log(`  ${failure}`);
    }
    if (done % 100 === 0) console.log(`${done} of ${count} seeds, ${failed.length} failed`);
  };
  const codes = await runWorkers(onReport);
  const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
  for (const name of Object.keys(MARKS)) console.log(`${marks.get(name) ?? 0} x ${name}`);
  const unseen = Object.keys(MARKS).filter((name) => !marks.has(name));
  const rare = new Set(Object.values(RARE_SEEDS));
  const missed = count >= RARE_SEEN_COUNT ? unseen : unseen.filter((name) => !rare.has(name));
  const isBlind = count >= ALL_SEEN_COUNT && missed.length > 0;
  if (isBlind) console.log(`never seen: ${missed.join('; ')}`);
  const isWhole = done === count && codes.every((code) => code === 0);
  if (!isWhole) console.log(`only ${done} of ${count} seeds were run`);
  console.log(
    `${count} seeds, ${values.twice ? 'each' : 'some'} twice, in ${seconds} s: ${failed.length} with violations`,
  );
  console.log(`${done - failed.length} passed, ${failed.length} failed`);
  return failed.length === 0 && isWhole && !isBlind ? 0 : 1;
}

/** What makes a worker quicker. */
const WORKER_ARGUMENTS = [
  // kafkajs makes errors all the time. A replay shows their stacks.
  '--stack-trace-limit=0',
  // More room for young objects.
  '--max-semi-space-size=64',
  // V8 optimizes later: a world is over before most of it pays.
  '--interrupt-budget=400000',
  // But nothing is interpreted.
  '--always-sparkplug',
  // All cores are taken: nothing is gained by another thread.
  '--single-threaded',
  // Node's own code, where the system has them.
  '--use-largepages=silent',
];

async function runWorkers(
  onReport: (report: SeedReport) => void,
): Promise<readonly (number | null)[]> {
  const { file, remove } = await compile(__filename);
  try {
    return await Promise.all(
      Array.from({ length: workerCount }, (_, share) => startWorker(file, share, onReport)),
    );
  } finally {
    await remove();
  }
}

function startWorker(
  file: string,
  share: number,
  onReport: (report: SeedReport) => void,
): Promise<number | null> {
  const worker = spawn(
    process.execPath,
    [...WORKER_ARGUMENTS, file, ...process.argv.slice(2), '--share', String(share)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  createInterface({ input: worker.stdout }).on('line', (report) =>
    onReport(JSON.parse(report) as SeedReport),
  );
  return new Promise((resolve) => {
    worker.on('close', resolve);
  });
}

function text(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? `${one}` : one));
}

function line(event: HistoryEvent): string {
  const { atMs, kind, ...facts } = event;
  return `${atMs.toFixed(1).padStart(9)} ${kind} ${text(facts)}`;
}

// No exit(): it would cut off what is still being written to a pipe.
main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
