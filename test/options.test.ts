import { describe, expect, it } from 'vitest';
import { kafkaAgreement } from '../src/agreement/kafka.js';
import { isFailoverError } from '../src/errors.js';
import { resolveOptions, type FailoverKafkaConfig } from '../src/options.js';
import type { DedupOptions } from '../src/options-dedup.js';
import { healthStrategy } from '../src/strategy/health.js';

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
      holdMaxRecords: 100_000,
      holdMaxWaitMs: 30_000,
      deliveryTimeoutMs: 120_000,
      onUnknownOutcome: undefined,
      releaseJitterMs: 0,
    });
    expect(resolved.ledger).toEqual({
      ...{ maxBytes: 33_554_432, file: undefined, spool: undefined, onUnmirrored: 'report' },
    });
    const ledgerSpool = { directory: '/data/ledger' };
    expect(resolveOptions({ clusters, producer: { ledgerSpool } }).ledger.spool).toEqual({
      directory: '/data/ledger',
      fsync: 'interval',
    });
    expect(resolved.consumer).toEqual({
      onMissingPosition: 'earliest',
      topicRefreshMs: 30_000,
      commitMetadata: true,
    });
    expect(resolved.hotStandby).toEqual({ consumers: false, producers: false });
    expect(resolved.mirror).toEqual({
      policy: 'default',
      separator: '.',
      internalTopicSeparatorEnabled: true,
      offsetSyncsLocation: 'target',
    });
    expect(resolved.deadlines).toEqual({
      prepareMs: 5_000,
      agreeMs: 5_000,
      drainMs: 10_000,
      handlersMs: 5_000,
      catchUpMs: 10_000,
      translateMs: 10_000,
      openMs: 15_000,
    });
    expect(resolved.strategy.name).toBe('manual');
  });

  it('make no window of handled records unless it is asked for', () => {
    const dedupOf = (dedup?: DedupOptions) =>
      resolveOptions({ clusters, consumer: dedup ? { dedup } : {} }).consumer.dedup;
    expect(dedupOf()).toBeUndefined();
    expect(dedupOf({})).toEqual({ messageId: undefined, maxEntries: 100_000 });
    const messageId = (): string => 'id';
    expect(dedupOf({ messageId, maxEntries: 1 })).toEqual({ messageId, maxEntries: 1 });
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
    [
      { clusters, consumer: { progress: { everyMS: 500 } } },
      'consumer.progress.everyMS',
      'Did you mean "everyMs"?',
    ],
    [{ clusters, producer: { holdMaxByte: 1 } }, 'producer.holdMaxByte', '"holdMaxBytes"'],
    [
      { clusters, consumer: { dedup: { messageID: 'id' } } },
      'consumer.dedup.messageID',
      '"messageId"',
    ],
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
    [{ clusters, producer: { holdMaxRecords: -1 } }, 'producer.holdMaxRecords'],
    [{ clusters, producer: { holdMaxRecords: Infinity } }, 'producer.holdMaxRecords'],
    [{ clusters, producer: { deliveryTimeoutMs: 0 } }, 'producer.deliveryTimeoutMs'],
    [{ clusters, producer: { deliveryTimeoutMs: 2 ** 31 } }, 'producer.deliveryTimeoutMs'],
    [{ clusters, consumer: { topicRefreshMs: 99 } }, 'consumer.topicRefreshMs'],
    [{ clusters, consumer: { hotStandby: 'yes' } }, 'consumer.hotStandby'],
    [{ clusters, consumer: { commitMetadata: 'none' } }, 'consumer.commitMetadata'],
    [{ clusters, consumer: { hotstandby: true } }, 'consumer.hotstandby'],
    [{ clusters, consumer: { dedup: true } }, 'consumer.dedup'],
    [{ clusters, consumer: { dedup: { messageId: 5 } } }, 'consumer.dedup.messageId'],
    [{ clusters, consumer: { dedup: { messageId: '' } } }, 'consumer.dedup.messageId'],
    [{ clusters, consumer: { dedup: { maxEntries: 0 } } }, 'consumer.dedup.maxEntries'],
    [{ clusters, consumer: { dedup: { maxEntries: Infinity } } }, 'consumer.dedup.maxEntries'],
    [{ clusters, consumer: { dedup: { maxEntries: 1_000_001 } } }, 'consumer.dedup.maxEntries'],
    [{ clusters, mirror: { policy: 'custom' } }, 'mirror.policy'],
    [{ clusters, strategy: 'manual' }, 'strategy'],
    [{ clusters, agreement: 'consul' }, 'agreement'],
    [{ clusters, agreement: { name: 'mine', open: () => {} } }, 'agreement'],
    // A process of a fleet does not move alone.
    [{ clusters, agreement: kafkaAgreement(), onWrongCluster: 'follow' }, 'onWrongCluster'],
    [{ clusters, health: { canary: { topic: '' } } }, 'health.canary.topic'],
    [{ clusters, health: { canary: { topic: 'a/b' } } }, 'health.canary.topic'],
    [{ clusters, health: { canary: { topic: 'a', everyMs: 99 } } }, 'health.canary.everyMs'],
    [{ clusters, health: { canary: true } }, 'health.canary'],
    // What is held would time out before it is released.
    [{ clusters, producer: { releaseJitterMs: 9, holdMaxWaitMs: 8 } }, 'producer.releaseJitterMs'],
    [{ clusters, producer: { ledgerSpool: { directory: '' } } }, 'producer.ledgerSpool.directory'],
    [{ clusters, producer: { ledgerSpool: {} } }, 'producer.ledgerSpool.directory'],
    [
      { clusters, producer: { ledgerSpool: { directory: '/d', fsync: 'often' } } },
      'producer.ledgerSpool.fsync',
    ],
    [
      { clusters, producer: { ledgerSpool: { directory: '/d', sync: 'never' } } },
      'producer.ledgerSpool.sync',
    ],
    [
      { clusters, producer: { ledgerSpool: { directory: '/d' }, ledgerMaxBytes: 0 } },
      'producer.ledgerSpool',
    ],
    [
      { clusters, producer: { onUnmirrored: 'replay', ledgerMaxBytes: 0 } },
      'producer.onUnmirrored',
    ],
    [{ clusters, producer: { onUnmirrored: 'resend' } }, 'producer.onUnmirrored'],
    [{ clusters, producer: { messageIdHeader: '' } }, 'producer.messageIdHeader'],
  ])('are refused with the option named: %j', (config, option) => {
    const error = refusal(config);
    expect(error.option).toBe(option);
    expect(error).toMatchObject({ code: 'ERR_FAILOVER_OPTIONS', retriable: false });
  });

  it.each([
    [['a1'], 'Write "a1:9092".'],
    [['a:9092,b:9092'], 'Write "a:9092", "b:9092".'],
    [['SASL_SSL://a:9093'], 'Write "a:9093".'],
    [['a:9092', 'b:'], 'for example'],
    [['a:0'], 'for example'],
    [['a:99999'], 'for example'],
    [[':9092'], 'for example'],
    [['[::1]:9092'], 'for example'],
  ])('refuse a broker to which kafkajs could never connect: %j', (brokers, remedy) => {
    const error = refusal({ clusters: { ...clusters, B: { brokers } } });
    expect(error.option).toBe('clusters.B.brokers');
    expect(error.value).toBe(brokers.at(-1));
    expect(error.message).toContain(`must be "host:port", got ${JSON.stringify(brokers.at(-1))}`);
    expect(error.message).toContain(remedy);
  });

  it('take whatever addresses the sockets of the service itself understand', () => {
    const socketFactory = (): never => {
      throw new Error('unused');
    };
    const named = { ...clusters, B: { brokers: ['b-by-name'] } };
    expect(() => resolveOptions({ clusters: named, socketFactory })).not.toThrow();
    const own = { ...clusters, B: { brokers: ['b-by-name'], socketFactory } };
    expect(() => resolveOptions({ clusters: own })).not.toThrow();
    expect(() =>
      resolveOptions({ clusters: { ...clusters, B: { brokers: () => ['b'] } } }),
    ).not.toThrow();
  });

  it.each([
    [{ clusters: { ...clusters, A: { brokers: [null] } } }, 'got [null]'],
    [{ clusters: { ...clusters, A: { brokers: [undefined] } } }, 'got ["undefined"]'],
    [{ clusters, switch: { openMs: Number.NaN } }, 'got NaN'],
    [{ clusters, switch: { openMs: Infinity } }, 'got Infinity'],
    [{ clusters, producer: { holdMaxBytes: 5n } }, 'got 5n'],
    [{ clusters, consumer: { topicRefreshMs: () => 5 } }, 'got a function'],
  ])('show the value as what it is: %#', (config, shown) => {
    expect(refusal(config).message).toContain(shown);
  });

  it('show no value that cannot be written down', () => {
    const circle: Record<string, unknown> = {};
    circle['self'] = circle;
    expect(refusal({ clusters, mirror: { separator: circle } }).message).toContain('an object');
  });

  it.each([
    [{ clusters, clientId: 5 }, 'clientId: must be a string, got 5'],
    [
      { clusters, producer: { holdMaxBytes: -5 } },
      'producer.holdMaxBytes: must be at least 0, got -5',
    ],
    [
      { clusters, switch: { openMs: 2 ** 31 } },
      'switch.openMs: must be at most 2147483647, got 2147483648',
    ],
    [
      { clusters, consumer: { onMissingPosition: 'newest' } },
      'must be "earliest" or "latest" or "fail", got "newest"',
    ],
    [{ clusters, switch: { openMs: 1.5 } }, 'switch.openMs: must be an integer, got 1.5'],
    [
      { clusters: { ...clusters, A: { ...clusters.A, clusterId: '' } } },
      'clusters.A.clusterId: must not be empty',
    ],
    [{ clusters: { 'prod east': clusters.A, B: clusters.B } }, 'an alias may hold letters'],
    [{ clusters: { '2': clusters.A, '1': clusters.B } }, 'an alias must not be a whole number'],
    [
      { clusters, consumer: { progress: true } },
      'consumer.progress: must be false, or options such as { everyMs: 1000 }, got true',
    ],
    [
      { clusters: { ...clusters, B: { brokers: [] } } },
      'clusters.B.brokers: must be a list of at least one "host:port", or a function that returns one, got []',
    ],
    [
      { clusters: { ...clusters, B: { brokers: [''] } } },
      'clusters.B.brokers.0: must be "host:port", for example "a1.example.com:9092", got ""',
    ],
    [{ clusters, health: { silentMs: -1 } }, 'health.silentMs: must be at least 1, got -1'],
    [{ clusters, consumer: { topicRefreshMs: -1 } }, 'must be at least 100, got -1'],
    [
      { clusters, strategy: healthStrategy },
      'strategy: must be a strategy, not the function that makes one (did you forget to call it? healthStrategy()), got a function',
    ],
    [
      { clusters, strategy: kafkaAgreement() },
      'strategy: must be a strategy, not an agreement (give that as the option agreement), got',
    ],
    [
      { clusters, strategy: () => ({}) },
      'strategy: must be a strategy, for example manualStrategy(), got a function',
    ],
    [
      { clusters, agreement: kafkaAgreement },
      'not the function that makes one (did you forget to call it? kafkaAgreement()), got',
    ],
    [
      { clusters, agreement: healthStrategy() },
      'agreement: must be an agreement, not a strategy (give that as the option strategy), got',
    ],
    [
      { clusters, agreement: 5 },
      "agreement: must be an agreement, for example consulAgreement({ key: 'kafka/active' }), got 5",
    ],
  ])('say plainly what the value must be: %#', (config, words) => {
    expect(refusal(config).message).toContain(words);
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
