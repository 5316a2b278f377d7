import { spawn } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  cliRunName,
  describe,
  findCliRuns,
  noteSummary,
  summarize,
  turnSignal,
} from './cli-runs.js';
import type { Summary } from './cli-runs.js';
import { messageOf, StackError } from './errors.js';
import type { CacheLayout } from './paths.js';
import type { StackOptions } from './plan.js';
import { checkDisk } from './preflight.js';
import { startStack } from './stack.js';
import type { Stack } from './stack.js';

/** @internal What `up` was asked for. */
export interface UpOptions {
  options: StackOptions<string>;
  layout: CacheLayout;
  keep: boolean;
  json: boolean;
}

/** @internal Starts a stack and holds it until this process is told to end. Returns the exit code. */
export async function up({ options, layout, keep, json }: UpOptions): Promise<number> {
  await refuseSecond(layout);
  const told = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const onSignal = (): void => told.abort(new StackError('Stopped before it was up.'));
  for (const signal of signals) process.on(signal, onSignal);
  const stack = await startStack<string>({
    ...options,
    name: cliRunName,
    signal: told.signal,
    onProgress: (message) => console.error(message),
  });
  const summary = summarize(stack, options.policy ?? 'default');
  const turn = turner(stack, summary);
  process.on(turnSignal, turn);
  await noteSummary(stack.directory, summary);
  print(summary, json, 'Ctrl-C, or `npm run stack -- down` in another shell, stops it.');
  const watch = setInterval(reportEnded(stack), 1000);
  await new Promise<void>((resolve) => {
    if (told.signal.aborted) resolve();
    told.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  clearInterval(watch);
  process.off(turnSignal, turn);
  console.error('stopping');
  const kept = await stack.stop({ keepData: keep });
  console.error(kept === undefined ? 'stopped, data removed' : `stopped, data kept in ${kept}`);
  return 0;
}

/** @internal Starts `up` as a process of its own that stays when this one ends, and waits until it is up. */
export async function upDetached(
  { layout, json }: UpOptions,
  mainFile: string,
  args: readonly string[],
): Promise<number> {
  await refuseSecond(layout);
  await checkDisk(layout.root, 0);
  const logFile = join(layout.root, 'stack-up.log');
  const log = await open(logFile, 'w');
  const child = spawn(process.execPath, [...process.execArgv, mainFile, ...args], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
  });
  await log.close();
  // The first start fetches Kafka and takes its time; nobody should wonder whether it hangs.
  if (!json) console.error(`starting; what it does stands in ${logFile}`);
  const ended = new Promise<'ended'>((resolve) => child.once('exit', () => resolve('ended')));
  for (;;) {
    const run = (await findCliRuns(layout)).find(({ owner }) => owner.pid === child.pid);
    if (run?.summary !== undefined) {
      print(run.summary, json, '`npm run stack -- down` stops it.');
      child.unref();
      return 0;
    }
    const pause = new Promise<'pause'>((resolve) => setTimeout(() => resolve('pause'), 100));
    if ((await Promise.race([ended, pause])) === 'ended') {
      console.error((await readFile(logFile, 'utf8')).trim());
      return 1;
    }
  }
}

/** Turns the mirroring, once at a time, and notes how that went for whoever has asked for it. */
function turner(stack: Stack<string>, summary: Summary): () => void {
  let turning: Promise<void> = Promise.resolve();
  let turnCount = 0;
  const turn = async (): Promise<void> => {
    const how = await stack.mirror.turn().then(
      () => ({}),
      (error: unknown) => ({ turnFailure: messageOf(error) }),
    );
    const flows = stack.mirror.flows.map(({ name }) => name);
    console.error('turnFailure' in how ? how.turnFailure : `mirroring ${flows.join(', ')}`);
    turnCount += 1;
    await noteSummary(stack.directory, { ...summary, flows, turnCount, ...how });
  };
  return () => {
    turning = turning.then(turn).catch((error: unknown) => console.error(messageOf(error)));
  };
}

async function refuseSecond(layout: CacheLayout): Promise<void> {
  const [run] = await findCliRuns(layout);
  if (run === undefined) return;
  const where = Object.entries(run.summary?.clusters ?? {}).map(
    ([alias, each]) => `${alias} ${each.join(',')}`,
  );
  throw new StackError(
    `A stack is already ${where.length === 0 ? 'starting' : `up (${where.join(', ')})`}: \`npm run stack -- down\` stops it.`,
  );
}

function print(summary: Summary, json: boolean, hint: string): void {
  if (json) console.log(JSON.stringify(summary));
  else console.log(`Kafka ${summary.kafkaVersion} is up.\n${describe(summary)}\n${hint}`);
}

/** Says once of each server that it has ended without being asked to: killed from another shell, out of memory. */
function reportEnded(stack: Stack<string>): () => void {
  const reported = new Set<string>();
  const servers = [
    ...Object.values(stack.clusters)
      .flatMap(({ nodes }) => nodes)
      .map((broker) => ({ name: `Broker ${broker.name}`, server: broker })),
  ];
  return () => {
    const mirrors = stack.mirror.flows.map((flow) => ({ name: `MM2 ${flow.name}`, server: flow }));
    for (const { name, server } of [...servers, ...mirrors]) {
      if (server.state.kind !== 'ended' || reported.has(name)) continue;
      reported.add(name);
      console.error(`${name} has ended (${server.state.how}); its log: ${server.logFile}`);
    }
  };
}
