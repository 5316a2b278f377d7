import { describe, expect, it } from 'vitest';
import { createMemoryWorld } from '../../src/testing/index.js';

const make = createMemoryWorld as (options: unknown) => unknown;

const refusal = (option: string, words: string): object =>
  expect.objectContaining({
    code: 'ERR_FAILOVER_OPTIONS',
    option: option === '' ? 'createMemoryWorld' : `createMemoryWorld.${option}`,
    message: expect.stringContaining(words),
  });

describe('the options of a memory world', () => {
  it.each([
    [{ mirrors: {} }, 'mirrors', 'Did you mean "mirror"?'],
    [{ mirror: { copyLag: 5 } }, 'mirror.copyLag', 'Did you mean "copyLagMs"?'],
    [{ clusters: { A: { topic: {} } } }, 'clusters.A.topic', 'Did you mean "topics"?'],
    [{ clusters: { A: { latency: 5 } } }, 'clusters.A.latency', 'Did you mean "latencyMs"?'],
  ])('name the nearest right option for a misspelt one: %j', (options, option, words) => {
    expect(() => make(options)).toThrow(refusal(option, words));
  });

  it.each([
    [null, '', 'must be an object, got null'],
    [{ mirror: true }, 'mirror', 'must be an object; {} takes every default, got true'],
    [{ mirror: { flows: ['A=>B'] } }, 'mirror.flows.0', 'must be written SOURCE->TARGET'],
    [{ mirror: { policy: 'custom' } }, 'mirror.policy', 'must be "default" or "identity"'],
    [{ mirror: { topics: 'orders' } }, 'mirror.topics', 'must be a regular expression'],
    [{ mirror: { copyLagMs: -1 } }, 'mirror.copyLagMs', 'must be at least 0'],
    [{ clusters: ['A', 'B'] }, 'clusters', 'must be clusters by alias'],
    [{ clusters: { A: { topics: ['orders'] } } }, 'clusters.A.topics', '{ orders: 3 }'],
    [{ clusters: { A: { topics: { orders: 0 } } } }, 'clusters.A.topics.orders', 'got 0'],
    [{ clock: 'fake' }, 'clock', 'must be "simulated" or "real"'],
    [{ environment: { ACTIVE: 'B' } }, 'environment', 'must be a Map'],
    [{ http: 'http://agent' }, 'http', 'must be a function'],
    [{ seed: {} }, 'seed', 'must be a number or a string'],
    [{ http: 'http://x/' }, 'http', 'must be a function'],
    [{ dns: {} }, 'dns', 'must be a function'],
  ])('are refused with the option named: %j', (options, option, words) => {
    expect(() => make(options)).toThrow(refusal(option, words));
  });

  it('may be undefined one by one, and take what they document', () => {
    const undefinedAll = {
      seed: undefined,
      clusters: undefined,
      mirror: undefined,
      clock: undefined,
    };
    expect(() => make(undefinedAll)).not.toThrow();
    const world = createMemoryWorld({
      seed: 'seven',
      clusters: {
        A: {
          topics: { orders: { partitions: 2, config: { 'message.timestamp.type': 'CreateTime' } } },
        },
        B: { latencyMs: 0.5, brokers: ['b:9092'] },
      },
      mirror: { topics: /^orders$/, flows: ['A->B'], isolationLevel: 'read_committed' },
      environment: new Map([['ACTIVE', 'B']]),
    });
    expect(world.cluster('A').partitionCount('orders')).toBe(2);
    world.close();
  });
});
