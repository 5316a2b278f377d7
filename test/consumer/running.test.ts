import { describe, expect, it } from 'vitest';
import { harness } from './support.js';

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
