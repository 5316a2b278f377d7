import { describe, expect, it } from 'vitest';
import { planStack } from '../../stack/plan.js';
import {
  afterKillProperties,
  brokerProperties,
  formatProperties,
  mirrorProperties,
  mirrorTopics,
} from '../../stack/properties.js';
import { explainEnd } from '../../stack/server-log.js';

const env = {};

describe('planStack', () => {
  it('mirrors in every direction by default, and with Identity from the first into the second only', () => {
    expect(planStack({ env }).flows).toEqual([
      { source: 'A', target: 'B' },
      { source: 'B', target: 'A' },
    ]);
    expect(planStack({ env, policy: 'identity' }).flows).toEqual([{ source: 'A', target: 'B' }]);
    expect(planStack({ env, clusters: ['A'] }).flows).toEqual([]);
  });

  it('gives every cluster, or those that are named, brokers and proxies', () => {
    expect(planStack({ env })).toMatchObject({ brokerCounts: { A: 1, B: 1 }, proxied: [] });
    expect(planStack({ env, brokers: 3, proxied: true })).toMatchObject({
      brokerCounts: { A: 3, B: 3 },
      proxied: ['A', 'B'],
    });
    expect(planStack({ env, brokers: { B: 3 }, proxied: ['B'] })).toMatchObject({
      brokerCounts: { A: 1, B: 3 },
      proxied: ['B'],
    });
  });

  it.each([
    [{ policy: 'identity', flows: ['A->B', 'B->A'] }, 'would mirror every record in a circle'],
    [{ flows: ['A->C'] }, 'A flow is written SOURCE->TARGET with two of A, B, got "A->C".'],
    [{ flows: ['A->A'] }, 'got "A->A"'],
    [{ flows: ['A->B', 'A->B'] }, 'flows names a direction twice'],
    [{ clusters: ['A', 'A'] }, 'clusters must be 1 to 9 different aliases'],
    [{ clusters: ['../x'] }, 'A cluster alias consists of'],
    [{ separator: ' ' }, 'separator must consist of characters that topic names may have'],
    [{ kafkaVersion: '4' }, 'A Kafka version looks like'],
    [{ brokers: 2 }, 'brokers must be 1 or 3 for cluster A, got 2.'],
    [{ brokers: { C: 3 } }, 'brokers names cluster "C", which is none of A, B.'],
    [{ proxied: ['C'] }, 'proxied names cluster "C", which is none of A, B.'],
    [{ brokers: { B: 3 }, ports: { B: 1 } }, 'ports has one port for cluster B, which has 3'],
  ])('refuses %j', (options, words) => {
    expect(() => planStack({ env, ...(options as object) })).toThrow(words);
  });
});

