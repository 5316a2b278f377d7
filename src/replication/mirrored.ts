import type { LogRange } from '../cluster/access.js';
import type { CatchUpOutcome } from './catch-up.js';
import type { OffsetSync } from './records.js';

/** @internal What is known about one source partition and its mirror. */
export interface MirroredFacts {
  /** The source's log; `high` is the end that the mirror has to reach. */
  readonly source: LogRange;
  /** Next offset of the target's log; undefined where the target has no such log yet. */
  readonly targetEnd: bigint | undefined;
  readonly newestSync: OffsetSync | undefined;
  /**
   * Records between the newest sync and the source's end, where they were counted: fewer than offsets where transactions
   * ended or compaction removed some. Default: taken for as many as there are offsets.
   */
  readonly recordsAfterSync?: bigint | undefined;
}

/**
 * How many records of a source partition the target may still miss; 0 means that all of them seem to be there:
 * - the source's log is empty, or
 * - the newest offset sync names its last record or a later one, or
 * - as many records follow that sync on the target as on the source (MirrorMaker writes the sync of a quiet log's last
 *   records up to `offset.flush.interval.ms` late).
 *
 * **For waiting only, never for positions**: the last rule counts, and a duplicate on the target counts like a record. A
 * nonempty log without any sync is not mirrored.
 *
 * @internal
 */
export function unmirroredCount({
  source,
  targetEnd,
  newestSync,
  recordsAfterSync,
}: MirroredFacts): bigint {
  if (source.low >= source.high) return 0n;
  if (newestSync === undefined) return source.high - source.low;
  const next = newestSync.upstreamOffset + 1n;
  if (next >= source.high) return 0n;
  const onSource = recordsAfterSync ?? source.high - (next > source.low ? next : source.low);
  const onTarget = targetEnd === undefined ? 0n : targetEnd - newestSync.downstreamOffset - 1n;
  if (onTarget <= 0n) return onSource;
  return onSource > onTarget ? onSource - onTarget : 0n;
}

/** @internal What a mirror has not brought yet, for people. */
export function unmirroredInWords(
  { unmirrored, unknown }: CatchUpOutcome,
  source: string,
): readonly string[] {
  return [
    ...unmirrored.map(
      ({ topic, partition, recordCount }) => `${recordCount} of ${topic}-${partition}`,
    ),
    ...unknown.map((topic) => `${topic} (its end on ${source} is not known)`),
  ];
}
