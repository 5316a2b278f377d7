import type { Consumer } from 'kafkajs';
import { PartitionMap } from '../replication/partition-map.js';
import type { PhysicalOffset } from './commits.js';
import type { CoordinatorCalls, OffsetCommit } from './coordinator-calls.js';
import { readOffset, readPartition } from './offsets.js';
import { soughtOf } from './sought.js';
import type { PartitionProgress } from './progress.js';

type Seek = PhysicalOffset & { readonly offset: string };

/** @internal */
export interface KeptSeeksParts {
  readonly consumer: Pick<Consumer, 'seek'>;
  /** Undefined where nothing was asked of the partition yet. */
  progressOf(topic: string, partition: number): Pick<PartitionProgress, 'sought'> | undefined;
}

/**
 * Tells kafkajs of a seek until it is carried out. In its next fetch kafkajs takes the seek out of its list and commits the offset
 * (`consumerGroup.seekOffsets`, `offsetManager.seek`); where that fails, because the coordinator is gone, the seek is gone as well, and it goes on where it was.
 *
 * So a seek is told anew before each fetch, until kafkajs has committed it, or a record was delivered since, or the partition is another member's. Without auto-commit
 * kafkajs commits nothing, and forgets nothing.
 *
 * @internal
 */
export class KeptSeeks implements Pick<CoordinatorCalls, 'commits' | 'beforeFetch'> {
  readonly #parts: KeptSeeksParts;
  readonly #open = new PartitionMap<Seek>();
  /** False without auto-commit. */
  isNeeded = true;

  constructor(parts: KeptSeeksParts) {
    this.#parts = parts;
  }

  /** A seek in a partition that the member has, whose progress knows it. */
  sought(seek: Seek): void {
    if (this.isNeeded) this.#open.set(seek.topic, seek.partition, seek);
  }

  /** kafkajs begins anew, in a group of its own making. */
  forget(): void {
    this.#open.clear();
  }

  beforeFetch(): void {
    for (const seek of this.#open.values()) {
      const { topic, partition, offset } = seek;
      const isOpen = this.#parts.progressOf(topic, partition)?.sought === soughtOf(BigInt(offset));
      if (isOpen) this.#parts.consumer.seek(seek);
      else this.#open.delete(topic, partition);
    }
  }

  async commits(
    request: OffsetCommit,
    send: (request: OffsetCommit) => Promise<unknown>,
  ): Promise<unknown> {
    const answer = await send(request);
    for (const { topic, partitions } of request.topics) {
      for (const row of partitions) {
        const partition = readPartition(row.partition);
        if (partition === undefined || !isOfSeek(row)) continue;
        const seek = this.#open.get(topic, partition);
        if (seek !== undefined && BigInt(seek.offset) === readOffset(row.offset)) {
          this.#open.delete(topic, partition);
        }
      }
    }
    return answer;
  }
}

/** As `offsetManager.seek` writes it: commits of users come with metadata, if only `null`, and those of kafkajs with a partition that is a text. */
function isOfSeek(row: OffsetCommit['topics'][number]['partitions'][number]): boolean {
  return typeof row.partition === 'number' && !('metadata' in row);
}
