import type { LogEntry } from 'kafkajs';
import { expect, it } from 'vitest';
import { kafka } from '../../src/kafkajs.js';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill } from './support.js';

it('a planned switch of a healthy service has no errors in its log, while records go on coming', async () => {
  const memory = ordersWorld();
  await memory.run(async () => {
    const errors: LogEntry[] = [];
    const failover = kafkaIn(memory, {
      logLevel: kafka.logLevel.ERROR,
      logCreator: () => (entry) => errors.push(entry),
    });
    let handledCount = 0;
    await consume(failover, async () => {
      await memory.clock.sleep(50);
      handledCount += 1;
    });
    fill(memory, { count: 20 });
    await until(memory, 'some are handled', () => handledCount === 5);
    await failover.switchTo('B', { planned: true });
    await until(memory, 'the rest is handled', () => handledCount === 20);
    await memory.clock.sleep(10_000);
    await failover.close();
    expect(errors.map(({ log }) => log.message)).toEqual([]);
  });
});
