import { expect, it } from 'vitest';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fillSlowly, planOf } from './support.js';

it('the way home counts what an inner consumer of before stop() was given of the copies, and has not committed', async () => {
  const memory = ordersWorld();
  await memory.run(async () => {
    const handled: string[] = [];
    const failover = kafkaIn(memory);
    const consumer = await consume(
      failover,
      async ({ physicalTopic, partition, message }) => {
        handled.push(String(message.value));
        if (Number(message.offset) < 5) {
          await consumer.commitOffsets([
            { topic: physicalTopic, partition, offset: String(BigInt(message.offset) + 1n) },
          ]);
        }
      },
      { autoCommit: false },
    );
    await memory.clock.sleep(6_000);
    await failover.switchTo('B', { planned: true });
    await memory.clock.sleep(6_000);
    await fillSlowly(memory, 0, 10);
    await until(memory, 'all are handled on B', () => handled.length === 10);
    await memory.clock.sleep(6_000);
    await consumer.stop();
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ physicalTopic, partition, message, pause }) => {
        handled.push(String(message.value));
        await consumer.commitOffsets([
          { topic: physicalTopic, partition, offset: String(BigInt(message.offset) + 1n) },
        ]);
        pause();
      },
    });
    await until(memory, 'r5 is handled again', () => handled.length === 11);
    await memory.clock.sleep(6_000);
    const outcome = await failover.switchTo('A', { planned: true });
    // r6 to r9 were given to a handler on B, and are not committed.
    expect(planOf(outcome, 'orders')).toMatchObject({ offset: 6n, maxRereadCount: 4n });
    await failover.close();
  });
});
