import { describe, expect, it, onTestFinished } from 'vitest';
import { manualWorld } from '../../support/manual-world.js';
import { FaultProxy } from '../../../stack/fault-proxy.js';
import type { FaultProxyOptions } from '../../../stack/fault-proxy.js';
import type { EventFilter, ProxyEvent } from '../../../stack/proxy/event-log.js';
import { waitFor } from '../../../stack/wait.js';
import { produceBytes, requestBytes, tinyBroker, tinyClient } from './tiny-kafka.js';
import type { TinyBroker, TinyClient } from './tiny-kafka.js';

interface Setup {
  broker: TinyBroker;
  proxy: FaultProxy;
  connect: () => Promise<TinyClient>;
}

async function setUp(options: Partial<FaultProxyOptions> = {}): Promise<Setup> {
  const broker = await tinyBroker();
  const proxy = await FaultProxy.start({ target: broker, ...options });
  onTestFinished(() => proxy.close());
  return { broker, proxy, connect: () => tinyClient(proxy) };
}

const produce = (correlationId: number): Buffer =>
  produceBytes(correlationId, { topics: { orders: [0] } });
const metadata = (correlationId: number): Buffer => requestBytes('Metadata', correlationId);

/** Waits for what a client has been answered, or a broker been asked. */
async function expectSoon<T>(read: () => T, expected: T): Promise<void> {
  await waitFor('what is expected', read, {
    until: (seen) => JSON.stringify(seen) === JSON.stringify(expected),
    everyMs: 5,
    timeoutMs: 20_000,
  });
}

const answers = (client: TinyClient, ...expected: number[]): Promise<void> =>
  expectSoon(() => client.frames, expected);

const requests = (broker: TinyBroker, ...expected: string[]): Promise<void> =>
  expectSoon(() => broker.requests(), expected);

async function eventOf(proxy: FaultProxy, filter: EventFilter): Promise<ProxyEvent> {
  const [event] = await waitFor(
    `an event ${JSON.stringify(filter)}`,
    () => proxy.log.events(filter),
    { until: ({ length }) => length > 0, everyMs: 5 },
  );
  if (event === undefined) throw new Error('there is none');
  return event;
}

