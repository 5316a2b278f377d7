import type { Kafka, PartitionPlan } from 'kafkajs-failover';
import { createRandom } from 'kafkajs-failover/testing';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import { createTopics, untilTopicsExist } from '../topics.js';
import type { RoundTripFigures } from './figures.js';
import { judge, predictedCount } from './judge.js';
import { plainKafka, readLogs, unlessInVain } from './logs.js';
import { GroupService } from './service.js';
import { Messages, type Workload } from './workload.js';
import { writeLast, Writer } from './writer.js';

const TOPIC = 'round-trip';
const BORN_ON_B = 2_000;
const MIRRORED_LIMIT_MS = 180_000;

/**
 * A is killed under a group that lags, B handles all of it, and the group goes home by a planned switch.
 *
 * @param lag - so many records at least are left when A is killed.
 * @internal
 */
export async function measureRoundTrip({
  lag,
  seed,
  say,
}: {
  lag: number;
  seed: number;
  say(words: string): void;
}): Promise<RoundTripFigures> {
  const handledBefore = Math.round(lag / 5);
  const workload: Workload = {
    name: TOPIC,
    partitions: 6,
    // A little more: it goes on working until the very end.
    backlog: Math.round(lag * 1.25),
    perSecond: 0,
    handledBefore,
    handleMs: 1,
    handler: 'eachMessage',
    partitionsAtOnce: 6,
    commits: 'often',
    nullKeys: 0.3,
    nullValues: 0.2,
    twins: 0,
    isTransactional: false,
    lossAfterMs: 0,
  };
  const stack = await startStack({ name: 'bench-positions', onProgress: say });
  const service = new GroupService(stack, TOPIC, workload);
  try {
    return await travel(stack, service, workload, { seed, say });
  } finally {
    await service.close();
    await stack.stop();
  }
}

async function travel(
  { clusters }: Stack,
  service: GroupService,
  workload: Workload,
  { seed, say }: { seed: number; say(words: string): void },
): Promise<RoundTripFigures> {
  const { A, B } = clusters;
  const { partitions } = workload;
  const kafka = { A: plainKafka(A), B: plainKafka(B) };
  await createTopics(kafka.A, [TOPIC], partitions);
  await createTopics(kafka.B, [TOPIC], partitions);
  await untilTopicsExist(kafka.B, [`A.${TOPIC}`]);
  await untilTopicsExist(kafka.A, [`B.${TOPIC}`]);
  await writeOn(kafka.A, workload, 'A', seed, workload.backlog);
  await untilHeld(kafka.B, `A.${TOPIC}`, workload.backlog);

  await service.start();
  await service.untilHandled(workload.handledBefore);
  await A.kill();
  const away = await service.switchTo('B', false);
  const lag = workload.backlog - service.handled.length;
  say(`  A was killed ${lag} records before the end`);
  service.hurry();
  await writeOn(kafka.B, workload, 'B', seed, BORN_ON_B);
  await unlessInVain(say, service.untilKnown(workload.backlog + BORN_ON_B));
  const handledAway = service.handled.length;

  await A.start();
  await untilHeld(kafka.A, `B.${TOPIC}`, BORN_ON_B);
  const home = await service.switchTo('A', true);
  for (const plan of home) say(`  ${inWords(plan)}`);
  for (const origin of ['A', 'B'] as const) {
    await writeLast(kafka[origin], { topic: TOPIC, leg: 'home', origin, partitions });
  }
  await unlessInVain(say, service.untilLast('home', 2 * partitions));

  const logs = await readLogs(kafka, TOPIC, { partitions, leg: 'home' });
  const { handled } = service;
  const all = judge({ ...logs, handled, plans: [...away, ...home], interrupted: [] });
  const onTheWayOut = judge({
    ...logs,
    handled: handled.slice(0, handledAway),
    plans: away,
    interrupted: [],
  });
  return {
    lag,
    // What was skipped on the way out and comes again on the way home was skipped all the same.
    skipped: Math.max(onTheWayOut.skipped, all.skipped),
    twice: all.twice,
    twiceAway: onTheWayOut.twice,
    predictedAway: predictedCount(away),
    predictedHome: predictedCount(home),
  };
}

function inWords(plan: PartitionPlan): string {
  const log = `${plan.physicalTopic}-${plan.partition}`;
  if (plan.kind === 'unavailable') return `${log}: ${plan.because}`;
  const { offset, method, maxRereadCount, notes } = plan;
  const words = `${log}: resumes at ${offset}, ${method}, predicted ${maxRereadCount}`;
  return [words, ...notes].join('\n    ');
}

async function writeOn(
  kafka: Kafka,
  workload: Workload,
  origin: 'A' | 'B',
  seed: number,
  count: number,
): Promise<void> {
  const messages = new Messages(workload, origin, createRandom(seed));
  const writer = new Writer(kafka, workload, { topic: TOPIC, origin, messages });
  await writer.connect();
  await writer.write(count);
  await writer.stop();
}

async function untilHeld(kafka: Kafka, topic: string, count: number): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    await waitFor(
      `${count} records in ${topic}`,
      async () => {
        const ends = await admin.fetchTopicOffsets(topic);
        return ends.reduce((sum, { low, high }) => sum + Number(high) - Number(low), 0);
      },
      { until: (held) => held >= count, timeoutMs: MIRRORED_LIMIT_MS },
    );
  } finally {
    await admin.disconnect();
  }
}
