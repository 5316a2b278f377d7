import type { EachBatchPayload } from 'kafkajs';
import { describe, expect, it, vi } from 'vitest';
import { CONSUMER_EVENTS } from '../../src/consumer/consumer-events.js';
import type { FailoverEachBatchPayload } from '../../src/consumer/types.js';
import { FencedError } from '../../src/errors.js';
import { controlled, FakeBatch, harness, planFor, settle, start, type Harness } from './support.js';

/** The switch's steps one by one, for tests that look in between. */
function steps(h: Harness, alias: 'A' | 'B', planned = false) {
  const { participant } = h.client;
  const turn = h.turnTo(alias, planned);
  const source = h.active.inForce;
  return {
    hold: () => participant.hold(turn),
    drain: () => participant.drain(turn),
    fence: () => {
      h.active.inForce = undefined;
      source?.fence(new FencedError('fenced by the test'));
    },
    detach: () => participant.detach(turn),
    attach: (plan?: ReturnType<typeof planFor>) => {
      h.active.epoch = turn.switchEpoch;
      h.active.inForce = (alias === 'A' ? h.a : h.b).session(turn.switchEpoch);
      return participant.attach(h.active.inForce, plan);
    },
  };
}

/** An unplanned switch up to where the new cluster is opened. */
async function overtake(h: Harness, alias: 'A' | 'B') {
  const s = steps(h, alias);
  s.hold();
  s.fence();
  await s.detach();
  return s;
}

