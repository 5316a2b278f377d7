import type { PhysicalOffset } from './commits.js';
import type { Lane } from './lane.js';

/**
 * The lanes of one inner consumer, each made when it is asked for first.
 *
 * @internal
 */
export class Lanes {
  readonly #make: (physicalTopic: string, partition: number) => Lane;
  readonly #lanes = new Map<string, Lane[]>();

  constructor(make: (physicalTopic: string, partition: number) => Lane) {
    this.#make = make;
  }

  of(physicalTopic: string, partition: number): Lane {
    const known = this.known(physicalTopic, partition);
    if (known !== undefined) return known;
    const lane = this.#make(physicalTopic, partition);
    const lanes = this.#lanes.get(physicalTopic) ?? [];
    lanes[partition] = lane;
    this.#lanes.set(physicalTopic, lanes);
    return lane;
  }

  /** Undefined where nothing was asked of it yet. */
  known(physicalTopic: string, partition: number): Lane | undefined {
    return this.#lanes.get(physicalTopic)?.[partition];
  }

  /** Where user code moved positions to, as far as no commit says it. */
  pendingSeeks(): readonly (PhysicalOffset & { readonly offset: string })[] {
    return this.all().flatMap(({ physicalTopic: topic, partition, progress }) => {
      const offset = progress.pendingSeek();
      return offset === undefined ? [] : [{ topic, partition, offset }];
    });
  }

  all(): readonly Lane[] {
    // Lists are sparse: a member has some of the partitions.
    return [...this.#lanes.values()].flatMap((lanes) => lanes.flatMap((lane) => lane));
  }
}
