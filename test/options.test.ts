import { describe, expect, it } from 'vitest';
import { isFailoverError } from '../src/errors.js';
import { resolveOptions, type FailoverKafkaConfig } from '../src/options.js';

const clusters = { A: { brokers: ['a:9092'] }, B: { brokers: ['b:9092'] } };

function refusal(config: unknown): { option: string; message: string; value: unknown } {
  try {
    resolveOptions(config as FailoverKafkaConfig);
  } catch (error) {
    if (isFailoverError(error)) return error as never;
    throw error;
  }
  throw new Error('the options were accepted');
}

describe('options', () => {
  it('come with documented defaults', () => {
    const resolved = resolveOptions({ clusters });
    expect(resolved.producer).toEqual({
      holdMaxBytes: 33_554_432,
      holdMaxWaitMs: 30_000,
      onUnknownOutcome: undefined,
      releaseJitterMs: 0,
    });
    expect(resolved.consumer).toEqual({ onMissingPosition: 'earliest', topicRefreshMs: 30_000 });
    expect(resolved.mirror).toEqual({
      policy: 'default',
      separator: '.',
      internalTopicSeparatorEnabled: true,
      offsetSyncsLocation: 'target',
    });
    expect(resolved.deadlines).toEqual({
      prepareMs: 5_000,
      drainMs: 10_000,
      handlersMs: 5_000,
      catchUpMs: 10_000,
      translateMs: 10_000,
      openMs: 15_000,
    });
    expect(resolved.strategy.name).toBe('manual');
  });

  it('keep kafkajs options as they are, and the identity of what they refer to', () => {
    const sasl = { mechanism: 'plain', username: 'u', password: 'p' } as const;
    const socketFactory = (): never => {
      throw new Error('unused');
    };
    const resolved = resolveOptions({
      clusters: { ...clusters, A: { brokers: ['a:9092'], sasl, socketFactory } },
      clientId: 'billing',
      retry: { retries: 2 },
      brokers: ['localhost:9092'],
    });
    expect(resolved.kafka).toEqual({ clientId: 'billing', retry: { retries: 2 } });
    expect(resolved.clusters.get('A')?.sasl).toBe(sasl);
    expect(resolved.clusters.get('A')?.socketFactory).toBe(socketFactory);
  });

  it.each([
    [{ clusters, produser: {} }, 'produser', 'Did you mean "producer"?'],
    [{ clusters, producer: { holdMaxByte: 1 } }, 'producer.holdMaxByte', '"holdMaxBytes"'],
    [{ clusters, switch: { opnMs: 1 } }, 'switch.opnMs', '"openMs"'],
    [{ clusters: { ...clusters, A: { broker: ['x'] } } }, 'clusters.A.broker', '"brokers"'],
    [{ clusters: { ...clusters, A: {} } }, 'clusters.A.brokers', 'must be a list'],
    [
      { clusters: { ...clusters, A: { brokers: ['x'], sals: {} } } },
      'clusters.A.sals',
      'Did you mean "sasl"?',
    ],
    [{ clusters, zzzzzzzzzz: 1 }, 'zzzzzzzzzz', 'Known options:'],
  ])('name the nearest right option for a misspelt one: %j', (config, option, remedy) => {
    const error = refusal(config);
    expect(error.option).toBe(option);
    expect(error.message).toContain(remedy);
  });

  it.each([
    [{}, 'clusters'],
    [{ clusters: {} }, 'clusters'],
    [{ clusters: { A: clusters.A } }, 'clusters'],
    [{ clusters: { ...clusters, C: clusters.A } }, 'clusters'],
    [{ clusters: { ...clusters, A: { brokers: [] } } }, 'clusters.A.brokers'],
    [{ clusters: { 'A.x': clusters.A, B: clusters.B } }, 'clusters.A.x'],
    [{ clusters, producer: { holdMaxBytes: -5 } }, 'producer.holdMaxBytes'],
    [{ clusters, producer: { onUnknownOutcome: 'drop' } }, 'producer.onUnknownOutcome'],
    [{ clusters, consumer: { onMissingPosition: 'newest' } }, 'consumer.onMissingPosition'],
    [{ clusters, switch: { openMs: 1.5 } }, 'switch.openMs'],
    // Node's timers would be over at once.
    [{ clusters, switch: { openMs: 2 ** 31 } }, 'switch.openMs'],
    [{ clusters, producer: { holdMaxWaitMs: Infinity } }, 'producer.holdMaxWaitMs'],
    [{ clusters, consumer: { topicRefreshMs: 99 } }, 'consumer.topicRefreshMs'],
    [{ clusters, mirror: { policy: 'custom' } }, 'mirror.policy'],
    [{ clusters, strategy: 'manual' }, 'strategy'],
    // What is held would time out before it is released.
    [{ clusters, producer: { releaseJitterMs: 9, holdMaxWaitMs: 8 } }, 'producer.releaseJitterMs'],
  ])('are refused with the option named: %j', (config, option) => {
    const error = refusal(config);
    expect(error.option).toBe(option);
    expect(error).toMatchObject({ code: 'ERR_FAILOVER_OPTIONS', retriable: false });
  });

  it.each([
    { clusters, sasl: 'hunter2' },
    { clusters, sals: { password: 'hunter2' } },
    { clusters: { ...clusters, A: { brokers: ['x'], ssl: 'hunter2' } } },
    { clusters: { ...clusters, 'prod east': { brokers: ['x'], sasl: { password: 'hunter2' } } } },
    { clusters: { ...clusters, A: [{ brokers: ['x'], sasl: { password: 'hunter2' } }] } },
    { clusters: [{ brokers: ['x'], sasl: { password: 'hunter2' } }] },
    [{ clusters, sasl: { password: 'hunter2' } }],
  ])('never show a secret: %#', (config) => {
    const error = refusal(config);
    expect(error.message).not.toContain('hunter2');
    expect(JSON.stringify(error)).not.toContain('hunter2');
    expect(error.value).toBeUndefined();
  });
});
