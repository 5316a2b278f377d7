import type { PhysicalOffset } from './commits.js';
import type { Assignment } from './consumer-events.js';
import type { Lane } from './lane.js';

const WENT_ELSEWHERE = 'another member of the group has had the partition';

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

  /**
   * A join ended with this assignment.
   *
   * @param before - as of {@link Dispatcher.assigned}; `first`: it is the first join of this inner consumer.
   */
  assigned(assignment: Assignment, before: Assignment | 'first' | undefined): void {
    for (const lane of this.all()) {
      const { physicalTopic, partition, progress } = lane;
      if (before !== undefined && assignment[physicalTopic]?.includes(partition) === true) {
        progress.rejoined();
      } else {
        progress.revoked();
        lane.recent.clear();
        lane.awaited?.forget();
        lane.reread?.giveUp(WENT_ELSEWHERE);
      }
    }
    if (before === 'first') return;
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) {
        if (before?.[topic]?.includes(partition) === true) continue;
        const lane = this.of(topic, partition);
        lane.progress.othersMayHaveHandled();
        lane.awaited?.forget();
        lane.reread?.giveUp(WENT_ELSEWHERE);
      }
    }
  }

  all(): readonly Lane[] {
    // Lists are sparse: a member has some of the partitions.
    return [...this.#lanes.values()].flatMap((lanes) => lanes.flatMap((lane) => lane));
  }
}
