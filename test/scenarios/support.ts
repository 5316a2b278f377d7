import { afterEach } from 'vitest';
import type { EachMessageHandler } from 'kafkajs';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { PartitionPlan } from '../../src/position/plan.js';
import type { SwitchOutcome } from '../../src/switch/coordinator.js';
import {
  createMemoryWorld,
  type MemoryWorld,
  type MemoryWorldOptions,
} from '../../src/testing/index.js';

export { kafkaIn as service } from '../support/memory-service.js';

const worlds: MemoryWorld[] = [];
afterEach(() => {
  for (const memory of worlds.splice(0)) memory.close();
});

/** Two clusters with a topic `orders` of one partition, mirrored both ways; closed after the test. */
export function world({
  clusters = { A: { topics: { orders: 1 } }, B: { topics: { orders: 1 } } },
  isMirrored = true,
}: Pick<Partial<MemoryWorldOptions>, 'clusters'> & { isMirrored?: boolean } = {}): MemoryWorld {
  const memory = createMemoryWorld({ clusters, ...(isMirrored ? { mirror: {} } : {}) });
  worlds.push(memory);
  return memory;
}

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

/** Connects, subscribes to `topics` from their beginning, and runs. */
export async function consume(
  failover: FailoverKafka,
  eachMessage: EachMessageHandler,
  {
    topics = ['orders'],
    fromBeginning = true,
  }: { topics?: (string | RegExp)[]; fromBeginning?: boolean } = {},
): Promise<ReturnType<FailoverKafka['consumer']>> {
  const consumer = failover.consumer({ groupId: 'g', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning });
  await consumer.run({ eachMessage });
  return consumer;
}

/** Waits, in simulated time, until something is so. */
export async function until(
  { clock }: MemoryWorld,
  what: string,
  isSo: () => boolean,
  limitMs = 30_000,
): Promise<void> {
  const endAtMs = clock.nowMs() + limitMs;
  while (!isSo()) {
    if (clock.nowMs() > endAtMs) throw new Error(`never: ${what}`);
    await clock.sleep(5);
  }
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
