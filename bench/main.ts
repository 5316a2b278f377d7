import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { FailoverKafka, Kafka, logLevel } from 'kafkajs-failover';
import { startStack, waitFor, type Stack } from '../stack/index.js';
import { compareConsumers } from './consumer.js';
import { measurePlanned } from './planned.js';
import { compareProducers, type SendShape } from './producer.js';
import { median } from './statistics.js';
import { measureTranslate } from './translate.js';

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, quick: { type: 'boolean' }, help: { type: 'boolean' } },
});
if (values.help === true) {
  console.log(
    'npm run bench [-- --json] [-- --quick]\n' +
      'Compares with bare kafkajs on real brokers, in one run. --quick: fewer rounds, for trying it out.',
  );
  process.exit(0);
}

process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1';
const say = values.json === true ? console.error : console.log;
const pairs = values.quick === true ? 3 : 21;
const switches = values.quick === true ? 4 : 20;
const BATCH: SendShape = { messageCount: 100, sendCount: 600, concurrency: 4 };
const SINGLE: SendShape = { messageCount: 1, sendCount: 6_000, concurrency: 16 };
const RECORDS = 100_000;

say(
  `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}; brokers and benchmark share them`,
);
async function main(): Promise<void> {
  const stack = await startStack();
  try {
    const result = await run(stack);
    say(table(result));
    if (values.json === true) console.log(JSON.stringify(result));
  } finally {
    await stack.stop();
  }
}

type Result = Awaited<ReturnType<typeof run>>;

async function run({ clusters: { A, B } }: Stack): Promise<{
  producer: Record<'batch' | 'single', { ratio: number; p99Ratio: number }>;
  consumer: Record<'eachMessage' | 'eachBatch', { ratio: number }>;
  translate: ReturnType<typeof measureTranslate>;
  planned: Awaited<ReturnType<typeof measurePlanned>>;
  plannedIdle: Awaited<ReturnType<typeof measurePlanned>>;
  perSecond: Record<string, number>;
}> {
  const { gc } = globalThis;
  const translate = measureTranslate(gc === undefined ? undefined : () => gc());
  const common = { clientId: 'bench', logLevel: logLevel.NOTHING, retry: { retries: 5 } };
  const bare = new Kafka({ ...common, brokers: A.brokers });
  const wrapped = new FailoverKafka({
    ...common,
    clusters: { A: { brokers: A.brokers }, B: { brokers: B.brokers } },
  });
  await createTopics(bare, [
    'bench-batch',
    'bench-single',
    'bench-read',
    'bench-idle',
    'bench-busy',
  ]);
  const producers = { bare: bare.producer(), wrapped: wrapped.producer() };
  await producers.bare.connect();
  await producers.wrapped.connect();
  say('producers, batches of 100 ...');
  const batch = await compareProducers('bench-batch', producers, BATCH, pairs);
  say('producers, single messages ...');
  const single = await compareProducers('bench-single', producers, SINGLE, pairs);
  await fill(producers.bare, 'bench-read', RECORDS);
  await producers.bare.disconnect();
  await producers.wrapped.disconnect();
  say('consumers, eachMessage ...');
  const sources = { bare, wrapped };
  const eachMessage = await compareConsumers('bench-read', RECORDS, sources, 'eachMessage', pairs);
  say('consumers, eachBatch ...');
  const eachBatch = await compareConsumers('bench-read', RECORDS, sources, 'eachBatch', pairs);
  await mirrored(new Kafka({ ...common, brokers: B.brokers }), ['bench-idle', 'bench-busy']);
  say('planned switches, idle ...');
  const plan = (topic: string, sendsPerSecond: number): ReturnType<typeof measurePlanned> =>
    measurePlanned(wrapped, { topic, groupId: topic, runs: switches, sendsPerSecond });
  const plannedIdle = await plan('bench-idle', 0);
  say('planned switches, 500 sends a second ...');
  const planned = await plan('bench-busy', 500);
  await wrapped.close();
  const speed = (rounds: readonly { throughput: number }[]): number =>
    Math.round(median(rounds.map(({ throughput }) => throughput)));
  return {
    producer: {
      batch: { ratio: batch.ratio, p99Ratio: batch.p99Ratio },
      single: { ratio: single.ratio, p99Ratio: single.p99Ratio },
    },
    consumer: { eachMessage: { ratio: eachMessage.ratio }, eachBatch: { ratio: eachBatch.ratio } },
    translate,
    planned,
    plannedIdle,
    perSecond: {
      'producer batch, bare': speed(batch.bare),
      'producer batch, wrapped': speed(batch.wrapped),
      'producer single, bare': speed(single.bare),
      'producer single, wrapped': speed(single.wrapped),
      'eachMessage, bare': speed(eachMessage.bare),
      'eachMessage, wrapped': speed(eachMessage.wrapped),
      'eachBatch, bare': speed(eachBatch.bare),
      'eachBatch, wrapped': speed(eachBatch.wrapped),
    },
  };
}

async function createTopics(kafka: Kafka, topics: readonly string[]): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: 6 })) });
  await admin.disconnect();
}

/** The service's own topics exist on both clusters, as they must, and MirrorMaker knows them. */
async function mirrored(target: Kafka, topics: readonly string[]): Promise<void> {
  await createTopics(target, topics);
  const admin = target.admin();
  await admin.connect();
  await waitFor('the mirrored topics', () => admin.listTopics(), {
    until: (names) => topics.every((topic) => names.includes(`A.${topic}`)),
  });
  await admin.disconnect();
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

function table({ producer, consumer, translate, planned, plannedIdle, perSecond }: Result): string {
  const spread = ({ p50, p95 }: { p50: number; p95: number }): string =>
    `p50 ${p50}, p95 ${p95} ms`;
  const rows: [string, string][] = [
    ['producer, batches of 100: throughput, wrapper / bare', String(producer.batch.ratio)],
    ['producer, batches of 100: p99 latency, wrapper / bare', String(producer.batch.p99Ratio)],
    ['producer, single messages: throughput, wrapper / bare', String(producer.single.ratio)],
    ['producer, single messages: p99 latency, wrapper / bare', String(producer.single.p99Ratio)],
    ['consumer, eachMessage: throughput, wrapper / bare', String(consumer.eachMessage.ratio)],
    ['consumer, eachBatch: throughput, wrapper / bare', String(consumer.eachBatch.ratio)],
    [`translate one group, ${translate.partitions} partitions`, `${translate.ms} ms`],
    ['the same with bounds and plan', `${translate.planMs} ms`],
    ['memory per tracked partition', `${translate.bytesPerPartition} bytes`],
    ['planned switch, idle: first acknowledged send', spread(plannedIdle.firstAckMs)],
    ['planned switch, idle: first record handled', spread(plannedIdle.firstRecordMs)],
    ['planned switch, busy: first acknowledged send', spread(planned.firstAckMs)],
    ['planned switch, busy: first record handled', spread(planned.firstRecordMs)],
    ...Object.entries(perSecond).map(([name, value]): [string, string] => [
      `${name}, records a second`,
      String(value),
    ]),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

void main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
