/**
 * The demo: a producer service and three consumers of one group, first with a cluster that is killed under load, then
 * with a planned switch; and the count of every record.
 *
 *   npm run demo                          two real Kafka clusters with MirrorMaker 2 (needs Java and Maven)
 *   npm run demo -- --strategy consul     a key of a real Consul is followed; health decides where it says nothing
 *   npm run demo -- --strategy file       the same with a file
 *   npm run demo -- --strategy manual     the services are ordered to switch, instead of noticing by themselves
 *   npm run demo -- --round-trip          one act: A is killed, comes back, and the services go home to it
 *   npm run demo -- --producer            one act: A dies with records that are not mirrored; they are named, replayed, and handled once
 *   npm run demo -- --policy identity     mirrored topics keep their names, A to B only
 *   npm run demo -- --memory              the same services, clusters in this process's memory
 *   npm run demo -- --json                the last line of the output is for machines
 */
import { misused, readCommandLine } from '../../scripts/command-line.js';
import { StackError } from '../../stack/errors.js';
import { playAct, type Act, type ActResult, type Stage } from './acts.js';
import { memoryPlayground } from './memory-playground.js';
import { nowMs } from './messages.js';
import type { PlaygroundOptions } from './playground.js';
import { realPlayground } from './real-playground.js';
import { actsLine, actTable } from './report.js';
import { passesTail, tailTable, type TailTally } from './tail.js';
import { playTail } from './tail-act.js';
import { passes } from './tally.js';
import type { StrategyName } from './messages.js';
import { openSource } from './sources.js';
import { Timeline } from './timeline.js';

process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1';

const ACTS: readonly Act[] = [
  { name: 'killed', topic: 'orders', groupId: 'order-handling', planned: false },
  { name: 'planned', topic: 'payments', groupId: 'payment-handling', planned: true },
];

const ROUND_TRIP: readonly Act[] = [
  {
    name: 'round trip',
    topic: 'orders',
    groupId: 'order-handling',
    planned: false,
    comesHome: true,
  },
];

const HEADINGS: Readonly<Record<string, string>> = {
  killed: 'Act 1: cluster A is killed in full flow',
  planned: 'Act 2: a planned switch from A to B, fresh clusters',
  'round trip': 'Cluster A is killed in full flow, comes back, and the services go home',
};

const POINTER = `The phases (prepare, hold, ...) are explained in docs/guide.md, under "A planned switch, step by step" and
"A dead cluster, step by step".`;

const STRATEGIES: readonly StrategyName[] = ['health', 'consul', 'file', 'manual'];

function isStrategyName(name: string): name is StrategyName {
  return STRATEGIES.some((one) => one === name);
}

const HELP = `npm run demo [-- options]: a cluster is killed under load, then a planned switch; every record is counted
  --strategy NAME     health (default): the services notice by themselves; consul, file: beside that they follow a key of
                      Consul (needs Go the first time), or a file; manual: they are ordered to switch
  --round-trip        one act: A is killed, comes back, and the services go home to it
  --producer          one act: A dies with records that are not mirrored: they are named, replayed, and handled once
  --policy identity   mirrored topics keep their names, A to B only
  --memory            the same services on clusters in memory: needs no Java
  --json              the last line of the output is for machines`;

