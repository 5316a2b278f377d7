import { describe, expect, it } from 'vitest';
import { kafkaIn, ordersWorld } from '../support/memory-service.js';

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
