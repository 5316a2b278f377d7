import { describe, expect, it, vi } from 'vitest';
import { controlled, harness, settle, start, type Harness } from './support.js';

/** A consumer whose `stop()` is under way until the test lets it end. */
async function stopping(h: Harness): Promise<{ stopped: Promise<void>; end(): void }> {
  await start(h);
  const stop = controlled();
  h.a.inner.stopResult = stop;
  const stopped = h.consumer.stop();
  await settle();
  return { stopped, end: () => stop.resolve() };
}

describe('run() while stop() is under way', () => {
  const eachMessage = async (): Promise<void> => {};

  it('waits for its end and begins anew', async () => {
    const h = harness();
    const { stopped, end } = await stopping(h);
    const ran = h.consumer.run({ eachMessage });
    await settle();
    expect(h.a.inners).toHaveLength(1);
    expect(h.client.status().state).toBe('joining');
    end();
    await Promise.all([stopped, ran]);
    expect(h.a.inners).toHaveLength(2);
    expect(h.client.status()).toMatchObject({ state: 'running', cluster: 'A' });
  });

  it('keeps what was sought right after it for its own beginning', async () => {
    const h = harness();
    const { stopped, end } = await stopping(h);
    const ran = h.consumer.run({ eachMessage });
    const seek = { topic: 'orders', partition: 0, offset: '3' };
    h.consumer.seek(seek);
    end();
    await Promise.all([stopped, ran]);
    expect(h.a.inners.map(({ seeks }) => seeks)).toEqual([[], [seek]]);
  });

  it('is called off by another stop()', async () => {
    const h = harness();
    const { stopped, end } = await stopping(h);
    const ran = h.consumer.run({ eachMessage });
    const again = h.consumer.stop();
    end();
    await Promise.all([stopped, again, ran]);
    expect(h.a.inners).toHaveLength(1);
    expect(h.client.status().state).toBe('idle');
  });

  it('is not ended by the crash of what is being stopped', async () => {
    const h = harness();
    const { stopped, end } = await stopping(h);
    const ran = h.consumer.run({ eachMessage });
    h.a.inner.crash(new Error('bad record'), false);
    end();
    await Promise.all([stopped, ran]);
    expect(h.client.status().state).toBe('running');
  });

  it('begins on the new cluster where a switch comes between', async () => {
    const h = harness();
    const { stopped, end } = await stopping(h);
    const ran = h.consumer.run({ eachMessage });
    await h.switchTo('B');
    end();
    await Promise.all([stopped, ran]);
    expect(h.client.status()).toMatchObject({ state: 'running', cluster: 'B' });
    expect(h.b.inners).toHaveLength(1);
  });
});

describe('a call while disconnect() is under way', () => {
  it.each([
    ['run', (h: Harness) => h.consumer.run({ eachMessage: async () => {} })],
    ['connect', (h: Harness) => h.consumer.connect()],
  ] as const)('%s() begins after it, and takes part in switches', async (_name, call) => {
    const h = harness();
    await start(h);
    h.a.inner.stopResult = controlled();
    const disconnected = h.consumer.disconnect();
    await settle();
    const called = call(h);
    h.a.inner.stopResult.resolve();
    await Promise.all([disconnected, called]);
    expect(h.active.participants.size).toBe(1);
    expect(h.a.inners).toHaveLength(2);
    expect(h.a.inner.disconnectCount).toBe(0);
  });

  it('is called off by another disconnect()', async () => {
    const h = harness();
    await start(h);
    h.a.inner.stopResult = controlled();
    const disconnected = h.consumer.disconnect();
    const called = expect(h.consumer.connect()).rejects.toThrow('overtaken by disconnect()');
    const again = h.consumer.disconnect();
    h.a.inner.stopResult.resolve();
    await Promise.all([disconnected, again, called]);
    expect(h.active.participants.size).toBe(0);
  });
});

