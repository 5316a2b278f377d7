import { judge } from '../health/failure.js';
import { commitMetadata, leavingMetadata } from '../position/commit-metadata.js';
import type { HandledRecord } from '../position/fingerprint.js';
import { type OffsetSpan, partBelow } from '../position/offset-span.js';
import type { CoordinatorCalls, OffsetCommit } from './coordinator-calls.js';
import { readOffset, readPartition } from './offsets.js';

/** @internal What metadata is made of. */
export interface MetadataParts {
  /** The cluster that is committed on. */
  readonly cluster: string;
  wallMs(): number;
  /** The last few records that handlers were given below a position, in their order. */
  recentBelow(topic: string, partition: number, position: bigint): readonly HandledRecord[];
  /** What retention was quicker with, below the group's position. */
  removed(topic: string, partition: number): OffsetSpan | undefined;
  /** The place that kafkajs leaves because it is out of range. */
  leaves(topic: string, partition: number): bigint | undefined;
}

/** One row of the request. kafkajs's types leave the metadata out. */
type Row = OffsetCommit['topics'][number]['partitions'][number] & {
  readonly metadata?: string | null;
};

/**
 * Gives the commits of a consumer metadata: which records were handled last. MirrorMaker brings it to the other cluster in its checkpoints
 * ({@link carriedRecords}).
 *
 * It is added to rows that have none: metadata that the service gives stays as it is. Nothing else of the request changes, nor
 * what kafkajs tells of it. The hot path knows nothing of it: hashes are made when something is committed, and each once.
 *
 * A broker that takes less metadata than is given (`offset.metadata.max.bytes`) gets the same commit again at once, without, and none
 * from then on.
 *
 * @internal
 */
export class MetadataCarrier implements Pick<CoordinatorCalls, 'commits'> {
  readonly #parts: MetadataParts;
  #isTaken = true;

  constructor(parts: MetadataParts) {
    this.#parts = parts;
  }

  async commits(
    request: OffsetCommit,
    send: (request: OffsetCommit) => Promise<unknown>,
  ): Promise<unknown> {
    if (!this.#isTaken) return send(request);
    const described = this.#described(request);
    try {
      return await send(described);
    } catch (error) {
      const failure = judge(error);
      if (failure.about !== 'request' || failure.kind !== 'too-large') throw error;
      this.#isTaken = false;
      return send(request);
    }
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
    if (offset === undefined) return row;
    const { cluster } = this.#parts;
    const log = { cluster, physicalTopic: topic, partition };
    if (offset < 0n) {
      // An end of the log, which kafkajs commits where its offset was out of range.
      const leaves = this.#parts.leaves(topic, partition);
      if (leaves === undefined) return row;
      const removed = partBelow(this.#parts.removed(topic, partition), leaves);
      return { ...row, metadata: leavingMetadata({ ...log, leaves, removed }) };
    }
    const recent = this.#parts.recentBelow(topic, partition, offset);
    const removed = partBelow(this.#parts.removed(topic, partition), offset);
    const atWallMs = this.#parts.wallMs();
    const metadata = commitMetadata({ ...log, offset, atWallMs, recent, removed });
    return metadata === undefined ? row : { ...row, metadata };
  }
}
