import { describe, expect, it } from 'vitest';
import { FailoverOptionsError } from '../../src/errors.js';
import { defaultPolicy, identityPolicy } from '../../src/replication/policy.js';
import {
  resolveTopics,
  topicsBornOn,
  type NamedCluster,
} from '../../src/replication/topic-names.js';

function cluster(alias: string, ...topics: string[]): NamedCluster {
  return {
    alias,
    aliases: ['A', 'B'],
    topics: new Map(topics.map((topic) => [topic, 1])),
    policy: defaultPolicy(),
  };
}

describe('a name', () => {
  it('stands for the local topic and its mirror, the local one first', () => {
    expect(resolveTopics(['orders'], cluster('B', 'A.orders', 'orders'))).toEqual([
      {
        topic: 'orders',
        logs: [
          { name: 'orders', origin: 'B' },
          { name: 'A.orders', origin: 'A' },
        ],
      },
    ]);
  });

  it('is part of the answer although the topic does not exist', () => {
    expect(resolveTopics(['orders'], cluster('A'))).toEqual([
      { topic: 'orders', logs: [{ name: 'orders', origin: 'A' }] },
    ]);
  });

  it('does not bring a mirror that does not exist, nor that of a cluster nobody configured', () => {
    expect(resolveTopics(['orders'], cluster('B', 'orders', 'C.orders'))[0]?.logs).toEqual([
      { name: 'orders', origin: 'B' },
    ]);
  });

  it('may hold the separator', () => {
    expect(resolveTopics(['orders.v1'], cluster('B', 'orders.v1', 'A.orders.v1'))).toEqual([
      {
        topic: 'orders.v1',
        logs: [
          { name: 'orders.v1', origin: 'B' },
          { name: 'A.orders.v1', origin: 'A' },
        ],
      },
    ]);
  });

  it.each(['A', 'B'])('is refused on %s where it is the name of a mirror', (alias) => {
    const resolve = (): unknown => resolveTopics(['A.orders'], cluster(alias, 'A.orders'));
    expect(resolve).toThrow(FailoverOptionsError);
    expect(resolve).toThrow(/Subscribe to "orders"/);
  });

  it('asked for twice is answered once', () => {
    const found = resolveTopics(['orders', /^ord/, 'orders'], cluster('A', 'orders'));
    expect(found.map(({ topic }) => topic)).toEqual(['orders']);
  });
});

describe('a pattern', () => {
  it('is tested against original names', () => {
    const standby = cluster('B', 'A.orders', 'A.payments', 'orders-local', 'other');
    expect(resolveTopics([/^orders/], standby)).toEqual([
      { topic: 'orders', logs: [{ name: 'A.orders', origin: 'A' }] },
      { topic: 'orders-local', logs: [{ name: 'orders-local', origin: 'B' }] },
    ]);
    expect(resolveTopics([/^A\./], standby)).toEqual([]);
  });

  it('finds the same original names on both clusters', () => {
    const names = (alias: string, ...topics: string[]): readonly string[] =>
      resolveTopics([/./], cluster(alias, ...topics)).map(({ topic }) => topic);
    expect(names('A', 'orders', 'x.y', 'B.news')).toEqual(names('B', 'A.orders', 'A.x.y', 'news'));
  });

  it('finds no internal topics', () => {
    const topics = [
      '__consumer_offsets',
      'heartbeats',
      'A.heartbeats',
      'A.checkpoints.internal',
      'mm2-offset-syncs.A.internal',
      'connect-internal',
      '.hidden',
      'A.__hidden',
    ];
    expect(resolveTopics([/./], cluster('B', ...topics))).toEqual([]);
  });

  it('does not find a topic that would have to be refused by its name', () => {
    expect(resolveTopics([/orders/], cluster('A', 'A.orders'))).toEqual([]);
  });

  it('does not take the name of a cluster nobody configured for a mirror', () => {
    const [found] = resolveTopics([/orders/], cluster('B', 'C.orders'));
    expect(found).toEqual({ topic: 'C.orders', logs: [{ name: 'C.orders', origin: 'B' }] });
  });

  it.each(['g', 'y', 'gy'])('carries no state with the flags %s', (flags) => {
    const pattern = new RegExp('orders-', flags);
    pattern.lastIndex = 3;
    const found = resolveTopics([pattern], cluster('A', 'orders-1', 'orders-2', 'orders-3'));
    expect(found).toHaveLength(3);
    expect(pattern.lastIndex).toBe(3);
  });

  it('lists what it finds by name, after what was asked for before', () => {
    const found = resolveTopics([/^[ab]/, 'z', /^c/], cluster('A', 'b', 'c', 'a', 'z'));
    expect(found.map(({ topic }) => topic)).toEqual(['a', 'b', 'z', 'c']);
  });
});

describe('the topics in which records are born', () => {
  it('are the local ones, also where only mirrors were found, and each once', () => {
    const topics = ['orders', 'A.orders', 'A.bills'];
    const born = topicsBornOn(['orders', /./], cluster('B', ...topics));
    expect(born).toEqual(['orders']);
    expect(topicsBornOn(['orders', 'orders'], cluster('A'))).toEqual(['orders']);
  });

  it('are all of them under the Identity policy, whose names do not tell', () => {
    const identity = { ...cluster('B', 'orders', 'bills'), policy: identityPolicy() };
    expect(topicsBornOn([/./], identity)).toEqual(['bills', 'orders']);
  });
});

describe('under the identity policy', () => {
  const identity = (...topics: string[]): NamedCluster => ({
    ...cluster('B', ...topics),
    policy: identityPolicy(),
  });

  it('a name stands for one log of unknown origin', () => {
    expect(resolveTopics(['A.orders'], identity())).toEqual([
      { topic: 'A.orders', logs: [{ name: 'A.orders', origin: undefined }] },
    ]);
  });

  it('a pattern finds everything but internal topics', () => {
    const found = resolveTopics(
      [/./],
      identity('orders', 'x.orders', 'heartbeats', 'A.heartbeats', '__x', 'A.checkpoints.internal'),
    );
    expect(found.map(({ topic }) => topic)).toEqual(['orders', 'x.orders']);
  });
});
