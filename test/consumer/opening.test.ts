import { describe, expect, it, vi } from 'vitest';
import { controlled, harness, planFor, settle, start, type Harness } from './support.js';

const AT_START = planFor('A', [
  ['orders', 0, 700n],
  ['orders', 1, 900n],
]);

const SEEKS = [
  { topic: 'orders', partition: 0, offset: '700' },
  { topic: 'orders', partition: 1, offset: '900' },
];

/** Runs where the group comes from the other cluster, and has members here: its positions wait for the join. */
function groupWithMembers(): Harness {
  const h = harness({ retry: { restartOnFailure: async () => false } });
  h.a.hasMembers = true;
  h.active.plan = AT_START;
  return h;
}

describe('positions that could not be put in place before the end', () => {
  it('are sought by the next run() where stop() came before the join', async () => {
    const h = groupWithMembers();
    h.a.joinsByItself = false;
    const first = start(h).catch(() => {});
    await settle();
    expect(h.a.inner.runConfig).toBeDefined();
    await h.consumer.stop();
    await first;

    h.a.joinsByItself = true;
    await h.consumer.run({ eachMessage: async () => {} });
    await settle();
    expect(h.a.inners).toHaveLength(2);
    expect(h.a.inner.seeks).toEqual(SEEKS);
  });

  it('are committed by the next run() where its group has no members by then', async () => {
    const h = groupWithMembers();
    h.a.joinsByItself = false;
    const first = start(h).catch(() => {});
    await settle();
    await h.consumer.stop();
    await first;

    h.a.hasMembers = false;
    h.a.joinsByItself = true;
    await h.consumer.run({ eachMessage: async () => {} });
    expect(h.a.idleCommits.map(({ offset }) => offset)).toEqual([700n, 900n]);
    expect(h.a.inner.seeks).toEqual([]);
  });

  it('are sought after a crash that came before the commits were looked at again', async () => {
    const h = groupWithMembers();
    const look = controlled<[]>();
    vi.spyOn(h.a.access, 'committed')
      .mockImplementationOnce(async () => [])
      .mockImplementationOnce(() => look.promise);
    await start(h);
    const down = Object.assign(new Error('down'), { name: 'KafkaJSConnectionError' });
    h.a.inner.crash(down, false);
    await h.world.advance(300);
    look.resolve([]);
    await settle();
    expect(h.a.inners.map(({ seeks }) => seeks)).toEqual([[], SEEKS]);
  });

  it('are sought again where stop() came before they were committed', async () => {
    const h = groupWithMembers();
    h.a.commitDelay = controlled();
    await start(h);
    await settle();
    const [first] = h.a.inners;
    if (first !== undefined) first.storesCommits = false;
    await h.consumer.stop();
    h.a.commitDelay.resolve();
    h.a.commitDelay = undefined;
    await settle();
    await h.consumer.run({ eachMessage: async () => {} });
    await settle();
    expect(h.a.inners.map(({ seeks }) => seeks)).toEqual([SEEKS, SEEKS]);
  });

  it('are forgotten once they are committed, or another epoch has begun', async () => {
    const h = groupWithMembers();
    await start(h);
    await settle();
    expect(h.a.inner.commits).toHaveLength(2);
    await h.consumer.stop();
    await h.consumer.run({ eachMessage: async () => {} });
    await settle();
    expect(h.a.inner.seeks).toEqual([]);
    await h.switchTo('B');
    await settle();
    expect(h.b.inner.seeks).toEqual([]);
  });
});

