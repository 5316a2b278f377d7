import { expect, it } from 'vitest';
import { consume, kafkaIn, ordersWorld, until } from '../support/memory-service.js';
import { fill, missingOf, planOf, twice } from './support.js';

it('two processes that go together, planned and without an agreement, handle nothing twice: what the other has committed names what it has handled', async () => {
  const topics = { orders: 2 };
  const memory = ordersWorld({
    clusters: { A: { topics }, B: { topics } },
    mirror: { emitCheckpointsIntervalMs: 600_000, offsetLagMax: 1_000 },
  });
  await memory.run(async () => {
    const handled: string[] = [];
    const one = kafkaIn(memory);
    const two = kafkaIn(memory);
    for (const kafka of [one, two]) {
      await consume(kafka, async ({ message }) => {
        handled.push(String(message.value));
      });
    }
    await memory.clock.sleep(6_000);
    for (let from = 0; from < 200; from += 2) {
      fill(memory, { from });
      fill(memory, { partition: 1, from: from + 1 });
      await memory.clock.sleep(20);
    }
    const first = one.switchTo('B', { planned: true });
    await memory.clock.sleep(300);
    const [outcome] = await Promise.all([first, two.switchTo('B', { planned: true })]);
    expect(planOf(outcome, 'A.orders', 0)).toMatchObject({ offset: 100n });
    expect(planOf(outcome, 'A.orders', 1)).toMatchObject({ offset: 100n });
    fill(memory, { cluster: 'B', from: 200 });
    await until(memory, 'the new one is handled', () => handled.includes('r200'));
    expect(missingOf(handled, 0, 201)).toEqual([]);
    expect(twice(handled)).toEqual([]);
    await Promise.all([one.close(), two.close()]);
  });
});
