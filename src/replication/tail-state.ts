import type { ClusterAccess, FetchedRecord } from '../cluster/access.js';
import type { EventSink } from '../events.js';
import type { World } from '../world.js';
import type { SkipReason } from './records.js';

/** @internal One of MirrorMaker's internal topics, and what becomes of its records. */
export interface TailedTopic {
  readonly access: ClusterAccess;
  readonly topic: string;
  /** Reading begins at most this many offsets before the end. Default: at the log's beginning. */
  readonly lastCount?: bigint;
  /** Reading begins, or begins anew because the topic is another one: what was known is void. */
  onBegin(): void;
  /** Takes a record, or says why not. */
  onRecord(record: FetchedRecord): SkipReason | undefined;
  /** Everything has been read that the topic held when reading began. */
  onComplete(): void;
}

/** @internal What a tailer works with. */
export interface TailerOptions {
  readonly world: World;
  readonly events: EventSink;
  /** Pause between looks at a topic that had nothing new, in milliseconds; one that is missing is looked for once a second. */
  readonly pollMs: number;
}

/** @internal Options of waiting. */
export interface WaitOptions {
  /** Ends the waiting (with the signal's reason), not the reading: that goes on in the background. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * How far one topic has been read.
 *
 * - `starting`: its cluster has not answered yet.
 * - `missing`: it does not exist, so there is nothing to know; it is looked for again.
 * - `reading`: on the way to the end that it had when reading began.
 * - `following`: complete; what is new is read as it comes.
 *
 * @public
 */
export type TailPhase = 'starting' | 'missing' | 'reading' | 'following';

/** @public What is known about one of MirrorMaker's internal topics. */
export interface TailState {
  /** Alias of the cluster that holds the topic. */
  readonly cluster: string;
  /** The internal topic. */
  readonly topic: string;
  /** How far the reading has come. */
  readonly phase: TailPhase;
  /** The next offset to read; undefined while there is none. */
  readonly position: bigint | undefined;
  /** Milliseconds since nothing more was there to be read: the age of what is known. Undefined before the first time. */
  readonly ageMs: number | undefined;
  /** Records read since reading began. */
  readonly recordCount: number;
  /** Records that were skipped since reading began, by reason. */
  readonly skippedCounts: Readonly<Partial<Record<SkipReason, number>>>;
  /** Why the last attempt to read failed; undefined where it did not. */
  readonly failure: Error | undefined;
}
