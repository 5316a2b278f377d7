import { describe, expect, it } from 'vitest';
import { FailoverOptionsError } from '../../src/errors.js';
import { defaultPolicy, identityPolicy, replicationPolicy } from '../../src/replication/policy.js';

describe('the default policy', () => {
  const policy = defaultPolicy();

  it('puts the alias in front of a mirrored topic', () => {
    expect(policy.formatRemoteTopic('A', 'orders')).toBe('A.orders');
  });

  it.each([
    ['a.b', 'a', 'b'],
    ['.b', '', 'b'],
    ['a.', undefined, undefined],
    ['a..b', 'a', '.b'],
    ['.', undefined, undefined],
    ['', undefined, undefined],
    ['a', undefined, undefined],
    ['a.b.', 'a', 'b.'],
    ['..a', '', '.a'],
    ['...', undefined, undefined],
    ['orders.v1', 'orders', 'v1'],
    ['A.B.orders', 'A', 'B.orders'],
  ])('splits %j as Java does: source %j, upstream %j', (topic, source, upstream) => {
    expect(policy.topicSource(topic)).toBe(source);
    expect(policy.upstreamTopic(topic)).toBe(upstream);
  });

  it.each([
    ['orders', 'orders'],
    ['A.B.orders', 'orders'],
    ['a..b', 'b'],
    ['.b', 'b'],
    ['a.', 'a.'],
  ])('follows %j to its origin %j', (topic, original) => {
    expect(policy.originalTopic(topic)).toBe(original);
  });

  it("names MirrorMaker's own topics", () => {
    expect(policy.checkpointsTopic('A')).toBe('A.checkpoints.internal');
    expect(policy.heartbeatsTopic()).toBe('heartbeats');
  });

  it('names the offset syncs after the cluster that does not hold them', () => {
    const flow = { source: 'A', target: 'B' };
    expect(policy.offsetSyncsTopic(flow, 'source')).toEqual({
      cluster: 'A',
      topic: 'mm2-offset-syncs.B.internal',
    });
    expect(policy.offsetSyncsTopic(flow, 'target')).toEqual({
      cluster: 'B',
      topic: 'mm2-offset-syncs.A.internal',
    });
  });

  it.each([
    ['heartbeats', true],
    ['A.heartbeats', true],
    ['B.A.heartbeats', true],
    ['A.orders', false],
    ['my-heartbeats', false],
  ])('knows whether %j is a heartbeats topic: %j', (topic, expected) => {
    expect(policy.isHeartbeatsTopic(topic)).toBe(expected);
  });

  it.each([
    ['A.checkpoints.internal', { checkpoints: true, mirrorMaker: true, internal: true }],
    ['mm2-offset-syncs.B.internal', { checkpoints: false, mirrorMaker: true, internal: true }],
    ['mm2-configs.A.internal', { checkpoints: false, mirrorMaker: true, internal: true }],
    ['__consumer_offsets', { checkpoints: false, mirrorMaker: false, internal: true }],
    ['.hidden', { checkpoints: false, mirrorMaker: false, internal: true }],
    ['connect-internal', { checkpoints: false, mirrorMaker: false, internal: true }],
    ['internal', { checkpoints: false, mirrorMaker: false, internal: false }],
    ['orders_internal', { checkpoints: false, mirrorMaker: false, internal: false }],
    ['heartbeats', { checkpoints: false, mirrorMaker: false, internal: false }],
    ['orders', { checkpoints: false, mirrorMaker: false, internal: false }],
  ])('knows what kind of topic %j is', (topic, expected) => {
    expect({
      checkpoints: policy.isCheckpointsTopic(topic),
      mirrorMaker: policy.isMirrorMakerInternalTopic(topic),
      internal: policy.isInternalTopic(topic),
    }).toEqual(expected);
  });
});

