import { highest } from '../position/highest.js';
import type { BatchWords } from './batch-words.js';
import type { CarriedProgress } from './carried-progress.js';
import { type OffsetSpan, union } from '../position/offset-span.js';
import { handledAt, type MovedBy, soughtOf, soughtOffset, type Sought } from './sought.js';
import { RemovedRange } from './removed-range.js';

/** The handler has not been called, or threw before it returned a promise. */
const NOT_ENDED: unique symbol = Symbol('not ended');

/**
 * How far one physical partition was delivered, handled and committed, within one epoch. Written for every message, so
 * its hot fields are plain and hold what kafkajs gave (offsets as strings); arithmetic waits until somebody asks.
 *
 * ```
 *        everything below was handled
 *                 │
 *   ... ─────── floor ───────────── ceiling ────►   what the running (or last) handler call was given
 *                        resolved                   (eachBatch: how far the handler itself says it is)
 * ```
 *
 * @internal
 */
export class PartitionProgress {
  readonly topic: string;
  readonly physicalTopic: string;
  readonly partition: number;
  /** First offset of what the last handler call was given. */
  floor: string | undefined = undefined;
  /** Where it was a batch: its last offset. */
  #ceiling: string | undefined = undefined;
  /** What `eachBatch` resolved itself. */
  resolved: string | undefined = undefined;
  /** What the last handler call returned. Its promise tells later whether it ended well. */
  outcome: unknown = NOT_ENDED;
  /** False for a batch that its handler may have left early: then only what it resolved was handled. */
  endCoversAll = true;
  /** Set where handlers say of each batch how far they came. */
  words: BatchWords | undefined = undefined;
  /** Where user code moved the position, until the next delivery: kafkajs goes there in one of its next fetches. */
  sought: Sought | undefined = undefined;
  /** Called where the log has turned out to be another one, or the group was set back. */
  onMovedBack: () => void = () => {};
  /** Below the position, and not handled. */
  readonly removed: RemovedRange = new RemovedRange();
  /** First offset delivered since the partition was assigned, or the position was moved. */
  first: string | undefined = undefined;
  #committed: bigint | undefined = undefined;
  /** As `committed`, but for commits from before a seek: they say nothing of where the group is now. */
  #passed: bigint | undefined = undefined;
  #endedWell: unknown = undefined;
  /** What was delivered before a seek or a rebalance moved the position. */
  #folded: OffsetSpan | undefined = undefined;
  /** Handled before the last join, or with an inner consumer before this one: what is delivered again does not undo it. */
  #handledBefore: bigint | undefined = undefined;
  /** As {@link everDelivered}, of before a revocation, or of an inner consumer before this one. */
  #deliveredBefore: OffsetSpan | undefined = undefined;
  /** How far commits may reach that were made before user code moved back. */
  #rewoundBelow: bigint | undefined = undefined;
  #mayOthersHaveHandledMore = false;

  constructor(topic: string, physicalTopic: string, partition: number) {
    this.topic = topic;
    this.physicalTopic = physicalTopic;
    this.partition = partition;
  }

  /** Last offset of what the last handler call was given. */
  get ceiling(): string | undefined {
    return this.#ceiling ?? this.floor;
  }

  /** Next offset according to the last commit that the cluster confirmed in this epoch. */
  get committed(): bigint | undefined {
    return this.#committed;
  }

  /**
   * The cluster confirmed a commit. After a seek kafkajs still tells of the commit that it made before it carried the
   * seek out; the commit that it makes there, in `offsetManager.seek`, it tells nobody.
   */
  confirms(offset: bigint): void {
    this.#committed = offset;
    if (this.sought === undefined) this.#passed = offset;
    else this.#rewoundBelow = highest(this.#rewoundBelow, offset);
  }

  /** The handler is about to be called with the offsets from `first` to `last`. */
  delivers(first: string, last: string): void {
    if (this.first === undefined) this.#begins(first);
    this.floor = first;
    this.#ceiling = last;
    this.resolved = undefined;
    this.endCoversAll = true;
    this.outcome = NOT_ENDED;
    this.sought = undefined;
  }

  /** As {@link delivers}, for one record of `eachMessage`: the hot path, so it writes only what it has to. */
  deliversOne(offset: string): void {
    if (this.first === undefined) this.#begins(offset);
    this.floor = offset;
    this.outcome = NOT_ENDED;
    this.sought = undefined;
  }

