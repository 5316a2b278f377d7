import { describe, expect, it, vi } from 'vitest';
import { CONSUMER_EVENTS } from '../../src/consumer/consumer-events.js';
import type { Commit } from '../../src/cluster/access.js';
import type { PausedTopic } from '../../src/consumer/pauses.js';
import type { OffsetSpan } from '../../src/position/offset-span.js';
import { FencedError } from '../../src/errors.js';
import { SubscriptionState } from '../support/subscription-state.js';
import { controlled, harness, planFor, settle, type Controlled, type Harness } from './support.js';

/** What kafkajs fetches nothing of, after all it was told. */
function pausedOf(h: Harness): number[] {
  const state = new SubscriptionState();
  for (const { method, ...one } of h.b.inner.pauses) state[method]([one]);
  return [0, 1, 2].filter((partition) => state.isPaused('A.orders', partition));
}

const at = (partition: number, offset: bigint): Commit => ({
  topic: 'A.orders',
  partition,
  offset,
  metadata: '',
});

/** On B, joined, with the plan refused there; the second look at the group's commits is in the test's hands. */
async function joinedLate(
  pause: PausedTopic[] = [],
  removed?: OffsetSpan,
): Promise<{ h: Harness; reads: Controlled<readonly Commit[]>[] }> {
  const h = harness();
  h.b.hasMembers = true;
  h.b.topics.set('A.orders', 3);
  h.b.assignment = { 'A.orders': [0, 1, 2] };
  await h.consumer.connect();
  await h.consumer.subscribe({ topics: ['orders'] });
  await h.consumer.run({ eachMessage: async () => {} });
  h.consumer.pause(pause);
  const reads: Controlled<readonly Commit[]>[] = [];
  vi.spyOn(h.b.access, 'committed')
    .mockImplementationOnce(async () => [])
    .mockImplementation(() => {
      const read = controlled<readonly Commit[]>();
      reads.push(read);
      return read.promise;
    });
  const plan = planFor('B', [
    ['A.orders', 0, 7n],
    ['A.orders', 1, 9n],
  ]);
  const [first, ...others] = plan.partitions;
  const partitions = first?.kind === 'resume' ? [{ ...first, removed }, ...others] : [];
  await h.switchTo('B', { plan: { ...plan, partitions } });
  return { h, reads };
}

