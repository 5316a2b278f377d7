import type { KafkaConfig } from 'kafkajs';
import { LRUCache } from 'lru-cache';
import { FailoverClosedError } from '../errors.js';
import { judge } from '../health/failure.js';
import type { ClusterOptions } from '../options.js';
import { unreachable } from '../unreachable.js';
import { retry } from '../wait.js';
import type { World } from '../world.js';
import type { ClusterAccess, Commit, FetchedRecords, LogRange } from './access.js';
import {
  accessConfig,
  byTopic,
  rangesOn,
  READ_COMMITTED,
  READ_UNCOMMITTED,
  throttled,
} from './access-requests.js';
import { readableRecords } from './fetched-records.js';
import { HeldLink } from './held-link.js';
import type { KafkaLink } from './kafka-link.js';
import type { KafkaJsBroker } from './kafkajs-cluster.js';

// What is used of kafkajs's inside is listed in `kafkajs-cluster.ts` (`KafkaJsCluster`, `KafkaJsBroker`).

/** DescribeConfigs: the resource type of a topic. */
const TOPIC_RESOURCE = 2;

const DEFAULT_FETCH_BYTES = 1_048_576;

/** Topics whose cleanup policy is remembered; MirrorMaker's own are three for each direction. */
const COMPACTED_TOPICS = 100;

/** @internal What {@link openAccess} needs. */
export interface AccessOptions {
  readonly alias: string;
  readonly clusterOptions: ClusterOptions;
  /** What the clusters share. `clusterOptions` outranks it. */
  readonly kafkaConfig: Omit<KafkaConfig, 'brokers'>;
  readonly world: World;
}

/** kafkajs's `resetOffsets({ earliest: true })` commits the protocol's name of the log's beginning, which is no offset. */
const RESET_TO_EARLIEST = '-2';

/**
 * Makes the {@link ClusterAccess} of a cluster. Nothing is connected before the first question, and after a failure the
 * next question connects anew, to the brokers that the options name.
 *
 * Its kafkajs client logs nothing: every failure reaches the caller.
 *
 * @internal
 */
export function openAccess(options: AccessOptions): ClusterAccess {
  return new KafkaAccess(options);
}

/** What a broker answers where no record is as late as it was asked for. */
const NO_OFFSET = '-1';

class KafkaAccess implements ClusterAccess {
  readonly alias: string;
  readonly #world: World;
  readonly #held: HeldLink;
  /** Whether a topic is compacted, of the topics that were read last. */
  readonly #compacted = new LRUCache<string, boolean>({ max: COMPACTED_TOPICS });

  constructor(options: AccessOptions) {
    this.alias = options.alias;
    this.#world = options.world;
    const config = accessConfig(options.alias, options.clusterOptions, options.kafkaConfig);
    this.#held = new HeldLink(options.world, config);
  }