  /**
   * The first delivery since the partition was assigned or moved. kafkajs goes on from the group's commit; where that is below the one that
   * was confirmed, it is gone: the topic was made anew, or the group set back. What was handled before says nothing of this log.
   */
  #begins(first: string): void {
    const isBehind = this.#committed !== undefined && BigInt(first) < this.#committed;
    if (isBehind) this.#goesBack();
    this.removed.delivers(BigInt(first), this.position());
    this.first = first;
  }

  #goesBack(): void {
    this.removed.clear();
    this.#committed = undefined;
    // User code moved it back: what was given to handlers before is of the same log.
    if (this.sought !== undefined) return;
    this.#passed = undefined;
    this.#handledBefore = undefined;
    // User code may still hold offsets of what was delivered.
    this.#deliveredBefore = this.everDelivered();
    this.#folded = undefined;
    this.onMovedBack();
  }

  /** True while a handler call may still be running. */
  get mayRun(): boolean {
    return (
      this.outcome instanceof Promise ||
      (typeof this.outcome === 'object' && this.outcome !== null && 'then' in this.outcome)
    );
  }

  /** Resolves when the last handler call has ended, however; then {@link handled} is exact. */
  async ended(): Promise<void> {
    const { outcome } = this;
    if (outcome === NOT_ENDED) return;
    try {
      await outcome;
    } catch {
      return;
    }
    this.#endedWell = outcome;
  }

  /**
   * The next offset to handle: everything below it was handled. A lower bound while a handler call runs; undefined where
   * nothing is known.
   */
  handled(): bigint | undefined {
    if (this.sought !== undefined) return handledAt(this.sought);
    if (this.floor === undefined || this.ceiling === undefined) return this.#handledBefore;
    const before = this.#isBehindFirst() ? undefined : this.#handledBefore;
    if (this.#isWhole()) return highest(before, BigInt(this.ceiling) + 1n);
    const { resolved } = this;
    const now = resolved === undefined ? BigInt(this.floor) : BigInt(resolved) + 1n;
    return highest(before, now);
  }

  /** kafkajs has gone back by itself: the log ended before its place (OFFSET_OUT_OF_RANGE), so it is another one. */
  #isBehindFirst(): boolean {
    const { first, ceiling } = this;
    return first !== undefined && ceiling !== undefined && BigInt(ceiling) < BigInt(first);
  }

  /** The last handler call ended well, and with it everything that it was given. */
  #isWhole(): boolean {
    const endedWell =
      this.outcome !== NOT_ENDED && (!this.mayRun || this.#endedWell === this.outcome);
    return endedWell && (this.endCoversAll || this.words?.areAll(this.resolved) === true);
  }

  /**
   * As {@link handled}, and what kafkajs committed beyond it by itself: records that no handler sees (aborted
   * transactions, control records, compacted ones). A commit proves that only where nothing that was delivered is open:
   * what runs, or has failed, may have been committed before user code moved back to it.
   */
  position(): bigint | undefined {
    const handled = this.handled();
    if (this.sought !== undefined) return handled;
    const passed = this.#passed;
    if (handled === undefined || passed === undefined || passed <= handled) {
      return handled ?? passed;
    }
    if (this.floor !== undefined && (!this.#isWhole() || this.#isBehindFirst())) return handled;
    // What was delivered before a seek back is open again, although it was committed then.
    const before = this.#folded;
    return before !== undefined && passed <= before.last + 1n ? handled : passed;
  }

  /** What was delivered in this epoch since the partition was assigned; undefined where nothing was. */
  delivered(): OffsetSpan | undefined {
    if (this.first === undefined || this.ceiling === undefined) return this.#folded;
    const window = { first: BigInt(this.first), last: BigInt(this.ceiling) };
    return union(window, this.#folded);
  }

  /**
   * What was delivered in this epoch, also before the partition went to another member: user code may still hold offsets
   * of it, and hand them back after a switch.
   */
  everDelivered(): OffsetSpan | undefined {
    const before = this.#deliveredBefore;
    const delivered = this.delivered();
    return delivered === undefined ? before : union(delivered, before);
  }

  /**
   * No handler was given a record at or above it in this epoch, also before the partition went to another member and came
   * back; undefined where none was given any.
   */
  deliveredBelow(): bigint | undefined {
    const delivered = this.everDelivered();
    return delivered === undefined ? undefined : delivered.last + 1n;
  }

  /** No handler can have handled a record at or above it in this epoch: {@link deliveredBelow}, or less where handlers say so. */
  triedBelow(): bigint | undefined {
    if (this.words === undefined) return this.deliveredBelow();
    const before = [this.#folded, this.#deliveredBefore].map((one) => one && one.last + 1n);
    return highest(this.handled(), this.words.triedBelow, ...before);
  }

  /** What a planned switch has to commit before it leaves. */
  uncommitted(): bigint | undefined {
    // Of an end of the log nothing is committed: kafkajs itself finds out which offset that is.
    if (this.sought !== undefined) {
      return typeof this.sought === 'bigint' ? this.sought : undefined;
    }
    const offset = this.handled();
    const from = this.#committed ?? this.delivered()?.first;
    return offset !== undefined && from !== undefined && offset > from ? offset : undefined;
  }

  /**
   * Defined while user code has moved back, behind what was handled or committed before, and has not come as far again:
   * commits up to here say nothing of where the group is now. On the cluster they may stand until kafkajs has gone back,
   * and in MirrorMaker's checkpoints even longer.
   */
  rewoundBelow(): bigint | undefined {
    const position = this.position();
    const below = this.#rewoundBelow;
    return position !== undefined && below !== undefined && position < below ? below : undefined;
  }

  /** Others may have handled records that this process does not know of: in this epoch, without a commit, or before this member had the partition. */
  get mayOthersHaveHandledMore(): boolean {
    return this.#mayOthersHaveHandledMore;
  }

  othersMayHaveHandled(): void {
    this.#mayOthersHaveHandledMore = true;
  }

  /** Where user code moved the position to, as far as no commit says it. */
  pendingSeek(): string | undefined {
    const { sought } = this;
    if (sought === undefined || sought === this.#committed) return undefined;
    return soughtOffset(sought);
  }

  /** kafkajs goes on at the beginning of what is left of the log. `begun`: the group's commit when the member got it. */
  outOfRange(begun: bigint | undefined): void {
    // A seek to the beginning looks the same.
    if (this.sought === 'beginning') return;
    this.removed.outOfRange(begun);
    void this.ended();
    this.#fold();
  }

  /** The position is moved, by user code or to where a plan says that the group is. */
  seek(offset: bigint, by: MovedBy = 'user'): void {
    this.removed.clear();
    const known = highest(this.#rewoundBelow, this.deliveredBelow(), this.#committed);
    // Where nothing is known yet, any commit may be older than what user code does; a plan has weighed them.
    this.#rewoundBelow = by === 'user' ? (known ?? ANYWHERE) : highest(known, by.voidedUpTo);
    // How far others had come before this member had the partition is not known either.
    if (by === 'user' && known === undefined) this.#mayOthersHaveHandledMore = true;
    this.#fold();
    this.sought = soughtOf(offset);
    // What was committed before is not the group's position any more.
    this.#committed = undefined;
    this.#passed = undefined;
    this.#handledBefore = undefined;
  }

  /** The same member joined anew and still has the partition: kafkajs goes on from the commit, which may lie behind. */
  rejoined(): void {
    if (this.sought === undefined) this.#handledBefore = this.handled();
    this.#fold();
  }

  /** The partition went to another member, also where it is back now: what is known here is no longer the group's progress. */
  revoked(): void {
    this.removed.clear();
    this.#deliveredBefore = this.everDelivered();
    this.floor = undefined;
    this.resolved = undefined;
    this.#ceiling = undefined;
    this.first = undefined;
    this.sought = undefined;
    this.#committed = undefined;
    this.#passed = undefined;
    this.#folded = undefined;
    this.#handledBefore = undefined;
    this.#rewoundBelow = undefined;
  }

  carry(): CarriedProgress {
    return {
      physicalTopic: this.physicalTopic,
      partition: this.partition,
      handled: this.position(),
      delivered: this.delivered(),
      everDelivered: this.everDelivered(),
      committed: this.committed,
      sought: this.sought,
      rewoundBelow: this.#rewoundBelow,
      mayOthersHaveHandledMore: this.#mayOthersHaveHandledMore,
      removed: this.removed.range,
    };
  }

  /** Begins where another inner consumer of the same epoch ended. */
  continues(carried: CarriedProgress): void {
    const { handled, delivered, committed } = carried;
    this.#handledBefore = handled;
    this.sought = carried.sought;
    this.#deliveredBefore = carried.everDelivered;
    this.#rewoundBelow = carried.rewoundBelow;
    this.#mayOthersHaveHandledMore = carried.mayOthersHaveHandledMore;
    this.#committed = committed;
    this.#folded = delivered;
    this.removed.add(carried.removed);
  }

  /** What follows may begin anywhere: it opens a window of its own, and the union of both counts. */
  #fold(): void {
    this.#folded = this.delivered();
    this.first = undefined;
  }
}

/** Beyond every offset. */
const ANYWHERE = 2n ** 63n - 1n;
