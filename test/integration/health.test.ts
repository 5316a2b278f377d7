import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startStack, waitFor } from '../../stack/index.js';
import type { FaultProxy, Stack } from '../../stack/index.js';
import { goesToB, keepSending, startService, type Service } from './service-support.js';
import { count, createTopic } from './stack-support.js';

let stack: Stack;
let proxy: FaultProxy;

beforeAll(async () => {
  stack = await startStack({ name: 'health', flows: [], proxied: true });
  proxy = stack.clusters.A.proxy;
});
afterAll(() => stack?.stop());
afterEach(() => proxy.heal());

/** A service that works through the proxies. */
function service(): Promise<Service> {
  const { clusters } = stack;
  const { A, B } = clusters;
  return startService({ clusters, brokers: { A: A.proxiedBrokers, B: B.proxiedBrokers } });
}

describe('a cluster that is half dead, on real brokers', () => {
  it('is left where it answers questions and takes no records', async () => {
    const one = await service();
    proxy.stall({ apiKeys: ['Produce'] });
    const sent = one.send('held up');
    const { reason } = await goesToB(one);
    expect(reason).toContain('a Produce request has no answer');
    await sent;
  });

  it('is left where it refuses records for want of replicas', async () => {
    const one = await service();
    proxy.answerWith({ apiKeys: ['Produce'], errorCode: 19 });
    const sending = keepSending(one, () => one.kafka.status().active === 'A');
    await goesToB(one);
    await sending;
  });

  it('is left where its group coordinator is dead', async () => {
    const one = await service();
    proxy.stall({ apiKeys: ['FindCoordinator', 'Heartbeat', 'JoinGroup', 'SyncGroup'] });
    await goesToB(one);
  });

  it.each([
    [
      'refuses connections and has broken all',
      (): void => {
        void proxy.refuse();
        proxy.reset();
      },
    ],
    ['is silent in both directions', (): void => void proxy.blackhole()],
    ['hears and is not heard', (): void => void proxy.cutTowardsClient()],
    ['does not hear', (): void => void proxy.cutTowardsBroker()],
  ])('is left where it %s', async (_what, hurt) => {
    const one = await service();
    hurt();
    await goesToB(one);
  });

  it('is left where its process is stopped', async () => {
    const one = await service();
    const { A } = stack.clusters;
    await A.pause();
    try {
      await goesToB(one);
    } finally {
      A.resume();
    }
    // Its controller has taken it for dead meanwhile, and makes no topics before it is registered again.
    let attempt = 0;
    await waitFor('a broker in office', async () => {
      attempt += 1;
      await createTopic(A, `back-${attempt}`);
      return true;
    });
  });

  it('is not left for being slow', async () => {
    const one = await service();
    proxy.delay({ ms: 150, jitterMs: 100 });
    for (let round = 0; round < 20; round += 1) await one.send(`slow ${round}`);
    await waitFor('all are handled', () => one.handled, {
      until: (all) => all.includes('slow 19'),
    });
    expect(one.kafka.status()).toMatchObject({ active: 'A', switchEpoch: 1 });
    expect(one.reports).toEqual([]);
  });
});

describe('a name that is turned round, on real brokers', () => {
  it('stops the library before anything is sent to the other cluster', async () => {
    const one = await service();
    const { B } = stack.clusters;
    const [address = ''] = B.brokers;
    const [host = '', port = ''] = address.split(':');
    proxy.redirectTo({ host, port: Number(port) }, { sessions: 'kill' });
    const failing = keepSending(one, () => one.kafka.status().state !== 'halted');
    await waitFor('it has stopped itself', () => one.kafka.status().state, {
      until: (state) => state === 'halted',
    });
    await failing;
    expect(one.kafka.status().haltedBecause).toMatchObject({ code: 'ERR_FAILOVER_WRONG_CLUSTER' });
    expect(await count(B, one.topic)).toBe(0);
  });
});
