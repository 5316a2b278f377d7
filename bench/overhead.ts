import type { EachMessageHandler, KafkaMessage } from 'kafkajs';
import { Dispatcher } from '../src/consumer/dispatcher.js';
import { Awaited } from '../src/consumer/awaited-records.js';
import { Gate } from '../src/consumer/gate.js';
import { PartitionLocks } from '../src/consumer/locks.js';
import { OlderDeliveries } from '../src/consumer/offsets.js';
import { TopicNames } from '../src/consumer/subscription.js';
import { SessionWork } from '../src/session-work.js';
import { realWorld } from '../src/world.js';
import { startMeter } from './meter.js';
import { meanOfCheapest, rounded } from './statistics.js';

const PARTITIONS = 6;
/** Records of a partition that kafkajs hands over in a row. */
const BATCH = 4_000;
const WARM_UP_ROUNDS = 300;
const ROUNDS = 1_500;
const ANSWER = Buffer.alloc(1 << 20, 'v');

/**
 * What the wrapper adds to each record of `eachMessage`, in nanoseconds of CPU: a handler that does nothing, called as kafkajs's
 * runner does, directly and through the dispatcher. They take turns batch by batch, some milliseconds each, so that the machine is the
 * same for both: whole consumers take turns every few seconds, and their pairs differ by several percent even where both are the same.
 * The mean, because the garbage collector works in few of the turns, without the dearest hundredth, in which the machine did other work.
 *
 * @internal
 */
export async function measureOverhead(): Promise<number> {
  const handler = (): Promise<void> => Promise.resolve();
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
    begun: () => ({ committedAtJoin: undefined, begunAt: undefined }),
    refusal: () => undefined,
    onRefused: () => {},
    pause: () => () => {},
    onRemoved: () => {},
  }).runConfig();
  if (eachMessage === undefined) throw new Error('the run config has no eachMessage');
  // Each its own loop: V8 compiles it for the one that it calls, as in a service.
  const contenders = [
    { eachMessage: handler, run: loop(), samples: [] as number[] },
    { eachMessage, run: loop(), samples: [] as number[] },
  ];
  for (let round = 0; round < WARM_UP_ROUNDS + ROUNDS; round += 1) {
    const inTurn = round % 2 === 0 ? contenders : contenders.toReversed();
    for (const contender of inTurn) {
      const messages = batchOf(round);
      const stop = startMeter();
      await contender.run(contender.eachMessage, messages, round % PARTITIONS);
      if (round >= WARM_UP_ROUNDS) contender.samples.push((stop().cpuMicros * 1_000) / BATCH);
    }
  }
  const [direct = Number.NaN, wrapped = Number.NaN] = contenders.map((one) =>
    meanOfCheapest(0.99, one.samples),
  );
  return rounded(wrapped - direct);
}

type Loop = (
  eachMessage: EachMessageHandler,
  messages: readonly KafkaMessage[],
  partition: number,
) => Promise<void>;

/** kafkajs's own (`src/consumer/runner.js`, `processEachMessage`), without its bookkeeping. A new function each time, not a closure. */
function loop(): Loop {
  // oxlint-disable-next-line typescript/no-implied-eval -- two closures of one function share what V8 has learned of the calls in it
  return new Function(`return async (eachMessage, messages, partition) => {
    const pause = () => () => {};
    const beat = () => Promise.resolve();
    for (const message of messages) {
      await eachMessage({ topic: 'orders', partition, message, heartbeat: () => beat(), pause });
    }
  }`)() as Loop;
}

/** As kafkajs decodes it: all of it is in memory while it is handled, and contents are views of the answer. */
function batchOf(round: number): readonly KafkaMessage[] {
  return Array.from({ length: BATCH }, (_, index) => ({
    attributes: 0,
    timestamp: String(1_700_000_000_000 + index),
    offset: String(round * BATCH + index),
    key: ANSWER.subarray(index, index + 6),
    value: ANSWER.subarray(index, index + 200),
    headers: {},
  }));
}