async function main(): Promise<void> {
  const { values } = readCommandLine({
    name: 'npm run demo',
    usage: HELP,
    options: {
      json: { type: 'boolean', default: false },
      memory: { type: 'boolean', default: false },
      'round-trip': { type: 'boolean', default: false },
      producer: { type: 'boolean', default: false },
      policy: { type: 'string', default: 'default' },
      strategy: { type: 'string', default: 'health' },
    },
  });
  if (values.policy !== 'default' && values.policy !== 'identity') {
    return misused('npm run demo', `--policy must be default or identity, got "${values.policy}".`);
  }
  const isRoundTrip = values['round-trip'];
  if (isRoundTrip && values.policy === 'identity') {
    const why = '--round-trip needs both directions: --policy identity mirrors A to B only.';
    return misused('npm run demo', why);
  }
  if (values.producer && (isRoundTrip || values.policy === 'identity')) {
    const why = '--producer is an act of its own: leave out --round-trip and --policy identity.';
    return misused('npm run demo', why);
  }
  const { strategy } = values;
  if (!isStrategyName(strategy)) {
    const given = JSON.stringify(strategy);
    return misused(
      'npm run demo',
      `--strategy must be one of ${STRATEGIES.join(', ')}, got ${given}.`,
    );
  }
  if (values.memory && strategy === 'consul') {
    return misused('npm run demo', '--strategy consul needs real servers: leave out --memory.');
  }
  const write = (line: string): void => {
    (values.json ? process.stderr : process.stdout).write(`${line}\n`);
  };
  const timeline = new Timeline({ write, nowMs });
  const options: PlaygroundOptions = {
    policy: values.policy,
    strategy,
    onUnmirrored: values.producer ? 'replay' : 'report',
    signal: endedByPerson(),
    onProgress: (text) => timeline.fact('demo', text),
  };
  const open = values.memory ? memoryPlayground : realPlayground;

  const line = values.producer
    ? await playTheTail(write, timeline, options, open)
    : await playTheActs(isRoundTrip ? ROUND_TRIP : ACTS, write, timeline, options, open);
  if (!values.json && !values.producer) write(`\n${POINTER}`);
  if (values.json) process.stdout.write(`${JSON.stringify(line)}\n`);
  if (!line.ok) process.exitCode = options.signal.aborted ? 130 : 1;
}

type Write = (line: string) => void;

/** @returns the machine's last line. */
async function playTheActs(
  acts: readonly Act[],
  write: Write,
  timeline: Timeline,
  options: PlaygroundOptions,
  open: typeof realPlayground,
): Promise<ReturnType<typeof actsLine>> {
  const results: ActResult[] = [];
  let failure: unknown;
  try {
    for (const act of acts) {
      timeline.text(`\n${HEADINGS[act.name] ?? act.name}`);
      results.push(await onFreshClusters(timeline, options, open, (stage) => playAct(act, stage)));
    }
  } catch (error) {
    failure = error;
  }
  for (const { tally, failures } of results) {
    write(`\n${actTable(tally)}`);
    for (const text of failures) write(`failure: ${text}`);
  }
  if (failure !== undefined) write(`\n${inWords(failure)}`);
  const ok =
    failure === undefined &&
    results.length === acts.length &&
    results.every(({ tally, failures }) => passes(tally) && failures.length === 0);
  return actsLine(
    results.map(({ tally }) => tally),
    ok,
  );
}

/** The same for `--producer`. */
async function playTheTail(
  write: Write,
  timeline: Timeline,
  options: PlaygroundOptions,
  open: typeof realPlayground,
): Promise<{ readonly ok: boolean; readonly producer: TailTally | undefined }> {
  timeline.text('\nCluster A is killed with records that are not mirrored, and comes back');
  try {
    const { tally, failures } = await onFreshClusters(timeline, options, open, playTail);
    write(`\n${tailTable(tally)}`);
    for (const text of failures) write(`failure: ${text}`);
    return { ok: passesTail(tally) && failures.length === 0, producer: tally };
  } catch (error) {
    write(`\n${inWords(error)}`);
    return { ok: false, producer: undefined };
  }
}

async function onFreshClusters<T>(
  timeline: Timeline,
  options: PlaygroundOptions,
  open: typeof realPlayground,
  play: (stage: Stage) => Promise<T>,
): Promise<T> {
  timeline.fact('demo', 'starting clusters A and B with MirrorMaker between them');
  const source = await openSource(options);
  try {
    if (source !== undefined) {
      timeline.fact('demo', source.description);
      await source.write(JSON.stringify({ cluster: 'A', epoch: 1 }));
    }
    const playground = await open(options);
    try {
      timeline.fact('demo', playground.description);
      return await play({ playground, timeline, source, ...options });
    } finally {
      await playground.close();
    }
  } finally {
    await source?.close();
  }
}

/** Ctrl-C, or a supervisor's wish: the first one ends the demo in order. */
function endedByPerson(): AbortSignal {
  const end = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => end.abort(new StackError(`Ended by ${name}; nothing is left running.`)));
  }
  return end.signal;
}

function inWords(error: unknown): string {
  if (error instanceof StackError) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

main()
  .catch((error: unknown) => {
    process.stderr.write(`${inWords(error)}\n`);
    process.exitCode = 1;
  })
  .finally(() => {
    // After a failure services may be left that run in this process (--memory); after a success nothing is.
    if (process.exitCode !== undefined) process.exit();
  });
