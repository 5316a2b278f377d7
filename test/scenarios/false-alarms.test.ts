import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import { healthStrategy } from '../../src/strategy/health.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import {
  clustersOf,
  consumeOrders,
  hang,
  kafkaIn,
  ordersWorld,
  until,
} from '../support/memory-service.js';

function kinds(kafka: FailoverKafka): string {
  return kafka
    .status()
    .clusters.map(({ health }) => health.produce.kind)
    .join(' ');
}

function healthy(memory: MemoryWorld, kafka: FailoverKafka): Promise<void> {
  return until(memory, 'both are healthy', () => kinds(kafka) === 'healthy healthy');
}

function reasonsOf(kafka: FailoverKafka): string[] {
  const reasons: string[] = [];
  kafka.on('switch.started', ({ reason }) => reasons.push(reason));
  return reasons;
}

describe('an outage of our own network, when it is over', () => {
  it.each([6, 10, 11])(
    'is no reason to leave, whichever comes back first: seed %i',
    async (seed) => {
      const memory = ordersWorld({ seed });
      await memory.run(async () => {
        const kafka = kafkaIn(memory, { strategy: healthStrategy() });
        const reasons = reasonsOf(kafka);
        await consumeOrders(kafka);
        await healthy(memory, kafka);
        await memory.clock.sleep(1_000);
        for (const cluster of memory.clusters) cluster.blackhole();
        await memory.clock.sleep(5_000 + seed * 137);
        for (const cluster of memory.clusters) cluster.heal();
        await memory.clock.sleep(60_000);
        expect(reasons).toEqual([]);
        await kafka.close();
      });
    },
  );

  it('is no reason to leave where a send was under way', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const kafka = kafkaIn(memory, { strategy: healthStrategy() });
      const reasons = reasonsOf(kafka);
      const producer = kafka.producer();
      await producer.connect();
      await healthy(memory, kafka);
      for (const cluster of memory.clusters) cluster.blackhole();
      producer.send({ topic: 'orders', messages: [{ value: 'one' }] }).catch(() => {});
      await memory.clock.sleep(15_000);
      for (const cluster of memory.clusters) cluster.heal();
      await memory.clock.sleep(120_000);
      expect(reasons).toEqual([]);
      await kafka.close();
    });
  });
});

it('a topic that does not exist is no reason to leave', async () => {
  const memory = ordersWorld();
  await memory.run(async () => {
    const kafka = kafkaIn(memory, { strategy: healthStrategy() });
    const reasons = reasonsOf(kafka);
    const producer = kafka.producer({ retry: { retries: 1 }, allowAutoTopicCreation: false });
    await producer.connect();
    await healthy(memory, kafka);
    for (let count = 0; count < 10; count += 1) {
      const sent = producer.send({ topic: 'misspelt', messages: [{ value: 'one' }] });
      await expect(sent).rejects.toThrow();
      await memory.clock.sleep(1_000);
    }
    expect(reasons).toEqual([]);
    await kafka.close();
  });
});

it('a cluster that once took no records is gone to again, when that is long ago', async () => {
  const memory = ordersWorld();
  await memory.run(async () => {
    const kafka = kafkaIn(memory, { strategy: healthStrategy() });
    const producer = kafka.producer();
    await producer.connect();
    await healthy(memory, kafka);
    const repair = hang(memory.cluster('A'), 'Produce');
    await producer.send({ topic: 'orders', messages: [{ value: 'one' }] });
    expect(kafka.status().active).toBe('B');
    repair();
    await memory.clock.sleep(20_000);
    expect(kinds(kafka)).toBe('unhealthy healthy');
    await memory.clock.sleep(30_000);
    expect(kinds(kafka)).toBe('healthy healthy');
    memory.cluster('B').down();
    await until(memory, 'it is on A', () => kafka.status().active === 'A');
    await kafka.close();
  });
});

it('a function of brokers that hangs does not blind the watch', async () => {
  const memory = ordersWorld();
  await memory.run(async () => {
    let isHanging = false;
    const brokers = async (): Promise<string[]> => {
      if (isHanging) await new Promise(() => {});
      return [...memory.cluster('A').brokers];
    };
    const kafka = kafkaIn(memory, {
      strategy: healthStrategy(),
      clusters: clustersOf(memory, { A: { brokers } }),
    });
    const producer = kafka.producer();
    await producer.connect();
    await healthy(memory, kafka);
    isHanging = true;
    memory.cluster('A').down();
    await until(memory, 'it is on B', () => kafka.status().active === 'B');
    await kafka.close();
  });
});
