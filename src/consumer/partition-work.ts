import type { RecordLog } from './record-identity.js';

/** @internal How far one log was worked through, as far as this process has seen. */
export interface LogReach {
  /** What is delivered below it was moved back to by hand: the first offset that was delivered, or the highest commit. */
  reached: bigint | undefined;
  /** The last commit that the cluster confirmed. */
  committed: bigint | undefined;
}

/**
 * A stretch of work that nobody else may have had a hand in: no seek, no other member, no reset of the group. What comes again within it
 * was not asked for. Known by its identity.
 *
 * @internal
 */
export type Stretch = object;

/**
 * What the handlers of this process do in one logical partition, stretch after stretch. A switch does not end a stretch.
 *
 * @internal
 */
export class PartitionWork {
  readonly topic: string;
  readonly partition: number;
  #stretch: Stretch = {};
  readonly #reaches = new Map<string, Map<string, LogReach>>();

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  /** The stretch in force. */
  get stretch(): Stretch {
    return this.#stretch;
  }

  reach({ cluster, physicalTopic }: Pick<RecordLog, 'cluster' | 'physicalTopic'>): LogReach {
    const logs = this.#reaches.get(cluster) ?? new Map<string, LogReach>();
    this.#reaches.set(cluster, logs);
    const known = logs.get(physicalTopic);
    if (known !== undefined) return known;
    const fresh = { reached: undefined, committed: undefined };
    logs.set(physicalTopic, fresh);
    return fresh;
  }

  /**
   * Nothing that was handled until now counts any more. How far it had come on the other cluster stays known: whoever sets the group back
   * there is to be obeyed on the way home.
   *
   * @param cluster - where the positions may have been moved.
   */
  interrupt(cluster: string): void {
    this.#stretch = {};
    this.#reaches.delete(cluster);
  }
}
