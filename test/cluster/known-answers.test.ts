import { describe, expect, it } from 'vitest';
import type { ClusterAccess } from '../../src/cluster/access.js';
import { openAccess } from '../../src/cluster/kafka-access.js';
import type { MemoryCluster, MemoryWorld } from '../../src/testing/index.js';
import { ordersWorld } from '../support/memory-service.js';

/** An access to a cluster in memory, and what the cluster is asked over it. */
async function onA(
  main: (parts: {
    readonly memory: MemoryWorld;
    readonly cluster: MemoryCluster;
    readonly access: ClusterAccess;
    count(apiName: string): number;
  }) => Promise<void>,
): Promise<void> {
  const memory = ordersWorld();
  const cluster = memory.cluster('A');
  const clusterOptions = { brokers: [...cluster.brokers] };
  const access = openAccess({ alias: 'A', clusterOptions, kafkaConfig: {}, world: memory.world });
  const asked: string[] = [];
  cluster.onRequest(({ apiName }) => asked.push(apiName));
  const count = (apiName: string): number => asked.filter((each) => each === apiName).length;
  await memory.run(async () => {
    await main({ memory, cluster, access, count });
    await access.close();
  });
}

describe('the coordinator of a group', () => {
  const topics = ['orders'];

  it('is asked for once by all that a switch wants of it, and again when it may have moved', () =>
    onA(async ({ memory, access, count }) => {
      await access.committed('billing', topics);
      const commit = { topic: 'orders', partition: 0, offset: 0n, metadata: '' };
      await access.commitIdle('billing', [commit]);
      await access.leaveGroup('billing', 'gone');
      expect(count('GroupCoordinator')).toBe(1);
      await memory.clock.sleep(5_000);
      await access.committed('billing', topics);
      expect(count('GroupCoordinator')).toBe(2);
      await access.committed('audit', topics);
      expect(count('GroupCoordinator')).toBe(3);
    }));

  it('is asked for again where it says that it is not, and the question is answered by the right one', () =>
    onA(async ({ cluster, access, count }) => {
      await access.committed('billing', topics);
      let isOther = true;
      cluster.intercept(({ apiName }) => {
        if (apiName !== 'OffsetFetch' || !isOther) return undefined;
        isOther = false;
        // NOT_COORDINATOR.
        return { kind: 'refuse', errorCode: 16 };
      });
      expect(await access.committed('billing', topics)).toEqual([]);
      expect(count('GroupCoordinator')).toBe(2);
    }));
});

describe('the topics of a cluster', () => {
  it('are asked for now, unless an older answer will do', () =>
    onA(async ({ memory, cluster, access }) => {
      const before = await access.topics();
      cluster.createTopic('late', 1);
      expect(await access.topics({ maxAgeMs: 2_000 })).toBe(before);
      await memory.clock.sleep(2_000);
      expect([...(await access.topics({ maxAgeMs: 2_000 })).keys()]).toContain('late');
      cluster.createTopic('later', 1);
      expect([...(await access.topics()).keys()]).toContain('later');
    }));

  it('are asked for anew where another cluster may stand behind the name', () =>
    onA(async ({ cluster, access }) => {
      await access.topics();
      cluster.createTopic('late', 1);
      access.renew();
      expect([...(await access.topics({ maxAgeMs: 2_000 })).keys()]).toContain('late');
    }));
});
