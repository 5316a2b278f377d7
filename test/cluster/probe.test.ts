import { describe, expect, it } from 'vitest';
import { openProbe, type ClusterProbe } from '../../src/cluster/probe.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { hang, ordersWorld } from '../support/memory-service.js';

/** A probe of A whose kafkajs waits for answers as long as it takes. */
function patientProbe(memory: MemoryWorld): ClusterProbe {
  return openProbe({
    alias: 'A',
    world: {
      ...memory.world,
      createKafka: (config) =>
        memory.world.createKafka({ ...config, enforceRequestTimeout: false }),
    },
    clusterOptions: { brokers: [...memory.cluster('A').brokers] },
    kafkaConfig: {},
    timeoutMs: 1_000,
    onClosed: () => {},
  });
}

describe('a probe', () => {
  it.each(['Metadata', 'Heartbeat'])(
    'ends a question (%s) that kafkajs never ends, and asks anew after it',
    async (hanging) => {
      const memory = ordersWorld();
      await memory.run(async () => {
        const A = memory.cluster('A');
        const probe = patientProbe(memory);
        const ask = async () => {
          const reached = await probe.reach();
          return reached.kind === 'works' ? probe.group('billing') : reached;
        };
        const heal = hang(A, hanging);
        const askedAtMs = memory.clock.nowMs();
        expect(await ask()).toEqual({ kind: 'fails', because: 'no answer within 6000 ms' });
        expect(memory.clock.nowMs() - askedAtMs).toBeLessThan(7_000);
        heal();
        expect(await ask()).toMatchObject({ kind: 'works' });
        probe.close();
      });
    },
  );

  it.each(['overrun', 'closed'])(
    'leaves no connection behind that kafkajs never ends to open: %s',
    async (ending) => {
      const memory = ordersWorld();
      await memory.run(async () => {
        const A = memory.cluster('A');
        const probe = patientProbe(memory);
        hang(A, 'Metadata');
        const asking = probe.reach();
        await memory.clock.sleep(500);
        expect(A.connectionCount).toBe(1);
        if (ending === 'overrun') await asking;
        else probe.close();
        await memory.clock.sleep(100);
        expect(A.connectionCount).toBe(0);
      });
    },
  );
});
