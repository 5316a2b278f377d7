import type { Batch, EachBatchPayload, Offsets, OffsetsByTopicPartition } from 'kafkajs';
import type { Gate } from './gate.js';
import type { Lane } from './lane.js';
import { readOffset, readPartition, type HandedBackOffset } from './offsets.js';
import type { FailoverEachBatchPayload } from './types.js';

/** @internal What a batch payload asks the inner consumer it belongs to. */
export interface BatchDesk {
  readonly gate: Gate;
  /** True where names have to be translated. */
  readonly isTranslated: boolean;
  originalOf(physicalTopic: string): string;
  /** The physical topic of an offset that user code hands back. Throws where it is not one of this epoch. */
  place(entry: HandedBackOffset): readonly string[] | undefined;
  /** Defined once the epoch is over: what user code that comes late is told. */
  refusal(): Error | undefined;
  /** An offset was refused where no promise can say so. */
  onRefused(error: Error): void;
}

/**
 * What `eachBatch` gets: kafkajs's payload, under the original name, for as long as its epoch lasts.
 *
 * @internal
 */
export function batchPayload(
  lane: Lane,
  payload: EachBatchPayload,
  desk: BatchDesk,
): FailoverEachBatchPayload {
  const { progress } = lane;
  const { gate } = desk;
  const leaveEarly = (): void => {
    progress.endCoversAll = false;
  };
  return {
    batch: batchUnder(lane.topic, payload.batch),
    resolveOffset(offset) {
      const refusal = desk.refusal();
      if (refusal !== undefined) {
        desk.onRefused(refusal);
        return;
      }
      progress.resolved = offset;
      if (!gate.isOver) payload.resolveOffset(offset);
    },
    heartbeat: lane.heartbeat,
    pause: lane.pause,
    async commitOffsetsIfNecessary(offsets) {
      const refusal = desk.refusal();
      if (refusal !== undefined) throw refusal;
      if (gate.isOver) await gate.refuse();
      await payload.commitOffsetsIfNecessary(
        offsets === undefined || !desk.isTranslated ? offsets : placed(offsets, lane, desk),
      );
    },
    uncommittedOffsets() {
      const refusal = desk.refusal();
      if (refusal !== undefined) {
        desk.onRefused(refusal);
        return { topics: [] };
      }
      const offsets = payload.uncommittedOffsets();
      return desk.isTranslated ? underOriginalNames(offsets, desk) : offsets;
    },
    isRunning() {
      const isRunning = gate.isOpen && payload.isRunning();
      if (!isRunning) leaveEarly();
      return isRunning;
    },
    isStale() {
      const isStale = !gate.passesResults || payload.isStale();
      if (isStale) leaveEarly();
      return isStale;
    },
    physicalTopic: lane.physicalTopic,
    cluster: lane.cluster,
    switchEpoch: lane.switchEpoch,
  };
}

/** kafkajs's own batch, under another name where it has one: everything else is looked up in the original. */
function batchUnder(topic: string, batch: Batch): Batch {
  if (batch.topic === topic) return batch;
  const renamed: Batch = Object.create(batch, {
    topic: { value: topic, enumerable: true, writable: true, configurable: true },
  });
  return renamed;
}

/** The names of a payload belong to its own log first: nothing has to be guessed for its own partition. */
function placed(offsets: Offsets, lane: Lane, desk: BatchDesk): Offsets {
  const topics = new Map<string, { partition: number; offset: string }[]>();
  for (const entry of offsets.topics) {
    const physicalTopic =
      'physicalTopic' in entry && typeof entry.physicalTopic === 'string'
        ? entry.physicalTopic
        : undefined;
    for (const partition of entry.partitions) {
      const names = isOwn(lane, entry.topic, partition, physicalTopic)
        ? [lane.physicalTopic]
        : (desk.place({ ...partition, topic: entry.topic, physicalTopic }) ?? [entry.topic]);
      for (const name of names) topics.set(name, [...(topics.get(name) ?? []), partition]);
    }
  }
  return { topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })) };
}

function isOwn(
  { topic, partition, physicalTopic, progress: { floor, ceiling } }: Lane,
  name: string,
  entry: { partition: number; offset: string },
  given: string | undefined,
): boolean {
  if (given !== undefined && given !== physicalTopic) return false;
  if (name !== topic || readPartition(entry.partition) !== partition) return false;
  const offset = readOffset(entry.offset);
  if (offset === undefined || floor === undefined || ceiling === undefined) return false;
  return offset >= BigInt(floor) && offset <= BigInt(ceiling) + 1n;
}

function underOriginalNames(
  { topics }: OffsetsByTopicPartition,
  desk: BatchDesk,
): OffsetsByTopicPartition {
  // With the physical name beside it, it can be handed back as it is.
  const renamed = topics.map((entry) => ({
    ...entry,
    topic: desk.originalOf(entry.topic),
    physicalTopic: entry.topic,
  }));
  return { topics: renamed };
}
