import { cpus, totalmem } from 'node:os';
import { FailoverKafka, Kafka, logLevel } from 'kafkajs-failover';
import { readCommandLine } from '../scripts/command-line.js';
import { unreachable } from '../src/unreachable.js';
import { StackError, startStack, type Stack } from '../stack/index.js';
import { jsonLine, PART_NAMES, sendsTable, type PartName, type Result } from './sends/figures.js';
import { measureHold } from './sends/hold.js';
import { measureOverhead } from './sends/overhead.js';
import { measurePlanned } from './sends/planned.js';
import { measureUnplanned } from './sends/unplanned.js';
import { createTopics, untilTopicsExist } from './topics.js';
import { countFrom, namesFrom } from './values.js';

const NAME = 'npm run bench:producer';
const HELP = `${NAME} [-- options]: what a producer may rely on, measured on real brokers beside its goal
  --runs N       switches of \`planned\` and of \`unplanned\`, default 20 and 10
  --quick        4 and 2 switches, and 3 pairs of rounds
  --only NAMES   only these parts, with commas between them
  --json         the last line of the output is for machines

planned    planned switches to and fro under 2,000 sends a second: errors, records that are lost, the longest pause. The first six of the
           process are not counted for the pause: its code is not compiled yet, and they take up to 1.3 s
unplanned  kill -9 of A under the same flow: what A had acknowledged and is neither on B nor named as not mirrored
overhead   records a second with the ledger of acknowledged records, by those without it; nothing mirrors them, so it is always full
hold       memory of the process while 100,000 records wait for a switch that does not end

Options are the library's defaults, but for the producer's hotStandby in planned.`;

const PER_SECOND = 2_000;
const PARTITIONS = 6;

const { values } = readCommandLine({
  name: NAME,
  usage: HELP,
  options: {
    runs: { type: 'string' },
    quick: { type: 'boolean' },
    only: { type: 'string' },
    json: { type: 'boolean' },
  },
});
const isQuick = values.quick === true;
const plannedRuns = countFrom(NAME, '--runs', values.runs, isQuick ? 4 : 20);
const unplannedRuns = countFrom(NAME, '--runs', values.runs, isQuick ? 2 : 10);
const pairs = isQuick ? 3 : 21;
const say = values.json === true ? console.error : console.log;
process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1';

async function main(): Promise<void> {
  const names = namesFrom(NAME, 'part', PART_NAMES, values.only);
  say(
    `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; brokers and benchmark share them`,
  );
  let result: Result = {};
  for (const name of names) {
    say(`${name} ...`);
    result = { ...result, ...(await measure(name)) };
  }
  say(sendsTable(result));
  if (values.json === true) console.log(jsonLine(result));
}

async function measure(name: PartName): Promise<Result> {
  const stack = await startStack({ name: `bench-${name}` });
  try {
    switch (name) {
      case 'planned': {
        const topic = await mirrored(stack, 'bench-planned');
        const kafka = kafkaOn(stack, true);
        const planned = await measurePlanned(stack, kafka, {
          ...{ topic, runs: plannedRuns, perSecond: PER_SECOND },
        });
        await kafka.close();
        return { planned };
      }
      case 'unplanned': {
        const topic = await mirrored(stack, 'bench-unplanned');
        const kafka = kafkaOn(stack, false);
        const unplanned = await measureUnplanned(stack, kafka, {
          ...{ topic, runs: unplannedRuns, perSecond: PER_SECOND },
        });
        await kafka.close();
        return { unplanned };
      }
      case 'overhead': {
        // MirrorMaker leaves topics of such names alone (`topics.exclude`).
        const topic = 'bench-overhead.replica';
        await createTopics(clientOf(stack.clusters.A), [topic], PARTITIONS);
        return { overhead: await measureOverhead(stack, topic, pairs) };
      }
      case 'hold': {
        const topic = await mirrored(stack, 'bench-hold');
        const kafka = kafkaOn(stack, false);
        const hold = await measureHold(stack, kafka, topic);
        await kafka.close();
        return { hold };
      }
      default:
        return unreachable(name);
    }
  } finally {
    await stack.stop();
  }
}

/** A topic on both clusters, and its copies. */
async function mirrored({ clusters: { A, B } }: Stack, topic: string): Promise<string> {
  await createTopics(clientOf(A), [topic], PARTITIONS);
  await createTopics(clientOf(B), [topic], PARTITIONS);
  await untilTopicsExist(clientOf(B), [`A.${topic}`]);
  return topic;
}

function clientOf({ brokers }: Stack['clusters']['A']): Kafka {
  return new Kafka({ clientId: 'bench', brokers, logLevel: logLevel.NOTHING });
}

function kafkaOn({ clusters: { A, B } }: Stack, hotStandby: boolean): FailoverKafka {
  return new FailoverKafka({
    clientId: 'bench',
    logLevel: logLevel.NOTHING,
    clusters: { A: { brokers: A.brokers }, B: { brokers: B.brokers } },
    producer: { hotStandby },
  });
}

main().catch((error: unknown) => {
  // What is not there is said in a sentence that was written for people.
  console.error(error instanceof StackError ? error.message : error);
  process.exitCode = 1;
});