describe('resuming on the other cluster', () => {
  it('commits the plan there before it joins, and reads remote topics under their original name', async () => {
    const h = harness();
    const topics: string[] = [];
    await start(h, {
      eachMessage: async (payload: { topic: string; physicalTopic: string; cluster: string }) => {
        topics.push(`${payload.topic} ${payload.physicalTopic} ${payload.cluster}`);
      },
    });
    await h.switchTo('B', {
      plan: planFor('B', [
        ['A.orders', 0, 7n],
        ['A.orders', 1, 9n],
      ]),
    });

    expect(h.b.idleCommits).toMatchObject([
      { topic: 'A.orders', partition: 0, offset: 7n },
      { topic: 'A.orders', partition: 1, offset: 9n },
    ]);
    expect(h.b.inner.subscriptions.at(-1)).toEqual({ topics: ['A.orders'], fromBeginning: true });
    expect(h.b.inner.config.allowAutoTopicCreation).toBe(false);
    await h.b.inner.deliver('A.orders', 0, 7);
    expect(topics).toEqual(['orders A.orders B']);
    expect(h.facts.map(({ name }) => name)).toEqual(['consumer.attached']);
  });

  it('tells that it is attached with the epoch that it belongs to, when the next switch has begun', async () => {
    const h = harness();
    await start(h);
    h.b.joinsByItself = false;
    const attaching = h.switchTo('B');
    await settle();
    // As the coordinator counts while the next one prepares.
    h.active.epoch = 3;
    h.b.inner.join(h.b.assignment);
    await attaching;
    expect(h.facts).toMatchObject([{ name: 'consumer.attached', event: { switchEpoch: 2 } }]);
  });

  it('commits only what is ahead of what the group has there', async () => {
    const h = harness();
    h.b.committed.set('A.orders/0', 8n);
    h.b.committed.set('A.orders/1', 8n);
    await start(h);
    await h.switchTo('B', {
      plan: planFor('B', [
        ['A.orders', 0, 7n],
        ['A.orders', 1, 9n],
      ]),
    });
    expect(h.b.idleCommits).toMatchObject([{ partition: 1, offset: 9n }]);
  });

  it('joins where other members of its group were there first', async () => {
    const h = harness();
    h.b.hasMembers = true;
    h.b.assignment = { 'A.orders': [0] };
    h.b.committed.set('A.orders/0', 3n);
    await start(h);
    const plan = planFor('B', [
      ['A.orders', 0, 7n],
      ['A.orders', 1, 9n],
    ]);
    await h.switchTo('B', { plan });
    // What could not be put into the group's commits is sought, where it is this member's.
    expect(h.b.inner.seeks).toEqual([{ topic: 'A.orders', partition: 0, offset: '7' }]);
    expect(h.client.status()).toMatchObject({ state: 'running', cluster: 'B' });
  });

  it('does not start where a position is unavailable, and says so', async () => {
    const h = harness();
    await start(h);
    h.heard.length = 0;
    await expect(
      h.switchTo('B', { plan: planFor('B', [['A.orders', 0, 'unavailable']]) }),
    ).rejects.toMatchObject({ code: 'ERR_FAILOVER_POSITION_UNAVAILABLE', topic: 'orders' });
    expect(h.b.inners).toHaveLength(0);
    expect(h.heard.at(-1)).toMatchObject({
      type: CONSUMER_EVENTS.CRASH,
      payload: { restart: false, error: { code: 'ERR_FAILOVER_POSITION_UNAVAILABLE' } },
    });
  });

  it('may be run again where it did not start for good', async () => {
    const h = harness();
    await start(h);
    const plan = planFor('B', [['A.orders', 0, 'unavailable']]);
    await expect(h.switchTo('B', { plan })).rejects.toThrow('no position is known');
    expect(h.client.status().state).toBe('idle');
    await h.consumer.run({ eachMessage: async () => {} });
    expect(h.client.status()).toMatchObject({ state: 'running', cluster: 'B' });
  });

  it('rejects a run that waited for the beginning that was given up', async () => {
    const h = harness();
    await h.consumer.connect();
    await h.consumer.subscribe({ topics: ['orders'] });
    const s = steps(h, 'B');
    s.hold();
    const running = h.consumer.run({ eachMessage: async () => {} });
    const refused = expect(running).rejects.toThrow('no position is known');
    await settle();
    s.fence();
    await s.detach();
    await expect(s.attach(planFor('B', [['A.orders', 0, 'unavailable']]))).rejects.toThrow();
    await refused;
    expect(h.heard.filter(({ type }) => type === CONSUMER_EVENTS.CRASH)).toHaveLength(1);
    expect(h.client.status().state).toBe('idle');
  });

  it('does not count as given up where another switch overtakes it', async () => {
    const h = harness();
    await start(h);
    h.b.topicsError = new Error('down');
    const s = await overtake(h, 'B');
    const attaching = s.attach();
    attaching.catch(() => {});
    await settle();
    await h.switchTo('A');
    await expect(attaching).rejects.toThrow();
    expect(h.heard.map(({ type }) => type)).not.toContain(CONSUMER_EVENTS.CRASH);
    expect(h.client.status()).toMatchObject({ state: 'running', cluster: 'A' });
  });

  it.each([
    ['the target does not answer', new Error('down')],
    [
      'kafkajs trips over its own metadata',
      new TypeError("Cannot read properties of undefined (reading 'leader')"),
    ],
  ])('keeps trying where %s', async (_where, error) => {
    const h = harness();
    await start(h);
    h.b.topicsError = error;
    const switching = h.switchTo('B', { plan: planFor('B', [['A.orders', 0, 7n]]) });
    switching.catch(() => {});
    await h.world.advance(5_000);
    expect(h.client.status().state).toBe('joining');
    h.b.topicsError = undefined;
    await h.world.advance(5_000);
    await switching;
    expect(h.client.status().state).toBe('running');
  });

  it('makes a new inner consumer where kafkajs gave up before the first join', async () => {
    const h = harness();
    h.b.joinsByItself = false;
    await start(h);
    const s = steps(h, 'B');
    s.hold();
    s.fence();
    const attaching = s.attach();
    await settle();
    h.b.inner.crash(new Error('no coordinator'), false);
    h.b.joinsByItself = true;
    await h.world.advance(1_000);
    await attaching;
    expect(h.b.inners).toHaveLength(2);
  });

  it('waits for its topics where none exists yet, and creates nothing', async () => {
    const h = harness();
    h.b.topics.clear();
    await start(h);
    const s = steps(h, 'B');
    s.hold();
    s.fence();
    const attaching = s.attach();
    await h.world.advance(3_000);
    expect(h.b.inners).toHaveLength(0);
    h.b.topics.set('A.orders', 1);
    await h.world.advance(1_000);
    await attaching;
    expect(h.b.inner.subscriptions.at(-1)?.topics).toEqual(['A.orders']);
  });

  it('reads both logs where both exist, each from its beginning', async () => {
    const h = harness();
    h.b.topics.set('orders', 2);
    await start(h);
    await h.switchTo('B');
    expect(h.b.inner.subscriptions.at(-1)).toEqual({
      topics: ['orders', 'A.orders'],
      fromBeginning: true,
    });
  });

  it('shows a switch as REBALANCING at its start and GROUP_JOIN, by original names, at its end', async () => {
    const h = harness();
    h.b.topics.set('orders', 2);
    h.b.assignment = { 'A.orders': [0, 1], orders: [0, 1] };
    await start(h);
    h.heard.length = 0;
    const s = steps(h, 'B');
    s.hold();
    const old = h.a.inner;
    s.fence();
    old.crash(new Error('connection lost'), false);
    old.emit(CONSUMER_EVENTS.STOP, null);
    old.emit(CONSUMER_EVENTS.DISCONNECT, null);
    await s.detach();
    await s.attach();
    expect(h.heard.map(({ type }) => type)).toEqual([
      CONSUMER_EVENTS.REBALANCING,
      CONSUMER_EVENTS.GROUP_JOIN,
    ]);
    expect(h.heard.at(-1)?.payload).toMatchObject({ memberAssignment: { orders: [0, 1] } });
  });

  it('contains a listener that throws while the consumer begins on the new cluster', async () => {
    const h = harness();
    await start(h);
    h.consumer.on('consumer.group_join', () => {
      throw new Error('a bug of the service');
    });
    await h.switchTo('B');
    expect(h.client.status().state).toBe('running');
    expect(h.facts.map(({ name }) => name)).toContain('listener.failed');
  });

  it('begins on the new cluster where run was called during the switch', async () => {
    const h = harness();
    await h.consumer.connect();
    await h.consumer.subscribe({ topics: ['orders'] });
    const s = steps(h, 'B');
    s.hold();
    const running = h.consumer.run({ eachMessage: async () => {} });
    await settle();
    expect(h.a.inner.runConfig).toBeUndefined();
    s.fence();
    await s.attach();
    await running;
    expect(h.b.inner.runConfig).toBeDefined();
  });

  it('skips nothing where the first run of the service is on the cluster that it failed over to', async () => {
    const h = harness();
    h.b.topics.set('orders', 1);
    await h.consumer.connect();
    await h.consumer.subscribe({ topics: ['orders'], fromBeginning: false });
    const s = steps(h, 'B');
    s.hold();
    const running = h.consumer.run({ eachMessage: async () => {} });
    s.fence();
    await s.attach(planFor('B', [['A.orders', 0, 7n]]));
    await running;
    expect(h.b.inner.subscriptions.at(-1)).toEqual({
      topics: ['orders', 'A.orders'],
      fromBeginning: true,
    });
  });

  it('gives up a beginning on the old cluster that a switch overtakes', async () => {
    const h = harness();
    await h.consumer.connect();
    await h.consumer.subscribe({ topics: ['orders'] });
    h.a.topicsDelay = controlled();
    const running = h.consumer.run({ eachMessage: async () => {} });
    await settle();
    const s = steps(h, 'B', true);
    s.hold();
    h.a.topicsDelay.resolve();
    await settle();
    await s.drain();
    expect(h.a.inners.map(({ runConfig }) => runConfig)).toEqual([undefined]);
    s.fence();
    await s.attach();
    await running;
    expect(h.client.status()).toMatchObject({ state: 'running', cluster: 'B' });
  });

  it('does not begin on the new cluster where stop was called during the switch', async () => {
    const h = harness();
    await start(h);
    const s = steps(h, 'B');
    s.hold();
    s.fence();
    await h.consumer.stop();
    await s.detach();
    await s.attach();
    expect(h.b.inners.map(({ runConfig }) => runConfig)).not.toContainEqual(expect.anything());
    expect(h.client.participant.need()).toBeUndefined();
  });

  it('does not fail a switch where stop was called while it began on the new cluster', async () => {
    const h = harness();
    h.b.joinsByItself = false;
    await start(h);
    const s = steps(h, 'B');
    s.hold();
    s.fence();
    const attaching = s.attach();
    await settle();
    await h.consumer.stop();
    await attaching;
    expect(h.client.status().state).toBe('idle');
  });

  it("begins on the new cluster also where a handler's error killed it in the middle of the switch", async () => {
    const h = harness();
    await start(h);
    const s = steps(h, 'B', true);
    s.hold();
    h.a.inner.crash(new TypeError('a bug'), false);
    await s.drain();
    s.fence();
    await s.detach();
    await s.attach();
    expect(h.client.status()).toMatchObject({ state: 'running', cluster: 'B' });
  });

  it('goes back to its own positions where a planned switch is rolled back', async () => {
    const h = harness();
    await start(h);
    await h.a.inner.deliver('orders', 0, 4);
    h.a.inner.storesCommits = false;
    await expect(h.switchTo('A', { planned: true })).rejects.toThrow(/Not committed/);
    const s = steps(h, 'A');
    s.fence();
    await s.detach();
    await s.attach();
    expect(h.a.idleCommits).toMatchObject([{ topic: 'orders', partition: 0, offset: 5n }]);
    expect(h.a.inners).toHaveLength(2);
  });
});

