import { openAccess } from '../../src/cluster/kafka-access.js';
import { kafka } from '../../src/kafkajs.js';
import { realWorld } from '../../src/world.js';
import { startStack } from '../../stack/index.js';
import type { ContractEnv } from '../contract/env.js';
import { kafkaContract } from '../contract/kafka-contract.js';

async function realEnv(): Promise<ContractEnv> {
  const stack = await startStack({ name: 'contract' });
  const world = realWorld();
  const kafkaConfig = { logLevel: kafka.logLevel.NOTHING };
  const accessTo = (alias: 'A' | 'B') =>
    openAccess({
      alias,
      clusterOptions: { brokers: [...stack.clusters[alias].brokers] },
      kafkaConfig,
      world,
    });
  const access = { A: accessTo('A'), B: accessTo('B') };
  return {
    kafka: (alias, { requestTimeoutMs } = {}) =>
      new kafka.Kafka({
        ...kafkaConfig,
        brokers: [...stack.clusters[alias].brokers],
        ...(requestTimeoutMs === undefined ? {} : { requestTimeout: requestTimeoutMs }),
        retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 500 },
      }),
    access: (alias) => access[alias],
    freeze: (alias) => stack.clusters[alias].pause(),
    thaw: async (alias) => stack.clusters[alias].resume(),
    kill: (alias) => stack.clusters[alias].kill(),
    restart: (alias) => stack.clusters[alias].start(),
    killMirror: () => stack.mirror.flow('A->B').kill(),
    startMirror: () => stack.mirror.flow('A->B').start(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    run: (body) => body(),
    async close() {
      await Promise.all([access.A.close(), access.B.close()]);
      await stack.stop();
    },
  };
}

kafkaContract('real clusters', realEnv);
