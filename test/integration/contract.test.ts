import { connect } from 'node:net';
import { openAccess } from '../../src/cluster/kafka-access.js';
import { kafka } from '../../src/kafkajs.js';
import { realWorld } from '../../src/world.js';
import { startStack } from '../../stack/index.js';
import type { ContractEnv, EnvOptions } from '../contract/env.js';
import { kafkaContract } from '../contract/kafka-contract.js';

/** Nobody listens there, on loopback. */
const REFUSING_PORT = 1;

async function realEnv({ policy }: EnvOptions): Promise<ContractEnv> {
  const stack = await startStack({ name: `contract-${policy}`, policy });
  const refusing = new Set<string>();
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
    kafka: (alias, { requestTimeoutMs, retries = 5 } = {}) =>
      new kafka.Kafka({
        ...kafkaConfig,
        brokers: [...stack.clusters[alias].brokers],
        socketFactory: ({ host, port, onConnect }) =>
          connect({ host, port: refusing.has(alias) ? REFUSING_PORT : port }, onConnect),
        ...(requestTimeoutMs === undefined ? {} : { requestTimeout: requestTimeoutMs }),
        retry: { retries, initialRetryTime: 50, maxRetryTime: 500 },
      }),
    access: (alias) => access[alias],
    freeze: (alias) => stack.clusters[alias].pause(),
    thaw: async (alias) => stack.clusters[alias].resume(),
    async slowly(alias, byMs, work) {
      const broker = stack.clusters[alias];
      await broker.pause();
      const timer = setTimeout(() => broker.resume(), byMs);
      try {
        return await work();
      } finally {
        clearTimeout(timer);
        broker.resume();
      }
    },
    refuse: (alias) => void refusing.add(alias),
    accept: (alias) => void refusing.delete(alias),
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