describe('a topic that a consumer finds after its first join', () => {
  it('is read from its beginning, also with fromBeginning false and after a restart', async () => {
    const h = harness();
    await h.consumer.connect();
    await h.consumer.subscribe({ topics: [/^orders/], fromBeginning: false });
    await h.consumer.run({ eachMessage: async () => {} });
    expect(h.a.inner.subscriptions.at(-1)).toEqual({ topics: ['orders'], fromBeginning: false });
    h.a.topics.set('orders-eu', 1);
    await h.world.advance(30_000);
    const both = [
      { topics: ['orders-eu'], fromBeginning: true },
      { topics: ['orders'], fromBeginning: false },
    ];
    expect(h.a.inners).toHaveLength(2);
    expect(h.a.inner.subscriptions).toEqual(both);

    const down = Object.assign(new Error('down'), { name: 'KafkaJSConnectionError' });
    h.a.inner.crash(down, false);
    await h.world.advance(300);
    expect(h.a.inners).toHaveLength(3);
    expect(h.a.inner.subscriptions).toEqual(both);
  });
});

describe('a consumer that reads from the end', () => {
  const ends = new Map([10n, 20n, 30n, 40n].map((high, index) => [index, { low: 0n, high }]));

  /** Partition 0: nothing came; 1: one record, not committed; 2: one record, committed; 3: the group has a lower commit. */
  async function reading(h: Harness): Promise<void> {
    vi.spyOn(h.a.access, 'ranges').mockImplementation(async () => ends);
    h.a.topics.set('orders', 4);
    h.a.assignment = { orders: [0, 1, 2, 3] };
    h.a.committed.set('orders/3', 35n);
    await start(h);
    await h.a.inner.deliver('orders', 1, 25);
    await h.a.inner.deliver('orders', 2, 30);
    await h.consumer.commitOffsets([{ topic: 'orders', partition: 2, offset: '31' }]);
    h.a.committed.set('orders/2', 31n);
    h.a.inner.commits.length = 0;
  }

  const committedIn = (list: readonly { partition: number; offset: unknown }[]): unknown[] =>
    list
      .toSorted((a, b) => a.partition - b.partition)
      .map(({ partition, offset }) => [partition, String(offset)]);

  it('has a commit wherever it stands before it leaves for topics that appeared', async () => {
    const h = harness();
    await reading(h);
    const before = h.a.inner;
    h.a.topics.set('B.orders', 1);
    await h.world.advance(30_000);
    expect(h.a.inners).toHaveLength(2);
    expect(committedIn(before.commits)).toEqual([
      [0, '10'],
      [1, '26'],
    ]);
  });

  it('commits what it has handled where the commits of the group cannot be read', async () => {
    const h = harness();
    await reading(h);
    const before = h.a.inner;
    vi.spyOn(h.a.access, 'committed').mockRejectedValueOnce(new Error('down'));
    h.a.topics.set('B.orders', 1);
    await h.world.advance(30_000);
    expect(committedIn(before.commits)).toEqual([[1, '26']]);
  });

  it('goes on where it stood after a crash', async () => {
    const h = harness();
    await reading(h);
    const down = Object.assign(new Error('down'), { name: 'KafkaJSConnectionError' });
    h.a.inner.crash(down, false);
    await h.world.advance(300);
    expect(h.a.inners).toHaveLength(2);
    expect(committedIn(h.a.idleCommits)).toEqual([
      [0, '10'],
      // How the last handler ended nobody has asked: it may be handled again.
      [1, '25'],
    ]);
  });

  it('begins at the end again where the service has stopped it and runs it anew, as with kafkajs', async () => {
    const h = harness();
    await reading(h);
    await h.consumer.stop();
    await h.consumer.run({ eachMessage: async () => {} });
    expect(h.a.idleCommits).toEqual([]);
    expect(h.a.inner.commits).toEqual([]);
  });
});
