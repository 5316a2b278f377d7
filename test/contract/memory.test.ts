import { openAccess } from '../../src/cluster/kafka-access.js';
import { kafka } from '../../src/kafkajs.js';
import { createMemoryWorld } from '../../src/testing/index.js';
import type { ContractEnv } from './env.js';
import { kafkaContract } from './kafka-contract.js';

function memoryEnv(): Promise<ContractEnv> {
  const memory = createMemoryWorld({ clusters: { A: {}, B: {} }, mirror: {} });
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
    kafka: (alias, { requestTimeoutMs } = {}) =>
      memory.createKafka(alias, {
        ...kafkaConfig,
        ...(requestTimeoutMs === undefined ? {} : { requestTimeout: requestTimeoutMs }),
        retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 500 },
      }),
    access: (alias) => access[alias],
    freeze: async (alias) => memory.cluster(alias).freeze(),
    thaw: async (alias) => memory.cluster(alias).thaw(),
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
