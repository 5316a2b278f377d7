import { cpus, loadavg, totalmem } from 'node:os';
import { Kafka, logLevel } from 'kafkajs-failover';
import { misused, readCommandLine } from '../scripts/command-line.js';
import { StackError, startStack, type Stack } from '../stack/index.js';
import {
  CASE_NAMES,
  failoverTable,
  figuresOf,
  jsonLine,
  type CaseFigures,
  type CaseName,
} from './failover/figures.js';
import { measureKey } from './failover/key.js';
import { measureLoss } from './failover/loss.js';
import { measureNoise } from './failover/noise.js';
import { createTopics, untilTopicsExist } from './topics.js';
import { countFrom, namesFrom } from './values.js';

const NAME = 'npm run bench:failover';
const HELP = `${NAME} [-- options]: how soon a lost cluster is noticed and left, on real brokers
  --runs N       runs of each case, default 20
  --quick        3 runs
  --only NAMES   only these cases, with commas between them
  --processes N  so many processes follow the key of the case consul, default 10
  --json         the last line of the output is for machines

killed    kill -9 of A under a process that sends every 5 ms and one that handles records, both decided by health
stopped   the same with SIGSTOP: connections stay open and nothing is answered
fleet     kill -9 of A under six processes that decide together (kafkaAgreement), three of which send
consul    a key of Consul is changed, and ten processes (--processes) follow it, each with a group of its own
noise     switches without a reason in a simulated hour of latency, loss and pauses, on clusters in memory; a run is a seed

Options are the library's defaults, but for cooldownMs 0 and maxSwitchesPerHour 1000: runs follow each other closely.
The brokers have group.initial.rebalance.delay.ms 0; Kafka's default makes a group wait 3 s.`;

const DEFAULT_RUNS = 20;
const QUICK_RUNS = 3;
const DEFAULT_PROCESSES = 10;
const PARTITIONS = 6;

const { values } = readCommandLine({
  name: NAME,
  usage: HELP,
  options: {
    runs: { type: 'string' },
    quick: { type: 'boolean' },
    only: { type: 'string' },
    processes: { type: 'string' },
    json: { type: 'boolean' },
  },
});
const runs = runsFrom(values.runs, values.quick === true);
const processes = countFrom(NAME, '--processes', values.processes, DEFAULT_PROCESSES);
const names = namesFrom(NAME, 'case', CASE_NAMES, values.only);
const say = values.json === true ? console.error : console.log;
// Inherited by the services.
process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1';

function runsFrom(text: string | undefined, isQuick: boolean): number {
  if (text !== undefined && isQuick) {
    misused(NAME, '--quick is a number of runs, and so is --runs: give one of them.');
  }
  return countFrom(NAME, '--runs', text, isQuick ? QUICK_RUNS : DEFAULT_RUNS);
}

async function main(): Promise<void> {
  const [load = 0] = loadavg();
  say(
    `${cpus().length} cores (load ${load.toFixed(1)}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; brokers and benchmark share them`,
  );
  say('the library as it is by default, but for cooldownMs 0 and maxSwitchesPerHour 1000');
  const onServers = names.filter((name) => name !== 'noise');
  const cases = onServers.length === 0 ? [] : await measureOnServers(onServers);
  if (names.includes('noise')) cases.push(await measureNoises());
  say(failoverTable(cases));
  if (values.json === true) console.log(jsonLine(cases));
}

async function measureOnServers(wanted: readonly CaseName[]): Promise<CaseFigures[]> {
  const stack = await startStack({ name: 'bench-failover', onProgress: say });
  try {
    const { A, B } = stack.clusters;
    const common = { clientId: 'bench', logLevel: logLevel.NOTHING };
    const [onA, onB] = [A, B].map(({ brokers }) => new Kafka({ ...common, brokers }));
    if (onA === undefined || onB === undefined) throw new Error('there are two clusters');
    const topics = wanted.map(topicOf);
    await createTopics(onA, topics, PARTITIONS);
    await createTopics(onB, topics, PARTITIONS);
    await untilTopicsExist(
      onB,
      topics.map((topic) => `A.${topic}`),
    );
    await untilTopicsExist(
      onA,
      topics.map((topic) => `B.${topic}`),
    );
    const cases: CaseFigures[] = [];
    for (const name of wanted) cases.push(await measure(stack, name));
    return cases;
  } finally {
    await stack.stop();
  }
}

async function measure(stack: Stack, name: CaseName): Promise<CaseFigures> {
  say(`${name} ...`);
  const options = { runs, topic: topicOf(name), say };
  const figures = figuresOf(
    name,
    name !== 'consul' && name !== 'noise'
      ? await measureLoss(stack, name, options)
      : await measureKey(stack, { ...options, processes }),
  );
  say(failoverTable([figures]));
  return figures;
}

function topicOf(name: CaseName): string {
  return `bench-${name}`;
}

async function measureNoises(): Promise<CaseFigures> {
  say('noise ...');
  let falseSwitches = 0;
  for (let seed = 1; seed <= runs; seed += 1) {
    const found = await measureNoise(seed);
    falseSwitches += found.length;
    say(`  seed ${seed}: ${found.length} switches`);
    for (const { noise, reason } of found) say(`    under ${noise}: ${reason}`);
  }
  return { name: 'noise', runs, falseSwitches };
}

void main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof StackError ? error.message : error);
    process.exit(1);
  },
);
