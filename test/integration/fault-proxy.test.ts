import type { Kafka } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startStack, waitFor } from '../../stack/index.js';
import type { EventFilter, FaultProxy, Stack } from '../../stack/index.js';
import { rejectionOf } from '../support/failures.js';
import {
  clusterIdOf,
  committed,
  impatient,
  makeGroups,
  newTopic,
  openAdmin,
  openProducer,
  send,
} from './proxy-support.js';
import { count, produce, read } from './stack-support.js';

async function untilSeen(proxy: FaultProxy, filter: EventFilter): Promise<void> {
  await waitFor(`${JSON.stringify(filter)} at the proxy`, () => proxy.log.events(filter), {
    until: ({ length }) => length > 0,
  });
}

describe('a cluster behind a fault proxy', () => {
  let stack: Stack;
  let proxy: FaultProxy;
  let client: Kafka;

  beforeAll(async () => {
    stack = await startStack({ name: 'fault-proxy', flows: [], proxied: true });
    proxy = stack.clusters.A.proxy;
    client = impatient(stack.clusters.A.proxiedBrokers);
    await makeGroups(stack.clusters.A);
  });
  afterAll(() => stack?.stop());
  afterEach(() => proxy.heal());

  it('leads clients back to the proxy, and others past it', async () => {
    const { A } = stack.clusters;
    const admin = await openAdmin(client);
    expect(await admin.describeCluster()).toMatchObject({
      clusterId: A.clusterId,
      brokers: [{ host: proxy.host, port: proxy.port }],
    });
    const mark = proxy.log.mark();
    const direct = await A.withAdmin((plain) => plain.describeCluster());
    expect(direct.brokers.map(({ host, port }) => `${host}:${port}`)).toEqual(A.brokers);
    expect(proxy.log.events({}, mark)).toEqual([]);
  });

  it('times out sends while metadata answers, and writes late what it had kept', async () => {
    const { A } = stack.clusters;
    const topic = await newTopic(A);
    const producer = await openProducer(client);
    await send(producer, topic, 'before');
    const stalled = proxy.stall({ apiKeys: ['Produce'] });
    expect(await rejectionOf(send(producer, topic, 'late'))).toMatchObject({
      cause: { name: 'KafkaJSRequestTimeoutError' },
    });
    const admin = await openAdmin(client);
    expect((await admin.fetchTopicMetadata({ topics: [topic] })).topics).toHaveLength(1);
    expect(await count(A, topic)).toBe(1);
    stalled.clear();
    expect(await read(A, topic, 2)).toEqual(['before', 'late']);
  });

  it('loses the acknowledgement of a send that is in the log', async () => {
    const { A } = stack.clusters;
    const topic = await newTopic(A);
    const producer = await openProducer(client);
    proxy.drop({ apiKeys: ['Produce'], times: 1 });
    expect(await rejectionOf(send(producer, topic, 'once'))).toMatchObject({
      cause: { name: 'KafkaJSRequestTimeoutError' },
    });
    expect(await count(A, topic)).toBe(1);
    await send(producer, topic, 'once');
    expect(await read(A, topic, 2)).toEqual(['once', 'once']);
  });

  it('loses the answer to a commit that is stored', async () => {
    const { A } = stack.clusters;
    const topic = await newTopic(A);
    await produce(A, topic, 'one');
    const groupId = `group-of-${topic}`;
    const consumer = client.consumer({ groupId, maxWaitTimeInMs: 50, retry: { retries: 0 } });
    await consumer.connect();
    onTestFinished(() => consumer.disconnect());
    await consumer.subscribe({ topic, fromBeginning: true });
    let handled = 0;
    await consumer.run({
      autoCommit: false,
      eachMessage: async () => {
        handled += 1;
      },
    });
    await waitFor('the record to be handled', () => handled);
    proxy.drop({ apiKeys: ['OffsetCommit'] });
    const committing = consumer.commitOffsets([{ topic, partition: 0, offset: '1' }]);
    expect(await rejectionOf(committing)).toMatchObject({
      cause: { name: 'KafkaJSRequestTimeoutError' },
    });
    expect(await committed(A, groupId, topic)).toBe('1');
    expect(proxy.log.events({ api: 'OffsetCommit', fate: 'dropped' })).not.toEqual([]);
  });

  it('applies what is sent while the way back is cut, and not while the way there is', async () => {
    const { A } = stack.clusters;
    const topic = await newTopic(A);
    const producer = await openProducer(client);
    await send(producer, topic, 'before');
    const back = proxy.cutTowardsClient();
    expect(await rejectionOf(send(producer, topic, 'applied'))).toBeInstanceOf(Error);
    expect(await count(A, topic)).toBe(2);
    back.clear();
    const there = proxy.cutTowardsBroker();
    expect(await rejectionOf(send(producer, topic, 'kept'))).toBeInstanceOf(Error);
    await untilSeen(proxy, { by: there.name, fate: 'held', api: 'Produce' });
    expect(await count(A, topic)).toBe(2);
    there.clear();
    expect(await read(A, topic, 3)).toEqual(['before', 'applied', 'kept']);
  });

  it('is a black hole that heals in place', async () => {
    const { A } = stack.clusters;
    const topic = await newTopic(A);
    const producer = await openProducer(client);
    await send(producer, topic, 'before');
    const { acceptedCount } = proxy;
    const hole = proxy.blackhole();
    expect(await rejectionOf(send(producer, topic, 'within'))).toMatchObject({
      cause: { name: 'KafkaJSRequestTimeoutError' },
    });
    const stranger = client.admin();
    expect(await rejectionOf(stranger.connect())).toMatchObject({ message: /timed out/ });
    await stranger.disconnect();
    hole.clear();
    await send(producer, topic, 'after');
    expect(await read(A, topic, 3)).toEqual(['before', 'within', 'after']);
    // The stranger's; the producer has used its own all the time.
    expect(proxy.acceptedCount).toBe(acceptedCount + 1);
  });

  it('refuses connections, and resets those that are open', async () => {
    const admin = await openAdmin(client);
    await proxy.refuse();
    expect(await rejectionOf(client.admin().connect())).toMatchObject({
      cause: { code: 'ECONNREFUSED' },
    });
    expect(await clusterIdOf(admin)).toBe(stack.clusters.A.clusterId);
    proxy.reset();
    expect(await rejectionOf(clusterIdOf(admin))).toBeInstanceOf(Error);
    await proxy.accept();
    await waitFor('the admin to be back', () => clusterIdOf(admin));
  });

  it("refuses requests in the broker's place", async () => {
    const { A } = stack.clusters;
    const topic = await newTopic(A);
    const producer = await openProducer(client);
    const admin = await openAdmin(client);
    proxy.answerWith({ apiKeys: ['Produce'], errorCode: 19, times: 1 });
    expect(await rejectionOf(send(producer, topic, 'refused'))).toMatchObject({
      cause: { type: 'NOT_ENOUGH_REPLICAS' },
    });
    await admin.fetchTopicMetadata({ topics: [topic] });
    proxy.answerWith({ apiKeys: ['FindCoordinator'], errorCode: 15, times: 1 });
    expect(await rejectionOf(admin.fetchOffsets({ groupId: 'nobody' }))).toMatchObject({
      name: 'KafkaJSGroupCoordinatorNotFound',
    });
    expect(proxy.log.events({ api: 'FindCoordinator', fate: 'answered' })).toHaveLength(1);
    await send(producer, topic, 'accepted');
    expect(await read(A, topic, 1)).toEqual(['accepted']);
  });

  it.each(['keep', 'kill'] as const)(
    'leads new sessions to the other cluster, and %ss those that are open',
    async (sessions) => {
      const { A, B } = stack.clusters;
      const early = await openAdmin(client);
      expect(await clusterIdOf(early)).toBe(A.clusterId);
      proxy.redirectTo(B.proxy.target, { sessions });
      const late = await openAdmin(client);
      expect(await clusterIdOf(late)).toBe(B.clusterId);
      if (sessions === 'keep') expect(await clusterIdOf(early)).toBe(A.clusterId);
      else
        await waitFor('the killed session to be on B', () => clusterIdOf(early), {
          until: (id) => id === B.clusterId,
        });
    },
  );

  it('keeps its address while the broker behind it is killed and comes back', async () => {
    const { A } = stack.clusters;
    const topic = await newTopic(A);
    const producer = await openProducer(client);
    await send(producer, topic, 'before');
    const { port } = proxy;
    await A.kill();
    expect(await rejectionOf(send(producer, topic, 'lost'))).toBeInstanceOf(Error);
    await A.start();
    expect(A.proxy.port).toBe(port);
    await waitFor('the producer to be back', () => send(producer, topic, 'after'));
    expect(await read(A, topic, 2)).toEqual(['before', 'after']);
  });
});
