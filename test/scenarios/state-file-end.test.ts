import { describe, expect, it } from 'vitest';
import { FailoverKafka } from '../../src/failover-kafka.js';
import { clustersOf, ordersWorld } from '../support/memory-service.js';

describe('the end of a service with a state file', () => {
  it.each([
    { what: 'waits for the last write', writeMs: 40, isWritten: true },
    {
      what: 'does not wait for a disk that hangs',
      writeMs: 600_000,
      maxMs: 2_000,
      isWritten: false,
    },
  ])('$what', async ({ writeMs, isWritten }) => {
    const memory = ordersWorld();
    await memory.run(async () => {
      let underWay = 0;
      const kafka = new FailoverKafka({
        clientId: 'service',
        logLevel: 0,
        clusters: clustersOf(memory),
        stateFile: '/data/state.json',
        world: {
          ...memory.world,
          writeText: async () => {
            underWay += 1;
            await memory.clock.sleep(writeMs);
            underWay -= 1;
          },
        },
      });
      const producer = kafka.producer();
      await producer.connect();
      await kafka.switchTo('B', { planned: false });
      const closingAtMs = memory.clock.nowMs();
      await kafka.close();
      expect(memory.clock.nowMs() - closingAtMs).toBeLessThan(2_000);
      expect(underWay === 0).toBe(isWritten);
    });
  });
});
