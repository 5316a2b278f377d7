import type { PartitionMap } from '../replication/partition-map.js';
import type { LedgerLog } from './ledger-reader.js';
import type { Segment } from './segment.js';
import type { Span } from './span.js';

/** @internal What is known of one log, beside what the segments hold. */
export interface LogState {
  readonly topic: string;
  readonly partition: number;
  /** The first offset that is not known to be mirrored. */
  openFrom: number;
  copiedAt: bigint;
  copiedMark?: string | undefined;
  dropped: Span | undefined;
  /** The highest offset that was acknowledged, and when, in wall-clock milliseconds. */
  highest: number;
  highestAtMs: number;
}

/**
 * In which the offsets of each partition only grow: a part of an activation, nearly always all of it. Where a log goes back (an unclean election, a topic that is made
 * anew) another one begins, and what is found of one says nothing of the others.
 *
 * @internal
 */
export interface Generation {
  readonly cluster: string;
  readonly switchEpoch: number;
  /** It began because a log had gone back, or seemed to: where its copies begin is not known then. */
  readonly hasGoneBack: boolean;
  readonly states: PartitionMap<LogState>;
  /** Another life of the process has kept it, and has ended without a word: it may have had more. */
  isCut: boolean;
}

/** @internal What is worth knowing of a generation after the process has ended, beside what its segments hold. */
export interface KeptGeneration extends Pick<Generation, 'cluster' | 'switchEpoch'> {
  readonly logs: readonly KeptLog[];
}

/** @internal The same of one log. */
export type KeptLog = Pick<
  LogState,
  'topic' | 'partition' | 'openFrom' | 'copiedAt' | 'copiedMark' | 'dropped'
>;

/** @internal Is told what becomes of the segments. Must not throw. */
export interface SegmentWatcher {
  /** Something was written to the newest one. The hot path. */
  written(segment: Segment): void;
  /** It is not kept any more: all of it is mirrored, or there was no room. */
  letGo(segment: Segment, why: 'mirrored' | 'dropped'): void;
}

/** @internal True where something is known of it. */
export function isWorthKeeping({ openFrom, copiedAt, dropped }: KeptLog): boolean {
  return openFrom > 0 || copiedAt >= 0n || dropped !== undefined;
}

/** @internal No later generation has records of the same partition: as far as this process knows its log has not gone back since. Not so of an earlier life. */
export function isNewest(
  { cluster, topic, partition, generation, isEarlier }: LedgerLog,
  generations: ReadonlyMap<number, KeptGeneration>,
): boolean {
  const isLater = ([number, one]: readonly [number, KeptGeneration]): boolean =>
    number > generation &&
    one.cluster === cluster &&
    one.logs.some((log) => log.topic === topic && log.partition === partition);
  return !isEarlier && ![...generations].some(isLater);
}
