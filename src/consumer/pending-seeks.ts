import type { Consumer } from 'kafkajs';
import { PartitionMap } from '../replication/partition-map.js';
import type { PhysicalOffset } from './commits.js';
import type { Assignment } from './consumer-events.js';
import type { CoordinatorCalls, OffsetCommit } from './coordinator-calls.js';
import { readOffset, readPartition } from './offsets.js';
import type { PartitionProgress } from './progress.js';
import { soughtOf } from './sought.js';

type Seek = PhysicalOffset & { readonly offset: string };

/** @internal */
export interface PendingSeeksParts {
  readonly consumer: Pick<Consumer, 'seek'>;
  /** Undefined where nothing was asked of the partition yet. */
  progressOf(topic: string, partition: number): Pick<PartitionProgress, 'sought'> | undefined;
}

/**
 * Seeks in partitions of a member that kafkajs is not known to have carried out. In its next fetch from the partition's broker kafkajs takes a seek out of its list and
 * commits the offset (`consumerGroup.seekOffsets`, `offsetManager.seek`), and both ends of that have a fault:
 *
 * - **It forgets.** Where the commit fails, because the coordinator is gone, the seek is gone as well, and kafkajs goes on where it was. So a seek is told anew before each
 *   fetch, until kafkajs has committed it, or a record was delivered since. Without auto-commit it commits nothing, and the seek is told anew in a join only
 *   (`ToldAnew`).
 * - **It keeps.** A seek whose partition goes to another member before that fetch waits in the list, and fires when the partition comes back, hours later maybe. It cannot be
 *   asked to forget one; only a new inner consumer has none.
 *
 * @internal
 */
export class PendingSeeks implements Pick<CoordinatorCalls, 'commits' | 'beforeFetch'> {
  readonly #parts: PendingSeeksParts;
  readonly #open = new PartitionMap<Seek>();
  /** Of those, seeks that kafkajs commits now. */
  readonly #underWay = new PartitionMap<Seek>();
  /** Seeks of partitions that went to another member. */
  readonly #elsewhere = new PartitionMap<Seek>();
  /** False without auto-commit. */
  isAutoCommit = true;

  constructor(parts: PendingSeeksParts) {
    this.#parts = parts;
  }

  /** A seek in a partition that the member has, whose progress knows it. */
  add(seek: Seek): void {
    this.#elsewhere.delete(seek.topic, seek.partition);
    this.#open.set(seek.topic, seek.partition, seek);
  }

  /** User code sought in a partition that another member has: what kafkajs keeps of it is that. */
  soughtElsewhere({ topic, partition }: Seek): void {
    this.#elsewhere.delete(topic, partition);
  }

  /** kafkajs begins anew, in a group of its own making, which keeps no seek. */
  forget(): void {
    this.#open.clear();
    this.#elsewhere.clear();
  }

  /**
   * In GROUP_JOIN, before anything else learns of the assignment. True where a partition comes back whose seek kafkajs may still keep.
   */
  keepsOneOf(assignment: Assignment): boolean {
    const isHere = ({ topic, partition }: PhysicalOffset): boolean =>
      assignment[topic]?.includes(partition) === true;
    if ([...this.#elsewhere.values()].some(isHere)) return true;
    for (const seek of [...this.#open.values()].filter((one) => !isHere(one))) {
      if (this.#isOpen(seek)) this.#elsewhere.set(seek.topic, seek.partition, seek);
      this.#open.delete(seek.topic, seek.partition);
    }
    return false;
  }

  beforeFetch(): void {
    if (!this.isAutoCommit) return;
    for (const seek of this.#open.values()) {
      const { topic, partition } = seek;
      if (!this.#isOpen(seek)) this.#open.delete(topic, partition);
      else if (this.#underWay.get(topic, partition) !== seek) this.#parts.consumer.seek(seek);
    }
  }

  async commits(
    request: OffsetCommit,
    send: (request: OffsetCommit) => Promise<unknown>,
  ): Promise<unknown> {
    const seeks = request.topics.flatMap(({ topic, partitions }) =>
      partitions.flatMap((row) => this.#committedBy(topic, row) ?? []),
    );
    if (seeks.length === 0) return send(request);
    for (const seek of seeks) this.#underWay.set(seek.topic, seek.partition, seek);
    try {
      const answer = await send(request);
      for (const seek of seeks) {
        const { topic, partition } = seek;
        if (this.#open.get(topic, partition) === seek) this.#open.delete(topic, partition);
      }
      return answer;
    } finally {
      for (const { topic, partition } of seeks) this.#underWay.delete(topic, partition);
    }
  }

  #isOpen({ topic, partition, offset }: Seek): boolean {
    return this.#parts.progressOf(topic, partition)?.sought === soughtOf(BigInt(offset));
  }

  /**
   * The seek that kafkajs commits with this row; undefined where it is none. As `offsetManager.seek` writes it: commits of users come with metadata, if only `null`, and
   * those of kafkajs with a partition that is a text.
   */
  #committedBy(topic: string, row: Row): Seek | undefined {
    const partition = readPartition(row.partition);
    const isOfSeek = typeof row.partition === 'number' && !('metadata' in row);
    if (partition === undefined || !isOfSeek) return undefined;
    const seek = this.#open.get(topic, partition);
    return seek !== undefined && BigInt(seek.offset) === readOffset(row.offset) ? seek : undefined;
  }
}

type Row = OffsetCommit['topics'][number]['partitions'][number];
