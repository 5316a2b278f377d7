import type {
  Batch,
  EachBatchPayload,
  KafkaMessage,
  Offsets,
  OffsetsByTopicPartition,
} from 'kafkajs';
import { StaleOffsetError } from '../errors.js';
import type { Gate } from './gate.js';
import type { Lane } from './lane.js';
import { readOffset, readPartition, type HandedBackOffset } from './offsets.js';
import type { FailoverEachBatchPayload, OffsetOrigin } from './types.js';

/** @internal What a batch payload asks the inner consumer it belongs to. */
export interface BatchContext {
  readonly gate: Gate;
  originalOf(physicalTopic: string): string;
  /** The physical topic of an offset that user code hands back. Throws where it is not one of this epoch. */
  place(entry: HandedBackOffset): readonly string[] | undefined;
  /** Defined once the epoch is over: what user code that comes late is told. */
  refusal(): Error | undefined;
  /** An offset of an older epoch was refused. Where no promise can say so, this is all that does. */
  onRefused(error: Error): void;
}

/**
 * What `eachBatch` gets: kafkajs's payload, under the original name, for as long as its epoch lasts.
 *
 * @internal
 */
export function batchPayload(
  lane: Lane,
  payload: EachBatchPayload & { readonly messages: KafkaMessage[] },
  context: BatchContext,
): FailoverEachBatchPayload {
  const { progress } = lane;
  const { gate } = context;
  const leaveEarly = (): void => {
    progress.endCoversAll = false;
  };
  return {
    batch: batchUnder(lane.topic, payload),
    resolveOffset(offset) {
      const refusal = context.refusal();
      if (refusal !== undefined) {
        context.onRefused(refusal);
        return;
      }
      progress.resolved = offset;
      if (!gate.isOver) payload.resolveOffset(offset);
    },
    heartbeat: lane.heartbeat,
    pause: lane.pause,
    async commitOffsetsIfNecessary(offsets) {
      const refusal = context.refusal();
      if (refusal !== undefined) throw refusal;
      if (gate.isOver) await gate.refuse();
      await payload.commitOffsetsIfNecessary(offsets && placedOrReported(offsets, lane, context));
    },
    uncommittedOffsets() {
      const refusal = context.refusal();
      if (refusal !== undefined) {
        context.onRefused(refusal);
        return { topics: [] };
      }
      return withOrigins(payload.uncommittedOffsets(), lane, context);
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

/**
 * kafkajs's own batch, under another name where it has one, and without what was handled on the other cluster: everything else is
 * looked up in the original.
 */
function batchUnder(
  topic: string,
  { batch, messages }: { readonly batch: Batch; readonly messages: readonly KafkaMessage[] },
): Batch {
  if (batch.topic === topic && batch.messages === messages) return batch;
  const own = { enumerable: true, writable: true, configurable: true };
  const shown: Batch = Object.create(batch, {
    topic: { value: topic, ...own },
    messages: { value: messages, ...own },
  });
  return shown;
}

/** What user code hands back, by physical names. A topic may say its origin once, or each partition for itself. */
interface HandedBackOffsets {
  readonly topics: readonly (OffsetOrigin & {
    readonly topic: string;
    readonly partitions: readonly (OffsetOrigin & { partition: number; offset: string })[];
  })[];
}

function placedOrReported(offsets: HandedBackOffsets, lane: Lane, context: BatchContext): Offsets {
  try {
    return placed(offsets, lane, context);
  } catch (error) {
    if (error instanceof StaleOffsetError) context.onRefused(error);
    throw error;
  }
}

/** The names of a payload belong to its own log first: nothing has to be guessed for its own partition. */
function placed(offsets: HandedBackOffsets, lane: Lane, context: BatchContext): Offsets {
  const topics = new Map<string, { partition: number; offset: string }[]>();
  for (const { topic, physicalTopic, switchEpoch, partitions } of offsets.topics) {
    for (const partition of partitions) {
      const entry = { physicalTopic, switchEpoch, ...partition, topic };
      // As kafkajs's own `commitOffsets` does: what has no metadata is a commit of kafkajs's own making (PendingSeeks).
      const row = { metadata: null, ...partition };
      const names = isOwn(lane, entry) ? [lane.physicalTopic] : (context.place(entry) ?? [topic]);
      for (const name of names) topics.set(name, [...(topics.get(name) ?? []), row]);
    }
  }
  return { topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })) };
}

function isOwn(lane: Lane, entry: HandedBackOffset): boolean {
  const { floor, ceiling } = lane.progress;
  if (entry.physicalTopic !== undefined && entry.physicalTopic !== lane.physicalTopic) return false;
  if (entry.switchEpoch !== undefined && entry.switchEpoch !== lane.switchEpoch) return false;
  if (entry.topic !== lane.topic || readPartition(entry.partition) !== lane.partition) return false;
  const offset = readOffset(entry.offset);
  if (offset === undefined || floor === undefined || ceiling === undefined) return false;
  return offset >= BigInt(floor) && offset <= BigInt(ceiling) + 1n;
}

/** Under original names, and with their origin beside it: so it can be handed back as it is. */
function withOrigins(
  { topics }: OffsetsByTopicPartition,
  { switchEpoch }: Lane,
  context: BatchContext,
): OffsetsByTopicPartition {
  const named = topics.map((entry) => ({
    ...entry,
    topic: context.originalOf(entry.topic),
    physicalTopic: entry.topic,
    switchEpoch,
  }));
  return { topics: named };
}
