import { fork } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';
import { readCommandLine } from '../scripts/command-line.js';
import { unreachable } from '../src/unreachable.js';
import { StackError } from '../stack/index.js';
import { countBusyCores } from './failover/busy-cores.js';
import {
  jsonLine,
  PART_NAMES,
  positionsTable,
  switchesFigures,
  type PartName,
  type Result,
} from './positions/figures.js';
import { measureLedger } from './positions/ledger.js';
import { measureProgressOverhead } from './positions/progress-overhead.js';
import { measureRoundTrip } from './positions/round-trip.js';
import { measureStandby } from './positions/standby.js';
import { measureSwitches } from './positions/switches.js';
import { measureTranslation } from './positions/translation.js';
import { countFrom, namesFrom } from './values.js';

const NAME = 'npm run bench:positions';
const HELP = `${NAME} [-- options]: where groups resume, measured on real brokers beside what it should be
  --runs N       random switches, default 100
  --quick        5 switches, and less of the rest
  --only NAMES   only these parts, with commas between them
  --pairs N      pairs of rounds of \`overhead\`, default 15: four times as many tell it twice as exactly
  --seed N       of the random workloads, default 1
  --json         the last line of the output is for machines

Each part runs in a process of its own.

switches   groups of random workloads leave A, unplanned, in the middle of their work: records handled twice and skipped
roundTrip  A to B to A: A is killed under a group that is 100,000 records behind
translate  a group of 10,000 partitions: this library, and MirrorMaker's own RemoteClusterUtils (Java) on the same topic
overhead   a consumer with fingerprints and progress records, and one of bare kafkajs
standby    from the decision to the first new record, on brokers with Kafka's default group.initial.rebalance.delay.ms 3000
ledger     memory of a million offset syncs

A switch is one group of one service that leaves A for B. Five services work at a time, in this process, each with a topic and a
workload of its own. In every other round A is killed (kill -9) under all of them, and each is told to go to B; in the others each is
told so by an unplanned switch at a moment of its own, while A lives on and is written to. Then each goes home by a planned switch, in
the middle of new records. Both clusters' logs are read at the end of each way, and compared with what handlers were given;
checkpoints and commits are not asked.
The ratios of \`overhead\` are medians over neighbouring rounds, with the range in which the true one lies with 95 %: on a machine that
does other things meanwhile it is wide, and one ratio alone says nothing. What the dispatcher adds to a record is measured apart.
Predicted is what the report of the switch allows for: the sum of maxRereadCount over its partitions.`;

const DEFAULT_RUNS = 100;
const QUICK_RUNS = 5;

const { values } = readCommandLine({
  name: NAME,
  usage: HELP,
  options: {
    runs: { type: 'string' },
    pairs: { type: 'string' },
    quick: { type: 'boolean' },
    only: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'boolean' },
  },
});
const isQuick = values.quick === true;
const runs = countFrom(NAME, '--runs', values.runs, isQuick ? QUICK_RUNS : DEFAULT_RUNS);
const seed = countFrom(NAME, '--seed', values.seed, 1);
const size = isQuick
  ? { lag: 10_000, pairs: 3, records: 200_000, standbyRuns: 4 }
  : { lag: 100_000, pairs: 15, records: 1_000_000, standbyRuns: 20 };
const pairs = countFrom(NAME, '--pairs', values.pairs, size.pairs);
const say = values.json === true ? console.error : console.log;
process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1';

async function main(): Promise<void> {
  const names = namesFrom(NAME, 'part', PART_NAMES, values.only);
  const [only] = names;
  if (process.send !== undefined && only !== undefined) {
    process.send(await measureAndSay(only));
    return;
  }
  const [load = 0] = loadavg();
  say(
    `${cpus().length} cores (load ${load.toFixed(1)}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; brokers and benchmark share them`,
  );
  let result: Result = {};
  for (const name of names) {
    const part = names.length === 1 ? measureAndSay(name) : measureApart(name);
    result = { ...result, ...(await part) };
  }
  if (names.length > 1) say(positionsTable(result));
  if (values.json === true) console.log(jsonLine(result));
}

async function measureAndSay(name: PartName): Promise<Result> {
  say(`${name} ...`);
  const busyCores = countBusyCores();
  const startedAtMs = performance.now();
  const part = await measure(name);
  const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
  say(positionsTable(part));
  say(
    `  ${seconds} s, ${busyCores()?.toFixed(1) ?? 'unknown'} cores of the machine busy on average`,
  );
  return part;
}

/**
 * In a process of its own, as a service is: behind the random switches the dispatcher takes four times as long for a record, by what V8
 * has seen of all their kinds.
 */
function measureApart(name: PartName): Promise<Result> {
  const options = ['--only', name, '--runs', String(runs), '--pairs', String(pairs)];
  const args = [...options, '--seed', String(seed), ...(isQuick ? ['--quick'] : [])];
  const child = fork(process.argv[1] ?? '', args, {
    stdio: ['ignore', values.json === true ? 2 : 1, 2, 'ipc'],
    // Some figures are Infinity, or undefined.
    serialization: 'advanced',
  });
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('error', reject);
    child.once('exit', (code) => {
      reject(new Error(`${name} ended with ${code} and without a result`));
    });
  });
}

function collector(): () => void {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('memory is not known without --expose-gc');
  return () => gc();
}

async function measure(name: PartName): Promise<Result> {
  switch (name) {
    case 'switches': {
      const groups = await measureSwitches({ runs, seed, say });
      return { switches: switchesFigures(groups, runs) };
    }
    case 'roundTrip':
      return { roundTrip: await measureRoundTrip({ lag: size.lag, seed, say }) };
    case 'translate':
      return { translate: await measureTranslation(say, collector()) };
    case 'overhead':
      return { overhead: await measureProgressOverhead({ ...size, pairs, say }) };
    case 'standby':
      return { standby: await measureStandby({ runs: size.standbyRuns, say }) };
    case 'ledger':
      return { ledger: await measureLedger(collector()) };
    default:
      return unreachable(name);
  }
}

void main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof StackError ? error.message : error);
    process.exit(1);
  },
);
