import { describe, expect, it } from 'vitest';
import { manualStrategy } from '../../src/strategy/manual.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import {
  hang,
  consumeOrders,
  kafkaIn,
  ordersWorld,
  until,
  write,
} from '../support/memory-service.js';
import { fillSlowly, planOf } from './support.js';

it('an unhandled twin in a log that copies share with others is handled, also where the search for the handled ones was cut short', async () => {
  const memory = ordersWorld({
    mirror: { policy: 'identity', flows: ['A->B'], offsetLagMax: 100 },
  });
  await memory.run(async () => {
    const timestamp = memory.clock.wallMs();
    const record = (value: string) => ({ value, timestampMs: timestamp });
    const values = Array.from({ length: 200 }, (_, index) => `r${index}`);
    memory.cluster('A').append('orders', 0, values.map(record));
    const failover = kafkaIn(memory, { mirror: { policy: 'identity' } });
    const handled = await consumeOrders(failover);
    // And the offset sync of the newest record was written: it names the one before the twin.
    await until(memory, 'all are handled', () => handled.length === 200);
    await memory.clock.sleep(3_000);
    hang(memory.cluster('A'), 'Fetch');
    await memory.clock.sleep(1_000);
    memory.cluster('A').append('orders', 0, [record('r199')]);
    await until(memory, 'the copy', () => memory.cluster('B').range('orders', 0).high === 201n);
    const outcome = await failover.switchTo('B', { planned: false });
    expect(handled).toHaveLength(200);
    expect(planOf(outcome, 'orders')).toMatchObject({ offset: 200n });
    await memory.clock.sleep(5_000);
    expect(handled.filter((value) => value === 'r199')).toHaveLength(2);
    await failover.close();
  });
});

describe('a shared log that was made anew', () => {
  const born = Array.from({ length: 60 }, (_, index) => `b${index}`);

  /** Others write there before the first copy; then twenty records of A are copied. */
  async function madeAnew(memory: MemoryWorld): Promise<void> {
    const B = memory.cluster('B');
    B.deleteTopic('orders');
    B.createTopic('orders', 1);
    write(memory, 'B', born);
    await fillSlowly(memory, 100, 20);
    await until(memory, 'they are copied', () => B.range('orders', 0).high === 80n);
  }

  it('is read from its start where the group was on the source', async () => {
    const memory = ordersWorld({ mirror: { policy: 'identity', flows: ['A->B'] } });
    await memory.run(async () => {
      const failover = kafkaIn(memory, { mirror: { policy: 'identity' } });
      const handled = await consumeOrders(failover);
      await fillSlowly(memory, 0, 100);
      await madeAnew(memory);
      await until(memory, 'all of A is handled', () => handled.length === 120);
      await memory.clock.sleep(2_000);
      await failover.switchTo('B', { planned: false });
      await fillSlowly(memory, 120, 1);
      await until(memory, 'the newest is handled', () => handled.includes('r120'));
      expect(handled).toEqual(expect.arrayContaining(born));
      await failover.close();
    });
  });

  it.each([{ progress: { everyMs: 1_000 } }, { progress: false as const }])(
    'is read from its start by a process that knows of the old one only (%j)',
    async ({ progress }) => {
      const memory = ordersWorld({ mirror: { policy: 'identity', flows: ['A->B'] } });
      await memory.run(async () => {
        const identity = { mirror: { policy: 'identity' }, consumer: { progress } } as const;
        await fillSlowly(memory, 0, 100);
        const first = kafkaIn(memory, identity);
        const handled = await consumeOrders(first);
        await until(memory, 'all are handled', () => handled.length === 100);
        // Its checkpoint is there.
        await memory.clock.sleep(10_000);
        await first.close();
        await madeAnew(memory);
        memory.cluster('A').down();
        const second = kafkaIn(memory, {
          ...identity,
          strategy: manualStrategy({ initial: 'B' }),
        });
        const again = await consumeOrders(second);
        await until(memory, 'the newest is handled', () => again.includes('r119'));
        expect(again).toEqual(expect.arrayContaining(born));
        await second.close();
      });
    },
  );
});
