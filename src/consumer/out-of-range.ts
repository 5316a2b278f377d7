import { isOfLog, readLeavingMetadata, readMetadataOf } from '../position/commit-metadata.js';
import type { OffsetSpan } from '../position/offset-span.js';
import { PartitionMap } from '../replication/partition-map.js';
import type { CoordinatorCalls, OffsetCommit } from './coordinator-calls.js';
import { readOffset, readPartition } from './offsets.js';
import type { Beginning } from './standing.js';

/** What kafkajs commits where its place is out of range and the group reads from the beginning (`offsetManager.setDefaultOffset`). */
const BEGINNING = -2n;

/** @internal What is noticed. */
export interface OutOfRangeParts {
  /** The cluster that is read. */
  readonly cluster: string;
  /** Where the group goes on, by the plan of this process. */
  planned(topic: string, partition: number): Beginning | undefined;
  /** kafkajs goes to the beginning of a partition; `begun` is where the group stood when it began there. */
  onLeaving(topic: string, partition: number, begun: bigint | undefined): void;
  /** The group's commit, at which it begins, says that records below were not handled. */
  onRemoved(topic: string, partition: number, removed: OffsetSpan): void;
}

/**
 * Notices where retention was quicker than a consumer. kafkajs tells nobody: it commits the beginning as a number of its own, and goes on there. Whoever
 * gets the partition next learns of it by the metadata of the group's commit.
 *
 * A consumer that reads from the end (`fromBeginning: false`) goes to the end then. Its user has chosen that; it is not noticed.
 *
 * @internal
 */
export class OutOfRange implements Pick<CoordinatorCalls, 'commits' | 'begins'> {
  readonly #parts: OutOfRangeParts;
  readonly #begun = new PartitionMap<bigint>();

  constructor(parts: OutOfRangeParts) {
    this.#parts = parts;
  }

  begins(topic: string, partition: number, offset: bigint, metadata: string): void {
    const { cluster, planned, onLeaving, onRemoved } = this.#parts;
    const log = { cluster, physicalTopic: topic, partition };
    if (offset === BEGINNING) {
      const left = readLeavingMetadata(metadata);
      if (left === undefined || !isOfLog(left, log)) return;
      onLeaving(topic, partition, left.leaves);
      if (left.removed !== undefined) onRemoved(topic, partition, left.removed);
    }
    if (offset < 0n) return;
    this.#begun.set(topic, partition, offset);
    const beginning = planned(topic, partition);
    // The commit may be of before the group went to the other cluster, and handled them there.
    const removed =
      beginning?.offset === offset
        ? beginning.removed
        : readMetadataOf({ offset, metadata }, log)?.removed;
    if (removed !== undefined) onRemoved(topic, partition, removed);
  }

  /** Noticed before the answer: the broker may have stored what it did not answer. */
  commits(
    request: OffsetCommit,
    send: (request: OffsetCommit) => Promise<unknown>,
  ): Promise<unknown> {
    for (const { topic, partitions } of request.topics) {
      for (const row of partitions) {
        const partition = readPartition(row.partition);
        if (partition === undefined || readOffset(row.offset) !== BEGINNING) continue;
        this.#parts.onLeaving(topic, partition, this.#begun.get(topic, partition));
      }
    }
    return send(request);
  }
}
