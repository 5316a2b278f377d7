import { rangesOf, type UnmirroredRecordsOfLog } from '../ledger/report.js';

/**
 * What became of the records that were acknowledged by the cluster that was left, and were not mirrored: sent again to the other one, with the header {@link REPLAY_HEADER}. Plain JSON.
 *
 * @public
 */
export interface ReplayReport {
  /** Alias of the cluster that had acknowledged them. */
  readonly from: string;
  /** Alias of the cluster that they were sent to. */
  readonly to: string;
  /** Records that were sent, and acknowledged there. */
  readonly replayedCount: number;
  /** Records that MirrorMaker has brought before they were sent. */
  readonly mirroredCount: number;
  /** Records that were not sent, or of which that is not known. */
  readonly notReplayedCount: number;
  /** Partition by partition. */
  readonly logs: readonly ReplayedRecordsOfLog[];
}

/** @public What became of the records of one partition. All offsets are of the cluster that was left. */
export interface ReplayedRecordsOfLog extends Pick<
  UnmirroredRecordsOfLog,
  'topic' | 'partition' | 'switchEpoch'
> {
  /** Were sent, and acknowledged. */
  readonly replayed: UnmirroredRecordsOfLog['ranges'];
  /** Have come before. */
  readonly mirrored: UnmirroredRecordsOfLog['ranges'];
  /** Were not sent, and why; or they were, and nobody has answered: those may be there as well. */
  readonly notReplayed: readonly {
    readonly first: string;
    readonly last: string;
    readonly because: string;
  }[];
}

/** @internal What became of one log's records, offset by offset. */
export interface ReplayedLog extends Pick<
  ReplayedRecordsOfLog,
  'topic' | 'partition' | 'switchEpoch'
> {
  readonly replayed: readonly number[];
  readonly mirrored: readonly number[];
  readonly notReplayed: readonly {
    readonly offsets: readonly number[];
    readonly because: string;
  }[];
}

/** @internal The report of all logs. */
export function replayReport(
  { from, to }: Pick<ReplayReport, 'from' | 'to'>,
  logs: readonly ReplayedLog[],
): ReplayReport {
  const countOf = (offsetsOf: (log: ReplayedLog) => readonly number[]): number =>
    logs.reduce((sum, log) => sum + offsetsOf(log).length, 0);
  return {
    from,
    to,
    replayedCount: countOf(({ replayed }) => replayed),
    mirroredCount: countOf(({ mirrored }) => mirrored),
    notReplayedCount: countOf(({ notReplayed }) => notReplayed.flatMap(({ offsets }) => offsets)),
    logs: logs.map(({ replayed, mirrored, notReplayed, ...log }) => ({
      ...log,
      replayed: rangesOf(replayed),
      mirrored: rangesOf(mirrored),
      notReplayed: notReplayed.flatMap(({ offsets, because }) =>
        rangesOf(offsets).map((range) => ({ ...range, because })),
      ),
    })),
  };
}

/**
 * How it stands with what the last unplanned switch has left behind (`producer.onUnmirrored`), and how many records that is about. `none`: nothing is to be done, or all is done.
 * `held`: it waits for `replayUnmirrored()`. `replaying`: somebody sees to it, from its announcement to its last send.
 *
 * @public
 */
export type ReplayStatus =
  { readonly kind: 'none' } | { readonly kind: 'held' | 'replaying'; readonly recordCount: number };
