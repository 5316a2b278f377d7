import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka, PartitionPlan } from 'kafkajs-failover';
import { createRandom, type Random } from 'kafkajs-failover/testing';
import { startStack, type Stack } from '../../stack/index.js';
import { createTopics, untilTopicsExist } from '../topics.js';
import { isCounted, type Loss, type SwitchedGroup } from './figures.js';
import { isAsPredicted, judge, type Judgement } from './judge.js';
import { plainKafka, readLogs, unlessInVain } from './logs.js';
import { GroupService } from './service.js';
import { drawWorkload, Messages, type Leg, type Workload } from './workload.js';
import { writeLast, Writer } from './writer.js';

/** Groups that work at the same time, each a service of its own in this process. */
const GROUPS_AT_ONCE = 5;
/** Records that are written on a cluster after the switch, and before the way home. */
const MORE = 200;
/** A goes on being written to while the groups are on B, in milliseconds. */
const AFTERWARDS_MS = 1_000;

/**
 * Switches groups of random workloads from A to B, unplanned, and home by a planned switch, and judges each. A run is one group.
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
  readonly kafka: Readonly<Record<'A' | 'B', Kafka>>;
  /** They go on where they left off: no id comes again. */
  readonly messages: Readonly<Record<'A' | 'B', Messages>>;
  /** Writes on A until that is lost, or left. */
  readonly writer: Writer;
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
    const { name } = workload;
    const messagesOf = (origin: 'A' | 'B'): Messages =>
      new Messages(workload, origin, random.fork(name));
    const messages = { A: messagesOf('A'), B: messagesOf('B') };
    const service = new GroupService(stack, name, workload);
    return {
      workload,
      service,
      kafka,
      messages,
      writer: writerOn('A', { workload, kafka, messages }),
    };
  });
  try {
    await Promise.all(groups.map(work));
    const plans =
      loss === 'killed' ? await lose(stack, groups) : await Promise.all(groups.map(leave));
    const away = await Promise.all(
      groups.map((group, index) => judgedAway(group, plans[index] ?? [], say)),
    );
    const home = await Promise.all(
      groups.map((group, index) => goHome(group, away[index], random.fork(`home ${index}`), say)),
    );
    return groups.flatMap(({ workload }, index) => {
      const [there, back] = [away[index], home[index]];
      return there === undefined || back === undefined
        ? []
        : [{ workload, loss, ...there, home: back }];
    });
  } finally {
    await Promise.all(groups.map(({ writer }) => writer.abandon()));
    await Promise.all(groups.map(({ service }) => service.close()));
  }
}

function writerOn(
  origin: 'A' | 'B',
  { workload, kafka, messages }: Pick<Group, 'workload' | 'kafka' | 'messages'>,
): Writer {
  const { name: topic } = workload;
  return new Writer(kafka[origin], workload, { topic, origin, messages: messages[origin] });
}

/** Until the group has handled what its workload says. */
async function work({ workload, service, writer }: Group): Promise<void> {
  await writer.connect();
  await writer.write(workload.backlog);
  writer.begin();
  await service.start();
  await service.untilHandled(workload.handledBefore);
}

/** All groups lose A in one instant, each in the middle of its work. */
async function lose(
  { clusters: { A } }: Stack,
  groups: readonly Group[],
): Promise<readonly (readonly PartitionPlan[])[]> {
  await sleep(Math.max(...groups.map(({ workload }) => workload.lossAfterMs)));
  await A.kill();
  const abandoned = groups.map(({ writer }) => writer.abandon());
  const plans = await Promise.all(groups.map(({ service }) => service.switchTo('B', false)));
  await A.start();
  await Promise.all(abandoned);
  return plans;
}

/** One group leaves A, which lives on and is written to: the fence is an unplanned switch's, nothing is committed. */
async function leave({ workload, service, writer }: Group): Promise<readonly PartitionPlan[]> {
  await sleep(workload.lossAfterMs);
  const plans = await service.switchTo('B', false);
  await sleep(AFTERWARDS_MS);
  await writer.stop();
  return plans;
}

/** Until everything that there is, on both clusters, is handled or was skipped. */
async function judgedAway(
  group: Group,
  plans: readonly PartitionPlan[],
  say: (words: string) => void,
): Promise<Judgement> {
  group.service.hurry();
  await writeMore(group, 'B');
  return judgedAtEnd(group, 'away', plans, say);
}

/**
 * Home by a planned switch, in the middle of records that were born on A and on B meanwhile. What is found on the way out is not found
 * again.
 */
async function goHome(
  group: Group,
  away: Judgement | undefined,
  random: Random,
  say: (words: string) => void,
): Promise<Judgement> {
  const { service } = group;
  service.calmDown();
  const before = service.handled.length;
  await Promise.all([writeMore(group, 'A'), writeMore(group, 'B')]);
  await service.untilHandled(before + random.below(MORE));
  const plans = await service.switchTo('A', true);
  service.hurry();
  const all = await judgedAtEnd(group, 'home', plans, say);
  return {
    ...all,
    skipped: Math.max(0, all.skipped - (away?.skipped ?? 0)),
    twice: all.twice - (away?.twice ?? 0),
  };
}

async function writeMore(group: Group, origin: 'A' | 'B'): Promise<void> {
  const writer = writerOn(origin, group);
  await writer.connect();
  await writer.write(MORE);
  await writer.stop();
}

async function judgedAtEnd(
  { workload: { name: topic, partitions }, service, kafka }: Group,
  leg: Leg,
  plans: readonly PartitionPlan[],
  say: (words: string) => void,
): Promise<Judgement> {
  for (const origin of ['A', 'B'] as const) {
    await writeLast(kafka[origin], { topic, leg, origin, partitions });
  }
  await unlessInVain(say, service.untilLast(leg, 2 * partitions));
  const logs = await readLogs(kafka, topic, { partitions, leg });
  const interrupted = service.interruptedOn(leg === 'away' ? 'A' : 'B');
  return judge({ ...logs, handled: service.handled, plans, interrupted });
}

function inWords({ workload, loss, home, ...away }: SwitchedGroup): string {
  const { name, partitions, handler, commits, twins, isTransactional } = workload;
  const kinds = [
    `${partitions} partitions`,
    handler,
    commits === 'off' ? 'autoCommit off' : `commits ${commits}`,
    ...(twins > 0 ? [`${twins * 100} % twins`] : []),
    ...(isTransactional ? ['transactions'] : []),
  ];
  return `${name}, ${loss} (${kinds.join(', ')}), ${wordsOf('away', away)}\n    ${wordsOf('home', home)}`;
}

function wordsOf(leg: Leg, judgement: Judgement): string {
  const { records, skipped, twice, predicted, predictedAtLeast } = judgement;
  const { copiedTwice, methods, notes } = judgement;
  const found = Object.entries(methods).map(([method, count]) => `${method} ${count}`);
  return (
    `${leg}: ${records} records, skipped ${skipped}, twice ${twice}, predicted ${rangeInWords(predictedAtLeast, predicted)}; ` +
    found.join(', ') +
    (copiedTwice > 0 ? `; MirrorMaker copied ${copiedTwice} twice` : '') +
    [...notes, ...(isAsPredicted(judgement) ? [] : judgement.allowances)]
      .map((words) => `\n      ${words}`)
      .join('')
  );
}

function rangeInWords(low: number | undefined, high: number | undefined): string {
  if (high === undefined) return 'unknown';
  return low === undefined || low === high ? String(high) : `${low} to ${high}`;
}
