import { expect, it } from 'vitest';
import { hang, consumeOrders, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { planOf } from './support.js';

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