describe('another separator', () => {
  it('is used in every name but that of the heartbeats', () => {
    const policy = defaultPolicy({ separator: '_' });
    expect(policy.formatRemoteTopic('A', 'orders')).toBe('A_orders');
    expect(policy.topicSource('A_orders.v1')).toBe('A');
    expect(policy.topicSource('orders.v1')).toBeUndefined();
    expect(policy.checkpointsTopic('A')).toBe('A_checkpoints_internal');
    expect(policy.offsetSyncsTopic({ source: 'A', target: 'B' }, 'target').topic).toBe(
      'mm2-offset-syncs_A_internal',
    );
    expect(policy.heartbeatsTopic()).toBe('heartbeats');
  });

  it('makes every topic internal that ends in it and "internal"', () => {
    expect(defaultPolicy({ separator: '_' }).isInternalTopic('orders_internal')).toBe(true);
  });

  it('is kept out of internal names by the flag', () => {
    const policy = defaultPolicy({ separator: '_', internalTopicSeparatorEnabled: false });
    expect(policy.formatRemoteTopic('A', 'orders')).toBe('A_orders');
    expect(policy.checkpointsTopic('A')).toBe('A.checkpoints.internal');
    expect(policy.isInternalTopic('orders_internal')).toBe(false);
  });

  it('may have several characters, none of them special', () => {
    const policy = defaultPolicy({ separator: '-.-' });
    expect(policy.topicSource('A-.-orders')).toBe('A');
    expect(policy.upstreamTopic('A-.-orders')).toBe('orders');
    expect(policy.topicSource('A-x-orders')).toBeUndefined();
  });

  it('must not be empty', () => {
    expect(() => defaultPolicy({ separator: '' })).toThrow(FailoverOptionsError);
    expect(() => identityPolicy({ separator: '' })).toThrow(FailoverOptionsError);
  });

  it('leaves the flag without an effect where it is not set', () => {
    const policy = defaultPolicy({ internalTopicSeparatorEnabled: false });
    expect(policy.checkpointsTopic('A')).toBe('A.checkpoints.internal');
  });
});

describe('the identity policy', () => {
  const policy = identityPolicy({ sourceAlias: 'A' });

  it('keeps the names of topics', () => {
    expect(policy.formatRemoteTopic('A', 'orders')).toBe('orders');
    expect(policy.topicSource('orders')).toBe('A');
    expect(policy.topicSource('x.orders')).toBe('A');
    expect(policy.upstreamTopic('x.orders')).toBe('x.orders');
    expect(policy.originalTopic('x.orders')).toBe('x.orders');
  });

  it('does not know a source that it was not told', () => {
    expect(identityPolicy().topicSource('orders')).toBeUndefined();
  });

  it('names heartbeats, and all that looks like them, as the default policy does', () => {
    expect(policy.formatRemoteTopic('A', 'heartbeats')).toBe('A.heartbeats');
    expect(policy.formatRemoteTopic('A', 'my-heartbeats')).toBe('A.my-heartbeats');
    expect(policy.topicSource('B.heartbeats')).toBe('B');
    expect(policy.topicSource('heartbeats')).toBeUndefined();
    expect(policy.originalTopic('B.A.heartbeats')).toBe('heartbeats');
    expect(policy.isHeartbeatsTopic('B.heartbeats')).toBe(true);
  });

  it("names MirrorMaker's own topics as the default policy does", () => {
    expect(policy.checkpointsTopic('A')).toBe('A.checkpoints.internal');
    expect(policy.offsetSyncsTopic({ source: 'A', target: 'B' }, 'target').topic).toBe(
      'mm2-offset-syncs.A.internal',
    );
  });
});

describe('the option', () => {
  it('chooses the policy', () => {
    expect(replicationPolicy().kind).toBe('default');
    expect(replicationPolicy({ policy: 'identity' }).kind).toBe('identity');
    expect(replicationPolicy({ separator: '-' }).formatRemoteTopic('A', 'x')).toBe('A-x');
  });
});
