import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answers } from './admin.js';
import { StackError } from './errors.js';
import { isAlive, killIfSame } from './identity.js';
import type { CacheLayout } from './paths.js';
import { liveRuns, sweepRuns } from './runs.js';
import type { FoundRun } from './runs.js';
import type { Stack } from './stack.js';
import { WaitTimeoutError, waitFor } from './wait.js';

/** @internal The name of the runs that `npm run stack` starts; tests and the demo have other names. */
export const cliRunName = 'npm run stack';

/** @internal What `up` notes in its run directory for `status`, and prints with `--json`. */
export interface Summary {
  kafkaVersion: string;
  pid: number;
  clusters: Record<string, string[]>;
  flows: string[];
  policy: string;
  logs: string;
  /** How often the mirroring was turned, or could not be. */
  turnCount: number;
  /** Why it could not be the last time. */
  turnFailure?: string;
}

/** @internal A live run of the command line; without a summary it is still starting. */
export interface CliRun extends FoundRun {
  summary: Summary | undefined;
}

/** @internal */
export function summarize(stack: Stack<string>, policy: string): Summary {
  return {
    kafkaVersion: stack.kafkaVersion,
    pid: process.pid,
    clusters: Object.fromEntries(
      Object.entries(stack.clusters).map(([alias, broker]) => [alias, broker.brokers]),
    ),
    flows: stack.mirror.flows.map((flow) => flow.name),
    policy,
    logs: stack.logs,
    turnCount: 0,
  };
}

/** @internal */
export async function noteSummary(directory: string, summary: Summary): Promise<void> {
  const file = join(directory, 'stack.json');
  // Whoever reads it meanwhile finds the one or the other.
  await writeFile(`${file}.new`, JSON.stringify(summary));
  await rename(`${file}.new`, file);
}

/** @internal The stacks that `up` has started and nobody has stopped. */
export async function findCliRuns(layout: CacheLayout): Promise<CliRun[]> {
  const runs = (await liveRuns(layout.runs)).filter((run) => run.name === cliRunName);
  return Promise.all(
    runs.map(async (run) => ({ ...run, summary: await readSummary(run.directory) })),
  );
}

/** @internal Which clusters of a running stack answer now. */
export async function probe(summary: Summary): Promise<Record<string, boolean>> {
  const probes = Object.entries(summary.clusters).map(
    async ([alias, brokers]) => [alias, await answers(brokers)] as const,
  );
  return Object.fromEntries(await Promise.all(probes));
}

/** @internal By which `turn` tells the process that holds the stack. */
export const turnSignal = 'SIGUSR2';

/**
 * Asks the owner to turn the mirroring round, and waits until it has.
 *
 * @throws StackError - it could not, with the reason.
 * @internal
 */
export async function turnCliRun(run: CliRun, summary: Summary): Promise<Summary> {
  process.kill(run.owner.pid, turnSignal);
  const turned = await waitFor('the mirroring to be turned', () => readSummary(run.directory), {
    until: (after) => after !== undefined && after.turnCount > summary.turnCount,
    timeoutMs: 150_000,
  });
  if (turned?.turnFailure !== undefined) throw new StackError(turned.turnFailure);
  return turned ?? summary;
}

/** @internal Asks the owner to stop and waits for it; one that does not is killed, and its servers with it. */
export async function stopCliRun(run: CliRun, layout: CacheLayout): Promise<void> {
  if (isAlive(run.owner)) process.kill(run.owner.pid, 'SIGTERM');
  try {
    await waitFor('the stack to stop', () => !isAlive(run.owner), { timeoutMs: 30_000 });
  } catch (error) {
    if (!(error instanceof WaitTimeoutError)) throw error;
    killIfSame(run.owner);
    await waitFor('the killed stack to be gone', () => !isAlive(run.owner));
  }
  await sweepRuns(layout.runs);
}

/** @internal For people: one line per cluster, then MM2 and the logs. */
export function describe(summary: Summary, answering?: Record<string, boolean>): string {
  const width = Math.max(4, ...Object.keys(summary.clusters).map((alias) => alias.length));
  const line = (label: string, text: string): string => `  ${label.padEnd(width)}  ${text}`;
  const word = (alias: string): string =>
    answering === undefined ? '' : answering[alias] === true ? '  answers' : '  does not answer';
  return [
    ...Object.entries(summary.clusters).map(([alias, brokers]) =>
      line(alias, brokers.join(',') + word(alias)),
    ),
    line('MM2', `${summary.flows.join(', ') || 'none'} (${summary.policy} policy)`),
    line('logs', summary.logs),
  ].join('\n');
}

async function readSummary(directory: string): Promise<Summary | undefined> {
  try {
    return JSON.parse(await readFile(join(directory, 'stack.json'), 'utf8')) as Summary;
  } catch {
    return undefined; // Not there yet.
  }
}
