import type { KafkaMessage } from 'kafkajs';
import type { PartitionPlan } from '../position/plan.js';
import { originKey, replayOrigin, type ReplayOrigin } from '../replay/marker.js';
import type { ReplayIndex } from '../replay/replay-index.js';
import { PartitionMap } from '../replication/partition-map.js';
import type { Stretch } from './partition-work.js';
import type { RecordLog } from './record-identity.js';

/** @internal A record that is there twice, or may be: as it was acknowledged first, perhaps mirrored, and as it was replayed. */
export type ReplayedRecord =
  | { readonly kind: 'replay'; readonly id: string; readonly origin: ReplayOrigin }
  /** `replayedTo`: alias of the cluster that it was sent to; undefined where that is only announced. */
  | { readonly kind: 'original'; readonly id: string; readonly replayedTo: string | undefined };

/**
 * Knows a replay by its header, and the original by its content, as replayers have announced it. Both have the same id.
 *
 * @internal
 */
export class ReplayedRecords {
  readonly #consumer: string;
  readonly #index: ReplayIndex;

  constructor(consumer: string, index: ReplayIndex) {
    this.#consumer = consumer;
    this.#index = index;
  }

  /** Undefined for nearly every record. */
  look(message: KafkaMessage, log: RecordLog): ReplayedRecord | undefined {
    const origin = replayOrigin(message);
    if (origin !== undefined) return { kind: 'replay', id: originKey(origin), origin };
    const alike = this.#index.find(log.topic, log.partition, message);
    if (alike.length === 0) return undefined;
    // Of two records of a log that look alike, one may be announced and the other one not: each is one record, whenever it comes again.
    const name = `${this.#consumer} ${log.cluster} ${log.physicalTopic}`;
    const place =
      alike.find(({ claims }) => claims.get(name) === message.offset) ??
      alike.find(({ claims }) => !claims.has(name));
    if (place === undefined) return undefined;
    place.claims.set(name, message.offset);
    return { kind: 'original', id: place.origin, replayedTo: place.replayedTo };
  }
}

/**
 * What the group had handled on the cluster that a switch has left, by the plan of the switch: so that what is replayed of it is not handled again. Does no I/O.
 *
 * It counts only for what came to this cluster after the plan was made. What was there before may be the replay of another tail, of a log that was lost since.
 *
 * @internal
 */
export class HandledElsewhere {
  /** By the topic of the log that was left. */
  readonly #handled = new PartitionMap<{ readonly end: bigint; readonly stretch: Stretch }>();
  /** Where the logs of this cluster ended when the plan was made. */
  readonly #ends = new PartitionMap<bigint>();

  constructor(
    partitions: readonly PartitionPlan[],
    stretchOf: (topic: string, partition: number) => Stretch,
  ) {
    for (const one of partitions) {
      const { topic, physicalTopic, partition, upstream } = one;
      if (one.kind === 'resume' && one.end !== undefined) {
        this.#ends.set(physicalTopic, partition, one.end);
      }
      if (upstream?.handledEnd === undefined) continue;
      const stretch = stretchOf(topic, partition);
      this.#handled.set(upstream.topic, partition, { end: upstream.handledEnd, stretch });
    }
  }

  /** @param at - where the replay stands here. */
  includes(
    origin: ReplayOrigin,
    at: RecordLog & { readonly offset: bigint },
    stretch: Stretch,
  ): boolean {
    const handled = this.#handled.get(origin.topic, origin.partition);
    const end = this.#ends.get(at.physicalTopic, at.partition);
    return (
      handled?.stretch === stretch &&
      origin.cluster !== at.cluster &&
      BigInt(origin.offset) < handled.end &&
      end !== undefined &&
      at.offset >= end
    );
  }
}
