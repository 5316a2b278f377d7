import { describe, expect, it } from 'vitest';
import type { FailoverStatus } from '../src/status.js';
import { kafkaIn, ordersWorld } from './support/memory-service.js';

function makeWorld() {
  const memory = ordersWorld();
  return { memory, failover: kafkaIn(memory) };
}

/** Of a strategy that does not ask for it. */
const NOT_WATCHED = {
  produce: { kind: 'unknown', sinceMs: 0, because: 'not asked yet' },
  consume: { kind: 'unknown', sinceMs: 0, because: 'not asked yet' },
  refusedBecause: undefined,
};

/** What changes from state to state. */
const essence = ({ state, active, switchingTo, phase, switchEpoch, clusters }: FailoverStatus) => ({
  state,
  active,
  switchingTo,
  phase,
  switchEpoch,
  isActive: clusters.map(({ alias, isActive }) => [alias, isActive]),
});

describe('the status', () => {
  it('knows nothing of clusters, clients and mirrors before the first client connects', () => {
    const { failover } = makeWorld();
    const status = failover.status();
    expect(status).toMatchObject({
      state: 'starting',
      active: undefined,
      switchEpoch: 0,
      haltedBecause: undefined,
      strategy: 'manual',
      mirrors: [],
      producers: [],
      consumers: [],
    });
    expect(status.clusters).toEqual([
      { alias: 'A', isActive: false, clusterId: undefined, health: NOT_WATCHED },
      { alias: 'B', isActive: false, clusterId: undefined, health: NOT_WATCHED },
    ]);
  });

  it('names the clusters by their ids, and each client among its kind, once they are connected', async () => {
    const { memory, failover } = makeWorld();
    await memory.run(async () => {
      const producer = failover.producer();
      const consumer = failover.consumer({ groupId: 'billing' });
      const admin = failover.admin();
      await Promise.all([producer.connect(), consumer.connect(), admin.connect()]);
      await consumer.subscribe({ topic: 'orders' });
      await consumer.run({ eachMessage: async () => {} });
      // The ids, and MirrorMaker's topics, come in beside all that.
      await memory.clock.sleep(5_000);
      const { clusters, producers, consumers, mirrors } = failover.status();
      expect(clusters).toEqual([
        {
          alias: 'A',
          isActive: true,
          clusterId: memory.cluster('A').clusterId,
          health: NOT_WATCHED,
        },
        {
          alias: 'B',
          isActive: false,
          clusterId: memory.cluster('B').clusterId,
          health: NOT_WATCHED,
        },
      ]);
      expect(producers).toMatchObject([{ state: 'open', cluster: 'A', inFlightCount: 0 }]);
      expect(consumers).toMatchObject([
        { groupId: 'billing', state: 'running', cluster: 'A', assignment: { orders: [0] } },
      ]);
      expect(mirrors.map(({ source, target }) => `${source}->${target}`)).toEqual(['A->B', 'B->A']);
      expect(mirrors.every(({ isComplete }) => isComplete)).toBe(true);
      await producer.disconnect();
      expect(failover.status().producers).toEqual([]);
      await failover.close();
    });
  });

  it('shows a switch with its phase, from the cluster that is being left, in the epoch that it leads to', async () => {
    const { memory, failover } = makeWorld();
    await memory.run(async () => {
      await failover.producer().connect();
      const before = essence(failover.status());
      const during: ReturnType<typeof essence>[] = [];
      failover.on('switch.phase-started', () => during.push(essence(failover.status())));
      await failover.switchTo('B', { planned: true });
      expect(before).toMatchObject({ state: 'steady', active: 'A', phase: undefined });
      expect(during.map(({ phase }) => phase)).toEqual([
        'prepare',
        'hold',
        'drain',
        'fence',
        'catch-up',
        'translate',
        'open',
      ]);
      for (const each of during) {
        expect(each).toMatchObject({
          state: 'switching',
          active: 'A',
          switchingTo: 'B',
          switchEpoch: before.switchEpoch + 1,
        });
      }
      expect(essence(failover.status())).toEqual({
        state: 'steady',
        active: 'B',
        switchingTo: undefined,
        phase: undefined,
        switchEpoch: before.switchEpoch + 1,
        isActive: [
          ['A', false],
          ['B', true],
        ],
      });
      await failover.close();
    });
  });

  it('says why the library stopped itself', async () => {
    const memory = ordersWorld();
    const brokers = [...memory.cluster('A').brokers];
    const failover = kafkaIn(memory, {
      clusters: { A: { brokers, clusterId: 'another' }, B: { brokers } },
    });
    await memory.run(async () => {
      await expect(failover.producer().connect()).rejects.toThrow();
      const { state, haltedBecause } = failover.status();
      expect(state).toBe('halted');
      expect(haltedBecause).toMatchObject({ code: 'ERR_FAILOVER_WRONG_CLUSTER' });
      await failover.close();
    });
  });

  it('answers after the end: closed, without clients', async () => {
    const { memory, failover } = makeWorld();
    await memory.run(async () => {
      await failover.producer().connect();
      await failover.close();
    });
    expect(failover.status()).toMatchObject({ state: 'closed', producers: [], mirrors: [] });
  });
});
