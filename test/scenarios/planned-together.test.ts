import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { MemoryWorld } from '../../src/testing/index.js';
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

describe('two processes that go home together, planned and without an agreement', () => {
  const topics = { orders: 2 };

  /** Both are on B, where the first has partition 0 of the copies and the second partition 1, or the other way round. */
  async function away(
    memory: MemoryWorld,
  ): Promise<{ one: FailoverKafka; two: FailoverKafka; handled: string[] }> {
    const handled: string[] = [];
    const one = kafkaIn(memory);
    const two = kafkaIn(memory);
    for (const kafka of [one, two]) {
      await consume(kafka, async ({ message }) => {
        await memory.clock.sleep(5);
        handled.push(String(message.value));
      });
    }
    await memory.clock.sleep(6_000);
    await Promise.all([one.switchTo('B', { planned: true }), two.switchTo('B', { planned: true })]);
    await memory.clock.sleep(6_000);
    return { one, two, handled };
  }

  /** Born on A, and so handled on B as copies. */
  async function fillBoth(memory: MemoryWorld, from: number, to: number): Promise<void> {
    for (let next = from; next < to; next += 2) {
      fill(memory, { from: next });
      fill(memory, { partition: 1, from: next + 1 });
      await memory.clock.sleep(20);
    }
  }

  it('handle nothing twice: what another member has handled as copies is gone through by whoever plans first', async () => {
    const memory = ordersWorld({ clusters: { A: { topics }, B: { topics } } });
    await memory.run(async () => {
      const { one, two, handled } = await away(memory);
      await fillBoth(memory, 0, 100);
      await until(memory, 'all is handled on B', () => handled.length === 100);
      await memory.clock.sleep(6_000);
      const first = one.switchTo('A', { planned: true });
      await memory.clock.sleep(300);
      const [outcome] = await Promise.all([first, two.switchTo('A', { planned: true })]);
      for (const partition of [0, 1]) {
        const exact = { method: 'exact', offset: 50n, maxRereadCount: 0n };
        expect(planOf(outcome, 'orders', partition)).toMatchObject(exact);
      }
      fill(memory, { from: 100 });
      await until(memory, 'the new one is handled', () => handled.includes('r100'));
      expect(missingOf(handled, 0, 101)).toEqual([]);
      expect(twice(handled)).toEqual([]);
      await Promise.all([one.close(), two.close()]);
    });
  });
});
