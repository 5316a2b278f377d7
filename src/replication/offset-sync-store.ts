import { PartitionMap } from './partition-map.js';
import type { OffsetSync } from './records.js';
import { SyncHistory } from './sync-history.js';

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
}

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
    };

/**
 * The offset syncs of one flow, by topic of the *source* and partition, kept by MirrorMaker's rules (`SyncHistory`).
 * Answers nothing before the topic has been read to its end: a later sync might take back an earlier one.
 *
 * @internal
 */
export class OffsetSyncStore {
  readonly #histories = new PartitionMap<SyncHistory>();
  readonly #startUp: 'history' | 'newest-only';
  readonly #forgetsOnDecrease: boolean;
  #isRead = false;

  constructor({
    startUp = 'history',
    onDownstreamDecrease = 'forget',
  }: OffsetSyncStoreOptions = {}) {
    this.#startUp = startUp;
    this.#forgetsOnDecrease = onDownstreamDecrease === 'forget';
  }

  /** True once the topic has been read to its end. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** Partitions that have a sync. */
  get partitionCount(): number {
    return this.#histories.size;
  }

  /** The topic is (re-)read from its beginning: forgets everything. */
  beginReading(): void {
    this.#histories.clear();
    this.#isRead = false;
  }

  /** The end of the topic was reached; what follows is new. */
  finishReading(): void {
    this.#isRead = true;
  }

  put(topic: string, partition: number, sync: OffsetSync): void {
    const history = this.#histories.get(topic, partition);
    if (history === undefined) {
      this.#histories.set(topic, partition, new SyncHistory(sync));
      return;
    }
    const { newest } = history;
    // The source was rewound (MirrorMaker restarted, or its topic was re-created): older syncs may speak of other records.
    const isRewind = sync.upstreamOffset < newest.upstreamOffset;
    const isDecrease =
      sync.downstreamOffset < newest.downstreamOffset ||
      (sync.downstreamOffset === newest.downstreamOffset &&
        sync.upstreamOffset > newest.upstreamOffset);
    const isNewestOnly = !this.#isRead && this.#startUp === 'newest-only';
    if (isRewind || isNewestOnly || (isDecrease && this.#forgetsOnDecrease)) history.restart(sync);
    else history.push(sync);
  }

  /** A tombstone: nothing is known of the partition any more. */
  delete(topic: string, partition: number): void {
    this.#histories.delete(topic, partition);
  }

  around(topic: string, partition: number, upstreamOffset: bigint): SyncsAround {
    if (!this.#isRead) return { kind: 'not-read' };
    const history = this.#histories.get(topic, partition);
    if (history === undefined) return { kind: 'no-sync' };
    return { kind: 'known', ...history.around(upstreamOffset) };
  }

  /** The newest sync, also while reading. */
  newest(topic: string, partition: number): OffsetSync | undefined {
    return this.#histories.get(topic, partition)?.newest;
  }

  /** What is kept of one partition, for tests and inspection. */
  history(topic: string, partition: number): SyncHistory | undefined {
    return this.#histories.get(topic, partition);
  }
}
