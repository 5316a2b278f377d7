import type { Broker, Cluster, PartitionAssigner, TopicOffsets } from 'kafkajs';
import { readOffset, readPartition } from './offsets.js';

/** @internal */
export type OffsetCommit = Parameters<Broker['offsetCommit']>[0];

/** @internal What stands around the calls of a consumer to its group's coordinator. */
export interface CoordinatorCalls {
  /** kafkajs commits: `send` does it. */
  commits(
    request: OffsetCommit,
    send: (request: OffsetCommit) => Promise<unknown>,
  ): Promise<unknown>;
  /**
   * kafkajs was told what the group has committed of a partition, and begins there; a negative offset is none. Or it was told where a log begins, or ends, and begins
   * there: without metadata.
   */
  begins(topic: string, partition: number, offset: bigint, metadata: string): void;
  /** kafkajs is about to fetch, or to connect; it waits for this. */
  beforeFetch(): Promise<void> | void;
}

/**
 * Stands around what kafkajs commits and asks for in the name of a group. It does that by itself, in several places, and tells nobody of some of
 * it; all of it goes through the broker that its cluster finds, and the cluster is handed to assigners.
 *
 * @internal
 */
export function aroundCoordinator(
  assigners: readonly PartitionAssigner[],
  calls: CoordinatorCalls,
): PartitionAssigner[] {
  const known = new WeakSet<object>();
  const equip = (broker: Broker): void => {
    if (known.has(broker) || !hasMethod(broker, 'offsetCommit', 'offsetFetch')) return;
    known.add(broker);
    const commit = broker.offsetCommit.bind(broker);
    const fetch = broker.offsetFetch.bind(broker);
    broker.offsetCommit = (request) => calls.commits(request, commit);
    broker.offsetFetch = async (request) => {
      const answer = await fetch(request);
      tell(answer.responses);
      return answer;
    };
  };
  const tell = (topics: readonly TopicOffsets[]): void => {
    for (const { topic, partitions } of topics) {
      for (const row of partitions) {
        const partition = readPartition(row.partition);
        const offset = readOffset(row.offset);
        if (partition === undefined || offset === undefined) continue;
        const metadata: unknown = Reflect.get(row, 'metadata');
        calls.begins(topic, partition, offset, typeof metadata === 'string' ? metadata : '');
      }
    }
  };
  const watch = (cluster: Cluster): void => {
    if (known.has(cluster) || !hasMethod(cluster, 'findBroker')) return;
    known.add(cluster);
    if (hasMethod(cluster, 'refreshMetadataIfNecessary')) {
      const refresh = cluster.refreshMetadataIfNecessary.bind(cluster);
      cluster.refreshMetadataIfNecessary = async () => {
        await calls.beforeFetch();
        return refresh();
      };
    }
    if (hasMethod(cluster, 'fetchTopicsOffset')) {
      const ends = cluster.fetchTopicsOffset.bind(cluster);
      cluster.fetchTopicsOffset = async (topics) => {
        const answer = await ends(topics);
        tell(answer);
        return answer;
      };
    }
    const find = cluster.findBroker.bind(cluster);
    cluster.findBroker = async (node) => {
      const broker = await find(node);
      equip(broker);
      return broker;
    };
  };
  return assigners.map((assigner) => (config) => {
    watch(config.cluster);
    return assigner(config);
  });
}

/** False in a client that is not kafkajs's own: its calls stay as they are. */
function hasMethod(of: object, ...names: readonly string[]): boolean {
  return names.every((name) => typeof Reflect.get(of, name) === 'function');
}