describe('what a consumer says of its progress', () => {
  it('is what it handled on the cluster that is left', async () => {
    const h = harness();
    await start(h);
    await h.a.inner.deliver('orders', 0, 41);
    expect(h.client.participant.need()?.processed).toHaveLength(1);
    await overtake(h, 'B');
    expect(h.client.participant.need()?.processed).toMatchObject([
      { physicalTopic: 'orders', partition: 0, offset: 42n, deliveredBelow: 42n },
    ]);
  });

  it('is nothing where it is sent on before it began: offsets of one cluster are none of the other', async () => {
    const h = harness();
    h.b.topics.set('orders', 1);
    await start(h);
    await h.a.inner.deliver('orders', 0, 41);
    const there = await overtake(h, 'B');
    h.b.topicsError = new Error('down');
    there.attach(planFor('B', [['orders', 0, 0n]])).catch(() => {});
    await settle();
    const back = steps(h, 'A');
    back.hold();
    expect(h.client.participant.need()?.processed).toEqual([]);
    back.fence();
    await back.detach();
    expect(h.client.participant.need()?.processed).toEqual([]);
  });
});

describe('what a switch leaves behind', () => {
  it('starts no handler from hold on, and lets kafkajs go only at the fence', async () => {
    const h = harness();
    const handler = vi.fn(async () => {});
    await start(h, { eachMessage: handler });
    const s = steps(h, 'B');
    s.hold();
    let isBack = false;
    const delivered = h.a.inner.deliver('orders', 0, 1);
    delivered.catch(() => {
      isBack = true;
    });
    await settle();
    expect(isBack).toBe(false);
    s.fence();
    await expect(delivered).rejects.toMatchObject({ code: 'ERR_FAILOVER_FENCED' });
    expect(handler).not.toHaveBeenCalled();
  });

  it('drains: the handler ends, its record is committed by the member itself, the group is left', async () => {
    const h = harness();
    const handling = controlled();
    await start(h, { eachMessage: () => handling.promise });
    void h.a.inner.deliver('orders', 1, 41);
    const s = steps(h, 'B', true);
    s.hold();
    let isDrained = false;
    const draining = s.drain().then(() => (isDrained = true));
    await settle();
    expect(isDrained).toBe(false);
    handling.resolve();
    await draining;
    expect(h.a.inner.commits).toEqual([{ topic: 'orders', partition: 1, offset: '42' }]);
    s.fence();
    await s.detach();
    await s.attach();
    expect(h.a.left).toEqual(['member-0']);
  });

  it('leaves the group of a cluster that is given up, once its handlers have ended', async () => {
    const h = harness();
    const handling = controlled();
    await start(h, { eachMessage: () => handling.promise });
    void h.a.inner.deliver('orders', 0, 1);
    const s = steps(h, 'B');
    s.hold();
    s.fence();
    const detaching = s.detach();
    await settle();
    expect(h.a.left).toEqual([]);
    handling.resolve();
    await detaching;
    await settle();
    expect(h.a.left).toEqual(['member-0']);
  });

  it('removes its own dead members when it comes back, before it commits for the group', async () => {
    const h = harness();
    await start(h);
    h.a.leaveError = new Error('down');
    await h.switchTo('B');
    expect(h.a.left).toEqual([]);
    h.a.leaveError = undefined;
    h.a.hasMembers = true;
    h.a.onLeave = () => {
      h.a.hasMembers = false;
    };
    await h.switchTo('A', { plan: planFor('A', [['orders', 0, 7n]]) });
    expect(h.a.left).toEqual(['member-0']);
    expect(h.a.idleCommits).toMatchObject([{ topic: 'orders', partition: 0, offset: 7n }]);
  });

  it('commits nothing for a record whose handler failed, and nothing twice', async () => {
    const h = harness();
    await start(h, {
      eachMessage: async ({ message }: { message: { offset: string } }) => {
        if (message.offset === '6') throw new Error('bad record');
      },
    });
    await h.a.inner.deliver('orders', 0, 5);
    await h.a.inner.deliver('orders', 0, 6).catch(() => {});
    await h.a.inner.deliver('orders', 1, 1);
    h.a.inner.emit(CONSUMER_EVENTS.COMMIT_OFFSETS, {
      topics: [{ topic: 'orders', partitions: [{ partition: '1', offset: '2' }] }],
    });
    const s = steps(h, 'B', true);
    s.hold();
    await s.drain();
    expect(h.a.inner.commits).toEqual([{ topic: 'orders', partition: 0, offset: '6' }]);
  });

  it('lets commits that are on their way arrive before the group is left', async () => {
    const h = harness();
    await start(h, { autoCommit: false });
    h.a.commitDelay = controlled();
    const committing = h.consumer.commitOffsets([{ topic: 'orders', partition: 0, offset: '6' }]);
    const s = steps(h, 'B', true);
    s.hold();
    const draining = s.drain();
    await settle();
    expect(h.a.left).toEqual([]);
    h.a.commitDelay.resolve();
    await draining;
    await committing;
    expect(h.a.left).toEqual(['member-0']);
  });

  it('keeps to itself what its group does while it is held', async () => {
    const h = harness();
    await start(h);
    const s = steps(h, 'B', true);
    s.hold();
    h.heard.length = 0;
    h.a.inner.emit(CONSUMER_EVENTS.REBALANCING, {});
    h.a.inner.join({ orders: [0] });
    h.a.inner.crash(new Error('late'), false);
    expect(h.heard).toEqual([]);
    const restart = h.a.inner.config.retry?.restartOnFailure?.(new Error('late'));
    await expect(restart).resolves.toBe(false);
  });

  it('does not commit for partitions that went to another member', async () => {
    const h = harness();
    await start(h);
    await h.a.inner.deliver('orders', 0, 5);
    await h.a.inner.deliver('orders', 1, 5);
    h.a.inner.join({ orders: [1] });
    await h.a.inner.deliver('orders', 1, 6);
    const s = steps(h, 'B', true);
    s.hold();
    await s.drain();
    expect(h.a.inner.commits).toEqual([{ topic: 'orders', partition: 1, offset: '7' }]);
  });

  it('takes back no commit of a member that had the partition while this one was expelled', async () => {
    const h = harness();
    await start(h);
    await h.a.inner.deliver('orders', 0, 5);
    h.a.inner.join({ orders: [0] }, 'another-id');
    const s = steps(h, 'B', true);
    s.hold();
    await s.drain();
    expect(h.a.inner.commits).toEqual([]);
    expect(h.client.participant.need()?.processed).toEqual([]);
  });

  it('does not know how far others handled a partition that came from one of them', async () => {
    const h = harness();
    h.a.assignment = { orders: [0] };
    await start(h);
    await h.a.inner.deliver('orders', 0, 5);
    h.a.inner.join({ orders: [0, 1] });
    await h.a.inner.deliver('orders', 1, 7);
    expect(h.client.participant.need()?.processed).toMatchObject([
      { partition: 0, deliveredBelow: 6n },
      { partition: 1, deliveredBelow: undefined },
    ]);
    h.a.inner.join({ orders: [0] }, 'another-id');
    await h.a.inner.deliver('orders', 0, 5);
    expect(h.client.participant.need()?.processed).toMatchObject([
      { partition: 0, deliveredBelow: undefined },
    ]);
  });

  it('does not forget what was handled where a rejoin has it delivered again', async () => {
    const h = harness();
    await start(h);
    await h.a.inner.deliver('orders', 0, 5);
    await h.a.inner.deliver('orders', 0, 6);
    h.a.inner.join({ orders: [0] });
    await h.a.inner.deliver('orders', 0, 2);
    expect(h.client.participant.need()?.processed).toMatchObject([{ offset: 6n }]);
  });

  it('commits where user code moved a partition to, although kafkajs has not gone there yet', async () => {
    const h = harness();
    await start(h);
    await h.a.inner.deliver('orders', 0, 5);
    h.consumer.seek({ topic: 'orders', partition: 0, offset: '2' });
    const s = steps(h, 'B', true);
    s.hold();
    await s.drain();
    expect(h.a.inner.commits).toEqual([{ topic: 'orders', partition: 0, offset: '2' }]);
  });

  it('knows after the fence what was handled, to the record', async () => {
    const h = harness();
    const handling = controlled();
    await start(h, {
      eachMessage: ({ partition }: { partition: number }) =>
        partition === 0 ? handling.promise : Promise.resolve(),
    });
    void h.a.inner.deliver('orders', 0, 10);
    await h.a.inner.deliver('orders', 1, 20);
    expect(h.client.participant.need()?.processed).toMatchObject([
      { physicalTopic: 'orders', partition: 0, offset: 10n, deliveredBelow: 11n },
      { physicalTopic: 'orders', partition: 1, offset: 20n, deliveredBelow: 21n },
    ]);
    const s = steps(h, 'B');
    s.hold();
    s.fence();
    let isDetached = false;
    const detaching = s.detach().then(() => (isDetached = true));
    await settle();
    expect(isDetached).toBe(false);
    handling.resolve();
    await detaching;
    expect(h.client.participant.need()).toMatchObject({
      groupId: 'billing',
      selectors: ['orders'],
      processed: [
        { physicalTopic: 'orders', partition: 0, offset: 11n, deliveredBelow: 11n },
        { physicalTopic: 'orders', partition: 1, offset: 21n, deliveredBelow: 21n },
      ],
    });
  });

  it('counts only what the user committed where autoCommit is off', async () => {
    const h = harness();
    await start(h, { autoCommit: false });
    await h.a.inner.deliver('orders', 0, 10);
    await h.a.inner.deliver('orders', 0, 11);
    await h.consumer.commitOffsets([{ topic: 'orders', partition: 0, offset: '11' }]);
    const s = steps(h, 'B', true);
    s.hold();
    await s.drain();
    s.fence();
    await s.detach();
    expect(h.a.inner.commits).toHaveLength(1);
    expect(h.client.participant.need()?.processed).toMatchObject([
      { physicalTopic: 'orders', partition: 0, offset: 11n, deliveredBelow: 12n },
    ]);
  });

  it('treats a seek back in a handler that ends well as the user meant it', async () => {
    const h = harness();
    await start(h, {
      eachMessage: async () => {
        h.consumer.seek({ topic: 'orders', partition: 0, offset: '10' });
      },
    });
    await h.a.inner.deliver('orders', 0, 10);
    await overtake(h, 'B');
    expect(h.client.participant.need()?.processed).toMatchObject([
      {
        physicalTopic: 'orders',
        partition: 0,
        offset: 10n,
        deliveredBelow: 11n,
        rewoundBelow: 11n,
      },
    ]);
  });

  it('never runs two handlers for one logical partition, also where an old one overran the switch', async () => {
    const h = harness();
    const old = controlled();
    const handled: string[] = [];
    await start(h, {
      eachMessage: async ({ cluster }: { cluster: string }) => {
        if (cluster === 'A') await old.promise;
        handled.push(cluster);
      },
    });
    void h.a.inner.deliver('orders', 0, 1);
    const s = steps(h, 'B');
    s.hold();
    s.fence();
    // The coordinator gave up waiting for detach.
    await s.attach();
    const delivered = h.b.inner.deliver('A.orders', 0, 1);
    await h.world.advance(3_000);
    expect(handled).toEqual([]);
    expect(h.b.inner.heartbeatCount).toBeGreaterThan(0);
    old.resolve();
    await delivered;
    expect(handled).toEqual(['A', 'B']);
  });

  it('keeps pauses over a switch, for every log of the topic', async () => {
    const h = harness();
    h.b.topics.set('orders', 2);
    h.b.assignment = { 'A.orders': [0, 1], orders: [0, 1] };
    await start(h);
    h.consumer.pause([{ topic: 'orders', partitions: [1] }]);
    await h.switchTo('B');
    expect(h.b.inner.pauses).toEqual([
      { method: 'pause', topic: 'orders', partitions: [1] },
      { method: 'pause', topic: 'A.orders', partitions: [1] },
    ]);
    expect(h.consumer.paused()).toEqual([{ topic: 'orders', partitions: [1] }]);
  });

  it("resumes by the function that a payload's pause returned before the switch", async () => {
    const h = harness();
    let resume = (): void => {};
    await start(h, {
      eachMessage: async ({ pause }: { pause: () => () => void }) => {
        resume = pause();
      },
    });
    await h.a.inner.deliver('orders', 0, 1);
    expect(h.consumer.paused()).toEqual([{ topic: 'orders', partitions: [0] }]);
    await h.switchTo('B');
    h.b.inner.pauses.length = 0;
    resume();
    expect(h.b.inner.pauses).toEqual([{ method: 'resume', topic: 'A.orders', partitions: [0] }]);
    expect(h.consumer.paused()).toEqual([]);
  });

  it('heartbeats of an older epoch do nothing', async () => {
    const h = harness();
    let heartbeat = async (): Promise<void> => {};
    await start(h, {
      eachMessage: async (payload: { heartbeat: () => Promise<void> }) => {
        heartbeat = payload.heartbeat;
      },
    });
    await h.a.inner.deliver('orders', 0, 1);
    await heartbeat();
    expect(h.a.inner.heartbeatCount).toBe(1);
    await h.switchTo('B');
    await heartbeat();
    expect(h.a.inner.heartbeatCount).toBe(1);
  });
});

