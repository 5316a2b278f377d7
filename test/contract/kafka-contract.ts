import { afterAll, beforeAll, describe } from 'vitest';
import { commitContract } from './commits.js';
import type { ContractEnv, EnvOptions } from './env.js';
import { faultContract } from './faults.js';
import { groupContract } from './groups.js';
import { identityMirrorContract } from './identity-mirror.js';
import { mirrorContract } from './mirror.js';
import { recordContract } from './records.js';
import { topicContract } from './topics.js';
import { transactionContract } from './transactions.js';

/** Generous: the machine may be busy with something else. */
const TEST_LIMIT_MS = 300_000;

/**
 * What simulations take for granted about Kafka, kafkajs and MirrorMaker. It runs against memory clusters and against real
 * ones: where they differ, the memory clusters are wrong.
 */
export function kafkaContract(
  name: string,
  start: (options: EnvOptions) => Promise<ContractEnv>,
): void {
  describe(name, { timeout: TEST_LIMIT_MS }, () => {
    const env = started(name, () => start({ policy: 'default' }));
    describe('a record', () => recordContract(env));
    describe('a topic', () => topicContract(env));
    describe('a group', () => groupContract(env));
    describe('a commit', () => commitContract(env));
    describe('a transaction', () => transactionContract(env));
    describe('MirrorMaker', () => mirrorContract(env));
    describe('a cluster under faults', () => faultContract(env));
  });
  describe(`${name}, with the Identity policy`, { timeout: TEST_LIMIT_MS }, () => {
    const env = started(name, () => start({ policy: 'identity' }));
    describe('MirrorMaker', () => identityMirrorContract(env));
  });
}

/** Starts the clusters before the tests of a suite, and ends them afterwards. */
function started(name: string, start: () => Promise<ContractEnv>): () => ContractEnv {
  let running: ContractEnv | undefined;
  beforeAll(async () => {
    running = await start();
  });
  afterAll(() => running?.close());
  return () => {
    if (running === undefined) throw new Error(`${name} did not start`);
    return running;
  };
}
