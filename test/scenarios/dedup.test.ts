import { describe, expect, it } from 'vitest';
import type {
  FailoverConsumerRunConfig,
  FailoverEachMessagePayload,
} from '../../src/consumer/types.js';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { DedupOptions } from '../../src/options-dedup.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { kafkaIn, ordersWorld, until } from '../support/memory-service.js';

/** Records `r<from>`, ... with their name as the message id. */
function write(memory: MemoryWorld, from: number, count: number, cluster = 'A'): void {
  const records = Array.from({ length: count }, (_, index) => ({
    value: `r${from + index}`,
    headers: { id: `r${from + index}` },
  }));
  memory.cluster(cluster).append('orders', 0, records);
}

/** Brokers set the timestamps, so no record is recognised, and MirrorMaker writes few syncs: some records come again. */
function vagueWorld(): MemoryWorld {
  const topics = {
    orders: { partitions: 1, config: { 'message.timestamp.type': 'LogAppendTime' } },
  };
  return ordersWorld({
    clusters: { A: { topics }, B: { topics } },
    mirror: { offsetLagMax: 50 },
  });
}

const BY_ID: DedupOptions = { messageId: 'id' };

/** Kills A, once MirrorMaker has copied all that is there. */
async function killA(memory: MemoryWorld): Promise<void> {
  const { high } = memory.cluster('A').range('orders', 0);
  await until(memory, 'mirrored', () => memory.cluster('B').range('A.orders', 0).high >= high);
  memory.cluster('A').down();
}

interface Service {
  readonly kafka: FailoverKafka;
  readonly consumer: ReturnType<FailoverKafka['consumer']>;
  /** Ids, as handlers were given them. */
  readonly handled: string[];
  hitCount(): number;
}

async function serve(
  memory: MemoryWorld,
  dedup: DedupOptions | undefined,
  run: FailoverConsumerRunConfig = {},
): Promise<Service> {
  const kafka = kafkaIn(memory, { consumer: dedup ? { dedup } : {} });
  const consumer = kafka.consumer({ groupId: 'billing', maxWaitTimeInMs: 100 });
  const handled: string[] = [];
  const eachMessage = async ({ message }: FailoverEachMessagePayload): Promise<void> => {
    handled.push(String(message.value));
  };
  await consumer.connect();
  await consumer.subscribe({ topics: ['orders'], fromBeginning: true });
  await consumer.run(run.eachBatch ? run : { eachMessage, ...run });
  const hitCount = (): number => kafka.status().consumers[0]?.dedupHitCount ?? -1;
  return { kafka, consumer, handled, hitCount };
}

function timesOf(handled: readonly string[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const one of handled) times.set(one, (times.get(one) ?? 0) + 1);
  return times;
}

function repeated(handled: readonly string[]): readonly string[] {
  return [...timesOf(handled)].filter(([, count]) => count > 1).map(([id]) => id);
}

describe('a switch that leads to a place behind which records come again', () => {
  async function lose(dedup: DedupOptions | undefined) {
    const memory = vagueWorld();
    return memory.run(async () => {
      const { kafka, handled, hitCount } = await serve(memory, dedup);
      await memory.clock.sleep(2_000);
      write(memory, 0, 80);
      await until(memory, 'all handled on A', () => handled.length === 80);
      await killA(memory);
      await kafka.switchTo('B', { planned: false });
      write(memory, 80, 5, 'B');
      await until(memory, 'new ones are handled', () => handled.includes('r84'));
      await memory.clock.sleep(6_000);
      const ended = {
        repeated: repeated(handled).length,
        distinct: timesOf(handled).size,
        hits: hitCount(),
        commit: memory.cluster('B').commit('billing', 'A.orders', 0)?.offset,
      };
      await kafka.close();
      return ended;
    });
  }

  it('hands none to a handler twice, and counts them; their offsets are committed as if it had', async () => {
    const without = await lose(undefined);
    expect(without.repeated).toBeGreaterThan(10);
    expect(without.hits).toBe(0);
    expect(await lose(BY_ID)).toEqual({
      repeated: 0,
      distinct: 85,
      hits: without.repeated,
      commit: 80n,
    });
  });

  it('hands out again what it could not remember: nothing is skipped', async () => {
    const { distinct, repeated } = await lose({ ...BY_ID, maxEntries: 10 });
    expect(distinct).toBe(85);
    expect(repeated).toBeGreaterThan(10);
  });
});

