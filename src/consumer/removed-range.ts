import { type OffsetSpan, union } from '../position/offset-span.js';

/** @internal Records of a partition that were removed before the member came to them. */
export interface RemovedRecords extends OffsetSpan {
  readonly topic: string;
  readonly physicalTopic: string;
  readonly partition: number;
}

/**
 * What retention removed from a partition before the member came to it. kafkajs's place is out of range then, and it goes on at the beginning of what is
 * left (`auto.offset.reset`): its commits say from there on that all below was handled, and these records were not.
 *
 * ```
 *   handled            removed            handled
 *   ──────────┤├─────────────────────┤├────────────►
 *             at                     the first record that is delivered then
 * ```
 *
 * Several such ranges count as one.
 *
 * @internal
 */
export class RemovedRange {
  /** Set from where kafkajs leaves its place until the next record is delivered. */
  #isOpen = false;
  /** The group's commit when the member got the partition. */
  #begun: bigint | undefined;
  #range: OffsetSpan | undefined;
  onFound: (range: OffsetSpan) => void = () => {};

  /** Undefined where there is none. */
  get range(): OffsetSpan | undefined {
    return this.#range;
  }

  /** kafkajs leaves the place where it was for the beginning of the log. */
  outOfRange(begun: bigint | undefined): void {
    // Again, before anything was delivered: kafkajs has never been where it leaves now.
    this.#begun = this.#isOpen ? (this.#begun ?? begun) : begun;
    this.#isOpen = true;
  }

  /** The place that kafkajs leaves, as it is known now; undefined where it leaves none. */
  leaves(place: bigint | undefined): bigint | undefined {
    return this.#isOpen ? (place ?? this.#begun) : undefined;
  }

  /** The first record is delivered behind a place, which is undefined where nothing was delivered before. */
  delivers(first: bigint, place: bigint | undefined): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const at = place ?? this.#begun;
    // Where the log had lost its end, or is another one, it has gone back.
    if (at === undefined || first <= at) return;
    const found = { first: at, last: first - 1n };
    this.add(found);
    this.onFound(found);
  }

  /** The position is another one now: somebody has moved it, or other members have the partition. */
  clear(): void {
    this.#isOpen = false;
    this.#range = undefined;
  }

  /** Somebody has told of it: an inner consumer before this one, or the group's commit. */
  add(range: OffsetSpan | undefined): void {
    if (range !== undefined) this.#range = union(range, this.#range);
  }
}
