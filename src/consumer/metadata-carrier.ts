import type { Broker, Cluster, PartitionAssigner } from 'kafkajs';
import { judge } from '../health/failure.js';
import { commitMetadata } from '../position/commit-metadata.js';
import type { HandledRecord } from '../position/fingerprint.js';
import { readOffset, readPartition } from './offsets.js';

/** @internal What metadata is made of. */
export interface MetadataParts {
  /** The cluster that is committed on. */
  readonly cluster: string;
  wallMs(): number;
  /** The last few records that handlers were given below a position, in their order. */
  recentBelow(topic: string, partition: number, position: bigint): readonly HandledRecord[];
}

type OffsetCommit = Parameters<Broker['offsetCommit']>[0];

/** One row of the request. kafkajs's types leave the metadata out. */
type Row = OffsetCommit['topics'][number]['partitions'][number] & {
  readonly metadata?: string | null;
};

/**
 * Gives the commits of a consumer metadata: which records were handled last. MirrorMaker brings it to the other cluster in its checkpoints
 * ({@link carriedRecords}).
 *
 * kafkajs commits by itself, in several places, and with no metadata; all of it goes through the broker that its cluster finds, and the cluster is handed to
 * assigners. So it is added there, to rows that have none: metadata that the service gives stays as it is. Nothing else of the request changes, nor
 * what kafkajs tells of it. The hot path knows nothing of it: hashes are made when something is committed, and each once.
 *
 * A broker that takes less metadata than is given (`offset.metadata.max.bytes`) gets the same commit again at once, without, and none
 * from then on.
 *
 * @internal
 */
export function carryingMetadata(
  assigners: readonly PartitionAssigner[],
  parts: MetadataParts,
): PartitionAssigner[] {
  const carrier = new MetadataCarrier(parts);
  return assigners.map((assigner) => (config) => {
    carrier.watch(config.cluster);
    return assigner(config);
  });
}

class MetadataCarrier {
  readonly #parts: MetadataParts;
  readonly #known = new WeakSet<object>();
  #isTaken = true;

  constructor(parts: MetadataParts) {
    this.#parts = parts;
  }

  watch(cluster: Cluster): void {
    if (this.#known.has(cluster) || !hasMethod(cluster, 'findBroker')) return;
    this.#known.add(cluster);
    const find = cluster.findBroker.bind(cluster);
    cluster.findBroker = async (node) => {
      const broker = await find(node);
      this.#equip(broker);
      return broker;
    };
  }

  #equip(broker: Broker): void {
    if (this.#known.has(broker) || !hasMethod(broker, 'offsetCommit')) return;
    this.#known.add(broker);
    const commit = broker.offsetCommit.bind(broker);
    broker.offsetCommit = async (request): Promise<unknown> => {
      if (!this.#isTaken) return commit(request);
      const described = this.#described(request);
      try {
        return await commit(described);
      } catch (error) {
        const failure = judge(error);
        if (failure.about !== 'request' || failure.kind !== 'too-large') throw error;
        this.#isTaken = false;
        return commit(request);
      }
    };
  }

  #described(request: OffsetCommit): OffsetCommit {
    const topics = request.topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map((row) => this.#row(topic, row)),
    }));
    return { ...request, topics };
  }

  #row(topic: string, row: Row): Row {
    const partition = readPartition(row.partition);
    const offset = readOffset(row.offset);
    if (typeof row.metadata === 'string' || partition === undefined) return row;
    // Negative: an end of the log, which kafkajs commits where its offset was out of range.
    if (offset === undefined || offset < 0n) return row;
    const { cluster } = this.#parts;
    const recent = this.#parts.recentBelow(topic, partition, offset);
    const log = { cluster, physicalTopic: topic, partition };
    const metadata = commitMetadata({ ...log, offset, atWallMs: this.#parts.wallMs(), recent });
    return metadata === undefined ? row : { ...row, metadata };
  }
}

/** False in a client that is not kafkajs's own: its commits stay as they are. */
function hasMethod(of: object, name: string): boolean {
  return typeof Reflect.get(of, name) === 'function';
}
