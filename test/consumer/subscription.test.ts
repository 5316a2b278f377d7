import { describe, expect, it } from 'vitest';
import {
  continued,
  newTopics,
  resolveSubscription,
  TopicNames,
  type SubscriptionRules,
} from '../../src/consumer/subscription.js';
import { replicationPolicy } from '../../src/replication/policy.js';

function resolve(
  selectors: (string | RegExp)[],
  topics: string[],
  {
    fromBeginning = false,
    alias = 'B',
    policy = 'default',
    ...rules
  }: {
    fromBeginning?: boolean;
    alias?: string;
    policy?: 'default' | 'identity';
  } & Partial<SubscriptionRules> = {},
) {
  const resolved = resolveSubscription(
    [{ selectors, fromBeginning }],
    {
      alias,
      aliases: ['A', 'B'],
      policy: replicationPolicy({ policy }),
      topics: new Map(topics.map((topic) => [topic, 1])),
    },
    { isFirstEpoch: true, mayCreate: true, ...rules },
  );
  return { read: Object.fromEntries(resolved.fromBeginning), mayGrow: resolved.mayGrow };
}

describe('resolving a subscription', () => {
  it('keeps to fromBeginning for local topics, and always reads remote ones from their start', () => {
    expect(resolve(['orders'], ['orders', 'A.orders']).read).toEqual({
      orders: false,
      'A.orders': true,
    });
  });

  it('skips nothing after the first epoch', () => {
    expect(resolve(['orders'], ['orders', 'A.orders'], { isFirstEpoch: false }).read).toEqual({
      orders: true,
      'A.orders': true,
    });
  });

  it('leaves a missing local topic to kafkajs in the first epoch', () => {
    expect(resolve(['orders'], []).read).toEqual({ orders: false });
    expect(resolve(['orders'], [], { mayCreate: false }).read).toEqual({ orders: false });
    expect(resolve(['orders'], ['A.orders']).read).toEqual({ orders: false, 'A.orders': true });
  });

  it('reads only what exists where nothing may be created', () => {
    expect(resolve(['orders'], ['A.orders'], { mayCreate: false }).read).toEqual({
      'A.orders': true,
    });
    expect(resolve(['orders'], ['A.orders'], { isFirstEpoch: false }).read).toEqual({
      'A.orders': true,
    });
    expect(resolve(['orders'], [], { isFirstEpoch: false }).read).toEqual({});
  });

  it('tests patterns against original names', () => {
    const found = resolve([/^orders/], ['orders', 'A.orders-eu', 'bills', 'A.bills']);
    expect(found.read).toEqual({ orders: false, 'A.orders-eu': true });
    expect(found.mayGrow).toBe(true);
  });

  it('knows whether looking again may find more', () => {
    expect(resolve(['orders'], ['orders', 'A.orders']).mayGrow).toBe(false);
    expect(resolve(['orders'], ['orders']).mayGrow).toBe(true);
    expect(resolve(['orders'], ['A.orders']).mayGrow).toBe(true);
    expect(resolve(['orders'], ['orders'], { policy: 'identity' }).mayGrow).toBe(false);
  });

  it('tells what a later look has found', () => {
    const view = { alias: 'B', aliases: ['A', 'B'], policy: replicationPolicy() };
    const rules = { isFirstEpoch: true, mayCreate: true };
    const subscription = [{ selectors: ['orders'], fromBeginning: false }];
    const before = resolveSubscription(
      subscription,
      { ...view, topics: new Map([['orders', 1]]) },
      rules,
    );
    const after = resolveSubscription(
      subscription,
      {
        ...view,
        topics: new Map([
          ['A.orders', 1],
          ['orders', 1],
        ]),
      },
      rules,
    );
    expect(newTopics(before, after)).toEqual(['A.orders']);
    expect(newTopics(after, before)).toEqual([]);
  });

  it('begins with a later topic at its beginning, and keeps the choice of the user for the others', () => {
    const view = { alias: 'A', aliases: ['A', 'B'], policy: replicationPolicy() };
    const look = (...topics: string[]) =>
      resolveSubscription(
        [{ selectors: [/^orders/], fromBeginning: false }],
        { ...view, topics: new Map(topics.map((topic) => [topic, 1])) },
        { isFirstEpoch: true, mayCreate: true },
      );
    const second = continued(look('orders'), look('orders', 'orders-eu'));
    const third = continued(second, look('orders', 'orders-eu', 'orders-us'));
    expect(Object.fromEntries(third.fromBeginning)).toEqual({
      orders: false,
      'orders-eu': true,
      'orders-us': true,
    });
    expect(third.topics).toHaveLength(3);
  });
});

describe('the two names of a topic', () => {
  const names = new TopicNames([
    {
      topic: 'orders',
      logs: [
        { name: 'orders', origin: 'B' },
        { name: 'A.orders', origin: 'A' },
      ],
    },
  ]);

  it('are found from either one', () => {
    expect(names.originalOf('A.orders')).toBe('orders');
    expect(names.originalOf('orders')).toBe('orders');
    expect(names.originalOf('bills')).toBe('bills');
    expect(names.logsOf('orders')).toEqual(['orders', 'A.orders']);
    expect(names.logsOf('A.orders')).toEqual(['orders', 'A.orders']);
    expect(names.logsOf('bills')).toEqual(['bills']);
  });

  it('are the same where nothing is mirrored here', () => {
    expect(names.areTranslated).toBe(true);
    const local = new TopicNames([{ topic: 'orders', logs: [{ name: 'orders', origin: 'A' }] }]);
    expect(local.areTranslated).toBe(false);
  });
});
