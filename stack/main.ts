import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describe, findCliRuns, probe, stopCliRun } from './cli-runs.js';
import { StackError, hasCode, messageOf } from './errors.js';
import { ensureKafka } from './jars.js';
import { cacheDirectoryFrom, cacheLayout } from './paths.js';
import type { CacheLayout } from './paths.js';
import type { StackOptions } from './plan.js';
import { checkDisk, findJava, kafkaVersionFrom, neededDiskBytes } from './preflight.js';
import type { PolicyName } from './properties.js';
import { up, upDetached } from './up.js';

const usage = `Real Kafka clusters with MirrorMaker 2 between them, on this machine's loopback.

  npm run stack -- up        start clusters A and B and MM2 both ways, until Ctrl-C
    --detach                 return when it is up; \`down\` stops it
    --policy NAME            default (A.orders) or identity (orders, A to B only)
    --flows A->B,B->A        directions to mirror; '' for none
    --separator TEXT         of remote topic names; default a dot
    --kafka VERSION          default: KAFKA_VERSION, else 4.3.1
    --ports PORT,PORT        of the clusters; default: free ones
    --keep                   keep the data directories when it stops
  npm run stack -- status    what is up, and whether it answers; exit code 1 if nothing is
  npm run stack -- down      stop it and remove its data
  npm run stack -- fetch     only fetch Kafka into the cache
    --json                   up, status: one line of JSON instead of text`;

const optionTypes = {
  detach: { type: 'boolean', default: false },
  policy: { type: 'string' },
  flows: { type: 'string' },
  separator: { type: 'string' },
  kafka: { type: 'string' },
  ports: { type: 'string' },
  keep: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

type Values = ReturnType<typeof parse>['values'];

function parse(args: string[]) {
  return parseArgs({ args, options: optionTypes, allowPositionals: true });
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [command, ...rest] = positionals;
  if (values.help) return say(usage, 0);
  if (command === undefined) return complain(usage);
  if (rest.length > 0) return complain(`Unexpected argument "${rest[0]}": see --help.`);
  const layout = cacheLayout(cacheDirectoryFrom(process.env));
  switch (command) {
    case 'up': {
      const asked = { options: stackOptions(values), layout, keep: values.keep, json: values.json };
      if (!values.detach) return up(asked);
      return upDetached(
        asked,
        fileURLToPath(import.meta.url),
        args.filter((each) => each !== '--detach'),
      );
    }
    case 'status':
      return status(layout, values.json);
    case 'down':
      return down(layout);
    case 'fetch':
      return fetchOnly(layout, values.kafka);
    default:
      return complain(`Unknown command "${command}": it is one of up, status, down, fetch.`);
  }
}

function stackOptions({ policy, flows, separator, kafka, ports }: Values): StackOptions<string> {
  if (policy !== undefined && policy !== 'default' && policy !== 'identity') {
    throw new StackError(`--policy is default or identity, got "${policy}".`);
  }
  const numbers = (ports ?? '')
    .split(',')
    .filter((each) => each !== '')
    .map(Number);
  if (numbers.some((each) => !Number.isInteger(each) || each < 1 || each > 65_535)) {
    throw new StackError(
      `--ports is one port per cluster, for example 19092,29092, got "${ports}".`,
    );
  }
  const [a, b] = numbers;
  return {
    clusters: ['A', 'B'],
    ...(policy === undefined ? {} : { policy: policy satisfies PolicyName }),
    ...(flows === undefined
      ? {}
      : { flows: flows.split(',').filter((each) => each !== '') as `${string}->${string}`[] }),
    ...(separator === undefined ? {} : { separator }),
    ...(kafka === undefined ? {} : { kafkaVersion: kafka }),
    ports: { ...(a === undefined ? {} : { A: a }), ...(b === undefined ? {} : { B: b }) },
  };
}

async function status(layout: CacheLayout, json: boolean): Promise<number> {
  const runs = await findCliRuns(layout);
  for (const { summary, owner } of runs) {
    if (summary === undefined) {
      if (json) console.log(JSON.stringify({ pid: owner.pid, state: 'starting' }));
      else console.log(`A stack is starting (process ${owner.pid}).`);
      continue;
    }
    const answering = await probe(summary);
    if (json) console.log(JSON.stringify({ ...summary, state: 'up', answering }));
    else
      console.log(
        `Kafka ${summary.kafkaVersion} is up (process ${summary.pid}).\n${describe(summary, answering)}`,
      );
  }
  if (runs.length > 0) return 0;
  return say(json ? JSON.stringify({ state: 'down' }) : 'No stack is up.', 1);
}

async function down(layout: CacheLayout): Promise<number> {
  const runs = await findCliRuns(layout);
  for (const run of runs) await stopCliRun(run, layout);
  return say(runs.length === 0 ? 'No stack is up.' : 'Stopped.', 0);
}

async function fetchOnly(layout: CacheLayout, version: string | undefined): Promise<number> {
  const kafkaVersion = kafkaVersionFrom(version, process.env);
  const java = await findJava(kafkaVersion, process.env);
  await checkDisk(layout.root, neededDiskBytes);
  const { home } = await ensureKafka({
    version: kafkaVersion,
    cacheDirectory: layout.root,
    java,
    env: process.env,
    onProgress: (message) => console.error(message),
  });
  return say(`Kafka ${kafkaVersion} is in ${home}.`, 0);
}

function say(text: string, exitCode: number): number {
  console.log(text);
  return exitCode;
}

function complain(text: string): number {
  console.error(text);
  return 1;
}

/** A sentence for what a person can mend; a stack trace for what only a programmer can. */
function failed(error: unknown): number {
  const isForPeople =
    error instanceof StackError ||
    hasCode(error, 'ERR_PARSE_ARGS_UNKNOWN_OPTION') ||
    hasCode(error, 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE');
  return complain(
    isForPeople ? messageOf(error) : String(error instanceof Error ? error.stack : error),
  );
}

async function run(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2)).catch(failed);
}

void run();