describe('a fault proxy without faults', () => {
  it('passes requests and answers on, and logs them by name', async () => {
    const { broker, proxy, connect } = await setUp();
    const client = await connect();
    client.send(metadata(1), produce(2));
    await answers(client, 1, 2);
    expect(broker.requests()).toEqual(['Metadata 1', 'Produce 2']);
    const seen = proxy.log
      .events()
      .map(({ connection, direction, api, apiVersion, correlationId, fate }) =>
        [connection, direction, api, apiVersion, correlationId, fate].join(' '),
      );
    expect(seen.toSorted()).toEqual([
      '1 request Metadata 1 1 passed',
      '1 request Produce 7 2 passed',
      '1 response Metadata 1 1 passed',
      '1 response Produce 7 2 passed',
    ]);
  });

  it('passes on what is no Kafka', async () => {
    const { broker, connect } = await setUp();
    const client = await connect();
    client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    client.end();
    await expectSoon(() => broker.connections[0]?.state, 'ended');
    await expectSoon(() => client.state, 'ended');
  });

  it('tells each end how the other has ended', async () => {
    const { broker, proxy, connect } = await setUp();
    const [polite, rude] = [await connect(), await connect()];
    polite.send(metadata(1));
    rude.send(metadata(2));
    await answers(rude, 2);
    await answers(polite, 1);
    polite.end();
    rude.reset();
    await expectSoon(() => broker.connections.map(({ state }) => state), ['ended', 'reset']);
    await expectSoon(() => proxy.openCount, 0);

    const [third, fourth] = [await connect(), await connect()];
    await expectSoon(() => broker.connections.length, 4);
    broker.end();
    await expectSoon(() => [third.state, fourth.state], ['ended', 'ended']);
    const fifth = await connect();
    await expectSoon(() => broker.connections.length, 5);
    broker.reset();
    await expectSoon(() => fifth.state, 'reset');
    await expectSoon(() => proxy.openCount, 0);
  });

  it('resets a client whose broker is not there', async () => {
    const { broker, connect } = await setUp();
    await broker.close();
    const client = await connect();
    await expectSoon(() => client.state, 'reset');
  });

  it('leaves no socket when it is closed, whatever waits in it', async () => {
    const { proxy, connect } = await setUp();
    const sockets = (): number =>
      process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
    const client = await connect();
    client.send(metadata(1));
    await answers(client, 1);
    const before = sockets();
    proxy.blackhole();
    client.send(metadata(2));
    await eventOf(proxy, { fate: 'held' });
    await Promise.all([proxy.close(), proxy.close()]);
    await expectSoon(() => client.state, 'reset');
    // The listener, and both ends of both connections.
    await expectSoon(sockets, before - 5);
    await expect(connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('says who has its port', async () => {
    const { proxy } = await setUp();
    const second = FaultProxy.start({ target: proxy, port: proxy.port });
    await expect(second).rejects.toThrow(`cannot listen on port ${proxy.port}`);
  });
});

describe('stall', () => {
  it('keeps one kind of request, and lets other connections pass', async () => {
    const { broker, proxy, connect } = await setUp();
    const [producer, admin] = [await connect(), await connect()];
    const stalled = proxy.stall({ apiKeys: ['Produce'], direction: 'request' });
    producer.send(produce(1));
    expect(await eventOf(proxy, { fate: 'held' })).toMatchObject({
      api: 'Produce',
      connection: 1,
      by: stalled.name,
    });
    admin.send(metadata(2));
    await answers(admin, 2);
    expect(broker.requests()).toEqual(['Metadata 2']);
    stalled.clear();
    stalled.clear();
    await answers(producer, 1);
    expect(
      proxy.log.events({ api: 'Produce', fate: 'passed', direction: 'request' }),
    ).toMatchObject([{ by: stalled.name }]);
  });

  it('holds back what stands behind on the same connection, and goes on in order', async () => {
    const { broker, proxy, connect } = await setUp();
    const client = await connect();
    const stalled = proxy.stall({ apiKeys: ['Produce'] });
    client.send(metadata(1), produce(2), metadata(3), produce(4));
    await answers(client, 1);
    await eventOf(proxy, { fate: 'held' });
    expect(broker.requests()).toEqual(['Metadata 1']);
    stalled.clear();
    await answers(client, 1, 2, 3, 4);
    expect(broker.requests()).toEqual(['Metadata 1', 'Produce 2', 'Metadata 3', 'Produce 4']);
  });

  it('keeps what waits behind another stall when that one is cleared', async () => {
    const { broker, proxy, connect } = await setUp();
    const client = await connect();
    const metadataStalled = proxy.stall({ apiKeys: ['Metadata'] });
    client.send(metadata(1), produce(2));
    await eventOf(proxy, { api: 'Metadata', fate: 'held' });
    const produceStalled = proxy.stall({ apiKeys: ['Produce'], direction: 'request' });
    metadataStalled.clear();
    await answers(client, 1);
    await eventOf(proxy, { api: 'Produce', fate: 'held' });
    expect(broker.requests()).toEqual(['Metadata 1']);
    produceStalled.clear();
    await answers(client, 1, 2);
  });

  it('keeps answers to requests that were applied', async () => {
    const { broker, proxy, connect } = await setUp();
    const client = await connect();
    const stalled = proxy.stall({ apiKeys: ['Produce'], direction: 'response' });
    client.send(produce(1));
    await eventOf(proxy, { fate: 'held', direction: 'response', api: 'Produce' });
    expect(broker.requests()).toEqual(['Produce 1']);
    expect(client.frames).toEqual([]);
    stalled.clear();
    await answers(client, 1);
  });

  it('follows a client that has left in order, and forgets one that has reset', async () => {
    const { broker, proxy, connect } = await setUp();
    const [polite, rude] = [await connect(), await connect()];
    await expectSoon(() => broker.connections.length, 2);
    const stalled = proxy.stall();
    polite.send(produce(1));
    rude.send(produce(2));
    await eventOf(proxy, { fate: 'held', connection: 1 });
    await eventOf(proxy, { fate: 'held', connection: 2 });
    polite.end();
    rude.reset();
    await eventOf(proxy, { fate: 'lost', connection: 2 });
    await expectSoon(() => broker.connections[1]?.state, 'reset');
    expect(broker.connections[0]?.state).toBe('open');
    stalled.clear();
    await expectSoon(() => broker.connections[0]?.state, 'ended');
    expect(broker.requests()).toEqual(['Produce 1']);
    await expectSoon(() => proxy.openCount, 0);
  });

  it('stops the sender of more than it may keep, and lets all of it go on', async () => {
    const { broker, proxy, connect } = await setUp({ laneLimitBytes: 2000 });
    const client = await connect();
    const stalled = proxy.stall();
    const correlationIds = Array.from({ length: 200 }, (_, index) => index + 1);
    client.send(...correlationIds.map((id) => requestBytes('Metadata', id, { bodyBytes: 10_000 })));
    await eventOf(proxy, { fate: 'held' });
    expect(broker.requests()).toEqual([]);
    stalled.clear();
    await answers(client, ...correlationIds);
  });
});

describe('drop', () => {
  it('loses the answer to what the broker has applied, as often as it may', async () => {
    const { broker, proxy, connect } = await setUp();
    const client = await connect();
    proxy.drop({ apiKeys: ['OffsetCommit'], times: 2 });
    const commit = (correlationId: number): Buffer => requestBytes('OffsetCommit', correlationId);
    client.send(commit(1), metadata(2), commit(3), commit(4));
    await answers(client, 2, 4);
    expect(broker.requests()).toEqual([
      'OffsetCommit 1',
      'Metadata 2',
      'OffsetCommit 3',
      'OffsetCommit 4',
    ]);
    expect(proxy.log.events({ fate: 'dropped' }).map(({ correlationId }) => correlationId)).toEqual(
      [1, 3],
    );
  });

  it('goes on until it is cleared', async () => {
    const { proxy, connect } = await setUp();
    const client = await connect();
    const fault = proxy.drop({ apiKeys: ['Produce'] });
    client.send(produce(1), produce(2), metadata(3));
    await answers(client, 3);
    fault.clear();
    client.send(produce(4));
    await answers(client, 3, 4);
  });
});

describe('answerWith', () => {
  it("answers in the broker's place and in the order of the requests", async () => {
    const { broker, proxy, connect } = await setUp();
    const client = await connect();
    proxy.answerWith({ apiKeys: ['Produce'], errorCode: 19, times: 1 });
    const stalled = proxy.stall({ apiKeys: ['Metadata'], direction: 'response' });
    client.send(metadata(1), produce(2), produce(3));
    await eventOf(proxy, { fate: 'answered' });
    stalled.clear();
    await answers(client, 1, 2, 3);
    expect(broker.requests()).toEqual(['Metadata 1', 'Produce 3']);
  });

  it('sends nothing to one who expects nothing', async () => {
    const { broker, proxy, connect } = await setUp();
    const client = await connect();
    proxy.answerWith({ apiKeys: ['Produce'], errorCode: 19 });
    client.send(produceBytes(1, { acks: 0, topics: { orders: [0] } }), metadata(2));
    await answers(client, 2);
    expect(broker.requests()).toEqual(['Metadata 2']);
  });

  it('resets a connection on which it would have to guess, and says so', async () => {
    const { broker, proxy, connect } = await setUp();
    const client = await connect();
    proxy.answerWith({ apiKeys: ['Produce'], errorCode: 19 });
    client.send(requestBytes('Produce', 1, { version: 12 }), metadata(2));
    await expectSoon(() => client.state, 'reset');
    expect(await eventOf(proxy, { fate: 'unsupported' })).toMatchObject({ apiVersion: 12 });
    expect(broker.requests()).toEqual([]);
  });
});

describe('delay and limit', () => {
  it('hands frames on later, those that came together together', async () => {
    const clock = manualWorld();
    const { broker, proxy, connect } = await setUp({ clock });
    const client = await connect();
    proxy.delay({ ms: 50, direction: 'request' });
    client.send(metadata(1), produce(2));
    await expectSoon(() => clock.timerCount, 1);
    await clock.advance(49);
    expect(proxy.log.events()).toEqual([]);
    await clock.advance(1);
    await answers(client, 1, 2);
    expect(broker.requests()).toEqual(['Metadata 1', 'Produce 2']);
    const passed = proxy.log.events({ fate: 'passed', direction: 'request' });
    expect(passed.map(({ waitedMs }) => waitedMs)).toEqual([50, 50]);
  });

  it('keeps the order also where a later frame would be due first', async () => {
    const clock = manualWorld();
    const { broker, proxy, connect } = await setUp({ clock });
    const client = await connect();
    const draws = [1, 0];
    proxy.delay({ ms: 50, jitterMs: 40, random: () => draws.shift() ?? 0, direction: 'request' });
    client.send(metadata(1), metadata(2));
    await expectSoon(() => clock.timerCount, 1);
    await clock.advance(89);
    expect(proxy.log.events()).toEqual([]);
    await clock.advance(1);
    await requests(broker, 'Metadata 1', 'Metadata 2');
  });

  it('hands on at once what waited when it is cleared', async () => {
    const clock = manualWorld();
    const { proxy, connect } = await setUp({ clock });
    const client = await connect();
    const delayed = proxy.delay({ apiKeys: ['Metadata'], ms: 1_000_000 });
    client.send(produce(1), metadata(2));
    await answers(client, 1);
    await expectSoon(() => clock.timerCount, 1);
    delayed.clear();
    await answers(client, 1, 2);
    expect(clock.timerCount).toBe(0);
  });

  it('lets no more bytes pass than the line carries, for all connections together', async () => {
    const clock = manualWorld();
    const { broker, proxy, connect } = await setUp({ clock });
    const [first, second] = [await connect(), await connect()];
    const bytes = metadata(1).length;
    const limit = proxy.limit({ bytesPerSecond: bytes, direction: 'request' });
    first.send(metadata(1));
    await expectSoon(() => clock.timerCount, 1);
    second.send(metadata(2));
    await expectSoon(() => clock.timerCount, 2);
    await clock.advance(999);
    expect(proxy.log.events()).toEqual([]);
    await clock.advance(1);
    await answers(first, 1);
    await clock.advance(999);
    expect(broker.requests()).toEqual(['Metadata 1']);
    await clock.advance(1);
    await answers(second, 2);
    second.send(metadata(3));
    await expectSoon(() => clock.timerCount, 1);
    limit.clear();
    await answers(second, 2, 3);
  });
});

describe('a network that is gone', () => {
  it('accepts connections into the black hole, and heals in place', async () => {
    const { broker, proxy, connect } = await setUp();
    const early = await connect();
    early.send(metadata(1));
    await answers(early, 1);
    const hole = proxy.blackhole();
    const late = await connect();
    early.send(metadata(2));
    late.send(metadata(3));
    await eventOf(proxy, { fate: 'held', connection: 1 });
    expect(await eventOf(proxy, { fate: 'held', connection: 2 })).toMatchObject({ by: hole.name });
    expect(broker.connections).toHaveLength(1);
    await proxy.heal();
    await answers(early, 1, 2);
    await answers(late, 3);
    expect([early.state, late.state]).toEqual(['open', 'open']);
  });

  it('keeps what goes to the broker, while what comes from it passes', async () => {
    const { broker, proxy, connect } = await setUp();
    const client = await connect();
    const answerStalled = proxy.stall({ direction: 'response' });
    client.send(metadata(1));
    await eventOf(proxy, { fate: 'held', direction: 'response' });
    const cut = proxy.cutTowardsBroker();
    client.send(metadata(2));
    await eventOf(proxy, { fate: 'held', direction: 'request' });
    answerStalled.clear();
    await answers(client, 1);
    expect(broker.requests()).toEqual(['Metadata 1']);
    cut.clear();
    await answers(client, 1, 2);
  });

  it('keeps what goes to the client, while what it sends is applied', async () => {
    const { broker, proxy, connect } = await setUp();
    const client = await connect();
    const cut = proxy.cutTowardsClient();
    client.send(produce(1));
    await requests(broker, 'Produce 1');
    await eventOf(proxy, { fate: 'held', direction: 'response' });
    expect(client.frames).toEqual([]);
    cut.clear();
    await answers(client, 1);
  });

  it('lets the broker hear of resets and ends only when it is back', async () => {
    const { broker, proxy, connect } = await setUp();
    const [polite, rude] = [await connect(), await connect()];
    await expectSoon(() => broker.connections.length, 2);
    proxy.blackhole();
    const unseen = await connect();
    for (const client of [polite, rude, unseen]) client.send(produce(1));
    for (const connection of [1, 2, 3]) await eventOf(proxy, { fate: 'held', connection });
    polite.end();
    rude.reset();
    unseen.reset();
    await eventOf(proxy, { fate: 'lost', connection: 2 });
    await eventOf(proxy, { fate: 'lost', connection: 3 });
    expect(broker.connections.map(({ state }) => state)).toEqual(['open', 'open']);
    await proxy.heal();
    await expectSoon(() => broker.connections.map(({ state }) => state), ['ended', 'reset']);
    expect(broker.requests()).toEqual(['Produce 1']);
    await expectSoon(() => proxy.openCount, 0);
    expect(broker.connections).toHaveLength(2);
  });
});

describe('refuse and reset', () => {
  it('refuses new connections on its port, lets others go on, and accepts again there', async () => {
    const { proxy, connect } = await setUp();
    const { port } = proxy;
    const client = await connect();
    await proxy.refuse();
    await proxy.refuse();
    await expect(connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    client.send(metadata(1));
    await answers(client, 1);
    await proxy.heal();
    await proxy.accept();
    expect(proxy.port).toBe(port);
    const late = await connect();
    late.send(metadata(2));
    await answers(late, 2);
    expect(proxy.acceptedCount).toBe(2);
  });

  it('resets both ends of every connection, kept ones too, and accepts new ones', async () => {
    const { broker, proxy, connect } = await setUp();
    const client = await connect();
    await expectSoon(() => broker.connections.length, 1);
    const stalled = proxy.stall();
    client.send(produce(1));
    await eventOf(proxy, { fate: 'held' });
    proxy.reset();
    await expectSoon(() => [client.state, broker.connections[0]?.state], ['reset', 'reset']);
    expect(proxy.openCount).toBe(0);
    stalled.clear();
    const late = await connect();
    late.send(metadata(2));
    await answers(late, 2);
    expect(broker.requests()).toEqual(['Metadata 2']);
  });
});

describe('redirectTo', () => {
  it('leads new connections elsewhere and keeps sessions, until it heals', async () => {
    const { broker, proxy, connect } = await setUp();
    const other = await tinyBroker();
    const early = await connect();
    early.send(metadata(1));
    await answers(early, 1);
    proxy.redirectTo(other, { sessions: 'keep' });
    const late = await connect();
    late.send(metadata(2));
    early.send(metadata(3));
    await answers(late, 2);
    await answers(early, 1, 3);
    expect(other.requests()).toEqual(['Metadata 2']);
    await proxy.heal();
    const home = await connect();
    home.send(metadata(4));
    await answers(home, 4);
    expect(broker.requests()).toEqual(['Metadata 1', 'Metadata 3', 'Metadata 4']);
  });

  it('kills sessions where it is told to', async () => {
    const { proxy, connect } = await setUp();
    const other = await tinyBroker();
    const early = await connect();
    early.send(metadata(1));
    await answers(early, 1);
    proxy.redirectTo(other, { sessions: 'kill' });
    await expectSoon(() => early.state, 'reset');
    const late = await connect();
    late.send(metadata(2));
    await answers(late, 2);
    expect(other.requests()).toEqual(['Metadata 2']);
  });
});

describe('options that make no sense', () => {
  it.each([
    [
      (proxy: FaultProxy) => proxy.stall({ apiKeys: ['Prodduce' as 'Produce'] }),
      'Did you mean Produce?',
    ],
    [
      (proxy: FaultProxy) => proxy.drop({ apiKeys: ['Produce'], times: 0 }),
      'times must be an integer > 0',
    ],
    [(proxy: FaultProxy) => proxy.delay({ ms: -1 }), 'ms must be a number > 0, got -1'],
    [
      (proxy: FaultProxy) => proxy.limit({ bytesPerSecond: 0 }),
      'bytesPerSecond must be a number > 0',
    ],
  ])('are refused: %s', async (act, words) => {
    const { proxy } = await setUp();
    expect(() => act(proxy)).toThrow(words);
  });
});
