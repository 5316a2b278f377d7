import type { ClusterSession } from '../cluster/session.js';
import { AmbiguousOffsetError } from '../errors.js';
import type { PhysicalOffset } from './commits.js';
import type { HandedBackOffset } from './offsets.js';
import type { OffsetOrigin } from './types.js';

/** @internal Who can tell which log of the cluster an offset belongs to: a consumer of the group, in this process. */
export interface OffsetPlacer {
  readonly groupId: string;
  /** False before `run()` and after `stop()`: then it knows of nothing that is being handled. */
  isRunning(): boolean;
  /** Whether its member has this partition, by the name that the service uses or a physical one. */
  isAssigned(topic: string, partition: number): boolean;
  /** Physical topics that the offset is for. Throws a typed error where it belongs to an older epoch. */
  place(entry: HandedBackOffset): readonly string[];
  /** An offset that was placed in this epoch is committed. */
  confirms(offset: PhysicalOffset, switchEpoch: number): void;
}

/**
 * kafkajs's argument of `transaction.sendOffsets`. A topic may say its origin once, as `uncommittedOffsets()` does, or each
 * partition for itself.
 *
 * @internal
 */
export interface TransactionOffsets {
  readonly consumerGroupId: string;
  readonly topics: readonly (OffsetOrigin & {
    readonly topic: string;
    readonly partitions: readonly (OffsetOrigin & {
      readonly partition: number;
      readonly offset: string;
    })[];
  })[];
}

/** @internal Offsets as their cluster knows them, and who is to hear of their commit. */
export interface PlacedTransactionOffsets<Offsets extends TransactionOffsets> {
  readonly offsets: Offsets;
  /** The transaction was committed, and they with it. */
  committed(): void;
}

/**
 * Places the offsets of a transaction in the logs they were read from, as `consumer.commitOffsets` does: on B a record of
 * `A.orders` is shown as `orders`, and committing its offset for B's own `orders` would skip records there.
 *
 * Of several consumers of the group in this process the one that has the partition is asked. Where none runs nobody can
 * tell. Then they go on as they are where the process has never switched (names are physical names there); later they are
 * refused.
 *
 * Once they are committed that consumer is told: a switch that comes then resumes behind them, as behind its own commits.
 *
 * @throws AmbiguousOffsetError, StaleOffsetError, FencedError - nothing was sent.
 * @internal
 */
export function placeTransactionOffsets<Offsets extends TransactionOffsets>(
  offsets: Offsets,
  { alias, switchEpoch }: Pick<ClusterSession, 'alias' | 'switchEpoch'>,
  placers: readonly OffsetPlacer[],
): PlacedTransactionOffsets<Offsets> {
  const ofGroup = placers.filter(
    (one) => one.groupId === offsets.consumerGroupId && one.isRunning(),
  );
  const [first] = ofGroup;
  if (first === undefined) {
    if (switchEpoch === 1) return { offsets, committed: () => {} };
    throw new AmbiguousOffsetError(
      `transaction.sendOffsets() was refused: no consumer of group ${offsets.consumerGroupId} runs in this process, so ` +
        `nobody can tell which log of cluster ${alias} the offsets belong to. Consume with a consumer of the same FailoverKafka.`,
      { cluster: alias, switchEpoch },
    );
  }
  const placed = offsets.topics.flatMap(({ topic, physicalTopic, switchEpoch, partitions }) =>
    partitions.flatMap((entry) => {
      const placer = ofGroup.find((one) => one.isAssigned(topic, entry.partition)) ?? first;
      const names = placer.place({ topic, physicalTopic, switchEpoch, ...entry });
      return names.map((name) => ({ placer, topic: name, entry }));
    }),
  );
  const topics = placed.map(({ topic, entry }) => ({ topic, partitions: [{ ...entry }] }));
  const committed = (): void => {
    for (const { placer, topic, entry } of placed) {
      placer.confirms({ ...entry, topic }, switchEpoch);
    }
  };
  return { offsets: { ...offsets, topics }, committed };
}
