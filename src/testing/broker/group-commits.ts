import { errorCodes } from '../protocol-codes.js';
import type { Int64 } from '../protocol.js';

/** @internal What a group committed for one partition. */
export interface StoredCommit {
  readonly offset: string;
  readonly metadata: string;
}

/** @internal */
export interface CommitRequest {
  readonly topic: string;
  readonly partitions: readonly {
    /** kafkajs's auto-commit writes it as text. */
    partition: number | string;
    offset: Int64;
    metadata?: string | null | undefined;
  }[];
}

/**
 * The committed offsets of one group, and those that wait for their transaction to end.
 *
 * @internal
 */
export class GroupCommits {
  readonly #byTopic = new Map<string, Map<number, StoredCommit>>();
  readonly #pending = new Map<
    string,
    { topic: string; partition: number; commit: StoredCommit }[]
  >();

  get(topic: string, partition: number): StoredCommit | undefined {
    return this.#byTopic.get(topic)?.get(partition);
  }

  all(): { topic: string; partitions: { partition: number; commit: StoredCommit }[] }[] {
    return [...this.#byTopic].map(([topic, commits]) => ({
      topic,
      partitions: [...commits].map(([partition, commit]) => ({ partition, commit })),
    }));
  }

  /**
   * Stores the rows that are good and answers each with its code: one bad row does not keep back the others.
   *
   * @param options.producerId - the commit counts only once this producer's transaction is committed.
   */
  store(
    request: readonly CommitRequest[],
    options: {
      metadataMaxLength: number;
      exists: (topic: string, partition: number) => boolean;
      producerId?: string;
    },
  ): { topic: string; partitions: { partition: number; errorCode: number }[] }[] {
    return request.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(({ partition: asked, offset, metadata }) => {
        const partition = Number(asked);
        const commit = { offset: BigInt(String(offset)).toString(), metadata: metadata ?? '' };
        const errorCode = refusal(topic, partition, commit, options);
        if (errorCode === errorCodes.NONE) this.#put(topic, partition, commit, options.producerId);
        return { partition, errorCode };
      }),
    }));
  }

  endTransaction(producerId: string, how: 'commit' | 'abort'): void {
    const pending = this.#pending.get(producerId) ?? [];
    this.#pending.delete(producerId);
    if (how === 'abort') return;
    for (const { topic, partition, commit } of pending) this.#put(topic, partition, commit);
  }

  deleteTopic(topic: string): void {
    this.#byTopic.delete(topic);
  }

  #put(topic: string, partition: number, commit: StoredCommit, producerId?: string): void {
    if (producerId !== undefined) {
      const pending = this.#pending.get(producerId) ?? [];
      this.#pending.set(producerId, [...pending, { topic, partition, commit }]);
      return;
    }
    const commits = this.#byTopic.get(topic) ?? new Map<number, StoredCommit>();
    this.#byTopic.set(topic, commits.set(partition, commit));
  }
}

function refusal(
  topic: string,
  partition: number,
  commit: StoredCommit,
  options: {
    metadataMaxLength: number;
    exists: (topic: string, partition: number) => boolean;
  },
): number {
  if (!options.exists(topic, partition)) return errorCodes.UNKNOWN_TOPIC_OR_PARTITION;
  // Kafka's setting says bytes and counts Java's characters: 4096 of two bytes each are accepted (conformance suite).
  return commit.metadata.length > options.metadataMaxLength
    ? errorCodes.OFFSET_METADATA_TOO_LARGE
    : errorCodes.NONE;
}
