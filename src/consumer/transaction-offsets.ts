import type { ClusterSession } from '../cluster/session.js';
import { AmbiguousOffsetError } from '../errors.js';
import type { HandedBackOffset } from './offsets.js';

/** @internal Who can tell which log of the cluster an offset belongs to: a consumer of the group, in this process. */
export interface OffsetPlacer {
  readonly groupId: string;
  /** Physical topics that the offset is for. Throws a typed error where it belongs to an older epoch. */
  place(entry: HandedBackOffset): readonly string[];
}

/** @internal kafkajs's argument of `transaction.sendOffsets`. */
export interface TransactionOffsets {
  readonly consumerGroupId: string;
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
  }[];
}

/**
 * Places the offsets of a transaction in the logs they were read from, as `consumer.commitOffsets` does: on B a record of
 * `A.orders` is shown as `orders`, and committing its offset for B's own `orders` would skip records there.
 *
 * Without a consumer of the group in this process nobody can tell. Then they go on as they are where the process has never
 * switched (names are physical names there); later they are refused.
 *
 * @throws AmbiguousOffsetError, StaleOffsetError, FencedError - nothing was sent.
 * @internal
 */
export function placeTransactionOffsets<Offsets extends TransactionOffsets>(
  offsets: Offsets,
  { alias, switchEpoch }: Pick<ClusterSession, 'alias' | 'switchEpoch'>,
  placers: readonly OffsetPlacer[],
): Offsets {
  const placer = placers.find(({ groupId }) => groupId === offsets.consumerGroupId);
  if (placer === undefined) {
    if (switchEpoch === 1) return offsets;
    throw new AmbiguousOffsetError(
      `transaction.sendOffsets() was refused: no consumer of group ${offsets.consumerGroupId} runs in this process, so ` +
        `nobody can tell which log of cluster ${alias} the offsets belong to. Consume with a consumer of the same FailoverKafka.`,
      { cluster: alias, switchEpoch },
    );
  }
  const topics = offsets.topics.flatMap(({ topic, partitions }) =>
    partitions.flatMap((entry) =>
      placer
        .place({ topic, ...entry })
        .map((name) => ({ topic: name, partitions: [{ ...entry }] })),
    ),
  );
  return { ...offsets, topics };
}
