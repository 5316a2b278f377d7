import { describe, expect, it } from 'vitest';
import { controlled, harness, settle, type Controlled, type Harness } from './support.js';

/** Two logs of `orders` on B, consumed by three workers; every handler call is ended by the test. */
async function twoLogs(concurrency: number): Promise<{
  h: Harness;
  calls: { log: string; ends: Controlled<void> }[];
}> {
  const h = harness();
  h.b.topics.set('orders', 2);
  h.b.assignment = { 'A.orders': [0, 1], orders: [0, 1] };
  const calls: { log: string; ends: Controlled<void> }[] = [];
  await h.consumer.connect();
  await h.consumer.subscribe({ topics: ['orders'] });
  await h.consumer.run({
    partitionsConsumedConcurrently: concurrency,
    eachMessage: ({ physicalTopic, partition }) => {
      const ends = controlled();
      calls.push({ log: `${physicalTopic}-${partition}`, ends });
      return ends.promise;
    },
  });
  await h.switchTo('B');
  return { h, calls };
}

describe('two logs of one logical partition', () => {
  it('never have two handlers at once, other partitions do', async () => {
    const { h, calls } = await twoLogs(3);
    void h.b.inner.deliver('orders', 0, 1);
    const second = h.b.inner.deliver('A.orders', 0, 1);
    void h.b.inner.deliver('A.orders', 1, 1);
    await settle();
    expect(calls.map(({ log }) => log)).toEqual(['orders-0', 'A.orders-1']);
    calls[0]?.ends.resolve();
    await settle();
    expect(calls.map(({ log }) => log)).toEqual(['orders-0', 'A.orders-1', 'A.orders-0']);
    calls[2]?.ends.resolve();
    await second;
  });

  it('let the next one in also where a handler fails', async () => {
    const { h, calls } = await twoLogs(2);
    const first = h.b.inner.deliver('orders', 0, 1);
    void h.b.inner.deliver('A.orders', 0, 1);
    await settle();
    calls[0]?.ends.reject(new Error('bad record'));
    await expect(first).rejects.toThrow('bad record');
    await settle();
    expect(calls.map(({ log }) => log)).toEqual(['orders-0', 'A.orders-0']);
  });

  it('keep the membership of who waits, and give its turn back to kafkajs where it is lost', async () => {
    const { h, calls } = await twoLogs(2);
    void h.b.inner.deliver('orders', 0, 1);
    const waiting = h.b.inner.deliver('A.orders', 0, 1);
    await h.world.advance(3_000);
    expect(h.b.inner.heartbeatCount).toBe(1);
    h.b.inner.heartbeatError = new Error('rebalance in progress');
    await h.world.advance(3_000);
    await expect(waiting).rejects.toThrow('rebalance in progress');
    expect(calls).toHaveLength(1);
  });

  it('start nothing that waited when a switch begins', async () => {
    const { h, calls } = await twoLogs(2);
    void h.b.inner.deliver('orders', 0, 1);
    const waiting = h.b.inner.deliver('A.orders', 0, 1);
    await settle();
    h.client.participant.hold(h.turnTo('A'));
    calls[0]?.ends.resolve();
    await settle();
    expect(calls).toHaveLength(1);
    h.active.inForce?.fence(new Error('fenced') as never);
    await expect(waiting).rejects.toThrow('fenced');
  });
});

describe('a heartbeat of user code', () => {
  it('is that of the runner which delivered the record, also after a restart', async () => {
    const h = harness();
    h.a.topics.set('orders', 1);
    h.a.assignment = { orders: [0] };
    await h.consumer.connect();
    await h.consumer.subscribe({ topics: ['orders'] });
    await h.consumer.run({ eachMessage: ({ heartbeat }) => heartbeat() });
    const { inner } = h.a;
    await inner.deliver('orders', 0, 1);
    await inner.deliver('orders', 0, 2);
    inner.crash(new Error('broker not available'), true);
    inner.join({ orders: [0] }, 'another-member');
    await inner.deliver('orders', 0, 3);
    expect(inner.heartbeats).toEqual([0, 0, 1]);
  });
});