  clusterId(): Promise<string> {
    return this.#ask(async (link) => {
      const id = await link.clusterId();
      if (id === null) throw new Error(`cluster ${this.alias} has no cluster id`);
      return id;
    });
  }

  topics({ maxAgeMs = 0 }: { readonly maxAgeMs?: number } = {}): Promise<
    ReadonlyMap<string, number>
  > {
    return this.#ask((link) => link.topics(maxAgeMs));
  }

  ranges(
    topic: string,
    {
      isolation = 'read_committed',
      leadersMaxAgeMs = 0,
    }: Parameters<ClusterAccess['ranges']>[1] = {},
  ): Promise<ReadonlyMap<number, LogRange> | undefined> {
    const level = isolation === 'read_committed' ? READ_COMMITTED : READ_UNCOMMITTED;
    return this.#ask(async (link) => {
      const known = link.leadersSince(topic, leadersMaxAgeMs);
      if (known !== undefined) {
        try {
          return await rangesFrom(link, topic, known, level);
        } catch (error) {
          if (!judge(error).answered) throw error;
        }
      }
      const leaders = await link.freshLeaders(topic);
      return leaders && rangesFrom(link, topic, leaders, level);
    });
  }

  committed(groupId: string, topics?: readonly string[]): Promise<readonly Commit[]> {
    return this.#ask(async (link) => {
      const coordinator = await link.knownCoordinator(groupId);
      const { responses } = await coordinator.offsetFetch({ groupId, topics: [] });
      const wanted = topics && new Set(topics);
      return responses
        .filter(({ topic }) => wanted?.has(topic) ?? true)
        .flatMap(({ topic, partitions }) =>
          partitions.map(({ partition, offset, metadata }) => ({
            topic,
            partition,
            offset: offset === RESET_TO_EARLIEST ? 0n : BigInt(offset),
            metadata: metadata ?? '',
          })),
        )
        .filter(({ offset }) => offset >= 0n);
    });
  }

  commitIdle(
    groupId: string,
    commits: readonly Commit[],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<'stored' | 'refused'> {
    if (commits.length === 0) return Promise.resolve('stored');
    return this.#ask(async (link) => {
      const coordinator = await link.knownCoordinator(groupId);
      // Finding the coordinator may take its time, and so may the attempt before this one.
      signal?.throwIfAborted();
      try {
        await coordinator.offsetCommit({
          groupId,
          // Without membership, which a coordinator accepts only while the group is empty.
          groupGenerationId: -1,
          memberId: '',
          topics: byTopic(commits),
        });
        return 'stored';
      } catch (error) {
        // UNKNOWN_MEMBER_ID where members live (measured), or a rebalance: all rows are refused, none is stored.
        if (judge(error).about === 'group') return 'refused';
        throw error;
      }
    });
  }

  leaveGroup(groupId: string, memberId: string): Promise<void> {
    return this.#ask(async (link) => {
      const coordinator = await link.knownCoordinator(groupId);
      try {
        await coordinator.leaveGroup({ groupId, memberId });
      } catch (error) {
        // Not a member (any more): what was wanted.
        if (judge(error).about !== 'group') throw error;
      }
    });
  }

  fetch(
    topic: string,
    partition: number,
    offset: bigint,
    {
      maxWaitMs,
      maxBytes = DEFAULT_FETCH_BYTES,
      isolation = 'read_committed',
    }: Parameters<ClusterAccess['fetch']>[3],
  ): Promise<FetchedRecords> {
    return this.#ask(async (link) => {
      const broker = await link.leaderOf(topic, partition);
      const { responses } = await broker.fetch({
        isolationLevel: isolation === 'read_committed' ? READ_COMMITTED : READ_UNCOMMITTED,
        maxWaitTime: maxWaitMs,
        minBytes: 1,
        maxBytes,
        topics: [{ topic, partitions: [{ partition, fetchOffset: offset.toString(), maxBytes }] }],
      });
      const [answer] = responses.flatMap(({ partitions }) => partitions);
      if (answer === undefined) return throttled(broker, topic, partition, offset);
      const fetched = readableRecords(answer, offset);
      if (answer.messages.length > 0 || offset >= fetched.range.high) return fetched;
      return (await this.#isCompacted(broker, topic))
        ? { ...fetched, nextOffset: offset + 1n }
        : fetched;
    });
  }

  offsetOfTime(topic: string, partition: number, timestampMs: number): Promise<bigint | undefined> {
    return this.#ask(async (link) => {
      const broker = await link.leaderOf(topic, partition);
      const { responses } = await broker.listOffsets({
        isolationLevel: READ_UNCOMMITTED,
        topics: [{ topic, partitions: [{ partition, timestamp: timestampMs }] }],
      });
      const [answer] = responses.flatMap(({ partitions }) => partitions);
      const offset = BigInt(answer?.offset ?? NO_OFFSET);
      return offset < 0n ? undefined : offset;
    });
  }

  isCompacted(topic: string): Promise<boolean> {
    const known = this.#compacted.get(topic);
    if (known !== undefined) return Promise.resolve(known);
    return this.#ask(async (link) => this.#isCompacted(await link.leaderOf(topic, 0), topic));
  }

  renew(): void {
    this.#held.renew();
  }

  async close(): Promise<void> {
    await this.#held.close(
      new FailoverClosedError(`the access to cluster ${this.alias} is closed`),
    );
  }

  /**
   * An answer without any record, before the log's end, has two readings that kafkajs's decoder does not tell apart:
   * batches that compaction has emptied (an idempotent producer's last batch is kept without records), which must be
   * stepped over or the reader stands there for ever; and tiered storage that did not deliver in time, where a step would
   * skip records. Kafka allows only one of them per topic: compacted topics are not tiered (KIP-405).
   */
  async #isCompacted(broker: KafkaJsBroker, topic: string): Promise<boolean> {
    const known = this.#compacted.get(topic);
    if (known !== undefined) return known;
    const { resources } = await broker.describeConfigs({
      resources: [{ type: TOPIC_RESOURCE, name: topic, configNames: ['cleanup.policy'] }],
    });
    const [policy] = resources.flatMap(({ configEntries }) => configEntries);
    const compacted = policy?.configValue?.includes('compact') ?? false;
    this.#compacted.set(topic, compacted);
    return compacted;
  }

  /**
   * Asks over the current link, opened if need be. A coordinator that is loading or moving and a leader that moved are
   * asked again, shortly; any failure without an answer costs the link.
   */
  #ask<T>(work: (link: KafkaLink) => Promise<T>): Promise<T> {
    return retry(
      this.#world,
      {
        firstDelayMs: 100,
        maxDelayMs: 400,
        retries: 3,
        signal: this.#held.signal,
        shouldRetry: isPassing,
      },
      () => this.#held.ask(work),
    );
  }
}

async function rangesFrom(
  link: KafkaLink,
  topic: string,
  leaders: ReadonlyMap<number, number>,
  level: number,
): Promise<ReadonlyMap<number, LogRange>> {
  const nodeIds = [...new Set(leaders.values())];
  const perNode = await Promise.all(
    nodeIds.map(async (nodeId) => {
      const partitions = [...leaders.keys()].filter((each) => leaders.get(each) === nodeId);
      return rangesOn(await link.broker(nodeId), topic, partitions, level);
    }),
  );
  return new Map(perNode.flat().toSorted(([a], [b]) => a - b));
}

/**
 * Worth another try at once: a coordinator or leader that moves, a broker that this link has not heard of, and a link that
 * another question's failure has closed meanwhile (its fence is the only one here).
 */
function isPassing(error: Error): boolean {
  const failure = judge(error);
  switch (failure.about) {
    case 'coordinator':
    case 'fenced':
      return true;
    case 'partition':
      return failure.kind === 'moved';
    case 'cluster':
      return failure.kind === 'no-metadata';
    case 'auth':
    case 'client':
    case 'group':
    case 'producer':
    case 'request':
    case 'unknown':
      return false;
    default:
      return unreachable(failure);
  }
}
