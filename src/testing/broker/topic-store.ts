import { errorCodes, type ErrorCode } from '../protocol-codes.js';
import { MemoryLog } from './memory-log.js';
import { ProducerStates } from './producer-states.js';

/** @internal One partition of a topic. */
export interface Partition {
  readonly log: MemoryLog;
  readonly producers: ProducerStates;
}

/** @internal A topic of one cluster. */
export interface Topic {
  readonly name: string;
  readonly partitions: Partition[];
  readonly config: Map<string, string>;
}

/** Kafka's own rule for names. */
const NAME = /^[a-zA-Z0-9._-]{1,249}$/;

/**
 * The topics of one cluster.
 *
 * @internal
 */
export class TopicStore {
  readonly #topics = new Map<string, Topic>();
  readonly #deleted: ((topic: string) => void)[] = [];

  get(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  partition(name: string, partition: number): Partition | undefined {
    return this.#topics.get(name)?.partitions[partition];
  }

  /** In the order of creation. */
  all(): readonly Topic[] {
    return [...this.#topics.values()];
  }

  create(
    name: string,
    partitionCount: number,
    config: Readonly<Record<string, string>> = {},
  ): ErrorCode {
    const refusal = this.refusalToCreate(name, partitionCount);
    if (refusal !== errorCodes.NONE) return refusal;
    const partitions = Array.from({ length: partitionCount }, newPartition);
    this.#topics.set(name, { name, partitions, config: new Map(Object.entries(config)) });
    return errorCodes.NONE;
  }

  refusalToCreate(name: string, partitionCount: number): ErrorCode {
    if (!NAME.test(name) || name === '.' || name === '..')
      return errorCodes.INVALID_TOPIC_EXCEPTION;
    if (this.#topics.has(name)) return errorCodes.TOPIC_ALREADY_EXISTS;
    return partitionCount > 0 ? errorCodes.NONE : errorCodes.INVALID_PARTITIONS;
  }

  /** Partitions are only ever added. */
  grow(name: string, partitionCount: number): ErrorCode {
    const topic = this.#topics.get(name);
    if (topic === undefined) return errorCodes.UNKNOWN_TOPIC_OR_PARTITION;
    if (partitionCount <= topic.partitions.length) return errorCodes.INVALID_PARTITIONS;
    while (topic.partitions.length < partitionCount) topic.partitions.push(newPartition());
    return errorCodes.NONE;
  }

  delete(name: string): ErrorCode {
    const topic = this.#topics.get(name);
    if (topic === undefined) return errorCodes.UNKNOWN_TOPIC_OR_PARTITION;
    this.#topics.delete(name);
    for (const listener of this.#deleted) listener(name);
    // Whoever waits for records of it learns that it is gone.
    for (const { log } of topic.partitions) log.wake();
    return errorCodes.NONE;
  }

  onDeleted(listener: (topic: string) => void): void {
    this.#deleted.push(listener);
  }
}

function newPartition(): Partition {
  return { log: new MemoryLog(), producers: new ProducerStates() };
}