describe('a record that comes again because somebody wants it', () => {
  it('is handed out after a seek back on the new cluster', async () => {
    const memory = vagueWorld();
    await memory.run(async () => {
      const { kafka, consumer, handled, hitCount } = await serve(memory, BY_ID);
      await memory.clock.sleep(2_000);
      write(memory, 0, 80);
      await until(memory, 'all handled on A', () => handled.length === 80);
      await killA(memory);
      await kafka.switchTo('B', { planned: false });
      await until(memory, 'some came again', () => hitCount() > 10);
      const before = hitCount();
      handled.length = 0;
      consumer.seek({ topic: 'orders', partition: 0, offset: '-2' });
      await memory.clock.sleep(3_000);
      expect(timesOf(handled).size).toBe(80);
      expect(hitCount()).toBe(before);
      await kafka.close();
    });
  });

  it('is handed out where a handler seeks back and the cluster dies before kafkajs has gone there', async () => {
    const memory = vagueWorld();
    await memory.run(async () => {
      let hasSought = false;
      const { kafka, consumer, handled } = await serve(memory, BY_ID, {
        eachMessage: async ({ topic, partition, message }) => {
          const id = String(message.value);
          handled.push(id);
          if (id !== 'r79' || hasSought) return;
          await killA(memory);
          consumer.seek({ topic, partition, offset: '40' });
          hasSought = true;
        },
      });
      await memory.clock.sleep(2_000);
      write(memory, 0, 80);
      await until(memory, 'the seek', () => hasSought);
      const onA = handled.length;
      await kafka.switchTo('B', { planned: false });
      await memory.clock.sleep(3_000);
      const again = new Set(handled.slice(onA));
      const wanted = Array.from({ length: 40 }, (_, index) => `r${40 + index}`);
      expect(wanted.filter((id) => !again.has(id))).toEqual([]);
      await kafka.close();
    });
  });

  it('is handed out on the way home where the group was set back there meanwhile', async () => {
    const memory = vagueWorld();
    await memory.run(async () => {
      const { kafka, handled, hitCount } = await serve(memory, BY_ID);
      await memory.clock.sleep(2_000);
      write(memory, 0, 80);
      await until(memory, 'all handled on A', () => handled.length === 80);
      await memory.clock.sleep(6_000);
      await kafka.switchTo('B');
      await memory.clock.sleep(1_000);
      memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 10n, metadata: '' });
      const before = hitCount();
      handled.length = 0;
      await kafka.switchTo('A');
      await memory.clock.sleep(3_000);
      expect(timesOf(handled).size).toBe(70);
      expect(hitCount()).toBe(before);
      await kafka.close();
    });
  });

  it('is handed out after the consumer was stopped, in which time the group may be reset', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const { kafka, consumer, handled, hitCount } = await serve(memory, BY_ID);
      write(memory, 0, 20);
      await until(memory, 'all handled', () => handled.length === 20);
      await consumer.stop();
      memory.cluster('A').setCommit('billing', 'orders', 0, { offset: 5n, metadata: '' });
      handled.length = 0;
      await consumer.run({
        eachMessage: async ({ message }) => {
          handled.push(String(message.value));
        },
      });
      await until(memory, 'they come again', () => handled.length === 15);
      expect(hitCount()).toBe(0);
      await kafka.close();
    });
  });
});

