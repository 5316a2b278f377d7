/** @internal What a {@link Release} works with. */
export interface ReleaseWork<T> {
  /** What waits, in order; also what comes while it is read. */
  waiting(): Iterable<T>;
  /** The topics that an item is for. Items that share one keep their order, whatever happens. */
  topicsOf(item: T): readonly string[];
  /** False as soon as a newer switch, or the end, took over. */
  isCurrent(): boolean;
  /**
   * Hands an item over, synchronously.
   *
   * @returns what resolves when it was answered, or taken back, and never rejects; undefined where it waits no longer.
   */
  start(item: T): Promise<void> | undefined;
  /** Resolves true when the item is on the wire, or `left` is resolved; false where that takes too long. Never rejects. */
  written(item: T, left: Promise<void>): Promise<boolean>;
  /** Resolves true when `work` is resolved, and false where that takes too long, by the same measure. */
  inTime(work: Promise<void>): Promise<boolean>;
  /** Called once, synchronously, when nothing waits any more but what is held back: later items may pass. */
  onReleased(): void;
  /** Most items that are under way at the same time; those that take too long do not count. */
  readonly windowCount: number;
}

/**
 * Hands over what waited, in order: the first item alone, because it makes kafkajs connect to the broker and learn the
 * topic; then one behind the other, each as soon as the one before it is on the wire, and as many without an answer as the
 * window holds.
 *
 * Without the wait for the wire kafkajs itself would mix the order: of sends that are started in the same moment the last
 * one overtakes the one before it (`src/utils/lock.js`: whoever releases the lock with nobody waiting goes on at once,
 * the others a few promises later). Measured against Kafka 4.3.1: 152 of 2000 out of order with a window of 32, 0 now.
 *
 * An item that takes too long (its topic is missing on the new cluster, or has no leader) holds back what follows it in
 * its own topics, and nothing else. The release is over when only such items are left. When the item has left, the next of
 * its topics is tried alone, because the wire tells no more than that some item was written: a topic that is still
 * missing gets one attempt at a time. More of them at once make kafkajs refuse good topics as well (its metadata requests
 * name all topics, and one bad one spoils the answer).
 *
 * @internal
 */
export class Release<T> {
  readonly #work: ReleaseWork<T>;
  readonly #underWay = new Set<T>();
  /** Handed over, and without an answer for too long. */
  readonly #stuck = new Set<T>();
  /** Topics of which something is stuck, or waits behind it. */
  #blocked = new Set<string>();
  #startedCount = 0;
  #isReleased = false;
  #onRoom: () => void = () => {};
  #onStuckLeft: () => void = () => {};

  constructor(work: ReleaseWork<T>) {
    this.#work = work;
  }

  /** True from `onReleased` on. */
  get isReleased(): boolean {
    return this.#isReleased;
  }

  /** Whether an item that comes after the release has to wait; then what comes later for any of its topics waits, too. */
  holdsBack(item: T): boolean {
    if (!this.#touches(item, this.#blocked)) return false;
    this.#addTopics(item, this.#blocked);
    return true;
  }

  /** Resolves when nothing is held back any more, or a newer switch took over. */
  async run(): Promise<void> {
    do {
      const stuckLeft = new Promise<void>((resolve) => {
        this.#onStuckLeft = resolve;
      });
      await this.#pass();
      if (this.#blocked.size === 0 || !this.#work.isCurrent()) return;
      await stuckLeft;
    } while (this.#work.isCurrent());
  }

  /** Goes once through what waits. */
  async #pass(): Promise<void> {
    const { waiting, isCurrent, onReleased } = this.#work;
    const blocked = new Set<string>();
    for (const item of this.#stuck) this.#addTopics(item, blocked);
    const tried = new Set<string>();
    for (const item of waiting()) {
      if (!this.#touches(item, blocked)) await this.#room(blocked);
      if (!isCurrent()) return;
      const isAlone = this.#isReleased ? !this.#touches(item, tried) : this.#startedCount === 0;
      const isThrough = !this.#touches(item, blocked) && (await this.#handOver(item, isAlone));
      this.#addTopics(item, isThrough ? tried : blocked);
    }
    if (!isCurrent()) return;
    this.#blocked = blocked;
    if (this.#isReleased) return;
    this.#isReleased = true;
    onReleased();
  }

  /**
   * @param isAlone - waits for its answer, and not only for the wire.
   * @returns false where it takes too long.
   */
  async #handOver(item: T, isAlone: boolean): Promise<boolean> {
    const { start, written, inTime } = this.#work;
    const answered = start(item);
    if (answered === undefined) return true;
    this.#startedCount += 1;
    this.#underWay.add(item);
    const left = answered.then(() => {
      if (this.#underWay.delete(item)) this.#onRoom();
      if (this.#stuck.delete(item)) this.#onStuckLeft();
    });
    const isThrough = await (isAlone ? inTime(left) : written(item, left));
    return isThrough || !this.#giveUp(item);
  }

  /** Waits for room in the window. Where there is none in time, what fills it is given up. */
  async #room(blocked: Set<string>): Promise<void> {
    if (this.#underWay.size < this.#work.windowCount) return;
    const room = new Promise<void>((resolve) => {
      this.#onRoom = resolve;
    });
    if (await this.#work.inTime(room)) return;
    for (const item of this.#underWay) {
      this.#giveUp(item);
      this.#addTopics(item, blocked);
    }
  }

  /** @returns false where it has left meanwhile. */
  #giveUp(item: T): boolean {
    if (!this.#underWay.delete(item)) return false;
    this.#stuck.add(item);
    return true;
  }

  #touches(item: T, topics: ReadonlySet<string>): boolean {
    return topics.size > 0 && this.#work.topicsOf(item).some((topic) => topics.has(topic));
  }

  #addTopics(item: T, topics: Set<string>): void {
    for (const topic of this.#work.topicsOf(item)) topics.add(topic);
  }
}
