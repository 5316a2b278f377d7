import type { AgreementNews } from '../../src/agreement/agreement.js';
import { kafkaAgreement } from '../../src/agreement/kafka.js';
import { openControlLog } from '../../src/cluster/control-log.js';
import { createMemoryWorld, type MemoryWorld } from '../../src/testing/index.js';
import type { World } from '../../src/world.js';
import type { StoreStage } from './stage.js';
import { storeContract } from './store-contract.js';

const decisionsTopic = 'kafkajs-failover.decisions.internal';

/** A fleet on two memory clusters. */
function memoryStage(memory: MemoryWorld = createMemoryWorld()): StoreStage {
  const aliases = ['A', 'B'];
  return {
    world: memory.world,
    open: (world: World, tell: (news: AgreementNews) => void) =>
      kafkaAgreement().open({
        world,
        aliases,
        tell,
        log: (alias, topic, settings) =>
          openControlLog({
            alias,
            topic,
            settings,
            world,
            clusterOptions: { brokers: [...memory.cluster(alias).brokers] },
            kafkaConfig: {},
          }),
      }),
    break: async () => memory.cluster('B').down(),
    repair: async () => memory.cluster('B').up(),
    spoil: async (text) => {
      memory.cluster('B').append(decisionsTopic, 0, [{ key: 'somebody', value: text }]);
    },
    sleep: (ms) => memory.clock.sleep(ms),
    run: (body) => memory.run(body),
    close: async () => memory.close(),
  };
}

storeContract('Kafka (memory clusters)', async () => ({
  fleet: async () => memoryStage(),
  stop: async () => {},
}));
