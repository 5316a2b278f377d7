import { describe, expect, it } from 'vitest';
import type { FailoverKafka } from '../../src/failover-kafka.js';
import type { FailoverKafkaConfig } from '../../src/options.js';
import { healthStrategy } from '../../src/strategy/health.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import {
  breakConnections,
  clustersOf,
  consume,
  consumeOrders,
  kafkaIn,
  ordersWorld,
  turnableName,
  until,
  write,
  type TurnableName,
} from '../support/memory-service.js';

interface Turned {
  readonly memory: MemoryWorld;
  /** The name of A; turned round it leads to B. */
  readonly name: TurnableName;
  make(config?: Partial<FailoverKafkaConfig>): FailoverKafka;
  /** Requests that would mix up the two clusters, seen on B under the name of A. */
  readonly harm: string[];
}

function turnedWorld(): Turned {
  const memory = ordersWorld({ files: new Map() });
  const name = turnableName(memory, 'B');
  const clusters = clustersOf(memory, { A: { socketFactory: name.socketFactory } });
  const make: Turned['make'] = (config = {}) => kafkaIn(memory, { clusters, ...config });
  return { memory, name, make, harm: [] };
}

function watchHarm({ memory, harm }: Turned, isHarm: () => boolean): void {
  memory.cluster('B').onRequest(({ apiName, topics }) => {
    const mixes = ['Produce', 'OffsetCommit', 'JoinGroup'].includes(apiName);
    const reads = apiName === 'Fetch' && topics.includes('orders');
    if ((mixes || reads) && isHarm()) {
      harm.push(`${apiName} ${topics.join(',')}`);
    }
  });
}

describe('a name that is turned round to the other cluster', () => {
  it.each([
    ['in use', {}],
    ['watched by health', { strategy: healthStrategy() }],
  ])(
    'while connections are kept changes nothing, and stops the library at the next connection: %s',
    async (_what, config) => {
      const turned = turnedWorld();
      const { memory } = turned;
      await memory.run(async () => {
        const kafka = turned.make(config);
        const handled = await consumeOrders(kafka);
        const producer = kafka.producer();
        await producer.connect();
        const send = (value: string): Promise<unknown> =>
          producer.send({ topic: 'orders', messages: [{ value }] });
        await send('one');
        await until(memory, 'it is handled', () => handled.includes('one'));
        watchHarm(turned, () => kafka.status().active === 'A');
        turned.name.isTurned = true;
        await send('two');
        await until(memory, 'the connections that were made go on', () => handled.includes('two'));
        await breakConnections(memory, 'A');
        const failed = send('three').catch((error: unknown) => error);
        await until(memory, 'it has stopped itself', () => kafka.status().state === 'halted');
        expect(kafka.status().haltedBecause).toMatchObject({ code: 'ERR_FAILOVER_WRONG_CLUSTER' });
        await expect(failed).resolves.toMatchObject({ code: 'ERR_FAILOVER_HALTED' });
        await memory.clock.sleep(30_000);
        expect(turned.harm).toEqual([]);
        expect(memory.cluster('B').records('orders', 0)).toEqual([]);
        turned.name.isTurned = false;
        await kafka.switchTo('A');
        await send('four');
        await until(memory, 'it is handled', () => handled.includes('four'));
        await kafka.close();
      });
    },
  );

  it('is followed, where the option says so, as a switch to the cluster that it really is', async () => {
    const turned = turnedWorld();
    const { memory } = turned;
    await memory.run(async () => {
      const kafka = turned.make({ onWrongCluster: 'follow' });
      const handled = await consumeOrders(kafka);
      const producer = kafka.producer();
      await producer.connect();
      const send = (value: string): Promise<unknown> =>
        producer.send({ topic: 'orders', messages: [{ value }] });
      await send('one');
      await until(memory, 'it is handled', () => handled.includes('one'));
      await memory.clock.sleep(2_000);
      watchHarm(turned, () => kafka.status().state === 'steady' && kafka.status().active === 'A');
      turned.name.isTurned = true;
      await breakConnections(memory, 'A');
      await until(memory, 'it is on B', () => kafka.status().active === 'B');
      await send('two');
      await until(memory, 'it is handled', () => handled.includes('two'));
      expect(turned.harm).toEqual([]);
      await kafka.close();
    });
  });

  it('is noticed at the start by the id that was kept', async () => {
    const turned = turnedWorld();
    const { memory } = turned;
    await memory.run(async () => {
      const stateFile = '/var/lib/service/ids.json';
      const first = turned.make({ stateFile });
      await first.producer().connect();
      await first.switchTo('B');
      await first.switchTo('A');
      await first.close();
      turned.name.isTurned = true;
      const second = turned.make({ stateFile });
      await expect(second.producer().connect()).rejects.toMatchObject({
        code: 'ERR_FAILOVER_WRONG_CLUSTER',
      });
      expect(second.status().haltedBecause?.message).toMatch(
        /Behind the name A stands the cluster known as B/,
      );
      await second.close();
    });
  });

  it('is reported where it is the standby’s, and no switch leads there', async () => {
    const turned = turnedWorld();
    const { memory } = turned;
    await memory.run(async () => {
      const kafka = turned.make();
      const mismatches: string[] = [];
      kafka.on('cluster.mismatched', ({ cluster }) => mismatches.push(cluster));
      await kafka.producer().connect();
      await kafka.switchTo('B');
      turned.name.isTurned = true;
      await memory.clock.sleep(31_000);
      expect(mismatches).toEqual(['A']);
      await expect(kafka.switchTo('A', { planned: false })).rejects.toMatchObject({
        code: 'ERR_FAILOVER_SWITCH_REFUSED',
      });
      expect(kafka.status().active).toBe('B');
      await kafka.close();
    });
  });

  it('is noticed also while the switch to that cluster opens', async () => {
    const memory = ordersWorld();
    const name = turnableName(memory, 'A');
    await memory.run(async () => {
      const kafka = kafkaIn(memory, {
        clusters: clustersOf(memory, { B: { socketFactory: name.socketFactory } }),
      });
      await consume(kafka, () => memory.clock.sleep(3_000));
      write(memory, 'A', ['one']);
      await memory.clock.sleep(500);
      const harm: string[] = [];
      kafka.on('switch.phase-started', ({ phase }) => {
        if (phase === 'open') name.isTurned = true;
      });
      memory.cluster('A').onRequest(({ apiName }) => {
        if (name.isTurned && ['JoinGroup', 'OffsetCommit'].includes(apiName)) harm.push(apiName);
      });
      const error = await kafka.switchTo('B').catch((reason: unknown) => reason);
      await memory.clock.sleep(5_000);
      expect(harm).toEqual([]);
      expect(error).toMatchObject({ code: 'ERR_FAILOVER_HALTED' });
      await kafka.close();
    });
  });
});
