import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import type { KafkaConfig, LogEntry, Producer } from 'kafkajs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSession, type SessionOptions } from '../../src/cluster/kafka-session.js';
import type { ClusterSession } from '../../src/cluster/session.js';
import { FencedError } from '../../src/errors.js';
import type { EventSink } from '../../src/events.js';
import { judge } from '../../src/health/failure.js';
import { realWorld } from '../../src/world.js';
import { waitFor } from '../../stack/wait.js';
import { rejectionOf } from '../support/failures.js';
import { manualWorld } from '../support/manual-world.js';
import { fakeBroker, type FakeBroker, type Manner } from './fake-broker.js';
import { PRODUCE } from './frames.js';

interface Fact {
  readonly name: string;
  readonly facts: object;
}

function session(
  address: string,
  options: Partial<SessionOptions> = {},
): { session: ClusterSession; facts: Fact[]; logs: LogEntry[] } {
  const facts: Fact[] = [];
  const logs: LogEntry[] = [];
  const events: EventSink = { emit: (name, given) => facts.push({ name, facts: given }) };
  const kafkaConfig: Omit<KafkaConfig, 'brokers'> = {
    clientId: 'test',
    connectionTimeout: 5000,
    requestTimeout: 60_000,
    retry: { retries: 0, initialRetryTime: 1, maxRetryTime: 1 },
    logCreator: () => (entry) => logs.push(entry),
  };
  const opened = openSession({
    alias: 'A',
    switchEpoch: 3,
    clusterOptions: { brokers: [address] },
    kafkaConfig,
    world: realWorld(),
    events,
    stalledAfterMs: 60_000,
    ...options,
  });
  onTestFinished(() => opened.fence(new FencedError('test over')));
  return { session: opened, facts, logs };
}

async function broker(manner: Manner): Promise<FakeBroker> {
  const made = await fakeBroker(manner);
  onTestFinished(() => made.close());
  return made;
}

async function unusedAddress(): Promise<string> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}

const producerOf = ({ kafka }: Pick<ClusterSession, 'kafka'>): Producer =>
  kafka.producer({ createPartitioner: () => () => 0 });

const order = { topic: 'orders', messages: [{ value: 'x' }] };
const fenced = new FencedError('cluster A was fenced in epoch 3', { cluster: 'A', switchEpoch: 3 });