describe('the way home', () => {
  it('leaves out what was handled on the other cluster as a mirrored record, and nothing else', async () => {
    const memory = vagueWorld();
    await memory.run(async () => {
      const { kafka, handled, hitCount } = await serve(memory, BY_ID, {
        autoCommitThreshold: 1,
        eachMessage: async ({ message }) => {
          await memory.clock.sleep(20);
          handled.push(String(message.value));
        },
      });
      await memory.clock.sleep(2_000);
      write(memory, 0, 80);
      await until(memory, 'some are handled on A', () => handled.length === 20);
      await killA(memory);
      await kafka.switchTo('B', { planned: false });
      await until(memory, 'some are handled on B', () => handled.length === 60);
      memory.cluster('A').up();
      await memory.clock.sleep(500);
      await kafka.switchTo('A');
      await until(memory, 'the rest is handled', () => timesOf(handled).size === 80);
      await memory.clock.sleep(3_000);
      expect(repeated(handled)).toEqual([]);
      expect(hitCount()).toBeGreaterThanOrEqual(40);
      expect(memory.cluster('A').commit('billing', 'orders', 0)?.offset).toBe(80n);
      await kafka.close();
    });
  });
});

describe('a batch', () => {
  it('comes without what was handled, also where it was handled in part, or failed', async () => {
    const memory = vagueWorld();
    await memory.run(async () => {
      const handled: string[] = [];
      let failsAt: string | undefined = 'r55';
      const service = await serve(memory, BY_ID, {
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch, resolveOffset }) => {
          for (const message of batch.messages) {
            const id = String(message.value);
            if (id === failsAt) {
              failsAt = undefined;
              throw new Error('no database');
            }
            handled.push(id);
            resolveOffset(message.offset);
          }
        },
      });
      await memory.clock.sleep(2_000);
      write(memory, 0, 80);
      await until(memory, 'all handled on A', () => handled.length === 80);
      await killA(memory);
      await service.kafka.switchTo('B', { planned: false });
      write(memory, 80, 5, 'B');
      await until(memory, 'new ones are handled', () => handled.includes('r84'));
      await memory.clock.sleep(3_000);
      expect(timesOf(handled).size).toBe(85);
      expect(repeated(handled)).toEqual([]);
      expect(service.hitCount()).toBeGreaterThan(10);
      await service.kafka.close();
    });
  });
});

describe('without auto-commit', () => {
  it('a record counts as handled from its commit on', async () => {
    const memory = vagueWorld();
    await memory.run(async () => {
      // It collects records, and commits what it has stored: the last ten are not.
      const service = await serve(memory, BY_ID, {
        autoCommit: false,
        eachMessage: async ({ topic, partition, message }) => {
          service.handled.push(String(message.value));
          if (message.offset === '69') {
            await service.consumer.commitOffsets([{ topic, partition, offset: '70' }]);
          }
        },
      });
      const { kafka, handled, hitCount } = service;
      await memory.clock.sleep(2_000);
      write(memory, 0, 80);
      await until(memory, 'all given on A', () => handled.length === 80);
      await killA(memory);
      await kafka.switchTo('B', { planned: false });
      await until(
        memory,
        'the last come again',
        () => handled.filter((id) => id === 'r79').length === 2,
      );
      expect(repeated(handled)).toEqual(Array.from({ length: 10 }, (_, index) => `r${70 + index}`));
      expect(hitCount()).toBeGreaterThan(0);
      await kafka.close();
    });
  });
});

describe('MirrorMaker that copies again what it had copied', () => {
  it('makes nobody handle it again', async () => {
    const memory = ordersWorld({ mirror: { offsetFlushIntervalMs: 60_000 } });
    await memory.run(async () => {
      const { kafka, handled, hitCount } = await serve(memory, BY_ID);
      await memory.clock.sleep(2_000);
      await kafka.switchTo('B');
      write(memory, 0, 30);
      await until(memory, 'all handled on B', () => handled.length === 30);
      memory.mirror('A->B').kill();
      memory.mirror('A->B').start();
      await until(memory, 'second copies', () => hitCount() > 0);
      await memory.clock.sleep(3_000);
      expect(memory.cluster('B').range('A.orders', 0).high).toBe(60n);
      expect(repeated(handled)).toEqual([]);
      expect(hitCount()).toBe(30);
      await kafka.close();
    });
  });
});
