import { cpus, totalmem } from 'node:os';
import { FailoverKafka, Kafka, logLevel } from 'kafkajs-failover';
import { readCommandLine } from '../scripts/command-line.js';
import { StackError, startStack, type Stack } from '../stack/index.js';
import { cpuMicrosPerRecord, perSecond, type Comparison } from './alternate.js';
import { compareConsumers } from './consumer.js';
import { compareLatencies } from './latency.js';
import { measureMirrorReading } from './mirror-reading.js';
import { untilMirrorsAreFollowed } from './mirrored.js';
import { measureOverhead } from './overhead.js';
import { measurePlanned, type SwitchFigures } from './planned.js';
import { compareProducers, type SendShape } from './producer.js';
import { cpuAtRest } from './rest.js';
import { median, rounded, type Range } from './statistics.js';
import { table, type Result } from './table.js';
import { createTopics, untilTopicsExist } from './topics.js';
import { measureTranslate } from './translate.js';

const HELP = `npm run bench [-- options]: compares with bare kafkajs on real brokers, in one run of some twelve minutes
  --quick   fewer and shorter rounds, for trying it out
  --json    the last line of the output is for machines

Bare and wrapped rounds take turns, and ratios are medians over neighbouring rounds. CPU is that of this process.
Producers are measured in a process that only sends, and follows no mirrors.
Consumers are measured in the steady state of a service: a client stays connected, and MirrorMaker's topics are read to their
end and followed. Following them goes on during bare rounds as well, so it is in no ratio: "CPU at rest" and "offset
syncs" say what it costs.`;

const { values } = readCommandLine({
  name: 'npm run bench',
  usage: HELP,
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' } },
});

process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1';
const say = values.json === true ? console.error : console.log;
const BATCH: SendShape = { messageCount: 100, sendCount: 600, concurrency: 4 };
const SINGLE: SendShape = { messageCount: 1, sendCount: 6_000, concurrency: 16 };
/** A consumer round of a million records lasts two to four seconds. */
const size =
  values.quick === true
    ? {
        producerPairs: 3,
        consumerPairs: 3,
        records: 100_000,
        switches: 4,
        latency: [2, 1] as const,
      }
    : {
        producerPairs: 21,
        consumerPairs: 15,
        records: 1_000_000,
        switches: 20,
        latency: [5, 4] as const,
      };
const REST_MS = 3_000;
const PARTITIONS = 6;
/** MirrorMaker leaves topics of such names alone (`topics.exclude`): copying millions of records would disturb what follows. */
const [BATCHED, SINGLES, READ] = [
  'bench-batch.replica',
  'bench-single.replica',
  'bench-read.replica',
];
const [LATENCY, IDLE, BUSY] = ['bench-latency', 'bench-idle', 'bench-busy'];

say(
  `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; brokers and benchmark share them`,
);
async function main(): Promise<void> {
  const startedAtMs = performance.now();
  // First of all: the first call is cold only in a process that has done nothing else.
  const { gc } = globalThis;
  const translate = measureTranslate(gc === undefined ? undefined : () => gc());
  const mirrorReading = await measureMirrorReading();
  const stack = await startStack({ name: 'bench' });
  try {
    const result: Result = { ...(await run(stack)), translate, mirrorReading };
    say(table(result));
    say(`${Math.round((performance.now() - startedAtMs) / 1_000)} s in all`);
    if (values.json === true) console.log(JSON.stringify(result));
  } finally {
    await stack.stop();
  }
}

