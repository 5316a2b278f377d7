import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { manualStrategy } from '../../src/strategy/manual.js';
import { consumeOrders, kafkaIn, ordersWorld, until, write } from '../support/memory-service.js';
import { fill } from './support.js';

describe('a producer that is disconnected while it connects', () => {
  it.each([0, 1, 2, 3, 5, 8])('leaves no connection behind (after %i ms)', async (afterMs) => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const failover = kafkaIn(memory);
      const other = failover.producer();
      await other.connect();
      await memory.clock.sleep(5_000);
      const before = memory.cluster('A').connectionCount;
      const producer = failover.producer();
      const connecting = producer.connect().catch(() => {});
      await memory.clock.sleep(afterMs);
      await producer.disconnect();
      await connecting;
      await memory.clock.sleep(20_000);
      expect(memory.cluster('A').connectionCount).toBe(before);
      await failover.close();
    });
  });
});

describe('a member that leaves its group in order, just before the cluster dies', () => {
  /** Checkpoints and offset syncs are rare, and so are progress records. */
  const mirror = { emitCheckpointsIntervalMs: 600_000, offsetLagMax: 1_000 };
  const consumer = { progress: { everyMs: 600_000 } };

  async function handOver(leave: (kafka: FailoverKafka) => Promise<void>) {
    const memory = ordersWorld({ mirror });
    return memory.run(async () => {
      const first = kafkaIn(memory, { consumer });
      const before = await consumeOrders(first);
      await memory.clock.sleep(2_000);
      fill(memory, { count: 100 });
      await until(memory, 'all are handled', () => before.length === 100);
      await until(memory, 'mirrored', () => memory.cluster('B').range('A.orders', 0).high === 100n);
      await leave(first);
      memory.cluster('A').down();
      const second = kafkaIn(memory, { consumer, strategy: manualStrategy({ initial: 'B' }) });
      const after = await consumeOrders(second);
      write(memory, 'B', ['new']);
      await until(memory, 'the new one is handled', () => after.includes('new'));
      await memory.clock.sleep(3_000);
      await second.close();
      await first.close();
      return after;
    });
  }

  it('has written down where it was: the next one goes on there', async () => {
    expect(await handOver((kafka) => kafka.close())).toEqual(['new']);
  });

  it('has not where it ends without leaving: then records come again', async () => {
    expect((await handOver(async () => {})).length).toBeGreaterThan(50);
  });
});
