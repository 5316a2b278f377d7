import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FailoverKafkaConfig } from '../../src/options.js';
import { startStack, waitFor } from '../../stack/index.js';
import type { ProxyEvent, Stack } from '../../stack/index.js';
import { HaProxy } from '../../stack/haproxy.js';
import { committed } from './proxy-support.js';
import { goesToB, keepSending, startService, type Service } from './service-support.js';
import { count } from './stack-support.js';

let stack: Stack;
let balancer: HaProxy<'A' | 'B'>;

beforeAll(async () => {
  stack = await startStack({ name: 'load-balancer', flows: [], proxied: true });
  const { A, B } = stack.clusters;
  // A's broker leads its clients to its proxy's address. From now on the balancer has that.
  await A.proxy.refuse();
  balancer = await HaProxy.start({
    port: A.proxy.port,
    // To B through its proxy, which tells what came.
    servers: { A: A.proxy.target, B: { host: B.proxy.host, port: B.proxy.port } },
  });
});
afterAll(async () => {
  await balancer?.stop();
  await stack?.stop();
});
afterEach(() => balancer.turnTo('A', { sessions: 'keep' }));

/** A service that knows A by the balancer's address. */
function service(config: Pick<FailoverKafkaConfig, 'onWrongCluster'> = {}): Promise<Service> {
  const { clusters } = stack;
  const brokers = { A: [balancer.address], B: clusters.B.proxiedBrokers };
  return startService({ clusters, brokers, ...config });
}

/** What changes a cluster and was sent to B since. */
function writesToB(since: number): readonly ProxyEvent['api'][] {
  const { log } = stack.clusters.B.proxy;
  const events = (['Produce', 'OffsetCommit'] as const).flatMap((api) =>
    log.events({ api, direction: 'request' }, since),
  );
  return events.map(({ api }) => api);
}

async function halts({ kafka }: Service): Promise<void> {
  await waitFor('it has stopped itself', () => kafka.status().state, {
    until: (state) => state === 'halted',
  });
  expect(kafka.status().haltedBecause).toMatchObject({ code: 'ERR_FAILOVER_WRONG_CLUSTER' });
}

describe('a load balancer that is turned to the other cluster', () => {
  it('stops the library before anything is sent there, where sessions are cut', async () => {
    const one = await service();
    const { B } = stack.clusters;
    const since = B.proxy.log.mark();
    const sending = keepSending(one, () => one.kafka.status().state !== 'halted');
    await balancer.turnTo('B', { sessions: 'kill' });
    await halts(one);
    await sending;
    expect(writesToB(since)).toEqual([]);
    expect(await count(B, one.topic)).toBe(0);
    expect(await committed(B, one.topic, one.topic)).toBe('-1');
  });

  it('lets sessions that exist go on with their cluster, and stops the library when they end', async () => {
    const one = await service();
    const { A, B } = stack.clusters;
    const since = B.proxy.log.mark();
    await balancer.turnTo('B', { sessions: 'keep' });
    for (let number = 0; number < 20; number += 1) await one.send(`kept ${number}`);
    await waitFor('they are handled', () => one.handled, {
      until: (all) => all.includes('kept 19'),
    });
    expect(await count(A, one.topic)).toBe(21);
    const sending = keepSending(one, () => one.kafka.status().state !== 'halted');
    await balancer.turnTo('B', { sessions: 'kill' });
    await halts(one);
    await sending;
    expect(writesToB(since)).toEqual([]);
    expect(await count(B, one.topic)).toBe(0);
  });

  it('is followed as by a switch, where the option says so', async () => {
    const one = await service({ onWrongCluster: 'follow' });
    const { B } = stack.clusters;
    const since = B.proxy.log.mark();
    let written: readonly string[] | undefined;
    one.kafka.on('cluster.fenced', () => {
      written ??= writesToB(since);
    });
    await balancer.turnTo('B', { sessions: 'kill' });
    await goesToB(one);
    expect(written).toEqual([]);
    expect(await count(B, one.topic)).toBeGreaterThan(0);
  });
});

describe('a load balancer in front of a dead cluster', () => {
  it('accepts connections, and the cluster is left all the same', async () => {
    const one = await service();
    const { A } = stack.clusters;
    const sending = keepSending(one, () => one.kafka.status().active === 'A');
    await A.kill();
    try {
      const { reason } = await goesToB(one);
      expect(reason).toMatch(/^A is unhealthy: nothing worked for/);
      await sending;
    } finally {
      await A.start();
    }
  });
});