describe('properties', () => {
  const node = { nodeId: 1, port: 1001, controllerPort: 1002, proxied: undefined };
  const settings = { node, nodes: [node], dataDirectory: '/data' };
  const source = { alias: 'A', brokers: ['127.0.0.1:1001'] };
  const target = { alias: 'B', brokers: ['127.0.0.1:2001'] };
  const flow = { source, target, policy: 'default', separator: undefined } as const;

  it('lets overrides win over every default', () => {
    const broker = brokerProperties(settings, {
      ...afterKillProperties,
      'group.initial.rebalance.delay.ms': '3000',
    });
    expect(broker['group.initial.rebalance.delay.ms']).toBe('3000');
    expect(mirrorProperties(flow, { 'offset.lag.max': '100' })['offset.lag.max']).toBe('100');
  });

  it('advertises a proxy in the place of the listener behind it', () => {
    const proxied = { ...node, proxied: { port: 1003, advertisedPort: 1004 } };
    const broker = brokerProperties({ ...settings, node: proxied, nodes: [proxied] }, {});
    expect(broker['listeners']).toContain('PROXIED://127.0.0.1:1003');
    expect(broker['advertised.listeners']).toBe(
      'PLAINTEXT://127.0.0.1:1001,PROXIED://127.0.0.1:1004',
    );
    expect(broker['inter.broker.listener.name']).toBe('PLAINTEXT');
  });

  it('lets every node of three vote, and keeps three copies', () => {
    const nodes = [1, 2, 3].map((nodeId) => ({ ...node, nodeId, controllerPort: 2000 + nodeId }));
    const broker = brokerProperties({ ...settings, node: nodes[1] ?? node, nodes }, {});
    expect(broker['node.id']).toBe('2');
    expect(broker['controller.quorum.voters']).toBe(
      '1@127.0.0.1:2001,2@127.0.0.1:2002,3@127.0.0.1:2003',
    );
    expect(broker['offsets.topic.replication.factor']).toBe('3');
    const three = { alias: 'A', brokers: ['a:1', 'a:2', 'a:3'] };
    const both = { ...flow, source: three, target: { ...three, alias: 'B' } };
    expect(mirrorProperties(both, {})['replication.factor']).toBe('3');
    expect(mirrorProperties({ ...flow, source: three }, {})['replication.factor']).toBe('1');
  });

  it('listens on loopback only', () => {
    const proxied = { ...node, proxied: { port: 1003, advertisedPort: 1004 } };
    const broker = brokerProperties({ ...settings, node: proxied, nodes: [proxied] }, {});
    const addresses =
      Object.values(broker)
        .join(' ')
        .match(/\/\/[^:]+:/g) ?? [];
    expect(addresses.length).toBeGreaterThan(2);
    expect(new Set(addresses)).toEqual(new Set(['//127.0.0.1:']));
  });

  it('enables one direction, under the policy asked for', () => {
    const mirror = mirrorProperties({ ...flow, policy: 'identity', separator: '_' }, {});
    expect(mirror['A->B.enabled']).toBe('true');
    expect(mirror['B->A.enabled']).toBeUndefined();
    expect(mirror['replication.policy.class']).toMatch(/IdentityReplicationPolicy$/);
    expect(mirror['replication.policy.separator']).toBe('_');
    expect(mirrorProperties(flow, {})['replication.policy.class']).toBeUndefined();
  });

  it('knows the names of topics that show MM2 at work, with any separator', () => {
    expect(mirrorTopics('A', {})).toEqual({
      checkpoints: 'A.checkpoints.internal',
      remoteHeartbeats: 'A.heartbeats',
    });
    const separator = { 'replication.policy.separator': '_' };
    expect(mirrorTopics('A', separator)).toEqual({
      checkpoints: 'A_checkpoints_internal',
      remoteHeartbeats: 'A_heartbeats',
    });
    const flag = 'replication.policy.internal.topic.separator.enabled';
    expect(mirrorTopics('A', { ...separator, [flag]: 'false' }).checkpoints).toBe(
      'A.checkpoints.internal',
    );
  });

  it('writes a properties file that Java reads back', () => {
    expect(formatProperties({ 'A->B.enabled': 'true', path: 'C:\\x' })).toBe(
      'A->B.enabled = true\npath = C:\\\\x\n',
    );
  });
});

describe('explainEnd', () => {
  it.each([
    ['java.net.BindException: Address already in use', 'could not listen on its port', true],
    ['java.io.IOException: No space left on device', 'because the disk is full', false],
    ['There is insufficient memory. Cannot allocate memory', 'because memory is short', false],
    [
      '12:00:01.001 [main] INFO x - fine\n12:00:01.002 [main] ERROR x - odd value\n\tat y.Z(Z.java)',
      'ended while it started (exit code 1): ERROR x - odd value',
      false,
    ],
    ['', 'ended while it started (exit code 1)', false],
  ])('finds the reason in %j', (log, words, isPortTaken) => {
    const end = explainEnd('Broker A', 'exit code 1', log);
    expect(end.sentence).toContain(words);
    expect(end.sentence).toMatch(/^Broker A [^\n]+$/);
    expect(end.isPortTaken).toBe(isPortTaken);
  });
});