describe('a seek before the consumer is in its group', () => {
  const DOWN = Object.assign(new Error('down'), { name: 'KafkaJSConnectionError' });
  const seek = { topic: 'orders', partition: 0, offset: '3' };
  const told = { ...seek, topic: 'A.orders' };

  /** After a switch to B, whose consumer is about to join. */
  async function joining(): Promise<Harness> {
    const h = harness();
    await start(h);
    h.b.joinsByItself = false;
    h.b.assignment = { orders: [0] };
    void h.switchTo('B').catch(() => {});
    await settle();
    expect(h.b.inners).toHaveLength(1);
    return h;
  }

  it('is told to the next consumer as well, where the join fails', async () => {
    const h = await joining();
    h.consumer.seek(seek);
    h.b.joinsByItself = true;
    h.b.inner.crash(DOWN, false);
    await h.world.advance(5_000);
    expect(h.b.inners.map(({ seeks }) => seeks)).toEqual([[told], [told]]);
    expect(h.client.status()).toMatchObject({ state: 'running', cluster: 'B' });
  });

  it('is told to the next consumer as well, where nothing was there to seek in', async () => {
    const h = harness();
    await start(h);
    h.b.joinsByItself = false;
    h.b.topicsDelay = controlled();
    void h.switchTo('B').catch(() => {});
    await settle();
    expect(h.b.inners).toHaveLength(0);
    h.consumer.seek(seek);
    h.b.topicsDelay.resolve();
    await settle();
    h.b.joinsByItself = true;
    h.b.inner.crash(DOWN, false);
    await h.world.advance(5_000);
    expect(h.b.inners.map(({ seeks }) => seeks)).toEqual([[told], [told]]);
  });

  it('is told once where the consumer has joined, also when it begins again later', async () => {
    const h = await joining();
    h.consumer.seek(seek);
    h.b.inner.join({ orders: [0] });
    await settle();
    h.b.joinsByItself = true;
    h.b.inner.crash(DOWN, false);
    await h.world.advance(5_000);
    expect(h.b.inners.map(({ seeks }) => seeks)).toEqual([[told], []]);
  });

  it('is reported where the next switch begins before the join', async () => {
    const h = await joining();
    h.consumer.seek(seek);
    await h.switchTo('A');
    expect(h.a.inner.seeks).toEqual([]);
    expect(h.facts).toContainEqual(
      expect.objectContaining({
        name: 'consumer.offset-refused',
        event: expect.objectContaining({
          error: expect.objectContaining({
            message: expect.stringContaining('a switch to A began'),
          }),
        }),
      }),
    );
  });

  it('is told again where kafkajs restarts itself before it has joined: it makes a new group, and forgets', async () => {
    const h = await joining();
    h.consumer.seek(seek);
    h.b.inner.crash(DOWN, true);
    await h.world.advance(5_000);
    h.b.inner.join({ 'A.orders': [0, 1] });
    await settle();
    expect(h.b.inners.map(({ seeks }) => seeks)).toEqual([[told, told]]);
    // Once it is in its group, that is over.
    h.b.inner.crash(DOWN, true);
    h.b.inner.join({ 'A.orders': [0, 1] });
    expect(h.b.inner.seeks).toEqual([told, told]);
  });

  it('is not told again for a partition that it has not got', async () => {
    const h = await joining();
    h.consumer.seek(seek);
    h.b.inner.crash(DOWN, true);
    h.b.inner.join({ 'A.orders': [1] });
    await settle();
    expect(h.b.inner.seeks).toEqual([told]);
  });

  describe('while it waits for a handler, to join anew for a topic that appeared', () => {
    /** A handler of `orders[0]` runs, and the refresh waits for it. */
    async function draining(): Promise<{ h: Harness; release: () => void }> {
      const h = harness();
      const handling = controlled();
      await start(h, { eachMessage: () => handling.promise });
      void h.a.inner.deliver('orders', 0, 5);
      h.a.topics.set('B.orders', 2);
      h.a.assignment = { orders: [1], 'B.orders': [1] };
      await h.world.advance(30_000);
      return { h, release: () => handling.resolve() };
    }

    it('is committed, and not told to the next one: another member may have gone on', async () => {
      const { h, release } = await draining();
      const [before] = h.a.inners;
      h.consumer.seek({ topic: 'orders', partition: 0, offset: '5' });
      release();
      await settle();
      expect(h.a.inners).toHaveLength(2);
      expect(before?.commits).toEqual([{ topic: 'orders', partition: 0, offset: '5' }]);
      expect(h.a.inner.seeks).toEqual([]);
    });

    it('does not come along to another cluster, where a switch has begun', async () => {
      const { h, release } = await draining();
      const going = h.switchTo('B', { planned: true, plan: planFor('B', [['A.orders', 0, 7n]]) });
      await settle();
      h.consumer.seek({ topic: 'orders', partition: 0, offset: '100' });
      h.consumer.seek({ topic: 'orders', partition: 1, offset: '-1' });
      release();
      await going;
      await settle();
      expect(h.client.status().cluster).toBe('B');
      expect(h.b.inner.seeks).toEqual([]);
    });
  });
});
