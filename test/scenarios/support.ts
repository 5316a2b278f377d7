import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { PartitionPlan } from '../../src/position/plan.js';
import type { SwitchOutcome } from '../../src/switch/report.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { consumeOrders, kafkaIn, until, write } from '../support/memory-service.js';

/** Appends records `r<from>`, `r<from + 1>`, ... */
export function fill(
  memory: MemoryWorld,
  { cluster = 'A', topic = 'orders', partition = 0, from = 0, count = 1 },
): void {
  const records = Array.from({ length: count }, (_, index) => ({ value: `r${from + index}` }));
  memory.cluster(cluster).append(topic, partition, records);
}

/** As {@link fill}, one by one, so that MirrorMaker writes a sync for each. */
export async function fillSlowly(memory: MemoryWorld, from: number, count: number): Promise<void> {
  for (let index = from; index < from + count; index += 1) {
    fill(memory, { from: index });
    await memory.clock.sleep(20);
  }
}

/** Consumes a1 and a2 on A, leaves it as if it had died, and b1 on B; A works again. Answers the values as they are handled. */
export async function leaveA(memory: MemoryWorld, kafka: FailoverKafka): Promise<string[]> {
  const handled = await consumeOrders(kafka);
  write(memory, 'A', ['a1', 'a2']);
  await until(memory, 'A is read', () => handled.length === 2);
  await memory.clock.sleep(3_000);
  await kafka.switchTo('B', { planned: false, reason: 'test' });
  write(memory, 'B', ['b1']);
  await until(memory, 'B is read', () => handled.includes('b1'));
  return handled;
}

/** The plan of one log in a switch's report. */
export function planOf(
  outcome: SwitchOutcome,
  physicalTopic: string,
  partition = 0,
): PartitionPlan | undefined {
  if (outcome.kind !== 'switched') throw new Error(`the switch was ${outcome.kind}`);
  return outcome.report.plans
    .flatMap(({ partitions }) => partitions)
    .find((one) => one.physicalTopic === physicalTopic && one.partition === partition);
}

/** `r<from>` to `r<to - 1>` that are not among the values. */
export function missingOf(values: readonly string[], from: number, to: number): readonly string[] {
  const known = new Set(values);
  return Array.from({ length: to - from }, (_, index) => `r${from + index}`).filter(
    (value) => !known.has(value),
  );
}

/** Consumes `orders`, a record every 5 ms, and commits nothing for a long time. */
export async function consumeSlowly(memory: MemoryWorld, kafka: FailoverKafka): Promise<string[]> {
  const handled: string[] = [];
  const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  await consumer.run({
    autoCommitInterval: 600_000,
    eachMessage: async ({ message }) => {
      await memory.clock.sleep(5);
      handled.push(String(message.value));
    },
  });
  return handled;
}

/** Values that come again. */
export function twice(values: readonly string[]): readonly string[] {
  return values.filter((value, index) => values.indexOf(value) !== index);
}

/** What a plan says may come again, at most; -1 where there is no plan. */
export function limitOf(plan: PartitionPlan | undefined): number {
  return plan?.kind === 'resume' ? Number(plan.maxRereadCount) : -1;
}

/** A service that has handled twenty records when retention on A takes the first forty of sixty; MirrorMaker has copied them all. */
export async function overtakenOrders(
  memory: MemoryWorld,
  { kafka = kafkaIn(memory) } = {},
): Promise<{ failover: FailoverKafka; handled: string[] }> {
  await fillSlowly(memory, 0, 60);
  const { handled, release } = await consumeWithPause(kafka);
  await until(memory, 'twenty are handled on A', () => handled.length === 20);
  memory.cluster('A').trim('orders', 0, 40n);
  release();
  await until(memory, 'what is left is handled', () => handled.includes('r59'));
  return { failover: kafka, handled };
}

/** Stands still after twenty records, so that its place is out of range afterwards. */
export async function consumeWithPause(
  kafka: FailoverKafka,
): Promise<{ handled: string[]; release: () => void }> {
  const handled: string[] = [];
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const consumer = kafka.consumer({
    groupId: 'billing',
    maxWaitTimeInMs: 100,
    maxBytesPerPartition: 1,
  });
  await consumer.connect();
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      handled.push(String(message.value));
      if (handled.length === 20) await released;
    },
  });
  return { handled, release };
}
