import { fileURLToPath } from 'node:url';
import { misused, readCommandLine } from '../scripts/command-line.js';
import { nearest } from '../src/nearest.js';
import { describe, findCliRuns, probe, stopCliRun, turnCliRun } from './cli-runs.js';
import { ensureConsul } from './consul-binary.js';
import { ensureDebianServer } from './debian.js';
import { dnsmasqServer } from './dnsmasq.js';
import { StackError } from './errors.js';
import { ensureEureka } from './eureka.js';
import { haproxyServer } from './haproxy.js';
import { ensureKafka } from './jars.js';
import { cacheDirectoryFrom, cacheLayout } from './paths.js';
import type { CacheLayout } from './paths.js';
import type { StackOptions } from './plan.js';
import { checkDisk, findJava, kafkaVersionFrom, neededDiskBytes } from './preflight.js';
import type { PolicyName } from './properties.js';
import { up, upDetached } from './up.js';

const NAME = 'npm run stack';

const usage = `Real Kafka clusters with MirrorMaker 2 between them, on this machine's loopback.

  npm run stack -- up        start clusters A and B and MM2 both ways, until Ctrl-C
    --detach                 return when it is up; \`down\` stops it
    --policy NAME            default (A.orders) or identity (orders, one way: A to B until turned)
    --flows A->B,B->A        directions to mirror; '' for none
    --separator TEXT         of remote topic names; default a dot
    --kafka VERSION          default: KAFKA_VERSION, else 4.3.1
    --ports PORT,PORT        of the clusters; default: free ones
    --keep                   keep the data directories when it stops
  npm run stack -- status    what is up, and whether it answers; exit code 1 if nothing is
  npm run stack -- turn      stop MM2, and start it in the opposite direction: the way home with Identity
  npm run stack -- down      stop it and remove its data
  npm run stack -- fetch     only fetch Kafka into the cache
    --all                    and what tests need beside it: Consul (built by Go, some minutes), Eureka,
                           dnsmasq, HAProxy
    --json                   up, status, turn: one line of JSON instead of text`;

