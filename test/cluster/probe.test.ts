import { describe, expect, it, onTestFinished } from 'vitest';
import { openProbe, type ClusterProbe } from '../../src/cluster/probe.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import { realWorld } from '../../src/world.js';
import { hang, ordersWorld, until } from '../support/memory-service.js';
import { fakeBroker, type FakeBroker } from './fake-broker.js';

/** A probe of A whose kafkajs waits for answers as long as it takes. */
function patientProbe(memory: MemoryWorld, brokers = memory.cluster('A').brokers): ClusterProbe {
  return openProbe({
    alias: 'A',
    world: {
      ...memory.world,
      createKafka: (config) =>
        memory.world.createKafka({ ...config, enforceRequestTimeout: false }),
    },
    clusterOptions: { brokers: [...brokers] },
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

  it.each(['overrun', 'closed'])(
    'leaves no connection behind over which kafkajs never ends a question: %s',
    async (ending) => {
      const memory = ordersWorld();
      await memory.run(async () => {
        const A = memory.cluster('A');
        const probe = patientProbe(memory);
        let count = 0;
        A.intercept(({ apiName }) => {
          if (apiName === 'ApiVersions') count = 0;
          if (apiName === 'Metadata') count += 1;
          // The first one is kafkajs's own.
          return count >= 2 ? { kind: 'hang' } : undefined;
        });
        const asking = probe.reach();
        await memory.clock.sleep(500);
        expect([A.connectionCount, count]).toEqual([1, 2]);
        if (ending === 'overrun') await asking;
        else probe.close();
        await memory.clock.sleep(600);
        expect(A.connectionCount).toBe(0);
      });
    },
  );

  it('keeps the connection over which it was answered while others are still opened', async () => {
    const memory = ordersWorld();
    await memory.run(async () => {
      const [A, B] = [memory.cluster('A'), memory.cluster('B')];
      hang(B, 'Metadata');
      const probe = patientProbe(memory, [...B.brokers, ...A.brokers]);
      expect(await probe.reach()).toMatchObject({ kind: 'works', clusterId: A.clusterId });
      await until(memory, 'the other is called off', () => B.connectionCount === 0);
      let connectCount = 0;
      A.onRequest(({ apiName }) => {
        if (apiName === 'ApiVersions') connectCount += 1;
      });
      expect(await probe.reach()).toMatchObject({ kind: 'works' });
      expect([A.connectionCount, connectCount]).toEqual([1, 0]);
      probe.close();
    });
  });

  /** A probe of real sockets. */
  function socketProbe(brokers: readonly string[]): ClusterProbe {
    const probe = openProbe({
      alias: 'A',
      world: realWorld(),
      clusterOptions: { brokers: [...brokers] },
      kafkaConfig: {},
      timeoutMs: 1_000,
      onClosed: () => {},
    });
    onTestFinished(() => probe.close());
    return probe;
  }

  async function broker(isFenced: boolean): Promise<FakeBroker> {
    const made = await fakeBroker('answers');
    onTestFinished(() => made.close());
    made.isFenced = isFenced;
    return made;
  }

  const namesNone = {
    kind: 'fails',
    because: 'it answers, and names no broker: all of them are fenced',
  };

  it.each(['before', 'after'])(
    'takes a cluster that names no broker for one that does not work: fenced %s it was connected to',
    async (fenced) => {
      const one = await broker(fenced === 'before');
      const probe = socketProbe([one.address]);
      if (fenced === 'after') expect(await probe.reach()).toMatchObject({ kind: 'works' });
      one.isFenced = true;
      for (let round = 1; round <= 3; round += 1) expect(await probe.reach()).toEqual(namesNone);
      one.isFenced = false;
      expect(await probe.reach()).toMatchObject({ kind: 'works', clusterId: 'fake-id' });
    },
  );

  it('does so of several brokers, and of one under two names', async () => {
    const [first, second] = [await broker(true), await broker(true)];
    const several = socketProbe([first.address, second.address]);
    for (let round = 1; round <= 3; round += 1) expect(await several.reach()).toEqual(namesNone);
    const one = await broker(false);
    const twoNames = socketProbe([one.address.replace('127.0.0.1', 'localhost')]);
    expect(await twoNames.reach()).toMatchObject({ kind: 'works' });
    one.isFenced = true;
    for (let round = 1; round <= 3; round += 1) expect(await twoNames.reach()).toEqual(namesNone);
  });

  it('keeps the connection to the one that names brokers beside one that names none', async () => {
    const [fenced, well] = [await broker(true), await broker(false)];
    const probe = socketProbe([fenced.address, well.address]);
    for (let round = 1; round <= 3; round += 1) {
      expect(await probe.reach()).toMatchObject({ kind: 'works', clusterId: 'fake-id' });
    }
    expect(well.connectionCount).toBe(1);
  });

  it('asks a cluster of many brokers without a warning of Node', async () => {
    const memory = ordersWorld();
    const warnings: string[] = [];
    const onWarning = ({ message }: Error): void => void warnings.push(message);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    await memory.run(async () => {
      const names = Array.from({ length: 20 }, (_, index) => `nowhere-${index}:9092`);
      const probe = patientProbe(memory, names);
      expect(await probe.reach()).toMatchObject({ kind: 'gone' });
      probe.close();
    });
    await new Promise(setImmediate);
    expect(warnings).toEqual([]);
  });
});