describe('positions that could not be committed before the join', () => {
  it('do not take the group back where another instance went further while this one joined', async () => {
    const { h, reads } = await joinedLate();
    expect(h.b.inner.seeks).toEqual([]);
    expect(pausedOf(h)).toEqual([0, 1]);
    reads[0]?.resolve([at(0, 20n), at(1, 3n)]);
    await settle();
    expect(h.b.inner.seeks).toEqual([{ topic: 'A.orders', partition: 1, offset: '9' }]);
    expect(pausedOf(h)).toEqual([]);
    expect(h.b.inner.commits).toMatchObject([{ topic: 'A.orders', partition: 1, offset: '9' }]);
  });

  it('hold back what was sought until it is committed: kafkajs would commit where a fetch began before the seek', async () => {
    const { h, reads } = await joinedLate();
    h.b.commitDelay = controlled();
    reads[0]?.resolve([]);
    await settle();
    expect(h.b.inner.seeks).toHaveLength(2);
    expect(pausedOf(h)).toEqual([0, 1]);
    h.b.commitDelay.resolve();
    await settle();
    expect(pausedOf(h)).toEqual([]);
  });

  it('say still which records below were not handled, also through the seek', async () => {
    const { h, reads } = await joinedLate([], { first: 2n, last: 4n });
    reads[0]?.resolve([]);
    await settle();
    expect(h.b.inner.seeks).toHaveLength(2);
    for (const partition of [0, 1]) await h.b.inner.deliver('A.orders', partition, 9);
    await settle();
    expect(h.client.participant.need()?.processed).toMatchObject([
      { partition: 0, offset: 9n, removed: { first: 2n, last: 4n } },
      { partition: 1, offset: 9n, removed: undefined },
    ]);
  });

  it('are not committed any more where user code has moved the position while the commit was tried again', async () => {
    const { h, reads } = await joinedLate();
    const first = controlled();
    h.b.commitDelay = first;
    reads[0]?.resolve([]);
    await settle();
    h.consumer.seek({ topic: 'orders', partition: 0, offset: '2' });
    h.b.commitDelay = undefined;
    first.reject(new Error('not in its group yet'));
    await h.world.advance(1_000);
    expect(h.b.inner.commits).toMatchObject([{ partition: 1, offset: '9' }]);
    expect(h.b.inner.commits).toHaveLength(1);
  });

  it('are sought once more where a rebalance came before they were committed', async () => {
    const { h, reads } = await joinedLate();
    h.b.commitDelay = controlled();
    reads[0]?.resolve([]);
    await settle();
    h.b.inner.emit(CONSUMER_EVENTS.REBALANCING, {});
    h.b.inner.join({ 'A.orders': [1] });
    reads[1]?.resolve([]);
    await settle();
    expect(h.b.inner.seeks.map(({ partition }) => partition)).toEqual([0, 1, 1]);
  });

  it('are sought where the commits cannot be read: nothing is skipped', async () => {
    const { h, reads } = await joinedLate();
    reads[0]?.reject(new Error('down'));
    await settle();
    expect(h.b.inner.seeks.map(({ offset }) => offset)).toEqual(['7', '9']);
    expect(pausedOf(h)).toEqual([]);
  });

  it('do not hold back a fetch of other partitions for longer than half a second', async () => {
    const { h } = await joinedLate();
    let isWaiting = true;
    void h.b.inner.beforeFetch().then(() => {
      isWaiting = false;
    });
    await h.world.advance(499);
    expect(isWaiting).toBe(true);
    await h.world.advance(1);
    expect(isWaiting).toBe(false);
    expect(pausedOf(h)).toEqual([0, 1]);
  });

  it('begin anew after a rebalance, with what is still assigned', async () => {
    const { h, reads } = await joinedLate();
    h.b.inner.emit(CONSUMER_EVENTS.REBALANCING, {});
    reads[0]?.resolve([]);
    await settle();
    expect(h.b.inner.seeks).toEqual([]);
    h.b.inner.join({ 'A.orders': [1, 2] });
    expect(pausedOf(h)).toEqual([1]);
    reads[1]?.resolve([]);
    await settle();
    expect(h.b.inner.seeks).toEqual([{ topic: 'A.orders', partition: 1, offset: '9' }]);
    expect(pausedOf(h)).toEqual([]);
  });

  it('drop an answer that a join has overtaken', async () => {
    const { h, reads } = await joinedLate();
    h.b.inner.join({ 'A.orders': [2] });
    expect(pausedOf(h)).toEqual([]);
    reads[0]?.resolve([]);
    await settle();
    expect(h.b.inner.seeks).toEqual([]);
  });

  it('are kept for a partition that another member got, and left before it had sought', async () => {
    const { h, reads } = await joinedLate();
    h.b.inner.join({ 'A.orders': [2] });
    h.b.inner.join({ 'A.orders': [0, 1] });
    expect(pausedOf(h)).toEqual([0, 1]);
    // The look of the join before comes too late.
    reads[1]?.resolve([at(0, 20n)]);
    reads[2]?.resolve([at(1, 20n)]);
    await settle();
    expect(h.b.inner.seeks).toEqual([{ topic: 'A.orders', partition: 0, offset: '7' }]);
  });

  it('are kept for such a partition, too, where the commits cannot be read once', async () => {
    const { h, reads } = await joinedLate();
    h.b.inner.join({ 'A.orders': [2] });
    reads[1]?.resolve([]);
    await settle();
    h.b.inner.join({ 'A.orders': [1] });
    reads[2]?.reject(new Error('down'));
    await settle();
    h.b.inner.join({ 'A.orders': [0] });
    reads[3]?.resolve([]);
    await settle();
    expect(h.b.inner.seeks).toContainEqual({ topic: 'A.orders', partition: 0, offset: '7' });
  });

  it('wait for the commits where another member may have put them in place, and has gone back since', async () => {
    const { h, reads } = await joinedLate();
    h.b.inner.join({ 'A.orders': [2] });
    reads[1]?.resolve([]);
    await settle();
    h.b.inner.join({ 'A.orders': [0, 1] });
    reads[2]?.reject(new Error('down'));
    await settle();
    expect(h.b.inner.seeks).toEqual([]);
    expect(pausedOf(h)).toEqual([0, 1]);
    await h.world.advance(500);
    reads[3]?.resolve([at(0, 3n)]);
    await settle();
    expect(h.b.inner.seeks).toEqual([{ topic: 'A.orders', partition: 1, offset: '9' }]);
    expect(pausedOf(h)).toEqual([]);
  });

  it('do not count once the group has another commit, also where this member has had none of the partitions', async () => {
    const { h, reads } = await joinedLate();
    h.b.inner.join({ 'A.orders': [2] });
    reads[1]?.resolve([]);
    await settle();
    // The other member has put them in place, and has gone back since; then it dies.
    h.b.inner.join({ 'A.orders': [0, 2] });
    reads[2]?.resolve([at(0, 3n), at(1, 9n)]);
    await settle();
    expect(h.b.inner.seeks).toEqual([]);
  });

  it('are not gone back to where kafkajs still keeps the seek when the partition comes back', async () => {
    const { h, reads } = await joinedLate();
    const before = h.b.inner;
    reads[0]?.resolve([]);
    await settle();
    before.join({ 'A.orders': [1, 2] });
    // kafkajs would carry the seek of before out in its next fetch, so it must not get as far.
    expect(() => before.join({ 'A.orders': [0, 1, 2] })).toThrow('joins anew');
    await settle();
    expect(h.b.inners).toHaveLength(2);
    expect(h.b.inner.seeks).toEqual([]);
    expect(h.client.status()).toMatchObject({ state: 'running', cluster: 'B' });
  });

  it('are done with where a record came after the seek: kafkajs has carried it out', async () => {
    const { h, reads } = await joinedLate();
    reads[0]?.resolve([]);
    await settle();
    await h.b.inner.deliver('A.orders', 0, 7);
    h.b.inner.join({ 'A.orders': [1, 2] });
    h.b.inner.join({ 'A.orders': [0, 1, 2] });
    await settle();
    expect(h.b.inners).toHaveLength(1);
  });

  it('are forgotten with their seeks where kafkajs restarts', async () => {
    const { h, reads } = await joinedLate();
    reads[0]?.resolve([]);
    await settle();
    h.b.inner.join({ 'A.orders': [1, 2] });
    h.b.inner.crash(new Error('retriable'), true);
    h.b.inner.join({ 'A.orders': [0, 1, 2] });
    await settle();
    expect(h.b.inners).toHaveLength(1);
  });

  it('are kept where a planned switch to the other cluster goes back', async () => {
    const { h, reads } = await joinedLate();
    h.b.hasMembers = false;
    const back = h.switchTo('B', { planned: true });
    await settle();
    reads.at(-1)?.resolve([at(0, 20n)]);
    await back;
    expect(h.b.idleCommits).toMatchObject([{ topic: 'A.orders', partition: 1, offset: 9n }]);
  });

  it('leave paused what the user has paused, and hold what the user resumes too early', async () => {
    const { h, reads } = await joinedLate([{ topic: 'orders' }]);
    expect(pausedOf(h)).toEqual([0, 1, 2]);
    h.consumer.resume([{ topic: 'orders', partitions: [0] }]);
    expect(pausedOf(h)).toEqual([0, 1, 2]);
    reads[0]?.resolve([]);
    await settle();
    expect(pausedOf(h)).toEqual([1, 2]);
    h.consumer.resume([{ topic: 'orders' }]);
    expect(pausedOf(h)).toEqual([]);
  });

  it('yield to a seek by the user', async () => {
    const { h, reads } = await joinedLate();
    h.consumer.seek({ topic: 'orders', partition: 0, offset: '2' });
    reads[0]?.resolve([]);
    await settle();
    expect(h.b.inner.seeks.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, '2'],
      [1, '9'],
    ]);
    expect(pausedOf(h)).toEqual([]);
  });

  it('are forgotten at the fence, whatever the answer', async () => {
    const { h } = await joinedLate();
    h.active.inForce?.fence(new FencedError('fenced by the test'));
    await settle();
    expect(h.b.inner.seeks).toEqual([]);
  });
});
