import { describe, expect, it, vi } from 'vitest';
import { CONSUMER_EVENTS } from '../../src/consumer/consumer-events.js';
import type { Commit } from '../../src/cluster/access.js';
import { controlled, harness, planFor, settle, start } from './support.js';

const PLAN_B = planFor('B', [
  ['A.orders', 0, 7n],
  ['A.orders', 1, 9n],
]);
const PLAN_A = planFor('A', [
  ['orders', 0, 700n],
  ['orders', 1, 900n],
]);

describe('an opening that was called off', () => {
  it('commits nothing for the group when its consumer was stopped: somebody may have set the group by hand', async () => {
    const h = harness();
    await start(h);
    const first = controlled<readonly Commit[]>();
    vi.spyOn(h.b.access, 'committed').mockImplementationOnce(() => first.promise);
    void h.switchTo('B', { plan: PLAN_B }).catch(() => {});
    await settle();
    await h.consumer.stop();
    await settle();
    // The consumer is stopped: an operator sets the group (admin.setOffsets), then B answers the old question.
    h.b.committed.set('A.orders/0', 1n);
    first.resolve([]);
    await settle();
    expect(h.b.idleCommits).toEqual([]);
  });

  it('does not forget the late positions of the next one, where the cluster answers after the way back', async () => {
    const h = harness();
    await start(h);
    const committed = controlled<readonly Commit[]>();
    vi.spyOn(h.b.access, 'committed').mockImplementation(() => committed.promise);
    const toB = h.switchTo('B', { plan: PLAN_B }).catch(() => {});
    await settle();
    // B dies before it has answered: back to A, whose group has dead members.
    h.a.hasMembers = true;
    h.a.assignment = { orders: [0] };
    await h.switchTo('A', { plan: PLAN_A });
    await toB;
    await settle();
    const session = h.active.inForce;
    if (session === undefined) throw new Error('no session');
    const before = h.client.latePositions('billing', session).map((one) => one.offset);
    expect(before).toEqual([900n]);
    committed.resolve([
      { topic: 'A.orders', partition: 0, offset: 7n, metadata: '' },
      { topic: 'A.orders', partition: 1, offset: 9n, metadata: '' },
    ]);
    await settle();
    expect(h.client.latePositions('billing', session).map((one) => one.offset)).toEqual([900n]);
  });

  it('does not go on behind its wait for members that depart', async () => {
    const h = harness();
    await start(h);
    const left = controlled();
    let leaveCount = 0;
    // Epoch 1 on A: the member cannot leave at the fence, and the leave on the way back hangs.
    h.a.leaveError = new Error('down');
    await h.switchTo('B', { plan: PLAN_B });
    h.a.leaveError = undefined;
    vi.spyOn(h.a.access, 'leaveGroup').mockImplementation(async () => {
      leaveCount += 1;
      await left.promise;
    });
    const toA = h.switchTo('A', { plan: PLAN_A }).catch(() => {});
    await settle();
    expect(leaveCount).toBeGreaterThan(0);
    h.b.hasMembers = true;
    h.b.joinsByItself = false;
    const plan = planFor('B', [
      ['A.orders', 0, 70n],
      ['A.orders', 1, 90n],
    ]);
    const toB = h.switchTo('B', { plan }).catch(() => {});
    await settle();
    const session = h.active.inForce;
    if (session === undefined) throw new Error('no session');
    const offsets = () => h.client.latePositions('billing', session).map((one) => one.offset);
    expect(offsets()).toEqual([70n, 90n]);
    left.resolve();
    await settle();
    expect(offsets()).toEqual([70n, 90n]);
    void [toA, toB];
  });

  it('does not bring its positions back over a seek, where the consumer was stopped and run again before the cluster answered', async () => {
    const h = harness();
    await start(h);
    const first = controlled<readonly Commit[]>();
    const committed = vi.spyOn(h.b.access, 'committed').mockImplementationOnce(() => first.promise);
    void h.switchTo('B', { plan: PLAN_B }).catch(() => {});
    await settle();
    await h.consumer.stop();
    await h.consumer.run({ eachMessage: async () => {} });
    await settle();
    expect(committed.mock.calls.length).toBeGreaterThan(1);
    const session = h.active.inForce;
    if (session === undefined) throw new Error('no session');
    expect(h.client.latePositions('billing', session)).toEqual([]);
    h.b.hasMembers = true;
    // The user wants old records again; then the old question is answered, with what was known before.
    h.consumer.seek({ topic: 'orders', partition: 0, offset: '2' });
    first.resolve([]);
    await settle();
    expect(h.client.latePositions('billing', session)).toEqual([]);
  });
});

describe('positions that are kept for a partition of another member', () => {
  it('do not jump over what that member is going through again, when the partition comes here', async () => {
    const h = harness();
    h.b.hasMembers = true;
    h.b.assignment = { 'A.orders': [1] };
    await start(h);
    await h.switchTo('B', { plan: PLAN_B });
    await settle();
    // Another consumer of the group has put 0 in place, and gone on to 20; its user seeks back to 2, and it has come to 4.
    h.b.committed.set('A.orders/0', 4n);
    h.b.inner.emit(CONSUMER_EVENTS.REBALANCING, {});
    h.b.inner.join({ 'A.orders': [0, 1] });
    await settle();
    const ofZero = h.b.inner.seeks.filter(({ partition }) => partition === 0);
    expect(ofZero).toEqual([]);
  });

  it('do not undo a reset by hand between stop() and run()', async () => {
    const h = harness();
    h.b.hasMembers = true;
    h.b.assignment = { 'A.orders': [1] };
    await start(h);
    await h.switchTo('B', { plan: PLAN_B });
    await settle();
    await h.consumer.stop();
    // Everybody has stopped; an operator sets the group back: admin.setOffsets().
    h.b.hasMembers = false;
    h.b.committed.set('A.orders/0', 1n);
    h.b.committed.set('A.orders/1', 1n);
    await h.consumer.run({ eachMessage: async () => {} });
    await settle();
    expect(h.b.idleCommits).toEqual([]);
  });
});

describe('late positions of several consumers of a process for one partition', () => {
  it('count once: the furthest', async () => {
    const of = (offset: bigint) => ({ topic: 'orders', partition: 0, offset, metadata: '' });
    const h = harness({}, { latePositions: () => [of(9n), of(7n)] });
    h.a.hasMembers = true;
    await start(h);
    await settle();
    expect(h.a.inner.seeks.at(-1)).toMatchObject({ offset: '9' });
  });
});

describe('a planned switch that goes back to a cluster on which the consumer has not begun yet', () => {
  it('does not forget the positions with which it was to begin there', async () => {
    const h = harness();
    await start(h);
    // B's coordinator does not answer yet: the consumer is still on its way when the switch to B is over.
    vi.spyOn(h.b.access, 'committed').mockImplementationOnce(() => new Promise(() => {}));
    void h.switchTo('B', { plan: PLAN_B }).catch(() => {});
    await settle();
    // A planned switch home begins, fails on its way (translate), and goes back: attach() without a plan.
    await h.switchTo('B', { planned: true });
    await settle();
    expect(h.b.idleCommits.map(({ offset }) => offset)).toEqual([7n, 9n]);
  });
});
