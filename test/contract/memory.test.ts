import type { ProducerConfig } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { openAccess } from '../../src/cluster/kafka-access.js';
import { kafka } from '../../src/kafkajs.js';
import { createMemoryWorld } from '../../src/testing/index.js';
import type { ContractEnv, EnvOptions } from './env.js';
import { kafkaContract } from './kafka-contract.js';

function memoryEnv({ policy }: EnvOptions): Promise<ContractEnv> {
  const mirror = policy === 'identity' ? { policy, flows: ['A->B'] as const } : {};
  const memory = createMemoryWorld({ clusters: { A: {}, B: {} }, mirror });
  const { world, clock } = memory;
  const kafkaConfig = { logLevel: kafka.logLevel.NOTHING };
  const accessTo = (alias: 'A' | 'B') =>
    openAccess({
      alias,
      clusterOptions: { brokers: [...memory.cluster(alias).brokers] },
      kafkaConfig,
      world,
    });
  const access = { A: accessTo('A'), B: accessTo('B') };
  return Promise.resolve({
    kafka: (alias, { requestTimeoutMs, retries = 5 } = {}) =>
      memory.createKafka(alias, {
        ...kafkaConfig,
        ...(requestTimeoutMs === undefined ? {} : { requestTimeout: requestTimeoutMs }),
        retry: { retries, initialRetryTime: 50, maxRetryTime: 500 },
      }),
    access: (alias) => access[alias],
    freeze: async (alias) => memory.cluster(alias).freeze(),
    thaw: async (alias) => memory.cluster(alias).thaw(),
    async slowly(alias, byMs, work) {
      memory.cluster(alias).slow(byMs);
      try {
        return await work();
      } finally {
        memory.cluster(alias).slow(0);
      }
    },
    refuse: (alias) => memory.cluster(alias).refuse(),
    accept: (alias) => memory.cluster(alias).up(),
    kill: async (alias) => memory.cluster(alias).down(),
    restart: async (alias) => memory.cluster(alias).up(),
    killMirror: async () => memory.mirror('A->B').kill(),
    startMirror: async () => memory.mirror('A->B').start(),
    sleep: (ms) => clock.sleep(ms),
    nowMs: () => clock.nowMs(),
    wallMs: () => clock.wallMs(),
    run: (body) => memory.run(body),
    close: async () => memory.close(),
  });
}

kafkaContract('memory clusters', memoryEnv);

describe('a lost acknowledgement (memory clusters only: no real broker can be told to lose one)', () => {
  /** Sends `lost` while its acknowledgement is lost, and answers what the log holds then. */
  async function sendLost(config: ProducerConfig): Promise<{ error: unknown; values: string[] }> {
    const memory = createMemoryWorld({ clusters: { A: { topics: { orders: 1 } } } });
    const cluster = memory.cluster('A');
    const error = await memory.run(async () => {
      const kafkaConfig = { logLevel: kafka.logLevel.NOTHING, requestTimeout: 1000 };
      const producer = memory.createKafka('A', kafkaConfig).producer(config);
      await producer.connect();
      cluster.loseNextAcknowledgement();
      const sent = producer.send({ topic: 'orders', messages: [{ value: 'lost' }] });
      const failure = await sent.then(
        () => undefined,
        (cause: unknown) => cause,
      );
      await producer.disconnect();
      return failure;
    });
    memory.close();
    return { error, values: cluster.records('orders', 0).map(({ value }) => String(value)) };
  }

  it('rejects a send whose record is there', async () => {
    const { error, values } = await sendLost({ retry: { retries: 0 } });
    expect(error).toMatchObject({
      name: 'KafkaJSNumberOfRetriesExceeded',
      cause: { name: 'KafkaJSRequestTimeoutError' },
    });
    expect(values).toEqual(['lost']);
  });

  it('makes kafkajs write the record twice', async () => {
    const { error, values } = await sendLost({ retry: { retries: 1 } });
    expect(error).toBeUndefined();
    expect(values).toEqual(['lost', 'lost']);
  });

  it('does no harm to an idempotent producer', async () => {
    const { error, values } = await sendLost({ idempotent: true, maxInFlightRequests: 1 });
    expect(error).toBeUndefined();
    expect(values).toEqual(['lost']);
  });
});
