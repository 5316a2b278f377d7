import { PartitionMap } from './partition-map.js';
import type { OffsetSync } from './records.js';
import { SyncHistory } from './sync-history.js';
import { SyncLedger } from './sync-ledger.js';

/** @internal How an {@link OffsetSyncStore} differs from MirrorMaker's. */
export interface OffsetSyncStoreOptions {
  /**
   * What the syncs are worth that are read before {@link OffsetSyncStore.finishReading}: `history` keeps them as if they
   * had been seen live; `newest-only` keeps just the newest one of each partition, as MirrorMaker does where it could not
   * read its own checkpoints ("must read to end"). Default `history`: compaction leaves an unbroken end of each
   * partition's syncs, with every rewind in it, so the history is sound.
   */
  readonly startUp?: 'history' | 'newest-only';
  /**
   * What a sync does whose downstream offset did not grow although its upstream offset did not go back: the target topic
   * was truncated or re-created, and older downstream offsets point into a log that is gone. `forget` drops them; `keep`
   * does as MirrorMaker does, which then answers beyond the log's end. Default `forget`.
   */
  readonly onDownstreamDecrease?: 'forget' | 'keep';
  /**
   * Which syncs are kept: `all` (`SyncLedger`), or those that `mirrormaker` keeps (`SyncHistory`, 64 of a partition), for
   * comparisons and for simulating it. Default `all`.
   */
  readonly remember?: 'all' | 'mirrormaker';
  /**
   * Memory for `all`, in bytes. Beyond it the older syncs of the largest partitions are thinned out. Default 32 MiB: at least
   * a million syncs (`npm run bench:positions -- --only ledger`).
   */
  readonly maxBytes?: number;
}

const DEFAULT_MAX_BYTES = 32 * 1024 * 1024;

/** The syncs of one partition since its last rewind. */
type Syncs = SyncHistory | SyncLedger;

/** @internal What is known around an upstream offset. */
export type SyncsAround =
  | { readonly kind: 'not-read' }
  | { readonly kind: 'no-sync' }
  | {
      readonly kind: 'known';
      /** The newest kept sync at or below the offset; undefined where the offset is older than all of them. */
      readonly floor: OffsetSync | undefined;
      /** The oldest kept sync at or above the offset; undefined where the offset is newer than all of them. */
      readonly ceiling: OffsetSync | undefined;
      /** Set while MirrorMaker copies again what it had copied before. */
      readonly replay: ReplayAround | undefined;
      /** True where others may have been between the two, and were forgotten for want of memory. */
      readonly isThinned?: boolean;
      /**
       * The first sync of the log as it is now, where some of one that is gone were seen before: the target's offsets went back with it. MirrorMaker
       * may have written none for the copies before it.
       */
      readonly madeAnewAt?: OffsetSync | undefined;
    };

/** @internal What is known of the first copies, while a replay makes second ones. */
export interface ReplayAround {
  /** Where the second copies begin on the target. */
  readonly beginsAt: bigint;
  /** The place of the newest first copy that a sync names: what lies between it and `beginsAt` may be either. */
  readonly firstUpTo: bigint;
  /** The newest sync of the first copies at or below the offset; undefined where it is older than all of them. */
  readonly floor: OffsetSync | undefined;
}

/**
 * MirrorMaker crashed and copies again from an older upstream offset (it stores its progress once a minute). Until it is
 * past all that it had copied before, the newest records of the target's log have only *first* copies, below the second
 * ones: whoever resumed among the second copies would skip them if the source died now.
 *
 * Limit: a replay that begins behind the newest sync is not told from a foreign record. It repeats no more than what one
 * `offset.lag.max` leaves without a sync; with 0 that is next to nothing.
 */
interface Replay {
  /** The syncs of the first copies. */
  readonly before: Syncs;
  readonly beginsAt: bigint;
  /** It is over when a sync has reached both: as far on the source, and as many records on the target. */
  readonly endsAtUpstream: bigint;
  readonly endsAtDownstream: bigint;
}

/**
 * The offset syncs of one flow, by topic of the *source* and partition, kept since the last rewind.
 * Answers nothing before the topic has been read to its end: a later sync might take back an earlier one.
 *
 * @internal
 */
export class OffsetSyncStore {
  readonly #histories = new PartitionMap<Syncs>();
  readonly #replays = new PartitionMap<Replay>();
  readonly #foreignFrom = new PartitionMap<bigint>();
  readonly #restartedAtWallMs = new PartitionMap<bigint>();
  readonly #copiedBefore = new PartitionMap<bigint>();
  readonly #madeAnewAt = new PartitionMap<OffsetSync>();
  readonly #startUp: 'history' | 'newest-only';
  readonly #forgetsOnDecrease: boolean;
  readonly #remembersAll: boolean;
  readonly #maxBytes: number;
  /** Of all ledgers but those of first copies. */
  #bytes = 0;
  #isRead = false;

