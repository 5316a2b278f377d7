import { describe, expect, it } from 'vitest';
import { kafka } from '../../src/kafkajs.js';
import { kafkajsInTurn, kafkajsOn } from '../../src/testing/client/memory-kafka.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { memoryWorldWith } from '../../src/testing/memory-world.js';

const quiet = { logLevel: kafka.logLevel.NOTHING, retry: { retries: 0 }, requestTimeout: 1_000 };
const clusters = { A: { topics: { orders: 1 } } };

/** A request that is not answered, and when it was given up. Its connection stays open. */
async function timeOut(memory: MemoryWorld): Promise<{ name: string; atMs: number }> {
  return memory.run(async () => {
    const admin = memory.createKafka('A', quiet).admin();
    await admin.connect();
    memory.cluster('A').freeze();
    const error: unknown = await admin.listTopics().catch((caught: unknown) => caught);
    const name = error instanceof Error ? error.name : 'no error';
    return { name, atMs: memory.clock.nowMs() };
  });
}

describe('kafkajs in one memory world after the other', () => {
  it('is loaded once', () => {
    const load = kafkajsInTurn();
    const [first, second] = [memoryWorldWith(load, {}), memoryWorldWith(load, {})];
    expect(second.createKafka('A').constructor).toBe(first.createKafka('A').constructor);
  });

  it('gives up unanswered requests in each of them, at the same time, whatever the one before left open', async () => {
    const load = kafkajsInTurn();
    const alone = await timeOut(memoryWorldWith(kafkajsOn, { clusters }));
    const first = await timeOut(memoryWorldWith(load, { clusters }));
    const second = await timeOut(memoryWorldWith(load, { clusters }));
    expect(alone.name).toBe('KafkaJSRequestTimeoutError');
    expect([first, second]).toEqual([alone, alone]);
  });

  it('draws from the seed of the world that it is in', async () => {
    const load = kafkajsInTurn();
    // kafkajs begins with a partition by chance.
    const firstPartition = async (from: typeof kafkajsOn, seed: number): Promise<unknown> => {
      const memory = memoryWorldWith(from, {
        seed,
        clusters: { A: { topics: { orders: 1_000 } } },
      });
      return memory.run(async () => {
        const producer = memory.createKafka('A', quiet).producer();
        await producer.connect();
        const [written] = await producer.send({ topic: 'orders', messages: [{ value: 'v' }] });
        await producer.disconnect();
        return written?.partition;
      });
    };
    const inTurn = [await firstPartition(load, 1), await firstPartition(load, 2)];
    expect(inTurn[1]).not.toBe(inTurn[0]);
    expect([await firstPartition(load, 1), await firstPartition(load, 2)]).toEqual(inTurn);
    expect([await firstPartition(kafkajsOn, 1), await firstPartition(kafkajsOn, 2)]).toEqual(
      inTurn,
    );
  });
});