describe('offsets that user code hands back', () => {
  it('refuses one of an older epoch, and forwards one of this', async () => {
    const h = harness();
    await start(h, { autoCommit: false });
    await h.a.inner.deliver('orders', 0, 500);
    await h.switchTo('B');
    await h.b.inner.deliver('A.orders', 0, 90);
    await expect(
      h.consumer.commitOffsets([{ topic: 'orders', partition: 0, offset: '501' }]),
    ).rejects.toMatchObject({ code: 'ERR_FAILOVER_STALE_OFFSET', topic: 'orders', partition: 0 });
    expect(() => h.consumer.seek({ topic: 'orders', partition: 0, offset: '500' })).toThrow(
      expect.objectContaining({ code: 'ERR_FAILOVER_STALE_OFFSET' }),
    );
    expect(h.facts.filter(({ name }) => name === 'consumer.offset-refused')).toHaveLength(2);
    await h.consumer.commitOffsets([
      { topic: 'orders', partition: 0, offset: '91', metadata: 'mine' },
    ]);
    expect(h.b.inner.commits).toEqual([
      { topic: 'A.orders', partition: 0, offset: '91', metadata: 'mine' },
    ]);
    expect(h.b.inner.seeks).toEqual([]);
  });

  it('refuses by switchEpoch where the numbers would fit', async () => {
    const h = harness();
    await start(h);
    await h.a.inner.deliver('orders', 0, 90);
    await h.switchTo('B');
    await h.b.inner.deliver('A.orders', 0, 90);
    const commit = { topic: 'orders', partition: 0, offset: '91' };
    await expect(h.consumer.commitOffsets([{ ...commit, switchEpoch: 1 }])).rejects.toMatchObject({
      code: 'ERR_FAILOVER_STALE_OFFSET',
    });
    await h.consumer.commitOffsets([{ ...commit, switchEpoch: 2 }]);
  });

  it('refuses, with the remedy, where two logs delivered it', async () => {
    const h = harness();
    h.b.topics.set('orders', 2);
    h.b.assignment = { 'A.orders': [0], orders: [0] };
    await start(h, { autoCommit: false });
    await h.switchTo('B');
    await h.b.inner.deliver('A.orders', 0, 5);
    await h.b.inner.deliver('orders', 0, 5);
    const commit = { topic: 'orders', partition: 0, offset: '6' };
    await expect(h.consumer.commitOffsets([commit])).rejects.toThrow(/payload\.physicalTopic/);
    await h.consumer.commitOffsets([{ ...commit, physicalTopic: 'orders' }]);
    // The local log's commit is there now: what is still open can only be the other one's.
    await h.consumer.commitOffsets([commit]);
    expect(h.b.inner.commits.map(({ topic }) => topic)).toEqual(['orders', 'A.orders']);
  });

  it('moves every log of a topic to its beginning or end', async () => {
    const h = harness();
    h.b.topics.set('orders', 2);
    h.b.assignment = { 'A.orders': [0], orders: [0] };
    await start(h);
    await h.switchTo('B');
    h.consumer.seek({ topic: 'orders', partition: 0, offset: '-2' });
    expect(h.b.inner.seeks.map(({ topic }) => topic)).toEqual(['orders', 'A.orders']);
  });

  it('refuses everything of a partition whose older handler still runs', async () => {
    const h = harness();
    const old = controlled();
    await start(h, {
      eachMessage: ({ cluster }: { cluster: string }) =>
        cluster === 'A' ? old.promise : Promise.resolve(),
    });
    void h.a.inner.deliver('orders', 0, 7);
    const s = steps(h, 'B');
    s.hold();
    s.fence();
    await s.attach();
    // Nothing was delivered here, and 3 is not known from A: only the running handler tells.
    const commit = { topic: 'orders', partition: 0, offset: '3' };
    await expect(h.consumer.commitOffsets([commit])).rejects.toMatchObject({
      code: 'ERR_FAILOVER_STALE_OFFSET',
    });
    old.resolve();
    await settle();
    await h.consumer.commitOffsets([commit]);
  });

  it('refuses commits and seeks while a switch is under way', async () => {
    const h = harness();
    await start(h);
    const s = steps(h, 'B');
    s.hold();
    s.fence();
    const entry = { topic: 'orders', partition: 0, offset: '3' };
    await expect(h.consumer.commitOffsets([entry])).rejects.toMatchObject({
      code: 'ERR_FAILOVER_FENCED',
    });
    expect(() => h.consumer.seek(entry)).toThrow(
      expect.objectContaining({ code: 'ERR_FAILOVER_FENCED' }),
    );
  });

  it('still commits for handlers that a planned switch waits for', async () => {
    const h = harness();
    const handling = controlled();
    await start(h, {
      autoCommit: false,
      eachMessage: async () => {
        await handling.promise;
        await h.consumer.commitOffsets([{ topic: 'orders', partition: 0, offset: '6' }]);
      },
    });
    void h.a.inner.deliver('orders', 0, 5);
    const s = steps(h, 'B', true);
    s.hold();
    const draining = s.drain();
    handling.resolve();
    await draining;
    expect(h.a.inner.commits).toEqual([{ topic: 'orders', partition: 0, offset: '6' }]);
  });

  it('settles a commit at the fence, whose answer may never come', async () => {
    const h = harness();
    await start(h);
    h.a.commitDelay = controlled();
    const committing = h.consumer.commitOffsets([{ topic: 'orders', partition: 0, offset: '6' }]);
    await settle();
    h.active.inForce?.fence(new FencedError('fenced by the test'));
    await expect(committing).rejects.toMatchObject({ code: 'ERR_FAILOVER_FENCED' });
  });
});

