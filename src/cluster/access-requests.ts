import type { KafkaConfig } from 'kafkajs';
import { kafka } from '../kafkajs.js';
import type { ClusterOptions } from '../options.js';
import type { Commit, FetchedRecords, LogRange } from './access.js';
import { clusterConfig } from './kafka-session.js';
import type { KafkaJsBroker } from './kafkajs-cluster.js';
import { logCreatorFor } from './log-creator.js';

/** @internal A reader with this isolation sees no record of an aborted or open transaction. */
export const READ_COMMITTED = 1;

/** Limit of each request, in milliseconds: kafkajs's own 30000 is too long for a switch. */
const REQUEST_TIMEOUT_MS = 5000;

/** ListOffsets: the timestamps that stand for the log's end and its beginning. */
const LATEST = -1;
const EARLIEST = -2;

/** @internal A reader with this isolation sees every record that is replicated. */
export const READ_UNCOMMITTED = 0;

/**
 * First and next offset of partitions that this broker leads. Where the log ends is asked as a reader of this isolation
 * sees it.
 *
 * @internal
 */
export async function rangesOn(
  broker: KafkaJsBroker,
  topic: string,
  partitions: readonly number[],
  isolationLevel: number = READ_COMMITTED,
): Promise<readonly (readonly [number, LogRange])[]> {
  const ask = async (timestamp: number): Promise<ReadonlyMap<number, bigint>> => {
    const { responses } = await broker.listOffsets({
      isolationLevel,
      topics: [{ topic, partitions: partitions.map((partition) => ({ partition, timestamp })) }],
    });
    const answers = responses.flatMap((response) => response.partitions);
    return new Map(answers.map(({ partition, offset }) => [partition, BigInt(offset)]));
  };
  const [lows, highs] = await Promise.all([ask(EARLIEST), ask(LATEST)]);
  return partitions.flatMap((partition) => {
    const low = lows.get(partition);
    const high = highs.get(partition);
    return low === undefined || high === undefined ? [] : [[partition, { low, high }] as const];
  });
}

/**
 * What a fetch brought that a quota has emptied: the broker answers without the partition, and kafkajs keeps its next
 * request back for as long as the broker demands.
 *
 * @internal
 */
export async function throttled(
  broker: KafkaJsBroker,
  topic: string,
  partition: number,
  offset: bigint,
): Promise<FetchedRecords> {
  const [range] = await rangesOn(broker, topic, [partition]);
  if (range === undefined) throw new Error(`the broker tells no range of ${topic}-${partition}`);
  return { records: [], nextOffset: offset, range: range[1] };
}

interface TopicCommits {
  readonly topic: string;
  readonly partitions: readonly { partition: number; offset: string; metadata: string }[];
}

/** @internal Commits in the shape of an OffsetCommit request. */
export function byTopic(commits: readonly Commit[]): readonly TopicCommits[] {
  const topics = new Map<string, { partition: number; offset: string; metadata: string }[]>();
  for (const { topic, partition, offset, metadata } of commits) {
    const partitions = topics.get(topic) ?? [];
    partitions.push({ partition, offset: offset.toString(), metadata });
    topics.set(topic, partitions);
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }));
}

/**
 * kafkajs's options for the library's own questions: short limits, few retries, no log. Explicit to the last number,
 * because kafkajs takes other defaults where NODE_ENV is `test`.
 *
 * @internal
 */
export function accessConfig(
  alias: string,
  clusterOptions: ClusterOptions,
  kafkaConfig: Omit<KafkaConfig, 'brokers'>,
): KafkaConfig {
  const config = clusterConfig(kafkaConfig, clusterOptions);
  const socketFactory = clusterOptions.socketFactory ?? kafkaConfig.socketFactory;
  // kafkajs goes on to the next of the given brokers with each retry.
  const brokerCount = Array.isArray(config.brokers) ? config.brokers.length : 0;
  return {
    ...config,
    ...(socketFactory === undefined ? {} : { socketFactory }),
    connectionTimeout: config.connectionTimeout ?? 2000,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    retry: {
      retries: Math.max(2, brokerCount),
      initialRetryTime: 100,
      maxRetryTime: 400,
      factor: 0.2,
      multiplier: 2,
    },
    logLevel: kafka.logLevel.NOTHING,
    logCreator: logCreatorFor(alias, kafkaConfig.logCreator),
  };
}
