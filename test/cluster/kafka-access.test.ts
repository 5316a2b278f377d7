import type { KafkaConfig } from 'kafkajs';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ClusterAccess } from '../../src/cluster/access.js';
import { openAccess } from '../../src/cluster/kafka-access.js';
import { judge } from '../../src/health/failure.js';
import { realWorld, type World } from '../../src/world.js';
import { rejectionOf } from '../support/failures.js';
import { fakeBroker } from './fake-broker.js';

/** An access to a broker on which one topic has no leader. */
async function halfDead(world: World = realWorld()): Promise<ClusterAccess> {
  const broker = await fakeBroker('answers', { withLeaderless: true });
  onTestFinished(() => broker.close());
  const access = openAccess({
    alias: 'A',
    clusterOptions: { brokers: [broker.address] },
    kafkaConfig: { requestTimeout: 60_000, retry: { retries: 99 } },
    world,
  });
  onTestFinished(() => access.close());
  return access;
}

describe('openAccess', () => {
  // kafkajs refuses a whole Metadata answer for one leaderless partition of any topic.
  it('sees the rest of a cluster in which one partition has no leader', async () => {
    const access = await halfDead();
    expect(await access.clusterId()).toBe('fake-id');
    expect(await access.topics()).toEqual(
      new Map([
        ['orders', 1],
        ['broken', 1],
      ]),
    );
    expect(await access.ranges('missing')).toBeUndefined();
  });

  it('connects anew to a cluster that named no broker, which is the cluster’s fault', async () => {
    const broker = await fakeBroker('answers');
    onTestFinished(() => broker.close());
    broker.isFenced = true;
    const access = openAccess({
      alias: 'A',
      clusterOptions: { brokers: [broker.address] },
      kafkaConfig: {},
      world: realWorld(),
    });
    onTestFinished(() => access.close());
    const error = await rejectionOf(access.clusterId());
    expect(judge(error)).toMatchObject({ about: 'cluster', kind: 'no-metadata', executed: 'no' });
    broker.isFenced = false;
    expect(await access.clusterId()).toBe('fake-id');
  });

  it('gives kafkajs’s own error for the topic concerned', async () => {
    const access = await halfDead();
    const error = await rejectionOf(access.ranges('broken'));
    expect(error).toMatchObject({ type: 'LEADER_NOT_AVAILABLE' });
    expect(judge(error)).toMatchObject({ about: 'partition', kind: 'no-leader' });
  });

  it('has short limits of its own, logs nothing, and connects only when it is asked', async () => {
    const configs: KafkaConfig[] = [];
    const world = realWorld();
    const access = await halfDead({
      ...world,
      createKafka: (config) => {
        configs.push(config);
        return world.createKafka(config);
      },
    });
    expect(configs).toEqual([]);
    await access.clusterId();
    expect(configs).toMatchObject([
      {
        connectionTimeout: 2000,
        requestTimeout: 5000,
        enforceRequestTimeout: true,
        logLevel: 0,
        retry: {
          retries: 2,
          initialRetryTime: 100,
          maxRetryTime: 400,
          factor: 0.2,
          multiplier: 2,
        },
      },
    ]);
  });

  it('makes one client for many questions at once, and a new one after a failure', async () => {
    let clientCount = 0;
    const world = realWorld();
    const broker = await fakeBroker('answers');
    const access = openAccess({
      alias: 'A',
      clusterOptions: { brokers: [broker.address] },
      kafkaConfig: {},
      world: {
        ...world,
        createKafka: (config) => {
          clientCount += 1;
          return world.createKafka(config);
        },
      },
    });
    onTestFinished(() => access.close());
    await Promise.all([access.clusterId(), access.topics(), access.ranges('missing')]);
    expect(clientCount).toBe(1);
    await broker.close();
    expect(judge(await rejectionOf(access.topics()))).toMatchObject({ about: 'cluster' });
    const before = clientCount;
    expect(judge(await rejectionOf(access.topics()))).toMatchObject({ kind: 'no-connection' });
    expect(clientCount).toBeGreaterThan(before);
  });

  it('asks nobody for nothing', async () => {
    const access = await halfDead();
    expect(await access.commitIdle('group', [])).toBe('stored');
  });
});
