import { afterAll, beforeAll, expect, it } from 'vitest';
import { kafkaAgreement } from '../../src/agreement/kafka.js';
import { openControlLog } from '../../src/cluster/control-log.js';
import { realWorld, type World } from '../../src/world.js';
import { join, type StoreHarness } from '../agreement/stage.js';
import { storeContract } from '../agreement/store-contract.js';
import { controlLogContract, type ControlLogHarness } from '../cluster/control-log-contract.js';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import { createTopic, produce } from './stack-support.js';

let stack: Stack;

beforeAll(async () => {
  // A log must not be made by the broker's own automatism.
  const brokerOverrides = { 'auto.create.topics.enable': 'true', 'num.partitions': '3' };
  stack = await startStack({ name: 'agreement', flows: ['A->B'], brokerOverrides });
});

afterAll(() => stack?.stop());

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function openLog(
  world: World,
  alias: 'A' | 'B',
  topic: string,
  settings: Readonly<Record<string, string>>,
) {
  return openControlLog({
    alias,
    topic,
    settings,
    world,
    clusterOptions: { brokers: [...stack.clusters[alias].brokers] },
    kafkaConfig: {},
  });
}

/** Fleets on the two clusters of the stack, of which B is killed and started again. */
function realFleets(name: string): StoreHarness {
  let fleetCount = 0;
  return {
    async fleet() {
      const topicPrefix = `${name}-${(fleetCount += 1)}`;
      let isKilled = false;
      const { B } = stack.clusters;
      const repair = async (): Promise<void> => {
        if (isKilled) await B.start();
        isKilled = false;
      };
      return {
        world: realWorld(),
        open: (world, tell) =>
          kafkaAgreement({ topicPrefix }).open({
            world,
            aliases: ['A', 'B'],
            tell,
            log: (alias, topic, settings) =>
              openLog(world, alias === 'A' ? 'A' : 'B', topic, settings),
          }),
        async break() {
          await B.kill();
          isKilled = true;
        },
        repair,
        spoil: (text) => produce(B, `__${topicPrefix}.decisions`, text),
        sleep,
        run: (body) => body(),
        close: repair,
      };
    },
    stop: async () => {},
  };
}

async function realLogs(): Promise<ControlLogHarness> {
  const { A } = stack.clusters;
  return {
    open: (topic, settings = {}) => openLog(realWorld(), 'A', topic, settings),
    setting: (topic, name) =>
      A.withAdmin(async (admin) => {
        if (!(await admin.listTopics()).includes(topic)) return undefined;
        const { resources } = await admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: 2, name: topic, configNames: [name] }],
        });
        return resources[0]?.configEntries[0]?.configValue;
      }),
    deleteTopic: (topic) => A.withAdmin((admin) => admin.deleteTopics({ topics: [topic] })),
    freeze: () => A.pause(),
    thaw: async () => A.resume(),
    kill: () => A.kill(),
    start: () => A.start(),
    run: (body) => body(),
    sleep,
    nowMs: () => performance.now(),
    stop: async () => {},
  };
}

it('MirrorMaker carries nothing of an agreement to the other cluster', async () => {
  const fleets = await realFleets('mirrored').fleet();
  const one = join(fleets, 'one');
  await one.exchange();
  await one.propose({ cluster: 'A', mode: 'planned', reason: 'a record', by: 'operator' }, 0);
  await createTopic(stack.clusters.A, 'orders');
  await produce(stack.clusters.A, 'orders', 'mirrored');
  const topicsOfB = (): Promise<string[]> =>
    stack.clusters.B.withAdmin((admin) => admin.listTopics());
  // MirrorMaker looks for topics again and again: with the later one it has seen the others.
  await waitFor('the mirror', async () => (await topicsOfB()).includes('A.orders'), {
    timeoutMs: 120_000,
  });
  expect((await topicsOfB()).filter((name) => /^A\..*(decisions|members)/.test(name))).toEqual([]);
  await one.store.close();
  await stack.mirror.flow('A->B').kill();
});

storeContract('Kafka (real clusters)', async () => realFleets('fleet'));

controlLogContract('a real cluster', realLogs);