  constructor({
    startUp = 'history',
    onDownstreamDecrease = 'forget',
    remember = 'all',
    maxBytes = DEFAULT_MAX_BYTES,
  }: OffsetSyncStoreOptions = {}) {
    this.#startUp = startUp;
    this.#forgetsOnDecrease = onDownstreamDecrease === 'forget';
    this.#remembersAll = remember === 'all';
    this.#maxBytes = maxBytes;
  }

  /** Memory that the syncs take, in bytes; 0 with `remember: 'mirrormaker'`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Partitions that have a sync. */
  get partitionCount(): number {
    return this.#histories.size;
  }

  /** The topic is (re-)read from its beginning: forgets everything. */
  beginReading(): void {
    this.#histories.clear();
    this.#replays.clear();
    this.#foreignFrom.clear();
    this.#restartedAtWallMs.clear();
    this.#copiedBefore.clear();
    this.#madeAnewAt.clear();
    this.#bytes = 0;
    this.#isRead = false;
  }

  /** The end of the topic was reached; what follows is new. */
  finishReading(): void {
    this.#isRead = true;
  }

  /** @param atWallMs - wall-clock milliseconds since 1970 of the sync's record. */
  put(topic: string, partition: number, sync: OffsetSync, atWallMs = 0): void {
    const history = this.#histories.get(topic, partition);
    this.#noteForeign(topic, partition, history?.newest, sync);
    if (history === undefined) {
      this.#restart(topic, partition, sync);
      return;
    }
    const { newest } = history;
    const isRewind = sync.upstreamOffset < newest.upstreamOffset;
    const isDecrease =
      sync.downstreamOffset < newest.downstreamOffset ||
      (sync.downstreamOffset === newest.downstreamOffset &&
        sync.upstreamOffset > newest.upstreamOffset);
    if (isRewind || isDecrease) this.#restartedAtWallMs.set(topic, partition, BigInt(atWallMs));
    if (isDecrease) this.#madeAnewAt.set(topic, partition, sync);
    if (isRewind) this.#copiedBefore.delete(topic, partition);
    else if (isDecrease) {
      const isAgain = sync.upstreamOffset === newest.upstreamOffset;
      const last = isAgain ? newest.upstreamOffset - 1n : newest.upstreamOffset;
      this.#copiedBefore.set(topic, partition, last);
    }
    const isNewestOnly = !this.#isRead && this.#startUp === 'newest-only';
    if (isRewind) {
      if (isDecrease) this.#replays.delete(topic, partition);
      else this.#beginReplay(topic, partition, history, sync);
      this.#restart(topic, partition, sync);
    } else if (isNewestOnly || (isDecrease && this.#forgetsOnDecrease)) {
      this.#replays.delete(topic, partition);
      this.#restart(topic, partition, sync);
    } else {
      const isRepeat =
        sync.upstreamOffset === newest.upstreamOffset &&
        sync.downstreamOffset > newest.downstreamOffset;
      if (isRepeat) this.#beginReplay(topic, partition, history.copy(), sync);
      this.#bytes -= bytesOf(history);
      history.push(sync);
      this.#bytes += bytesOf(history);
      if (this.#bytes > this.#maxBytes) this.#thin();
      this.#endReplay(topic, partition, sync);
    }
  }

  /** A tombstone: nothing is known of the partition any more. */
  delete(topic: string, partition: number): void {
    this.#bytes -= bytesOf(this.#histories.get(topic, partition));
    this.#histories.delete(topic, partition);
    this.#replays.delete(topic, partition);
    this.#foreignFrom.delete(topic, partition);
    this.#restartedAtWallMs.delete(topic, partition);
    this.#copiedBefore.delete(topic, partition);
    this.#madeAnewAt.delete(topic, partition);
  }

  /**
   * From which target offset on the log may hold records that are no copies of this flow, because it grew by more
   * records than were copied; undefined where the syncs show none. Second copies of a replay count as well.
   *
   * Limit: where the source's log has holes (compaction, transactions) as many foreign records stay unseen.
   */
  foreignFrom(topic: string, partition: number): bigint | undefined {
    return this.#foreignFrom.get(topic, partition);
  }

  around(topic: string, partition: number, upstreamOffset: bigint): SyncsAround {
    if (!this.#isRead) return { kind: 'not-read' };
    const history = this.#histories.get(topic, partition);
    if (history === undefined) return { kind: 'no-sync' };
    const { floor, ceiling } = history.around(upstreamOffset);
    const ongoing = this.#replays.get(topic, partition);
    const replay =
      ongoing === undefined
        ? undefined
        : {
            beginsAt: ongoing.beginsAt,
            firstUpTo: ongoing.before.newest.downstreamOffset,
            floor: ongoing.before.around(upstreamOffset).floor,
          };
    const isThinned = history instanceof SyncHistory || history.isThinnedAt(upstreamOffset);
    const madeAnewAt = this.#madeAnewAt.get(topic, partition);
    return { kind: 'known', floor, ceiling, replay, isThinned, madeAnewAt };
  }

  /**
   * When the source's offsets, or the target's, went back last, in wall-clock milliseconds since 1970: since then the logs may be other
   * ones. Undefined where they never did, as far as is known.
   */
  restartedAtWallMs(topic: string, partition: number): number | undefined {
    const atWallMs = this.#restartedAtWallMs.get(topic, partition);
    return atWallMs === undefined ? undefined : Number(atWallMs);
  }

  /**
   * Up to here, with it, records were copied to a log of the target that is gone: the target's offsets went back, and the source's did not. Undefined where that has not
   * happened, as far as is known.
   */
  copiedBefore(topic: string, partition: number): bigint | undefined {
    return this.#copiedBefore.get(topic, partition);
  }

  /** The newest sync, also while reading. */
  newest(topic: string, partition: number): OffsetSync | undefined {
    return this.#histories.get(topic, partition)?.newest;
  }

  /** What was known of the partition is void; this is its first sync again. */
  #restart(topic: string, partition: number, sync: OffsetSync): void {
    this.#bytes -= bytesOf(this.#histories.get(topic, partition));
    const syncs = this.#remembersAll ? new SyncLedger(sync) : new SyncHistory(sync);
    this.#histories.set(topic, partition, syncs);
    this.#bytes += bytesOf(syncs);
  }

  /** Makes room in the largest ledgers, in all of nearly the same size at once. */
  #thin(): void {
    const ledgers = [...this.#histories.values()].filter(
      (one): one is SyncLedger => one instanceof SyncLedger && one.canThin,
    );
    const largest = ledgers.reduce((most, { bytes }) => Math.max(most, bytes), 0);
    for (const ledger of ledgers) {
      if (ledger.bytes * 2 < largest) continue;
      this.#bytes -= ledger.bytes;
      ledger.thin();
      this.#bytes += ledger.bytes;
    }
  }

  #noteForeign(
    topic: string,
    partition: number,
    previous: OffsetSync | undefined,
    { upstreamOffset, downstreamOffset }: OffsetSync,
  ): void {
    if (previous !== undefined && downstreamOffset < previous.downstreamOffset) {
      // Another log: what lies below its first copy was written by others, as far as is known.
      this.#foreignFrom.delete(topic, partition);
      if (downstreamOffset > 0n) this.#foreignFrom.set(topic, partition, 0n);
      return;
    }
    if (this.#foreignFrom.get(topic, partition) !== undefined) return;
    const copiedCount = upstreamOffset - (previous?.upstreamOffset ?? 0n);
    const grownCount = downstreamOffset - (previous?.downstreamOffset ?? 0n);
    if (grownCount <= copiedCount) return;
    const from = previous === undefined ? 0n : previous.downstreamOffset + 1n;
    this.#foreignFrom.set(topic, partition, from);
  }

  #beginReplay(topic: string, partition: number, before: Syncs, sync: OffsetSync): void {
    const { newest } = before;
    const copiesAt = sync.downstreamOffset;
    const replay = this.#replays.get(topic, partition);
    const { floor } = before.around(sync.upstreamOffset);
    const firstLife = replay?.before.around(sync.upstreamOffset).floor;
    const repeatedFrom = (floor ?? firstLife)?.downstreamOffset ?? 0n;
    // A crash during a replay, or shortly after one whose end the syncs have not shown yet: the first copies are still
    // those of the first life, but this replay may have further to go.
    this.#replays.set(topic, partition, {
      before: replay?.before ?? before,
      beginsAt: replay?.beginsAt ?? copiesAt,
      // Records may have been copied after the newest sync, at most as many as the target has offsets behind it.
      endsAtUpstream: later(
        replay?.endsAtUpstream,
        newest.upstreamOffset + (copiesAt - newest.downstreamOffset - 1n),
      ),
      endsAtDownstream: later(replay?.endsAtDownstream, copiesAt + (copiesAt - repeatedFrom)),
    });
  }

  #endReplay(topic: string, partition: number, sync: OffsetSync): void {
    const replay = this.#replays.get(topic, partition);
    if (replay === undefined) return;
    const isOver =
      sync.upstreamOffset >= replay.endsAtUpstream &&
      sync.downstreamOffset >= replay.endsAtDownstream;
    if (isOver) this.#replays.delete(topic, partition);
  }
}

function later(a: bigint | undefined, b: bigint): bigint {
  return a !== undefined && a > b ? a : b;
}

function bytesOf(syncs: Syncs | undefined): number {
  return syncs instanceof SyncLedger ? syncs.bytes : 0;
}