describe('batches', () => {
  async function startBatches(
    h: Harness,
    eachBatch: (payload: FailoverEachBatchPayload) => Promise<void>,
    run: object = {},
  ): Promise<void> {
    await h.consumer.connect();
    await h.consumer.subscribe({ topics: ['orders'] });
    await h.consumer.run({ eachBatch, ...run });
  }

  it("hands out kafkajs's own batch; where it has another name here, its prototype", async () => {
    const h = harness();
    const seen: FailoverEachBatchPayload[] = [];
    await startBatches(h, async (payload) => {
      seen.push(payload);
    });
    const local = new FakeBatch('orders', 0, [1, 2]);
    await h.a.inner.deliverBatch(local);
    expect(seen[0]?.batch).toBe(local);
    await h.switchTo('B');
    const remote = new FakeBatch('A.orders', 0, [3, 4]);
    await h.b.inner.deliverBatch(remote);
    const batch = seen[1]?.batch;
    expect(Object.getPrototypeOf(batch)).toBe(remote);
    expect(batch).toMatchObject({ topic: 'orders', partition: 0 });
    expect(batch?.messages).toBe(remote.messages);
    expect(batch?.lastOffset()).toBe('4');
    expect(seen[1]).toMatchObject({ physicalTopic: 'A.orders', cluster: 'B', switchEpoch: 2 });
  });

  it('counts what the handler resolved where it left a batch early, and keeps kafkajs from resolving the rest', async () => {
    const h = harness();
    const proceed = controlled();
    await startBatches(h, async ({ batch, resolveOffset, isRunning, isStale }) => {
      for (const { offset } of batch.messages) {
        if (!isRunning() || isStale()) return;
        resolveOffset(offset);
        await proceed.promise;
      }
    });
    let isBack = false;
    const delivered = h.a.inner.deliverBatch(new FakeBatch('orders', 0, [10, 11, 12]));
    const back = (): void => {
      isBack = true;
    };
    delivered.then(back, back);
    const s = steps(h, 'B', true);
    s.hold();
    const draining = s.drain();
    await settle();
    proceed.resolve();
    await draining;
    expect(h.a.inner.commits).toEqual([{ topic: 'orders', partition: 0, offset: '11' }]);
    expect(h.client.participant.need()?.processed).toMatchObject([{ offset: 11n }]);
    await expect(delivered).rejects.toThrow();
    expect(isBack).toBe(true);
  });

  it('counts the whole batch where its handler ended well and did not look', async () => {
    const h = harness();
    await startBatches(h, async () => {});
    void h.a.inner.deliverBatch(new FakeBatch('orders', 0, [10, 11, 12]));
    await overtake(h, 'B');
    expect(h.client.participant.need()?.processed).toMatchObject([{ offset: 13n }]);
  });

  it('counts nothing unresolved where eachBatchAutoResolve is off', async () => {
    const h = harness();
    await startBatches(h, async ({ resolveOffset }) => resolveOffset('11'), {
      eachBatchAutoResolve: false,
    });
    await h.a.inner.deliverBatch(new FakeBatch('orders', 0, [10, 11, 12]));
    await overtake(h, 'B');
    expect(h.client.participant.need()?.processed).toMatchObject([{ offset: 12n }]);
  });

  it('refuses what a batch of an older epoch still wants', async () => {
    const h = harness();
    let kept: FailoverEachBatchPayload | undefined;
    await startBatches(h, async (payload) => {
      kept = payload;
    });
    await h.a.inner.deliverBatch(new FakeBatch('orders', 0, [1]));
    h.a.inner.resolved.length = 0;
    await h.switchTo('B');
    kept?.resolveOffset('1');
    expect(h.a.inner.resolved).toEqual([]);
    expect(kept?.uncommittedOffsets()).toEqual({ topics: [] });
    await expect(kept?.commitOffsetsIfNecessary()).rejects.toMatchObject({
      code: 'ERR_FAILOVER_STALE_OFFSET',
    });
    expect(kept?.isRunning()).toBe(false);
    expect(kept?.isStale()).toBe(true);
    expect(h.facts.filter(({ name }) => name === 'consumer.offset-refused')).toHaveLength(2);
  });

  it('takes back what uncommittedOffsets gave, under whatever name', async () => {
    const h = harness();
    h.b.topics.set('orders', 2);
    const committed: unknown[] = [];
    const commit: EachBatchPayload['commitOffsetsIfNecessary'] = async (offsets) => {
      committed.push(offsets);
    };
    await startBatches(h, async (payload) => {
      const offsets = payload.uncommittedOffsets();
      expect(offsets.topics).toMatchObject([{ topic: 'orders' }]);
      await payload.commitOffsetsIfNecessary(offsets);
      // And by hand, as the documentation of kafkajs shows it: the batch's own partition needs no guess.
      const { topic, partition } = payload.batch;
      await payload.commitOffsetsIfNecessary({
        topics: [{ topic, partitions: [{ partition, offset: '7' }] }],
      });
    });
    await h.switchTo('B');
    await h.b.inner.deliverBatch(new FakeBatch('orders', 0, [6]));
    await h.b.inner.deliverBatch(new FakeBatch('A.orders', 0, [6]), commit);
    const expected = {
      topics: [{ topic: 'A.orders', partitions: [{ partition: 0, offset: '7', metadata: null }] }],
    };
    expect(committed).toEqual([expected, expected]);
  });
});

