import type { Mirror } from '../replication/mirror.js';
import type { OffsetSync } from '../replication/records.js';

/** @internal A record that MirrorMaker has copied: where it was handled, and where it is on the cluster that is gone to. */
export interface Pair {
  readonly handledAt: bigint;
  readonly soughtAt: bigint;
}

/**
 * How the offsets of a log in which records were handled lead to those of the log on the other cluster in which they are looked for:
 * the copies of what was handled, or the records themselves.
 *
 * @internal
 */
export interface Correspondence {
  /** A place at or before the record that was handled at `offset`; undefined where nothing leads there. */
  atOrBefore(offset: bigint): bigint | undefined;
  /** The nearest pairs at or around it; undefined where none is known. */
  around(offset: bigint): PairsAround | undefined;
}

/** @internal */
export interface PairsAround {
  readonly floor: Pair | undefined;
  readonly ceiling: Pair | undefined;
  /** Set while MirrorMaker copies again what it had copied before: the pairs are of first copies, and behind this place may be second ones. */
  readonly firstUpTo: bigint | undefined;
}

/** @internal From a log to itself, on the way home: a record is where it was, or is lost. */
export const UNMOVED: Correspondence = {
  atOrBefore: (offset) => offset,
  around(offset) {
    const pair = { handledAt: offset, soughtAt: offset };
    return { floor: pair, ceiling: pair, firstUpTo: undefined };
  },
};

/** @internal From a log of the source to its copy on the target. */
export function toCopies(
  mirror: Pick<Mirror, 'translate' | 'syncsAround'>,
  topic: string,
  partition: number,
): Correspondence {
  return {
    atOrBefore(offset) {
      const translation = mirror.translate(topic, partition, offset);
      return translation.kind === 'unavailable' ? undefined : translation.offset;
    },
    around(offset) {
      const around = mirror.syncsAround(topic, partition, offset);
      if (around.kind !== 'known') return undefined;
      const pair = (sync: OffsetSync | undefined): Pair | undefined =>
        sync && { handledAt: sync.upstreamOffset, soughtAt: sync.downstreamOffset };
      const { replay } = around;
      const floor = replay === undefined ? around.floor : replay.floor;
      const firstUpTo = replay?.firstUpTo;
      return { floor: pair(floor), ceiling: pair(around.ceiling), firstUpTo };
    },
  };
}
