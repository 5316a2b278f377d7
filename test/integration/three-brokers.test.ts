import type { Kafka } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startStack, waitFor } from '../../stack/index.js';
import type { Stack } from '../../stack/index.js';
import {
  committed,
  impatient,
  leaderOf,
  makeGroups,
  newTopic,
  openAdmin,
  send,
  typeOf,
} from './proxy-support.js';
import { produce, read } from './stack-support.js';

describe('a cluster of three brokers', () => {
  let stack: Stack<'A'>;
  let client: Kafka;

  beforeAll(async () => {
    stack = await startStack({
      name: 'three-brokers',
      clusters: ['A'],
      brokers: 3,
      proxied: true,
      // Groups live on one broker, and nowhere when that is gone.
      brokerOverrides: { 'offsets.topic.replication.factor': '1' },
    });
    client = impatient(stack.clusters.A.proxiedBrokers);
    await makeGroups(stack.clusters.A);
  });
  afterAll(() => stack?.stop());

  it('has a proxy in front of each, to which its metadata leads', async () => {
    const { A } = stack.clusters;
    const admin = await openAdmin(client);
    const { brokers, clusterId } = await admin.describeCluster();
    expect(clusterId).toBe(A.clusterId);
    expect(brokers.map(({ host, port }) => `${host}:${port}`).toSorted()).toEqual(
      A.proxiedBrokers.toSorted(),
    );
    expect(() => A.proxy).toThrow('Cluster A has 3 brokers');
  });

  it('takes no write where too few replicas are left, while its metadata answers', async () => {
    const { A } = stack.clusters;
    const topic = await newTopic(A, {
      replicationFactor: 3,
      configEntries: [{ name: 'min.insync.replicas', value: '3' }],
    });
    const other = await newTopic(A, { replicationFactor: 3 });
    await produce(A, topic, 'before');
    const [, , last] = A.nodes;
    await last?.kill();
    expect(A.state.kind).toBe('running');
    await waitFor(
      'writes to be refused',
      async () => {
        const producer = client.producer();
        await producer.connect();
        const failure = await send(producer, topic, 'refused').catch((error: unknown) => error);
        await producer.disconnect();
        return failure;
      },
      { until: (failure) => typeOf(failure) === 'NOT_ENOUGH_REPLICAS' },
    );
    await produce(A, other, 'accepted');
    await last?.start();
    await produce(A, topic, 'after');
    const values = await read(A, topic, 2);
    expect([values[0], values.at(-1)]).toEqual(['before', 'after']);
  });

  it('serves no group while the one coordinator is gone, and takes writes', async () => {
    const { A } = stack.clusters;
    const topic = await newTopic(A, { replicationFactor: 3 });
    const leader = await leaderOf(A, '__consumer_offsets');
    const coordinator = A.nodes.find(({ nodeId }) => nodeId === leader);
    const other = A.nodes.find(({ nodeId }) => nodeId !== leader);
    if (coordinator === undefined || other === undefined) throw new Error('no coordinator');
    await coordinator.pause();
    onTestFinished(() => coordinator.resume());
    // Whoever asks the paused one waits for its own request timeout, 30 s with kafkajs.
    await waitFor('another leader of the topic', () => leaderOf(other, topic), {
      until: (now) => now !== undefined && now !== -1 && now !== leader,
    });
    await produce(other, topic, 'one');
    await expect(committed(A, 'first', topic)).rejects.toThrow();
    // kafkajs cannot list topics while one of them, that of groups, has no leader.
    const [log] = await A.withAdmin((admin) => admin.fetchTopicOffsets(topic));
    expect(log?.high).toBe('1');
  });
});
