import { describe, expect, it } from 'vitest';
import { CONSUMER_EVENTS } from '../../src/consumer/consumer-events.js';
import { harness, planFor, start } from './support.js';

describe('a member that a fence cut off', () => {
  it('is still taken out on the way back where kafkajs gave up on it meanwhile', async () => {
    const h = harness();
    await start(h);
    const { inner: cutOff } = h.a;
    h.a.leaveError = new Error('down');
    await h.switchTo('B');
    cutOff.emit(CONSUMER_EVENTS.CRASH, { error: new Error('gave up'), restart: false });
    h.a.leaveError = undefined;
    await h.switchTo('A', { plan: planFor('A', [['orders', 0, 7n]]) });
    expect(h.a.left).toEqual(['member-0']);
  });

  it('is taken out as soon as a coordinator that has just started has loaded its groups: joining would wait for it', async () => {
    const h = harness();
    await start(h);
    h.a.leaveError = new Error('down');
    await h.switchTo('B');
    h.a.leaveError = new Error('loading');
    const switching = h.switchTo('A', { plan: planFor('A', [['orders', 0, 7n]]) });
    await h.world.advance(400);
    expect(h.a.inners).toHaveLength(1);
    h.a.leaveError = undefined;
    await h.world.advance(200);
    await switching;
    expect(h.a.left).toEqual(['member-0']);
  });

  it('is given up after a while: it expires', async () => {
    const h = harness();
    await start(h);
    h.a.leaveError = new Error('down');
    await h.switchTo('B');
    const switching = h.switchTo('A', { plan: planFor('A', [['orders', 0, 7n]]) });
    await h.world.advance(2_400);
    expect(h.a.inners).toHaveLength(1);
    await h.world.advance(200);
    await switching;
    expect(h.a.inners).toHaveLength(2);
    expect(h.a.left).toEqual([]);
  });
});
