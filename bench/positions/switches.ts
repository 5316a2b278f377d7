import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka, PartitionPlan } from 'kafkajs-failover';
import { createRandom, type Random } from 'kafkajs-failover/testing';
import { startStack, type Stack } from '../../stack/index.js';
import { createTopics, untilTopicsExist } from '../topics.js';
import { isCounted, type Loss, type SwitchedGroup } from './figures.js';
import { judge } from './judge.js';
import { plainKafka, readIds, unlessInVain } from './logs.js';
import { GroupService } from './service.js';
import { drawWorkload, Messages, type Workload } from './workload.js';
import { writeLast, Writer } from './writer.js';

/** Groups that work at the same time, each a service of its own in this process. */
const GROUPS_AT_ONCE = 5;
/** Records that are written on the other cluster after a switch. */
const BORN_ON_B = 200;
/** A goes on being written to while the groups are on B, in milliseconds. */
const AFTERWARDS_MS = 1_000;

/**
 * Switches groups of random workloads from A to B, unplanned, and judges each. A run is one group.
 *
 * @internal
 */
export async function measureSwitches({
  runs,
  seed,
  say,
}: {
  runs: number;
  seed: number;
  say(words: string): void;
}): Promise<readonly SwitchedGroup[]> {
  const stack = await startStack({ name: 'bench-positions', onProgress: say });
  const found: SwitchedGroup[] = [];
  try {
    // Groups that commit nothing themselves come on top: by the guide, what they handled is handled again.
    for (let round = 1; found.filter(isCounted).length < runs; round += 1) {
      const random = createRandom(`${seed}/${round}`);
      const loss: Loss = round % 2 === 1 ? 'killed' : 'fenced';
      const groups = await switchRound(stack, { round, random, loss, say });
      for (const group of groups) say(`  ${inWords(group)}`);
      found.push(...groups);
    }
  } finally {
    await stack.stop();
  }
  return found;
}

/** One group on its way. */
interface Group {
  readonly workload: Workload;
  readonly service: GroupService;
  readonly onA: Writer;
  readonly onB: Writer;
  plans: readonly PartitionPlan[];
}

interface Round {
  readonly round: number;
  readonly random: Random;
  readonly loss: Loss;
  say(words: string): void;
}

async function switchRound(
  stack: Stack,
  { round, random, loss, say }: Round,
): Promise<SwitchedGroup[]> {
  const kafka = { A: plainKafka(stack.clusters.A), B: plainKafka(stack.clusters.B) };
  const workloads = Array.from({ length: GROUPS_AT_ONCE }, (_, index) =>
    drawWorkload(`switch-${round}-${index + 1}`, random.fork(String(index))),
  );
  for (const { name, partitions } of workloads) {
    await createTopics(kafka.A, [name], partitions);
    await createTopics(kafka.B, [name], partitions);
  }
  await untilTopicsExist(
    kafka.B,
    workloads.map(({ name }) => `A.${name}`),
  );
  const groups = workloads.map((workload): Group => {
    const { name: topic } = workload;
    const writer = (origin: 'A' | 'B'): Writer =>
      new Writer(kafka[origin], workload, {
        topic,
        origin,
        messages: new Messages(workload, origin, random.fork(topic)),
      });
    const service = new GroupService(stack, topic, workload);
    return { workload, service, onA: writer('A'), onB: writer('B'), plans: [] };
  });
  try {
    await Promise.all(groups.map(work));
    if (loss === 'killed') await lose(stack, groups);
    else await Promise.all(groups.map((group) => leave(group)));
    await Promise.all(groups.map((group) => finish(group, kafka, say)));
    return await Promise.all(groups.map(async (group) => judged(group, kafka, loss)));
  } finally {
    await Promise.all(groups.map(({ service }) => service.close()));
    for (const { onA, onB } of groups) {
      onA.abandon();
      onB.abandon();
    }
  }
}

/** Until the group has handled what its workload says. */
async function work({ workload, service, onA }: Group): Promise<void> {
  await onA.connect();
  await onA.write(workload.backlog);
  onA.begin();
  await service.start();
  await service.untilHandled(workload.handledBefore);
}

/** All groups lose A in one instant, each in the middle of its work. */
async function lose({ clusters: { A } }: Stack, groups: readonly Group[]): Promise<void> {
  await sleep(Math.max(...groups.map(({ workload }) => workload.lossAfterMs)));
  await A.kill();
  for (const { onA } of groups) onA.abandon();
  await Promise.all(
    groups.map(async (group) => {
      group.plans = await group.service.switchTo('B', false);
    }),
  );
  await A.start();
}

/** One group leaves A, which lives on and is written to: the fence is an unplanned switch's, nothing is committed. */
async function leave(group: Group): Promise<void> {
  await sleep(group.workload.lossAfterMs);
  group.plans = await group.service.switchTo('B', false);
  await sleep(AFTERWARDS_MS);
  await group.onA.stop();
}

/** Everything that there is, on both clusters, is handled or was skipped. */
async function finish(
  { workload: { name: topic, partitions }, service, onB }: Group,
  kafka: Readonly<Record<'A' | 'B', Kafka>>,
  say: (words: string) => void,
): Promise<void> {
  service.hurry();
  await onB.connect();
  await onB.write(BORN_ON_B);
  await onB.stop();
  for (const origin of ['A', 'B'] as const) {
    await writeLast(kafka[origin], { topic, origin, partitions });
  }
  await unlessInVain(say, service.untilLast(2 * partitions));
}

async function judged(
  { workload, service, plans }: Group,
  kafka: Readonly<Record<'A' | 'B', Kafka>>,
  loss: Loss,
): Promise<SwitchedGroup> {
  const { name, partitions } = workload;
  const [bornOnA, bornOnB, copied] = await Promise.all([
    readIds(kafka.A, name, partitions),
    readIds(kafka.B, name, partitions),
    readIds(kafka.B, `A.${name}`, partitions),
  ]);
  const { handled } = service;
  const born = [...bornOnA, ...bornOnB];
  return { workload, loss, ...judge({ born, bornOnA, copied, handled, plans }) };
}

function inWords({ workload, loss, ...judgement }: SwitchedGroup): string {
  const { name, partitions, handler, commits, twins, isTransactional } = workload;
  const { records, skipped, twice, predicted, copiedTwice, methods, notes } = judgement;
  const kinds = [
    `${partitions} partitions`,
    handler,
    commits === 'off' ? 'autoCommit off' : `commits ${commits}`,
    ...(twins > 0 ? [`${twins * 100} % twins`] : []),
    ...(isTransactional ? ['transactions'] : []),
  ];
  const found = Object.entries(methods).map(([method, count]) => `${method} ${count}`);
  return (
    `${name}, ${loss} (${kinds.join(', ')}): ${records} records, skipped ${skipped}, twice ${twice}, ` +
    `predicted ${predicted ?? 'unknown'}; ${found.join(', ')}` +
    (copiedTwice > 0 ? `; MirrorMaker copied ${copiedTwice} twice` : '') +
    notes.map((note) => `\n    ${note}`).join('')
  );
}
