import { describe, expect, it } from 'vitest';
import { openProbe } from '../../src/cluster/probe.js';
import { ordersWorld } from '../support/memory-service.js';

describe('a probe', () => {
  it.each(['Metadata', 'Heartbeat'])(
    'ends a question (%s) that kafkajs never ends, and asks anew after it',
    async (hanging) => {
      const memory = ordersWorld();
      await memory.run(async () => {
        const A = memory.cluster('A');
        const probe = openProbe({
          alias: 'A',
          world: {
            ...memory.world,
            createKafka: (config) =>
              memory.world.createKafka({ ...config, enforceRequestTimeout: false }),
          },
          clusterOptions: { brokers: [...A.brokers] },
          kafkaConfig: {},
          timeoutMs: 1_000,
          onClosed: () => {},
        });
        const ask = async () => {
          const reached = await probe.reach();
          return reached.kind === 'works' ? probe.group('billing') : reached;
        };
        const heal = A.intercept(({ apiName }) =>
          apiName === hanging ? { kind: 'hang' } : undefined,
        );
        const askedAtMs = memory.clock.nowMs();
        expect(await ask()).toEqual({ kind: 'fails', because: 'no answer within 6000 ms' });
        expect(memory.clock.nowMs() - askedAtMs).toBeLessThan(7_000);
        heal();
        expect(await ask()).toMatchObject({ kind: 'works' });
        probe.close();
      });
    },
  );
});
