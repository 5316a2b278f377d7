import type { KafkaConfig } from 'kafkajs';
import { FencedError } from '../errors.js';
import { judge } from '../health/failure.js';
import { kafka } from '../kafkajs.js';
import { untilDeadline } from '../wait.js';
import type { World } from '../world.js';
import { adaptAnswers } from './answers.js';
import {
  clusterOf,
  type KafkaJsBroker,
  type KafkaJsCluster,
  type KafkaJsMetadata,
} from './kafkajs-cluster.js';
import { SocketGate } from './socket-gate.js';

/**
 * A topic that need not exist. Asked for by name, it brings the list of brokers; asked for nothing, kafkajs would fetch
 * the metadata of every topic of the cluster.
 */
const NO_TOPIC = '__kafkajs-failover';

/**
 * How long a group's coordinator counts as known, in milliseconds: a switch asks for it several times. One that moves earlier refuses
 * (NOT_COORDINATOR), and is asked for anew (`HeldLink.ask`).
 */
const COORDINATOR_KNOWN_MS = 5_000;

/** Of so many topics the leaders are kept that a list of all topics has told. Of others they are asked for. */
const LEADERS_KEPT = 2_000;

/** How long a link's closing waits for answers before it resets its sockets, in milliseconds. */
const CLOSE_MS = 500;

/** UNKNOWN_TOPIC_OR_PARTITION and INVALID_TOPIC_EXCEPTION: not there, or cannot be. */
const NO_SUCH_TOPIC_CODES: readonly number[] = [3, 17];

/** @internal What {@link KafkaLink.open} takes beside the config. */
export interface LinkOptions {
  /** A connection was closed, and not by the link itself. */
  readonly onClosed?: (() => void) | undefined;
  /** Ends the opening: what is under way is reset, and it rejects. */
  readonly signal?: AbortSignal | undefined;
}

/** The node that leads each partition of a topic, and since when that is known. */
interface Leaders {
  readonly nodes: ReadonlyMap<number, number>;
  readonly askedAtMs: number;
}

/**
 * One inner kafkajs client of a {@link KafkaAccess} and its connections. Thrown away whole after a failure: kafkajs reuses
 * a dead socket until the kernel gives it up, and finds a moved broker only in metadata that it does not renew on a time
 * limit (kafkajs issue 919).
 *
 * @internal
 */
export class KafkaLink {
  readonly #world: World;
  readonly #gate: SocketGate;
  readonly #cluster: KafkaJsCluster;
  readonly #leaders = new Map<string, Leaders>();
  #topics: { readonly counts: ReadonlyMap<string, number>; readonly askedAtMs: number } | undefined;
  readonly #coordinators = new Map<string, { readonly nodeId: number; readonly untilMs: number }>();
  /** The broker that answered last: a dead one is not tried again and again. */
  #nodeId: string | number | undefined;

  private constructor(world: World, gate: SocketGate, cluster: KafkaJsCluster) {
    this.#world = world;
    this.#gate = gate;
    this.#cluster = cluster;
  }

  /** Connects to the cluster and learns its brokers. Leaves nothing open where it rejects. */
  static async open(
    world: World,
    config: KafkaConfig,
    { onClosed, signal }: LinkOptions = {},
  ): Promise<KafkaLink> {
    const gate = new SocketGate({
      world,
      open: config.socketFactory ?? world.openSocket,
      ...(onClosed === undefined ? {} : { onClosed }),
    });
    const client = world.createKafka({ ...config, socketFactory: gate.factory });
    const cluster = clusterOf(client);
    adaptAnswers(cluster);
    const link = new KafkaLink(world, gate, cluster);
    const onAbort = (): void =>
      void gate.fence(new FencedError('the connection is not wanted any more'));
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await cluster.connect();
      await link.#learnBrokers();
    } catch (error) {
      await link.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    return link;
  }