describe('topics that appear later', () => {
  it('joins anew, in order, and says so', async () => {
    const h = harness();
    await start(h);
    await h.a.inner.deliver('orders', 0, 5);
    const first = h.a.inner;
    h.a.topics.set('B.orders', 2);
    h.a.assignment = { orders: [0, 1], 'B.orders': [0, 1] };
    // The next switch prepares.
    h.active.epoch = 2;
    await h.world.advance(30_000);
    expect(h.a.inners).toHaveLength(2);
    expect(first.commits).toEqual([{ topic: 'orders', partition: 0, offset: '6' }]);
    expect(h.a.left).toEqual(['member-0']);
    expect(h.a.inner.subscriptions).toEqual([
      { topics: ['B.orders'], fromBeginning: true },
      { topics: ['orders'], fromBeginning: false },
    ]);
    expect(h.facts).toMatchObject([
      {
        name: 'consumer.resubscribed',
        event: {
          consumer: 'consumer-1',
          cluster: 'A',
          switchEpoch: 1,
          topics: ['orders', 'B.orders'],
        },
      },
    ]);
    // What it had handled before is known still.
    expect(h.client.participant.need()?.processed).toContainEqual(
      expect.objectContaining({
        physicalTopic: 'orders',
        partition: 0,
        offset: 6n,
        deliveredBelow: 6n,
      }),
    );
  });

  it('looks at once where the group knows more topics than this member', async () => {
    const h = harness();
    await start(h);
    h.a.topics.set('B.orders', 2);
    h.a.inner.emit(CONSUMER_EVENTS.RECEIVED_UNSUBSCRIBED_TOPICS, {
      topicsNotSubscribed: ['B.orders'],
    });
    await settle();
    expect(h.a.inners).toHaveLength(2);
  });

  it('lets a switch overtake it', async () => {
    const h = harness();
    const handling = controlled();
    await start(h, { eachMessage: () => handling.promise });
    void h.a.inner.deliver('orders', 0, 5);
    h.a.topics.set('B.orders', 2);
    await h.world.advance(30_000);
    const s = steps(h, 'B', true);
    s.hold();
    const draining = s.drain();
    handling.resolve();
    await draining;
    s.fence();
    await s.detach();
    expect(h.a.inners).toHaveLength(1);
    expect(h.client.participant.need()?.processed).toMatchObject([{ offset: 6n }]);
    await s.attach();
    expect(h.client.status()).toMatchObject({ state: 'running', cluster: 'B' });
    expect(h.facts.map(({ name }) => name)).toEqual(['consumer.attached']);
  });

  it('does not look where nothing can be added', async () => {
    const h = harness();
    h.a.topics.set('B.orders', 2);
    await start(h);
    expect(h.world.timerCount).toBe(0);
  });
});
