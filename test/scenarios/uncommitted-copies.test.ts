import { describe, expect, it } from 'vitest';
import { kafka } from '../../src/kafkajs.js';
import type { MissingPiece } from '../../src/missing-pieces.js';
import type { MemoryMirrorOptions, MemoryWorld } from '../../src/testing/index.js';
import { consume, consumeOrders, kafkaIn, ordersWorld } from '../support/memory-service.js';
import { fillSlowly } from './support.js';

/** Transactions of three records each on A; `abort` ends one by an abort. */
async function transactions(
  memory: MemoryWorld,
  ends: readonly ('commit' | 'abort')[],
  contentOf: (transaction: number) => string = (transaction) => `t${transaction}`,
): Promise<void> {
  const client = memory.world.createKafka({
    brokers: [...memory.cluster('A').brokers],
    logLevel: kafka.logLevel.NOTHING,
  });
  const producer = client.producer({ transactionalId: 'fill', maxInFlightRequests: 1 });
  await producer.connect();
  for (const [number, end] of ends.entries()) {
    const transaction = await producer.transaction();
    const messages = [0, 1, 2].map((index) => ({
      value: `${contentOf(number)}-${index}`,
      timestamp: '1700000000000',
    }));
    await transaction.send({ topic: 'orders', messages });
    await transaction[end]();
  }
  await producer.disconnect();
  // Copied, and their offset syncs written.
  await memory.clock.sleep(3_000);
}

async function foundIn(
  mirror: MemoryMirrorOptions,
  prepare: (memory: MemoryWorld) => Promise<void>,
  beforePlan: (memory: MemoryWorld) => void = () => {},
): Promise<{
  readonly memory: MemoryWorld;
  readonly pieces: readonly MissingPiece[];
  readonly fetchCount: number;
}> {
  const memory = ordersWorld({ mirror });
  let pieces: readonly MissingPiece[] = [];
  let fetchCount = 0;
  await memory.run(async () => {
    const failover = kafkaIn(memory);
    await prepare(memory);
    const consumer = await consume(failover, () => Promise.resolve());
    await memory.clock.sleep(1_000);
    // What it reads would be counted as well.
    consumer.pause([{ topic: 'orders' }]);
    await memory.clock.sleep(2_000);
    beforePlan(memory);
    memory.cluster('A').onRequest(({ apiName, topics }) => {
      if (apiName === 'Fetch' && topics.includes('orders')) fetchCount += 1;
    });
    const { prediction, warnings } = await failover.plan({ to: 'B' });
    pieces = prediction.missing;
    expect(warnings.some((one) => one.includes('has copied aborted records'))).toBe(
      pieces.some(({ kind }) => kind === 'uncommitted-copies'),
    );
    await failover.close();
  });
  return { memory, pieces, fetchCount };
}

const COMMITTED = { isolationLevel: 'read_committed' } as const;

describe('a mirror that copies aborted records', () => {
  it.each([0, 100])(
    'is named, with one of them, where offset.lag.max is %i',
    async (offsetLagMax) => {
      const { memory, pieces } = await foundIn({ offsetLagMax }, (world) =>
        transactions(world, ['commit', 'abort', 'commit', 'commit']),
      );
      const [piece] = pieces;
      if (piece?.kind !== 'uncommitted-copies') throw new Error('nothing was found');
      const at = (alias: string, topic: string, offset: string) =>
        memory
          .cluster(alias)
          .records(topic, 0)
          .find((record) => String(record.offset) === offset);
      const original = at('A', 'orders', piece.offset);
      expect(original?.isAborted).toBe(true);
      expect(at('B', piece.copy.topic, piece.copy.offset)?.value).toEqual(original?.value);
    },
  );

  it('is named where much was committed since', async () => {
    const { pieces } = await foundIn({ offsetLagMax: 100 }, async (memory) => {
      await transactions(memory, ['commit', 'abort', ...Array<'commit'>(200).fill('commit')]);
    });
    expect(pieces.map(({ kind }) => kind)).toEqual(['uncommitted-copies']);
  });

  it('is not asked about where nothing was written in transactions: nothing is read', async () => {
    const { pieces, fetchCount } = await foundIn({}, (memory) => fillSlowly(memory, 0, 50));
    expect(pieces).toEqual([]);
    expect(fetchCount).toBe(0);
  });

  it('cannot be known where the source does not answer, and the plan says nothing of it', async () => {
    const { pieces } = await foundIn(
      {},
      (memory) => transactions(memory, ['commit', 'abort', 'commit']),
      (memory) => memory.cluster('A').freeze(),
    );
    expect(pieces.filter(({ kind }) => kind === 'uncommitted-copies')).toEqual([]);
  });
});

describe('a mirror that copies committed records only', () => {
  it('is never suspected', async () => {
    const { pieces } = await foundIn(COMMITTED, (memory) =>
      transactions(memory, ['commit', 'abort', 'commit', 'abort', 'commit']),
    );
    expect(pieces).toEqual([]);
  });

  it('nor where aborted records were sent again just as they were', async () => {
    const { pieces } = await foundIn(COMMITTED, (memory) =>
      transactions(memory, ['commit', 'abort', 'commit', 'commit'], (number) => `t${number >> 1}`),
    );
    expect(pieces).toEqual([]);
  });

  it('nor where the topic was made anew, with aborted records at the offsets of committed ones', async () => {
    const { pieces } = await foundIn(COMMITTED, async (memory) => {
      await transactions(memory, ['commit', 'commit', 'commit', 'commit']);
      memory.mirror('A->B').pause();
      memory.cluster('A').deleteTopic('orders');
      memory.cluster('A').createTopic('orders', 1);
      await transactions(memory, ['abort', 'abort', 'abort', 'abort', 'commit'], (n) => `new${n}`);
    });
    expect(pieces).toEqual([]);
  });

  it('nor where the topic was compacted', async () => {
    const { pieces } = await foundIn(COMMITTED, async (memory) => {
      await transactions(memory, ['commit', 'abort', 'commit']);
      memory.cluster('A').append(
        'orders',
        0,
        Array.from({ length: 20 }, () => ({ key: 'same', value: 'x' })),
      );
      await memory.clock.sleep(1_000);
      memory.cluster('A').compact('orders', 0);
    });
    expect(pieces).toEqual([]);
  });
});

it('handlers of B are given what the plan has warned of', async () => {
  const memory = ordersWorld();
  await memory.run(async () => {
    await transactions(memory, ['commit', 'abort', 'commit', 'commit']);
    const failover = kafkaIn(memory);
    const handled = await consumeOrders(failover, { groupId: 'on-b' });
    await memory.clock.sleep(2_000);
    expect(handled).not.toContain('t1-0');
    expect(await failover.plan({ to: 'B' })).toMatchObject({
      prediction: { missing: [{ kind: 'uncommitted-copies', source: 'A', target: 'B' }] },
      obstacles: [],
    });
    await failover.close();
  });
});
