import { describe, expect, it } from 'vitest';
import { healthStrategy } from '../../src/strategy/health.js';
import {
  consume,
  consumeOrders,
  kafkaIn,
  ordersWorld,
  until,
  write,
} from '../support/memory-service.js';
import { fleet } from './fleet-support.js';

const QUICK = { dwellMs: 0, everyMs: 30_000, lagMs: 1_000 };

describe('failback()', () => {
  it('waits for the end of a switch that leads away, and then goes home', () => {
    const memory = ordersWorld();
    return memory.run(async () => {
      const kafka = kafkaIn(memory, { failback: QUICK });
      await consumeOrders(kafka);
      await memory.clock.sleep(3_000);
      const out = kafka.switchTo('B');
      await until(memory, 'it leaves', () => kafka.status().state === 'switching');
      const answer = await kafka.failback({ waitMs: 30_000 });
      expect(await out).toMatchObject({ kind: 'switched' });
      expect(answer).toMatchObject({ kind: 'done', report: { from: 'B', to: 'A' } });
      expect(kafka.status().active).toBe('A');
      await kafka.close();
    });
  });

  it('does not say that it is home where the library has stopped itself', () => {
    const memory = ordersWorld();
    return memory.run(async () => {
      const [A, B] = [memory.cluster('A').brokers, memory.cluster('B').brokers];
      const clusters = { A: { brokers: [...A], clusterId: 'other' }, B: { brokers: [...B] } };
      const kafka = kafkaIn(memory, { failback: QUICK, clusters });
      await expect(kafka.producer().connect()).rejects.toThrow(/wrong|id/i);
      expect(kafka.status().state).toBe('halted');
      await expect(kafka.failback()).rejects.toMatchObject({ code: 'ERR_FAILOVER_HALTED' });
      await kafka.close();
    });
  });
});

describe('a gate', () => {
  it('of a process without consumers does not claim that the mirror has brought everything', () => {
    const memory = ordersWorld();
    return memory.run(async () => {
      const kafka = kafkaIn(memory, { failback: QUICK });
      await kafka.producer().connect();
      await kafka.switchTo('B', { planned: false });
      memory.mirror('B->A').pause();
      write(memory, 'B', ['b1']);
      expect(await kafka.failback()).toMatchObject({
        assessment: {
          gates: expect.arrayContaining([
            { name: 'lag', state: 'open', detail: 'no consumer of this process needs it' },
          ]) as unknown,
        },
      });
      await kafka.close();
    });
  });
});

it('lagMs: 0 is refused, as nothing can ever come within it', () => {
  const memory = ordersWorld();
  expect(() => kafkaIn(memory, { failback: { lagMs: 0 } })).toThrow(/failback\.lagMs/);
});

it('a fleet stays where the only member that consumes has its gates shut', () =>
  fleet(
    async ({ memory, members }) => {
      const [one, two] = members;
      const handled: string[] = [];
      await consume(one.kafka, async ({ message }) => void handled.push(String(message.value)));
      write(memory, 'A', ['a1']);
      await until(memory, 'A is read', () => handled.length === 1);
      memory.mirror('B->A').pause();
      await two.kafka.switchTo('B');
      const areOnB = (): boolean => members.every(({ kafka }) => kafka.status().active === 'B');
      await until(memory, 'all are on B', areOnB);
      write(memory, 'B', ['b1', 'b2']);
      await until(memory, 'B is read', () => handled.length === 3);
      await memory.clock.sleep(60_000);
      expect(one.reports.at(-1)?.warnings).toEqual([]);
      expect(one.kafka.status().active).toBe('B');
    },
    {
      isByHealth: true,
      config: {
        strategy: healthStrategy({ failback: 'automatic', stableMs: 0, cooldownMs: 0 }),
        failback: { dwellMs: 15_000, everyMs: 2_000, lagMs: 1_000 },
      },
    },
  ));