const optionTypes = {
  detach: { type: 'boolean', default: false },
  policy: { type: 'string' },
  flows: { type: 'string' },
  separator: { type: 'string' },
  kafka: { type: 'string' },
  ports: { type: 'string' },
  keep: { type: 'boolean', default: false },
  all: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const;

type OptionName = keyof typeof optionTypes;

/** What each command takes. An option that would do nothing is refused: whoever gives it expects something of it. */
const commands: Readonly<Record<string, readonly OptionName[]>> = {
  up: ['detach', 'policy', 'flows', 'separator', 'kafka', 'ports', 'keep', 'json'],
  status: ['json'],
  turn: ['json'],
  down: [],
  fetch: ['kafka', 'all'],
};

function parse() {
  return readCommandLine({ name: NAME, usage, options: optionTypes, takesWords: true });
}

type Values = ReturnType<typeof parse>['values'];

async function main(): Promise<number> {
  const { values, positionals } = parse();
  const [command, ...rest] = positionals;
  if (command === undefined) return say(usage, 2);
  const taken = commands[command];
  if (taken === undefined) {
    const known = Object.keys(commands);
    const best = nearest(command, known);
    return misused(
      NAME,
      `Unknown command "${command}". ${best === undefined ? `It is one of ${known.join(', ')}.` : `Did you mean ${best}?`}`,
    );
  }
  if (rest.length > 0) return misused(NAME, `Unexpected argument "${rest[0]}".`);
  const idle = given(values).find((option) => !taken.includes(option));
  if (idle !== undefined) misused(NAME, `--${idle} means nothing to \`${command}\`.`);
  const layout = cacheLayout(cacheDirectoryFrom(process.env));
  switch (command) {
    case 'up': {
      const asked = { options: stackOptions(values), layout, keep: values.keep, json: values.json };
      if (!values.detach) return up(asked);
      const args = process.argv.slice(2).filter((each) => each !== '--detach');
      return upDetached(asked, fileURLToPath(import.meta.url), args);
    }
    case 'status':
      return status(layout, values.json);
    case 'turn':
      return turn(layout, values.json);
    case 'down':
      return down(layout);
    default:
      return fetchOnly(layout, values);
  }
}

/** The options that stand on the command line. */
function given(values: Values): readonly OptionName[] {
  const names = Object.keys(optionTypes) as OptionName[];
  return names.filter((name) => values[name] !== undefined && values[name] !== false);
}

function stackOptions({ policy, flows, separator, kafka, ports }: Values): StackOptions<string> {
  if (policy !== undefined && policy !== 'default' && policy !== 'identity') {
    misused(NAME, `--policy is default or identity, got "${policy}".`);
  }
  return {
    clusters: ['A', 'B'],
    ...(policy === undefined ? {} : { policy: policy satisfies PolicyName }),
    ...(flows === undefined
      ? {}
      : { flows: flows.split(',').filter((each) => each !== '') as `${string}->${string}`[] }),
    ...(separator === undefined ? {} : { separator }),
    ...(kafka === undefined ? {} : { kafkaVersion: kafka }),
    ...(ports === undefined ? {} : { ports: portsFrom(ports) }),
  };
}

/** Below 1024 ports belong to the system; one port alone, or one for both, is no pair of clusters. */
function portsFrom(text: string): Record<string, number> {
  const numbers = text.split(',').map((each) => (/^\d+$/.test(each.trim()) ? Number(each) : 0));
  const [a = 0, b = 0] = numbers;
  const areSound = numbers.length === 2 && a !== b;
  if (!areSound || numbers.some((each) => each < 1024 || each > 65_535)) {
    misused(
      NAME,
      `--ports is two ports from 1024 to 65535, for A and for B, for example 19092,29092, got "${text}".`,
    );
  }
  return { A: a, B: b };
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

async function turn(layout: CacheLayout, json: boolean): Promise<number> {
  const [run] = await findCliRuns(layout);
  if (run?.summary === undefined) {
    return say(run === undefined ? 'No stack is up.' : 'The stack is still starting.', 1);
  }
  const turned = await turnCliRun(run, run.summary);
  return say(json ? JSON.stringify(turned) : `MM2 mirrors ${turned.flows.join(', ')} now.`, 0);
}

async function down(layout: CacheLayout): Promise<number> {
  const runs = await findCliRuns(layout);
  for (const run of runs) await stopCliRun(run, layout);
  return say(runs.length === 0 ? 'No stack is up.' : 'Stopped.', 0);
}

async function fetchOnly(
  layout: CacheLayout,
  { kafka, all }: Pick<Values, 'kafka' | 'all'>,
): Promise<number> {
  const kafkaVersion = kafkaVersionFrom(kafka, process.env);
  const java = await findJava(kafkaVersion, process.env);
  await checkDisk(layout.root, neededDiskBytes);
  const { home } = await ensureKafka({
    version: kafkaVersion,
    cacheDirectory: layout.root,
    java,
    env: process.env,
    onProgress: (message) => console.error(message),
  });
  if (all) await fetchOthers(layout.root);
  return say(`Kafka ${kafkaVersion} is in ${home}.`, 0);
}

/** One after the other: each takes all cores that there are. */
async function fetchOthers(cacheDirectory: string): Promise<void> {
  const options = {
    cacheDirectory,
    env: process.env,
    onProgress: (message: string) => console.error(message),
  };
  await ensureConsul(options);
  await ensureEureka(options);
  await ensureDebianServer(dnsmasqServer, cacheDirectory, options);
  await ensureDebianServer(haproxyServer, cacheDirectory, options);
}

function say(text: string, exitCode: number): number {
  console.log(text);
  return exitCode;
}

/** A sentence for what a person can mend; a stack trace for what only a programmer can. */
function failed(error: unknown): number {
  console.error(error instanceof StackError ? error.message : error);
  return 1;
}

async function run(): Promise<void> {
  process.exitCode = await main().catch(failed);
}

void run();