describe('openSession', () => {
  it('opens nothing by itself', async () => {
    const fake = await broker('answers');
    const { session: opened } = session(fake.address);
    expect([opened.alias, opened.switchEpoch]).toEqual(['A', 3]);
    expect(opened.signal.aborted).toBe(false);
    expect(fake.connectionCount).toBe(0);
  });

  it('passes on what a refused connection is', async () => {
    const { session: opened } = session(await unusedAddress());
    const client = opened.countedClient();
    const error = await rejectionOf(producerOf(client).connect());
    expect(judge(error)).toMatchObject({ about: 'cluster', kind: 'no-connection' });
    expect(client.wire.produceRequestCount).toBe(0);
  });

  it('fences a client whose broker accepts and never answers, without waiting for time limits', async () => {
    const { address, requests } = await broker('silent');
    const { session: opened, facts } = session(address);
    const connecting = rejectionOf(producerOf(opened).connect());
    await waitFor('a request', () => requests.length > 0);

    opened.fence(fenced);
    expect(opened.signal).toMatchObject({ aborted: true, reason: fenced });
    expect(judge(await connecting).about).toBe('fenced');
    expect(facts).toEqual([
      {
        name: 'cluster.fenced',
        facts: { cluster: 'A', socketCount: 1, reason: 'cluster A was fenced in epoch 3' },
      },
    ]);
    opened.fence(new FencedError('again'));
    expect(facts).toHaveLength(1);
    expect(opened.signal.reason).toBe(fenced);
  });

  it('lets no client of the session connect again', async () => {
    const fake = await broker('answers');
    const { session: opened } = session(fake.address);
    const client = opened.countedClient();
    const producer = producerOf(client);
    await producer.connect();
    opened.fence(fenced);
    const { connectionCount } = fake;

    expect(judge(await rejectionOf(producer.send(order))).about).toBe('fenced');
    expect(judge(await rejectionOf(producerOf(opened).connect())).about).toBe('fenced');
    expect(fake.connectionCount).toBe(connectionCount);
    expect(fake.requests).not.toContain(PRODUCE);
    expect(client.wire.produceRequestCount).toBe(0);
  });

  it('ends at once what kafkajs would retry to connect', async () => {
    const { session: opened } = session((await broker('answers')).address);
    const producer = opened.kafka.producer({ retry: { retries: 5, initialRetryTime: 60_000 } });
    opened.fence(fenced);
    expect(judge(await rejectionOf(producer.connect())).about).toBe('fenced');
  });

  it('knows from the wire that a send left, which its error does not tell', async () => {
    const fake = await broker('answers');
    const { session: opened } = session(fake.address);
    const client = opened.countedClient();
    const producer = producerOf(client);
    await producer.connect();
    const sending = rejectionOf(producer.send(order));
    await waitFor('the Produce', () => fake.requests.includes(PRODUCE));

    opened.fence(fenced);
    expect(judge(await sending)).toMatchObject({ about: 'fenced', executed: 'maybe' });
    expect(client.wire.produceRequestCount).toBe(1);
  });

  it('tells what one producer wrote from what another did, and fences both', async () => {
    const fake = await broker('answers');
    const { session: opened, facts } = session(fake.address);
    const [idle, busy] = [opened.countedClient(), opened.countedClient()];
    const producers = [idle, busy].map(producerOf);
    await Promise.all(producers.map((one) => one.connect()));
    const sending = rejectionOf(producers[1]?.send(order) ?? Promise.resolve());
    await waitFor('the Produce', () => fake.requests.includes(PRODUCE));
    expect([idle.wire.produceRequestCount, busy.wire.produceRequestCount]).toEqual([0, 1]);
    opened.fence(fenced);
    expect(judge(await sending).about).toBe('fenced');
    expect(facts).toMatchObject([{ name: 'cluster.fenced', facts: { socketCount: 2 } }]);
  });

  it('reports a socket whose request has no answer, once', async () => {
    const fake = await broker('answers');
    const { session: opened, facts } = session(fake.address, { stalledAfterMs: 50 });
    const producer = producerOf(opened);
    await producer.connect();
    const sending = rejectionOf(producer.send(order));
    await waitFor('the report', () => facts.length > 0);
    expect(facts).toMatchObject([
      { name: 'socket.stalled', facts: { cluster: 'A', broker: fake.address } },
    ]);
    opened.fence(fenced);
    await sending;
    expect(facts.map(({ name }) => name)).toEqual(['socket.stalled', 'cluster.fenced']);
  });

  it('leaves no timer behind the fence', async () => {
    const clock = manualWorld();
    const fake = await broker('silent');
    const { session: opened } = session(fake.address, {
      world: { ...realWorld(), nowMs: () => clock.nowMs(), after: (...of) => clock.after(...of) },
    });
    const connecting = rejectionOf(producerOf(opened).connect());
    await waitFor('a request', () => fake.requests.length > 0);
    expect(clock.timerCount).toBe(1);
    opened.fence(fenced);
    expect(clock.timerCount).toBe(0);
    await connecting;
  });

  it('keeps its composure before a server that speaks something else', async () => {
    const { address } = await broker('garbage');
    const world = realWorld();
    let received = '';
    const { session: opened } = session(address, {
      world: {
        ...world,
        openSocket: (args) =>
          world.openSocket(args).on('data', (chunk: Buffer) => (received += chunk.toString())),
      },
    });
    const connecting = rejectionOf(producerOf(opened).connect());
    await waitFor('the garbage', () => received.startsWith('HTTP'));
    expect(opened.signal.aborted).toBe(false);
    opened.fence(fenced);
    expect(judge(await connecting).about).toBe('fenced');
  });

  it('opens sockets by the cluster’s own factory, else by the shared one', async () => {
    const { address } = await broker('answers');
    const used: string[] = [];
    const factory =
      (name: string): NonNullable<KafkaConfig['socketFactory']> =>
      (args) => {
        used.push(name);
        return realWorld().openSocket(args);
      };
    const shared = { retry: { retries: 0 }, logLevel: 0, socketFactory: factory('shared') };
    const own = { brokers: [address], socketFactory: factory('own') };
    const first = session('', { clusterOptions: own, kafkaConfig: shared });
    await producerOf(first.session).connect();
    const second = session(address, { kafkaConfig: shared });
    await producerOf(second.session).connect();
    expect(used).toEqual(['own', 'shared']);
    for (const { session: opened, facts } of [first, second]) {
      opened.fence(fenced);
      expect(facts).toMatchObject([{ name: 'cluster.fenced', facts: { socketCount: 1 } }]);
    }
  });

  it('gives kafkajs what is shared, the cluster’s own above it, and nothing of the library’s', () => {
    const configs: KafkaConfig[] = [];
    const world = realWorld();
    session('', {
      clusterOptions: {
        brokers: ['a:1'],
        ssl: { servername: 'a' },
        clusterId: 'id-a',
        connectionTimeout: 7,
      },
      kafkaConfig: { clientId: 'service', ssl: false, connectionTimeout: 3, requestTimeout: 9 },
      world: {
        ...world,
        createKafka: (config) => {
          configs.push(config);
          return world.createKafka(config);
        },
      },
    });
    expect(configs).toEqual([
      {
        brokers: ['a:1'],
        clientId: 'service',
        ssl: { servername: 'a' },
        connectionTimeout: 7,
        requestTimeout: 9,
        socketFactory: expect.any(Function),
        logCreator: expect.any(Function),
      },
    ]);
  });

  it('names the cluster in every log entry', async () => {
    const { session: opened, logs } = session(await unusedAddress());
    await rejectionOf(producerOf(opened).connect());
    expect(logs.length).toBeGreaterThan(0);
    for (const { log } of logs) expect(log['cluster']).toBe('A');
  });
});
