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
});
