import { Kafka, logLevel } from 'kafkajs-failover';
import { openAccess } from '../../src/cluster/kafka-access.js';
import { openMirror, type Mirror } from '../../src/replication/mirror.js';
import { replicationPolicy } from '../../src/replication/policy.js';
import { encodeCheckpoint, encodeOffsetSync } from '../../src/replication/records.js';
import { realWorld } from '../../src/world.js';
import { startStack } from '../../stack/index.js';
import { median, rounded } from '../statistics.js';
import type { TranslationFigures } from './figures.js';
import { callRemoteClusterUtils } from './remote-cluster-utils.js';

const TOPICS = 100;
const PARTITIONS = 100;
const ALL = TOPICS * PARTITIONS;
/** Offset syncs of each partition. RemoteClusterUtils does not read them. */
const SYNCS = 20;
const SYNC_DISTANCE = 500;
const GROUP = 'bench';
/** What the group has committed on the source, and what MirrorMaker made of an earlier commit. */
const COMMITTED = 9_321n;
const CHECKPOINT = { upstreamOffset: 9_000n, metadata: '' };
/** Records of one send. */
const BATCH = 10_000;
const CALLS = 11;
const WARM_UP_RUNS = 30;
const RUNS = 30;

const flow = { source: 'A', target: 'B' };
const policy = replicationPolicy();

type Records = readonly { key: Buffer; value: Buffer }[];

/**
 * Translates one group with 10,000 partitions by what lies in one and the same checkpoints topic of a real broker: with this library, which
 * follows the topic, and with MirrorMaker's own RemoteClusterUtils, which reads it in each call.
 *
 * @param collectGarbage - `global.gc`: what the reading has left behind is not collected while translations are measured.
 * @internal
 */
export async function measureTranslation(
  say: (words: string) => void,
  collectGarbage: () => void,
): Promise<TranslationFigures> {
  const stack = await startStack({
    name: 'bench-positions',
    clusters: ['B'],
    flows: [],
    onProgress: say,
  });
  try {
    const { brokers } = stack.clusters.B;
    await fill(new Kafka({ clientId: 'bench', logLevel: logLevel.NOTHING, brokers }));
    const calls = await callRemoteClusterUtils(stack, {
      brokers,
      source: flow.source,
      groupId: GROUP,
      calls: CALLS,
    });
    const library = await measureLibrary(brokers, collectGarbage);
    for (const { partitions, sum } of calls) {
      if (partitions === ALL && sum === library.checkpointSum) continue;
      throw new Error(
        `RemoteClusterUtils says ${partitions} partitions and ${sum}, this library ${ALL} and ${library.checkpointSum}`,
      );
    }
    const [first, ...repeated] = calls.map(({ ms }) => ms);
    return {
      partitions: ALL,
      ms: library.ms,
      readMs: library.readMs,
      remoteClusterUtilsFirstMs: rounded(first ?? Number.NaN),
      remoteClusterUtilsRepeatMs: rounded(median(repeated)),
    };
  } finally {
    await stack.stop();
  }
}

/** The topics as MirrorMaker makes and fills them. */
async function fill(kafka: Kafka): Promise<void> {
  const checkpoints = policy.checkpointsTopic(flow.source);
  const { topic: syncs } = policy.offsetSyncsTopic(flow, 'target');
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [{ name: 'cleanup.policy', value: 'compact' }];
  await admin.createTopics({
    topics: [checkpoints, syncs].map((topic) => ({ topic, numPartitions: 1, configEntries })),
  });
  await admin.disconnect();
  const producer = kafka.producer();
  await producer.connect();
  const send = async (topic: string, messages: Records): Promise<void> => {
    for (let at = 0; at < messages.length; at += BATCH) {
      await producer.send({ topic, messages: messages.slice(at, at + BATCH) });
    }
  };
  await send(checkpoints, allPartitions().map(checkpointOf));
  for (let sync = 0; sync < SYNCS; sync += 1) {
    const offset = BigInt(sync * SYNC_DISTANCE);
    const value = { upstreamOffset: offset, downstreamOffset: offset };
    await send(
      syncs,
      allPartitions().map((key) => encodeOffsetSync(key, value)),
    );
  }
  await producer.disconnect();
}

function checkpointOf(
  { topic, partition }: { topic: string; partition: number },
  index: number,
): Records[number] {
  const key = { group: GROUP, topic: policy.formatRemoteTopic(flow.source, topic), partition };
  return encodeCheckpoint(key, { ...CHECKPOINT, downstreamOffset: 8_501n + BigInt(index % 400) });
}

function allPartitions(): readonly { topic: string; partition: number }[] {
  return Array.from({ length: ALL }, (_, index) => ({
    topic: `topic-${Math.floor(index / PARTITIONS)}`,
    partition: index % PARTITIONS,
  }));
}

async function measureLibrary(
  brokers: string[],
  collectGarbage: () => void,
): Promise<{ ms: number; readMs: number; checkpointSum: number }> {
  const world = realWorld();
  const kafkaConfig = { clientId: 'bench', logLevel: logLevel.NOTHING };
  const access = openAccess({ alias: 'B', clusterOptions: { brokers }, kafkaConfig, world });
  const startedAtMs = performance.now();
  const mirror = openMirror({
    ...flow,
    policy,
    targetAccess: access,
    world,
    events: { emit: () => {} },
  });
  try {
    await mirror.refresh();
    const readMs = performance.now() - startedAtMs;
    collectGarbage();
    const times: number[] = [];
    for (let run = 0; run < WARM_UP_RUNS + RUNS; run += 1) {
      const startedAtMs = performance.now();
      const translatedCount = translateAll(mirror);
      times.push(performance.now() - startedAtMs);
      if (translatedCount !== ALL) throw new Error(`${translatedCount} of ${ALL} were translated`);
    }
    return {
      ms: rounded(median(times.slice(WARM_UP_RUNS))),
      readMs: Math.round(readMs),
      checkpointSum: checkpointSum(mirror),
    };
  } finally {
    mirror.close();
    await access.close();
  }
}

/** For each partition the checkpoint's position and the commit's, translated; the higher one counts. */
function translateAll(mirror: Mirror): number {
  let translatedCount = 0;
  for (let number = 0; number < TOPICS; number += 1) {
    const topic = `topic-${number}`;
    const remoteTopic = policy.formatRemoteTopic(flow.source, topic);
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const checkpoint = mirror.checkpoint(GROUP, remoteTopic, partition);
      const translation = mirror.translate(topic, partition, COMMITTED);
      if (checkpoint === undefined || translation.kind === 'unavailable') continue;
      if (translation.offset > checkpoint.downstreamOffset) translatedCount += 1;
    }
  }
  return translatedCount;
}

function checkpointSum(mirror: Mirror): number {
  return allPartitions().reduce((sum, { topic, partition }) => {
    const remoteTopic = policy.formatRemoteTopic(flow.source, topic);
    return sum + Number(mirror.checkpoint(GROUP, remoteTopic, partition)?.downstreamOffset ?? 0n);
  }, 0);
}
