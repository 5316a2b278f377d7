import { describe, expect, it } from 'vitest';
import type { PhysicalOffset } from '../../src/consumer/commits.js';
import { controlled, harness, planFor, settle, start, type Harness } from './support.js';

const STALE = { code: 'ERR_FAILOVER_STALE_OFFSET' };

/** The switch, where B's log is far behind the numbers of A's. */
function switchToB(h: Harness): Promise<void> {
  const plan = planFor('B', [
    ['A.orders', 0, 500n],
    ['A.orders', 1, 500n],
  ]);
  return h.switchTo('B', { plan });
}

describe('an offset of an older epoch', () => {
  const old = [{ topic: 'orders', partition: 0, offset: '1000' }];

  it('is refused where its partition went to another member before the switch', async () => {
    const h = harness();
    await start(h, { autoCommit: false });
    await h.a.inner.deliver('orders', 0, 999);
    h.a.inner.join({ orders: [1] });
    await switchToB(h);
    await expect(h.consumer.commitOffsets(old)).rejects.toMatchObject(STALE);
  });

  it.each<[what: string, between: (h: Harness) => Promise<void>]>([
    ['stopped', (h) => h.consumer.stop()],
    ['disconnected', (h) => h.consumer.disconnect()],
  ])(
    'is refused where the consumer was %s, and runs again after the switch',
    async (_, between) => {
      const h = harness();
      await start(h, { autoCommit: false });
      await h.a.inner.deliver('orders', 0, 999);
      await between(h);
      await h.switchTo('B');
      await h.consumer.run({ autoCommit: false, eachMessage: async () => {} });
      await expect(h.consumer.commitOffsets(old)).rejects.toMatchObject(STALE);
      expect(h.b.inner.commits).toEqual([]);
    },
  );

  it('is refused where the consumer died and was run again before the switch', async () => {
    const h = harness();
    await start(h, { autoCommit: false });
    await h.a.inner.deliver('orders', 0, 999);
    h.a.inner.crash(new Error('bad record'), false);
    await h.consumer.run({ autoCommit: false, eachMessage: async () => {} });
    await switchToB(h);
    await expect(h.consumer.commitOffsets(old)).rejects.toMatchObject(STALE);
  });
});

describe('an offset of this epoch', () => {
  it('may be one from before stop() and run()', async () => {
    const h = harness();
    await start(h, { autoCommit: false });
    await h.a.inner.deliver('orders', 0, 999);
    await h.consumer.stop();
    await h.consumer.run({ autoCommit: false, eachMessage: async () => {} });
    const commit = { topic: 'orders', partition: 0, offset: '1000' };
    await h.consumer.commitOffsets([commit]);
    expect(h.a.inner.commits).toEqual([commit]);
  });

  it('is taken by its switchEpoch, also where an older epoch delivered the same number', async () => {
    const h = harness();
    await start(h);
    await h.a.inner.deliver('orders', 0, 400);
    await switchToB(h);
    await h.b.inner.deliver('A.orders', 0, 500);
    const back = { topic: 'orders', partition: 0, offset: '400' };
    expect(() => h.consumer.seek(back)).toThrow(expect.objectContaining(STALE));
    h.consumer.seek({ ...back, switchEpoch: 2 });
    expect(h.b.inner.seeks).toEqual([{ topic: 'A.orders', partition: 0, offset: '400' }]);
  });

  it('needs its log where there are two, and nothing else where the log is named', async () => {
    const h = harness();
    h.b.topics.set('orders', 2);
    h.b.assignment = { 'A.orders': [0], orders: [0] };
    await start(h);
    await h.a.inner.deliver('orders', 0, 400);
    await switchToB(h);
    const back = { topic: 'orders', partition: 0, offset: '400', switchEpoch: 2 };
    expect(() => h.consumer.seek(back)).toThrow(
      expect.objectContaining({ code: 'ERR_FAILOVER_AMBIGUOUS_OFFSET' }),
    );
    h.consumer.seek({ ...back, physicalTopic: 'A.orders' });
    expect(h.b.inner.seeks).toEqual([{ topic: 'A.orders', partition: 0, offset: '400' }]);
  });
});

describe('the offsets of a transaction', () => {
  const offset = { topic: 'orders', partition: 0, offset: '6' };

  it('may be sent by a handler that stop() waits for', async () => {
    const h = harness();
    const working = controlled();
    const placed: unknown[] = [];
    await start(h, {
      eachMessage: async () => {
        await working.promise;
        placed.push(h.client.placer.place(offset));
      },
    });
    void h.a.inner.deliver('orders', 0, 5);
    const stopped = h.consumer.stop();
    await settle();
    expect(h.client.placer.isRunning()).toBe(true);
    working.resolve();
    await stopped;
    expect(placed).toEqual([['orders']]);
    expect(h.client.placer.isRunning()).toBe(false);
  });

  it('are where the group stands, once they are committed', async () => {
    const h = harness();
    await start(h, { autoCommit: false });
    await h.a.inner.deliver('orders', 0, 5);
    h.client.placer.confirms(offset, 1);
    const { participant } = h.client;
    expect(participant.need()?.processed).toMatchObject([{ partition: 0, offset: 6n }]);
  });

  it.each<[whose: string, offset: PhysicalOffset, switchEpoch: number]>([
    ['of a partition that was not read here', { ...offset, partition: 1 }, 1],
    ['beyond what was read', { ...offset, offset: '7' }, 1],
    ['of another epoch', offset, 2],
  ])('are no place of this member %s', async (_whose, committed, switchEpoch) => {
    const h = harness();
    await start(h, { autoCommit: false });
    await h.a.inner.deliver('orders', 0, 5);
    h.client.placer.confirms(committed, switchEpoch);
    expect(h.client.participant.need()?.processed).toEqual([]);
  });

  it('are placed by who has the partition, by either name', async () => {
    const h = harness();
    h.b.assignment = { 'A.orders': [1] };
    await start(h);
    await h.switchTo('B');
    const { placer } = h.client;
    expect(placer.isAssigned('orders', 1)).toBe(true);
    expect(placer.isAssigned('A.orders', 1)).toBe(true);
    expect(placer.isAssigned('orders', 0)).toBe(false);
    expect(placer.isAssigned('bills', 1)).toBe(false);
  });
});