async function run({
  clusters: { A, B },
}: Stack): Promise<Omit<Result, 'translate' | 'mirrorReading'>> {
  const common = { clientId: 'bench', logLevel: logLevel.NOTHING, retry: { retries: 5 } };
  const bare = new Kafka({ ...common, brokers: A.brokers });
  const onB = new Kafka({ ...common, brokers: B.brokers });
  const wrapped = new FailoverKafka({
    ...common,
    clusters: { A: { brokers: A.brokers }, B: { brokers: B.brokers } },
  });
  await createTopics(bare, [BATCHED, SINGLES, READ, LATENCY, IDLE, BUSY], PARTITIONS);
  await createTopics(onB, [IDLE, BUSY], PARTITIONS);
  const sources = { bare, wrapped };
  const producers = { bare: bare.producer(), wrapped: wrapped.producer() };

  await producers.bare.connect();
  const restBare = await cpuAtRest(REST_MS);
  await producers.wrapped.connect();
  say('producers, batches of 100 ...');
  const batch = await compareProducers(BATCHED, producers, BATCH, size.producerPairs);
  found(batch);
  say('producers, single messages ...');
  const single = await compareProducers(SINGLES, producers, SINGLE, size.producerPairs);
  found(single);

  await fill(producers.bare, READ, size.records);
  // Mirrors are followed once a consumer runs, and as long as a client is connected. It reads an empty topic.
  const watcher = wrapped.consumer({ groupId: 'bench-watch' });
  await watcher.connect();
  await watcher.subscribe({ topic: IDLE });
  await watcher.run({ eachMessage: () => Promise.resolve() });
  await untilMirrorsAreFollowed(wrapped);
  const restWrapped = await cpuAtRest(REST_MS);
  const consumers = async (kind: 'eachMessage' | 'eachBatch'): Promise<Comparison> => {
    say(`consumers, ${kind} ...`);
    const figures = await compareConsumers(READ, size.records, sources, kind, size.consumerPairs);
    found(figures);
    return figures;
  };
  const addedNs = await measureOverhead();
  const eachMessage = await consumers('eachMessage');
  const eachBatch = await consumers('eachBatch');
  say('consumers, 500 records a second ...');
  const [pairCount, seconds] = size.latency;
  const latency = await compareLatencies(LATENCY, producers.bare, sources, { pairCount, seconds });
  await producers.bare.disconnect();
  await producers.wrapped.disconnect();
  await watcher.disconnect();

  await untilTopicsExist(onB, [`A.${IDLE}`, `A.${BUSY}`]);
  const plan = async (topic: string, sendsPerSecond: number): Promise<SwitchFigures> => {
    say(`planned switches, ${sendsPerSecond} sends a second ...`);
    const shape = { topic, groupId: topic, runs: size.switches, sendsPerSecond };
    const figures = await measurePlanned(wrapped, shape);
    say(`  ${JSON.stringify(figures)}`);
    return figures;
  };
  const plannedIdle = await plan(IDLE, 0);
  const planned = await plan(BUSY, 500);
  await wrapped.close();
  return {
    producer: { batch: producerResult(batch), single: producerResult(single) },
    consumer: {
      eachMessage: { ...consumerResult(eachMessage), ...added(addedNs, eachMessage) },
      eachBatch: consumerResult(eachBatch),
      latency,
    },
    planned,
    plannedIdle,
    restCpu: { bare: restBare, wrapped: restWrapped },
    perSecond: {
      ...speeds('producer batch', batch),
      ...speeds('producer single', single),
      ...speeds('eachMessage', eachMessage),
      ...speeds('eachBatch', eachBatch),
    },
  };
}

/** Said at once, so that a run that ends early was not for nothing. */
function found({ ratio, ratioRange, cpuRatio, cpuRatioRange }: Comparison): void {
  const within = ({ low, high }: Range): string => `(95 %: ${low} to ${high})`;
  say(
    `  throughput ${ratio} ${within(ratioRange)}, CPU ${cpuRatio} ${within(cpuRatioRange)}, wrapper / bare`,
  );
}

function producerResult({
  ratio,
  cpuRatio,
  p50Ratio,
  p99Ratio,
}: Awaited<ReturnType<typeof compareProducers>>): Result['producer']['batch'] {
  return { ratio, cpuRatio, p50Ratio, p99Ratio };
}

function consumerResult({ ratio, cpuRatio }: Comparison): Result['consumer']['eachBatch'] {
  return { ratio, cpuRatio };
}

/** The wrapper's own work as a share of what bare kafkajs takes for a record, decoding included. */
function added(addedNs: number, { pairs }: Comparison): { addedNs: number; addedShare: number } {
  const bareNs = median(pairs.map(({ bare }) => cpuMicrosPerRecord(bare))) * 1_000;
  return { addedNs, addedShare: rounded(addedNs / bareNs) };
}

function speeds(name: string, { pairs }: Comparison): Record<string, number> {
  return {
    [`${name}, bare`]: rounded(median(pairs.map(({ bare }) => perSecond(bare)))),
    [`${name}, wrapped`]: rounded(median(pairs.map(({ wrapped }) => perSecond(wrapped)))),
  };
}

async function fill(
  producer: ReturnType<Kafka['producer']>,
  topic: string,
  count: number,
): Promise<void> {
  const messages = Array.from({ length: 1_000 }, (_, index) => ({
    key: `key-${index % 64}`,
    value: Buffer.alloc(200, 'v'),
  }));
  for (let sent = 0; sent < count; sent += messages.length)
    await producer.send({ topic, messages });
}

void main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof StackError ? error.message : error);
    process.exit(1);
  },
);
