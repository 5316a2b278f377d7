import type { KafkaMessage } from 'kafkajs';
import type { PartitionPlan } from '../position/plan.js';
import { originKey, replayedHash, replayOf, type Replay } from '../replay/marker.js';
import type { ReplayedPlace, ReplayIndex } from '../replay/replay-index.js';
import { PartitionMap } from '../replication/partition-map.js';
import type { RecordLog } from './record-identity.js';

/** @internal A record that is there twice, or may be: as it was acknowledged first, perhaps mirrored, and as it was replayed. */
export type ReplayedRecord =
  | { readonly kind: 'replay'; readonly id: string; readonly replay: Replay }
  /** `replayedAt`: where its replay stands in this cluster's own topic; undefined where none is known there. */
  | { readonly kind: 'original'; readonly id: string; readonly replayedAt: bigint | undefined };

/**
 * Knows a replay by its header, and the original by its content, as replayers have announced it: in the place where it was acknowledged, or among what the mirror has brought from there since. Both have
 * the same id. Where topics keep their names (the Identity policy) nobody can tell what was mirrored from what was born there: there it counts as another record.
 *
 * @internal
 */
export class ReplayedRecords {
  readonly #index: ReplayIndex;
  readonly #remoteTopic: (cluster: string, topic: string) => string;
  /** Which record of each log was taken for a place. */
  readonly #claims = new WeakMap<ReplayedPlace, Map<string, string>>();

  constructor(index: ReplayIndex, remoteTopic: (cluster: string, topic: string) => string) {
    this.#index = index;
    this.#remoteTopic = remoteTopic;
  }

  /**
   * Undefined for nearly every record. Of two records of a log that look alike one may be announced and the other one not: the first that is asked about is taken for it, whenever it comes
   * again. So it is to be asked about every record, in the order of the log.
   */
  claim(message: KafkaMessage, log: RecordLog): ReplayedRecord | undefined {
    const replay = replayOf(message);
    if (replay !== undefined) {
      const content = { timestamp: message.timestamp, hash: replayedHash(message) };
      return { kind: 'replay', id: originKey(replay.origin, content), replay };
    }
    const alike = this.#index
      .find(log.topic, log.partition, message)
      .filter((place) => this.#mayBe(place, message, log));
    if (alike.length === 0) return undefined;
    const name = `${log.cluster} ${log.physicalTopic}`;
    const place =
      alike.find((one) => this.#claims.get(one)?.get(name) === message.offset) ??
      alike.find((one) => this.#claims.get(one)?.has(name) !== true);
    if (place === undefined) return undefined;
    const claims = this.#claims.get(place) ?? new Map<string, string>();
    this.#claims.set(place, claims.set(name, message.offset));
    const { origin, replayed } = place;
    const replayedAt = replayed?.cluster === log.cluster ? replayed.offset : undefined;
    return { kind: 'original', id: origin, replayedAt };
  }

  #mayBe(place: ReplayedPlace, { offset }: KafkaMessage, log: RecordLog): boolean {
    const { cluster, topic, physicalTopic } = log;
    if (cluster === place.cluster) return physicalTopic === topic && offset === place.offset;
    return (
      physicalTopic !== topic &&
      physicalTopic === this.#remoteTopic(place.cluster, topic) &&
      BigInt(offset) > place.copiedAt
    );
  }
}

/**
 * What the group had handled on the cluster that a switch has left, by the plan of the switch: so that what is replayed of it is not handled again. Does no I/O.
 *
 * It counts only for what came to this cluster after the plan was made, and is of a log that has not gone back since, as far as its sender knew. What was there before may be the replay of another
 * tail, of a log that was lost since.
 *
 * @internal
 */
export class HandledElsewhere {
  /** By the topic of the log that was left. */
  readonly #handled = new PartitionMap<{ readonly topic: string; readonly end: bigint }>();
  /** Where the logs of this cluster ended when the plan was made. */
  readonly #ends = new PartitionMap<bigint>();
  /** Logical partitions in which somebody has moved back since. */
  readonly #movedBack = new PartitionMap<object>();

  constructor(partitions: readonly PartitionPlan[]) {
    for (const one of partitions) {
      const { topic, physicalTopic, partition, upstream } = one;
      if (one.kind === 'resume' && one.end !== undefined) {
        this.#ends.set(physicalTopic, partition, one.end);
      }
      if (upstream?.handledEnd === undefined) continue;
      this.#handled.set(upstream.topic, partition, { topic, end: upstream.handledEnd });
    }
  }

  /** Somebody wants again what the group has handled in this logical partition. Another member that has it meanwhile is no reason: the group has handled it all the same. */
  movesBack(topic: string, partition: number): void {
    this.#movedBack.set(topic, partition, {});
  }

  /** Nothing is known any more: the group may have been reset. */
  forget(): void {
    this.#handled.clear();
  }

  /** @param at - where the replay stands here. */
  includes({ origin, isOfLastLog }: Replay, at: RecordLog & { readonly offset: bigint }): boolean {
    const handled = this.#handled.get(origin.topic, origin.partition);
    const end = this.#ends.get(at.physicalTopic, at.partition);
    return (
      isOfLastLog &&
      handled !== undefined &&
      this.#movedBack.get(handled.topic, origin.partition) === undefined &&
      origin.cluster !== at.cluster &&
      BigInt(origin.offset) < handled.end &&
      end !== undefined &&
      at.offset >= end
    );
  }
}