  async #learnBrokers(): Promise<void> {
    try {
      await this.#cluster.addMultipleTargetTopics([NO_TOPIC]);
    } catch (error) {
      // Only a client that is not built like kafkajs's minds the missing topic: it is asked for all of them.
      if (judge(error).about !== 'partition') throw error;
      await this.#cluster.refreshMetadata();
    }
  }

  /** Metadata of these topics, or of all where none is named, from any broker. */
  async metadata(topics: readonly string[]): Promise<KafkaJsMetadata> {
    return (await this.#anyBroker()).metadata(topics);
  }

  /** Every topic's partition count, asked for less than `maxAgeMs` ago, or now. */
  async topics(maxAgeMs: number): Promise<ReadonlyMap<string, number>> {
    const askedAtMs = this.#world.nowMs();
    const known = this.#topics;
    if (known !== undefined && askedAtMs - known.askedAtMs < maxAgeMs) return known.counts;
    const { topicMetadata } = await this.metadata([]);
    const there = topicMetadata.filter(({ partitionMetadata }) => partitionMetadata.length > 0);
    const counts = new Map(there.map((entry) => [entry.topic, entry.partitionMetadata.length]));
    this.#topics = { counts, askedAtMs };
    for (const { topic, topicErrorCode, partitionMetadata } of there.slice(0, LEADERS_KEPT)) {
      const isWhole = partitionMetadata.every(
        (one) => one.partitionErrorCode === 0 && one.leader >= 0,
      );
      if (topicErrorCode !== 0 || !isWhole) continue;
      this.#leaders.set(topic, { nodes: nodesOf(partitionMetadata), askedAtMs });
    }
    return counts;
  }

  /** Metadata for nobody in particular: the cluster's id and nothing that costs. */
  async clusterId(): Promise<string | null> {
    return (await this.metadata([NO_TOPIC])).clusterId;
  }

  /** As {@link clusterId}, with where the brokers say that they are. No address: the cluster names no broker, or named none before. */
  async brokers(): Promise<{ clusterId: string | null; addresses: readonly string[] }> {
    if (this.#cluster.getNodeIds().length === 0) return { clusterId: null, addresses: [] };
    const { clusterId, brokers } = await this.metadata([NO_TOPIC]);
    return { clusterId, addresses: brokers.map(({ host, port }) => `${host}:${port}`) };
  }

  /** The broker that keeps this group, asked now. */
  coordinator(groupId: string): Promise<KafkaJsBroker> {
    return this.#cluster.findGroupCoordinator({ groupId });
  }

  /** The broker that keeps this group, asked less than five seconds ago ({@link forget} ends that earlier). */
  async knownCoordinator(groupId: string): Promise<KafkaJsBroker> {
    const nowMs = this.#world.nowMs();
    const known = this.#coordinators.get(groupId);
    if (known !== undefined && nowMs < known.untilMs) return this.broker(known.nodeId);
    const coordinator = await this.coordinator(groupId);
    const { nodeId } = coordinator;
    if (typeof nodeId === 'number') {
      this.#coordinators.set(groupId, { nodeId, untilMs: nowMs + COORDINATOR_KNOWN_MS });
    }
    return coordinator;
  }

  /** The node that leads each partition, asked less than `maxAgeMs` ago; undefined where that is not known ({@link forget}). */
  leadersSince(topic: string, maxAgeMs: number): ReadonlyMap<number, number> | undefined {
    const known = this.#leaders.get(topic);
    if (known === undefined || this.#world.nowMs() - known.askedAtMs >= maxAgeMs) return undefined;
    return known.nodes;
  }

  /** The node that leads each partition, asked now; undefined where the topic does not exist. */
  async freshLeaders(topic: string): Promise<ReadonlyMap<number, number> | undefined> {
    const askedAtMs = this.#world.nowMs();
    const metadata = await this.metadata([topic]).catch((error: unknown) => {
      const failure = judge(error);
      if (failure.about === 'partition' && failure.kind === 'absent') return undefined;
      throw error;
    });
    const entry = metadata?.topicMetadata.find((each) => each.topic === topic);
    if (entry === undefined || NO_SUCH_TOPIC_CODES.includes(entry.topicErrorCode)) return undefined;
    await metadata?.insist?.(topic);
    const nodes = nodesOf(entry.partitionMetadata);
    this.#leaders.set(topic, { nodes, askedAtMs });
    return nodes;
  }

  /**
   * The broker that leads a partition, as it was last known ({@link forget}).
   * @throws {KafkaJSNonRetriableError} with the type UNKNOWN_TOPIC_OR_PARTITION - where there is no such partition.
   */
  async leaderOf(topic: string, partition: number): Promise<KafkaJsBroker> {
    const leaders = this.#leaders.get(topic)?.nodes ?? (await this.freshLeaders(topic));
    const nodeId = leaders?.get(partition);
    if (nodeId !== undefined) return this.broker(nodeId);
    const error = new kafka.KafkaJSNonRetriableError(`There is no partition ${topic}-${partition}`);
    throw Object.assign(error, { type: 'UNKNOWN_TOPIC_OR_PARTITION', code: 3 });
  }

  /**
   * Has the controller make a topic of one partition, with as many replicas as the cluster gives by default. Resolves before
   * every broker knows of it.
   */
  async createTopic(
    topic: string,
    settings: Readonly<Record<string, string>>,
    { timeoutMs }: { timeoutMs: number },
  ): Promise<void> {
    // The controller may have moved since the metadata was read.
    await this.#cluster.refreshMetadata();
    const controller = await this.#cluster.findControllerBroker();
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await controller.createTopics({
      topics: [{ topic, numPartitions: 1, replicationFactor: -1, configEntries }],
      timeout: timeoutMs,
    });
  }

  /** Leaders and coordinators are asked for anew. */
  forget(): void {
    this.#leaders.clear();
    this.#coordinators.clear();
  }

  broker(nodeId: number): Promise<KafkaJsBroker> {
    return this.#cluster.findBroker({ nodeId });
  }

  /** Gives answers under way a moment, then resets what is left. */
  async close(): Promise<void> {
    await untilDeadline(
      this.#world,
      this.#world.nowMs() + CLOSE_MS,
      this.#cluster.disconnect().catch(() => {}),
    );
    this.#gate.fence(new FencedError('the connection was closed'));
  }

  async #anyBroker(): Promise<KafkaJsBroker> {
    const nodeIds = this.#cluster.getNodeIds();
    const first = nodeIds.filter((nodeId) => nodeId === this.#nodeId);
    let lastError: unknown;
    for (const nodeId of [...first, ...nodeIds.filter((each) => each !== this.#nodeId)]) {
      try {
        const broker = await this.#cluster.findBroker({ nodeId });
        this.#nodeId = nodeId;
        return broker;
      } catch (error) {
        lastError = error;
      }
    }
    throw lastError ?? noBrokerNamed();
  }
}

function nodesOf(
  partitions: KafkaJsMetadata['topicMetadata'][number]['partitionMetadata'],
): ReadonlyMap<number, number> {
  return new Map(partitions.map(({ partitionId, leader }) => [partitionId, leader]));
}

/** Under kafkajs's name for it: the types of its own class allow no words. */
function noBrokerNamed(): Error {
  return Object.assign(new Error('the cluster named no broker'), { name: 'KafkaJSBrokerNotFound' });
}
