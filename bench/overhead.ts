import type { EachMessageHandler, EachMessagePayload, KafkaMessage } from 'kafkajs';
import { Dispatcher } from '../src/consumer/dispatcher.js';
import { Awaited } from '../src/consumer/awaited-records.js';
import { Gate } from '../src/consumer/gate.js';
import { PartitionLocks } from '../src/consumer/locks.js';
import { OlderDeliveries } from '../src/consumer/offsets.js';
import { TopicNames } from '../src/consumer/subscription.js';
import { SessionWork } from '../src/session-work.js';
import { realWorld } from '../src/world.js';
import { median, rounded } from './statistics.js';

const RECORDS = 200_000;
const PARTITIONS = 6;
/** Records of a partition that kafkajs hands over in a row. */
const BATCH = 4_000;
const WARM_UP_PAIRS = 5;
const PAIRS = 41;

/**
 * What the wrapper adds to each record of `eachMessage`, in nanoseconds: a handler that does nothing, called as kafkajs's runner
 * does, directly and through the dispatcher. Median over neighbouring rounds. Needs no broker, so it is far less noisy than the
 * comparison of whole consumers, whose pairs differ by several percent from each other.
 *
 * @internal
 */
export async function measureOverhead(): Promise<number> {
  const handler = (): Promise<void> => Promise.resolve();
  const direct = (): EachMessageHandler => handler;
  const wrapped = (): EachMessageHandler => {
    const world = realWorld();
    const { eachMessage } = new Dispatcher({
      cluster: 'A',
      switchEpoch: 1,
      run: { eachMessage: handler },
      names: new TopicNames([]),
      gate: new Gate(),
      locks: new PartitionLocks(),
      older: new OlderDeliveries(),
      awaited: new Awaited(),
      groupId: 'bench',
      work: new SessionWork(world),
      dedup: undefined,
      world,
      heartbeatIntervalMs: 3_000,
      refusal: () => undefined,
      onRefused: () => {},
      pause: () => () => {},
    }).runConfig();
    if (eachMessage === undefined) throw new Error('the run config has no eachMessage');
    return eachMessage;
  };
  const differences: number[] = [];
  for (let pair = -WARM_UP_PAIRS; pair < PAIRS; pair += 1) {
    const directFirst = pair % 2 === 0;
    const first = await nanosPerRecord((directFirst ? direct : wrapped)());
    const second = await nanosPerRecord((directFirst ? wrapped : direct)());
    if (pair >= 0) differences.push(directFirst ? second - first : first - second);
  }
  return rounded(median(differences));
}

async function nanosPerRecord(eachMessage: EachMessageHandler): Promise<number> {
  const heartbeat = (): Promise<void> => Promise.resolve();
  const startedAtMs = performance.now();
  for (let index = 0; index < RECORDS; index += 1) {
    const message = { offset: String(index) } as KafkaMessage;
    const partition = Math.floor(index / BATCH) % PARTITIONS;
    const payload: EachMessagePayload = {
      topic: 'orders',
      partition,
      message,
      heartbeat,
      pause: () => () => {},
    };
    await eachMessage(payload);
  }
  return ((performance.now() - startedAtMs) * 1e6) / RECORDS;
}
