import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { FailbackAssessment } from '../../src/failback/gates.js';
import { FailbackRefusedError } from '../../src/errors.js';
import { consumeOrders, kafkaIn, ordersWorld, until, write } from '../support/memory-service.js';
import { leaveA } from './support.js';

const STATE = '/state/service.json';

async function refusedAssessment(kafka: FailoverKafka): Promise<FailbackAssessment> {
  return kafka.failback().then(
    () => expect.unreachable('it was not refused'),
    (error: unknown) => {
      if (error instanceof FailbackRefusedError) return error.assessment;
      throw error;
    },
  );
}

describe('a look at the way home', () => {
  it('counts from its end, also where it took longer than looks are apart', () => {
    const memory = ordersWorld();
    return memory.run(async () => {
      const failback = { dwellMs: 0, everyMs: 1_000, lagMs: 4_000 };
      const kafka = kafkaIn(memory, { failback });
      await leaveA(memory, kafka);
      await memory.clock.sleep(2_000);
      // What is stranded is waited for, in vain.
      memory.mirror('A->B').pause();
      write(memory, 'A', ['stranded']);
      expect(await kafka.failback()).toMatchObject({ kind: 'done', assessment: { isOpen: true } });
      await kafka.close();
    });
  });

  it('does not take topics that it was not told for topics that are there', () => {
    const memory = ordersWorld({
      clusters: { A: { topics: { orders: 2 } }, B: { topics: { orders: 1 } } },
    });
    return memory.run(async () => {
      const kafka = kafkaIn(memory, { failback: { dwellMs: 0 } });
      await leaveA(memory, kafka);
      await memory.clock.sleep(2_000);
      memory
        .cluster('A')
        .intercept(({ apiName }) =>
          apiName === 'Metadata' ? { kind: 'delay', delayMs: 1_200 } : undefined,
        );
      const { gates } = await refusedAssessment(kafka);
      expect(gates).toContainEqual({
        name: 'topics',
        state: 'closed',
        detail: 'the clusters did not tell their topics soon enough',
      });
      expect(gates.at(-1)).toMatchObject({ name: 'positions', detail: 'one before it is shut' });
      await kafka.close();
    });
  });
});

describe('the stay away', () => {
  it('counts from a switch that close() has ended after it had opened its target', () => {
    const memory = ordersWorld({ files: new Map() });
    return memory.run(async () => {
      const kafka = kafkaIn(memory, { stateFile: STATE });
      const handled = await consumeOrders(kafka);
      write(memory, 'A', ['a1', 'a2']);
      await until(memory, 'A is read', () => handled.length === 2);
      memory.mirror('A->B').pause();
      write(memory, 'A', ['a3']);
      let closed = Promise.resolve();
      kafka.on('switch.phase-started', ({ phase }) => {
        if (phase === 'catch-up') closed = kafka.close();
      });
      await expect(kafka.switchTo('B')).rejects.toThrow(/closed before the switch was over/);
      await closed;

      const again = kafkaIn(memory, { stateFile: STATE });
      const interrupted: unknown[] = [];
      again.on('switch.interrupted', (event) => interrupted.push(event));
      await again.producer().connect();
      expect(again.status().active).toBe('B');
      expect(interrupted).toMatchObject([{ from: 'A', to: 'B', phase: 'open', cluster: 'B' }]);
      expect(again.status().failback?.gates[0]?.detail).toMatch(/^away for/);
      await again.close();
    });
  });
});

describe('a state file', () => {
  it.each([{ phase: 'unheard-of' }, null, 'x'])(
    'with %j for the switch under way still says where the service was',
    (run) => {
      const kept = { version: 1, cluster: 'B', switchEpoch: 2, clusterIds: {}, signalEpochs: {} };
      const memory = ordersWorld({ files: new Map([[STATE, JSON.stringify({ ...kept, run })]]) });
      return memory.run(async () => {
        const kafka = kafkaIn(memory, { stateFile: STATE });
        await kafka.producer().connect();
        expect(kafka.status().active).toBe('B');
        await kafka.close();
      });
    },
  );
});
