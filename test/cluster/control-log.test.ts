import type { KafkaConfig } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import type { ControlLog } from '../../src/agreement/agreement.js';
import { openControlLog } from '../../src/cluster/control-log.js';
import {
  createMemoryWorld,
  type MemoryClusterOptions,
  type MemoryWorld,
} from '../../src/testing/index.js';
import type { World } from '../../src/world.js';
import { tracedWorld } from '../agreement/stage.js';
import { rejectionOf } from '../support/failures.js';
import { controlLogContract } from './control-log-contract.js';

controlLogContract('a memory cluster', async () => {
  const memory = createMemoryWorld();
  const cluster = memory.cluster('A');
  return {
    open: (topic, settings = {}) =>
      openControlLog({
        alias: 'A',
        topic,
        settings,
        world: memory.world,
        clusterOptions: { brokers: [...cluster.brokers] },
        kafkaConfig: {},
      }),
    async setting(topic, name) {
      if (cluster.partitionCount(topic) === 0) return undefined;
      const admin = memory.createKafka('A').admin();
      await admin.connect();
      const { resources } = await admin.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: 2, name: topic, configNames: [name] }],
      });
      await admin.disconnect();
      return resources[0]?.configEntries[0]?.configValue;
    },
    deleteTopic: async (topic) => cluster.deleteTopic(topic),
    freeze: async () => cluster.freeze(),
    thaw: async () => cluster.thaw(),
    kill: async () => cluster.down(),
    start: async () => cluster.up(),
    run: (body) => memory.run(body),
    sleep: (ms) => memory.clock.sleep(ms),
    nowMs: () => memory.clock.nowMs(),
    stop: async () => memory.close(),
  };
});

const topic = 'control.internal';
const never = new AbortController().signal;

/** A log on a memory cluster, in a world that counts what is left. */
function openOn(
  memory: MemoryWorld,
  {
    brokers = memory.cluster('A').brokers,
    world = memory.world,
  }: { brokers?: readonly string[]; world?: World } = {},
): { log: ControlLog; left: () => { timers: number; sockets: number } } {
  const traces = tracedWorld(world);
  const log = openControlLog({
    alias: 'A',
    topic,
    settings: { 'retention.ms': '-1' },
    world: traces.world,
    clusterOptions: { brokers: [...brokers] },
    kafkaConfig: { requestTimeout: 60_000, retry: { retries: 99 } },
  });
  return { log, left: traces.left };
}

function worldWith(options: MemoryClusterOptions = {}): MemoryWorld {
  return createMemoryWorld({ clusters: { A: options } });
}

describe('a control log', () => {
  it('connects only when it is asked, with short limits, and asks nothing again', async () => {
    const memory = worldWith();
    const configs: KafkaConfig[] = [];
    const { log, left } = openOn(memory, {
      world: {
        ...memory.world,
        createKafka: (config) => {
          configs.push(config);
          return memory.world.createKafka(config);
        },
      },
    });
    expect(configs).toEqual([]);
    expect(left()).toEqual({ timers: 0, sockets: 0 });
    await memory.run(() => log.append('k', 'v'));
    expect(configs).toMatchObject([
      {
        connectionTimeout: 1000,
        requestTimeout: 2000,
        enforceRequestTimeout: true,
        logLevel: 0,
        retry: { retries: 0 },
      },
    ]);
    await memory.run(() => log.close());
  });

  it('goes on to the next of the given brokers', async () => {
    const memory = worldWith();
    const brokers = ['nobody:9092', 'nobody-either:9092', ...memory.cluster('A').brokers];
    const { log } = openOn(memory, { brokers });
    await memory.run(async () => {
      await log.append('k', 'v');
      await log.close();
    });
    expect(memory.cluster('A').records(topic, 0)).toHaveLength(1);
  });

  it('never has its topic made by the broker’s own automatism', async () => {
    const memory = worldWith({ autoCreateTopics: true, defaultPartitionCount: 7 });
    const { log } = openOn(memory);
    await memory.run(async () => {
      await log.read('beginning', { maxWaitMs: 0, signal: never });
      await log.close();
    });
    expect(memory.cluster('A').topicNames()).toEqual([topic]);
    expect(memory.cluster('A').partitionCount(topic)).toBe(1);
  });

  it('rejects an append whose acknowledgement is lost, and whose record is there', async () => {
    const memory = worldWith();
    const { log } = openOn(memory);
    const cluster = memory.cluster('A');
    await memory.run(async () => {
      await log.append('k', 'first');
      cluster.loseNextAcknowledgement();
      await rejectionOf(log.append('k', 'second'));
      const { records } = await log.read('beginning', { maxWaitMs: 0, signal: never });
      expect(records.map(({ value }) => value)).toEqual(['first', 'second']);
      await log.close();
    });
  });

  it('finds its topic when another process has made it in between', async () => {
    const memory = worldWith();
    const cluster = memory.cluster('A');
    const { log } = openOn(memory);
    let wasFirst = false;
    cluster.onRequest(({ apiName }) => {
      if (apiName !== 'CreateTopics' || wasFirst) return;
      wasFirst = true;
      cluster.createTopic(topic, 1);
    });
    await memory.run(async () => {
      await log.append('k', 'v');
      await log.close();
    });
    expect(wasFirst).toBe(true);
    expect(cluster.records(topic, 0)).toHaveLength(1);
  });

  it.each<[string, (memory: MemoryWorld) => void]>([
    ['well', () => {}],
    ['frozen', (memory) => memory.cluster('A').freeze()],
    ['down', (memory) => memory.cluster('A').down()],
    ['cut off', (memory) => memory.cluster('A').blackhole()],
  ])(
    'leaves no timer and no socket when it is closed, where its cluster is %s',
    async (_, fault) => {
      for (const isOpened of [true, false]) {
        const memory = worldWith();
        const { log, left } = openOn(memory);
        await memory.run(async () => {
          if (isOpened) await log.append('k', 'v');
          fault(memory);
          const waiting = Promise.allSettled([
            log.read('end', { maxWaitMs: 60_000, signal: never }),
            log.read('end', { maxWaitMs: 0, signal: never }),
            log.append('k', 'w'),
          ]);
          await log.close();
          await waiting;
        });
        expect(left()).toEqual({ timers: 0, sockets: 0 });
      }
    },
  );
});
