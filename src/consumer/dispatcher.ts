import type {
  ConsumerRunConfig,
  EachBatchHandler,
  EachBatchPayload,
  EachMessageHandler,
  EachMessagePayload,
  KafkaMessage,
} from 'kafkajs';
import type { SessionWork } from '../session-work.js';
import type { World } from '../world.js';
import type { Awaited } from './awaited-records.js';
import type { Reached } from './beginnings.js';
import type { PhysicalOffset } from './commits.js';
import type { Assignment } from './consumer-events.js';
import { noting } from './dedup-lane.js';
import type { DedupWindow } from './dedup-window.js';
import type { Gate } from './gate.js';
import { Lane, withoutHandled, type CarriedLane } from './lane.js';
import { hasHandled, type BegunHere } from './handled-here.js';
import { Lanes } from './lanes.js';
import type { PartitionLock, PartitionLocks } from './locks.js';
import {
  placeHandedBack,
  type HandedBackOffset,
  type LogFacts,
  type OlderDeliveries,
} from './offsets.js';
import { BatchWords } from './batch-words.js';
import { batchPayload, type BatchContext } from './payload.js';
import { standingOf, type Standing } from './standing.js';
import type { TopicNames } from './subscription.js';
import type { FailoverConsumerRunConfig, FailoverEachMessagePayload } from './types.js';
import type { RemovedRecords } from './removed-range.js';
import type { Sought } from './sought.js';

/** @internal What a dispatcher is made of. */
export interface DispatcherParts {
  readonly cluster: string;
  readonly switchEpoch: number;
  readonly run: FailoverConsumerRunConfig;
  readonly names: TopicNames;
  readonly gate: Gate;
  readonly locks: PartitionLocks;
  readonly world: World;
  /** How often a handler that waits for its turn shows that its member lives, in milliseconds. */
  readonly heartbeatIntervalMs: number;
  readonly older: OlderDeliveries;
  readonly awaited: Awaited;
  readonly groupId: string;
  readonly work: SessionWork;
  readonly dedup: DedupWindow | undefined;
  /** Of a log of the cluster's own. */
  begun(topic: string, partition: number): BegunHere;
  /** Defined once the epoch is over: what user code that comes late is told. */
  refusal(): Error | undefined;
  /** An offset of an older epoch was refused. */
  onRefused(error: Error): void;
  pause(topic: string, partition: number): () => void;
  onRemoved(records: RemovedRecords): void;
}

/**
 * Stands between kafkajs and the user's handlers: original names, one handler at a time for one logical partition,
 * nothing new while the gate is closed, and how far each partition was handled.
 *
 * The hot path (`eachMessage`, one log) makes one payload object per message and no promise: the user's own promise goes
 * back to kafkajs, and is looked at again only when a switch wants to know whether it ended well.
 *
 * @internal
 */
export class Dispatcher {
  readonly #parts: DispatcherParts;
  readonly #batchContext: BatchContext;
  readonly #lanes: Lanes = new Lanes((...log) => this.#makeLane(...log));
  /** Of the newest delivery; undefined after a join. */
  #last: Lane | undefined;
  #hasJoined = false;

  constructor(parts: DispatcherParts, carried: readonly CarriedLane[] = []) {
    this.#parts = parts;
    this.#batchContext = {
      gate: parts.gate,
      originalOf: (topic) => parts.names.originalOf(topic),
      place: (entry) => this.place(entry),
      refusal: () => parts.refusal(),
      onRefused: (error) => parts.onRefused(error),
    };
    for (const { recent, ...one } of carried) {
      const lane = this.laneOf(one.physicalTopic, one.partition);
      lane.progress.continues(one);
      lane.recent = recent;
    }
  }

  /** The run config for kafkajs: a fresh object each time, because instrumentation writes into it. */
  runConfig(): ConsumerRunConfig {
    const { dedup, run } = this.#parts;
    const { eachMessage, eachBatch, ...rest } =
      dedup === undefined ? run : noting(run, (topic, partition) => this.laneOf(topic, partition));
    return {
      ...rest,
      ...(eachMessage ? { eachMessage: this.#eachMessage(eachMessage) } : {}),
      ...(eachBatch ? { eachBatch: this.#eachBatch(eachBatch) } : {}),
    };
  }

  #eachMessage(
    handler: (payload: FailoverEachMessagePayload) => Promise<void>,
  ): EachMessageHandler {
    const { gate, work } = this.#parts;
    const call = (lane: Lane, message: KafkaMessage, sought?: Sought): Promise<void> => {
      lane.progress.deliversOne(message.offset);
      lane.staysSought(sought);
      lane.recent.add(message);
      if (lane.wasHandled(message)) {
        // On the other cluster, as a rule.
        lane.progress.outcome = undefined;
        return Promise.resolve();
      }
      if (lane.reread !== undefined) lane.rereads(message);
      work.handles();
      const outcome = handler({
        topic: lane.topic,
        partition: lane.partition,
        message,
        heartbeat: lane.heartbeat,
        pause: lane.pause,
        physicalTopic: lane.physicalTopic,
        cluster: lane.cluster,
        switchEpoch: lane.switchEpoch,
      });
      lane.progress.outcome = outcome;
      return outcome;
    };
    return (payload) => {
      if (!gate.isOpen) return gate.refuse();
      const { message } = payload;
      const lane = this.#laneFor(payload.topic, payload.partition, payload.heartbeat);
      if (lane.lock === undefined) return call(lane, message);
      const before = lane.progress.sought;
      return this.#inTurn(lane.lock, payload, () => call(lane, message, lane.soughtSince(before)));
    };
  }

  #eachBatch(handler: NonNullable<FailoverConsumerRunConfig['eachBatch']>): EachBatchHandler {
    const { gate, run, work } = this.#parts;
    const isByHand = run.eachBatchAutoResolve === false;
    const call = async (lane: Lane, payload: EachBatchPayload): Promise<void> => {
      const { batch } = payload;
      const { progress } = lane;
      const last = batch.lastOffset();
      const sought = payload.isStale() ? progress.sought : undefined;
      progress.delivers(batch.firstOffset() ?? last, last);
      lane.staysSought(sought);
      lane.recent.addBatch(batch.messages);
      const messages = withoutHandled(batch.messages, lane);
      if (messages.length === 0 && batch.messages.length > 0) {
        progress.outcome = undefined;
        payload.resolveOffset(last);
        return;
      }
      progress.endCoversAll = !isByHand;
      if (isByHand) progress.words ??= new BatchWords();
      progress.words?.begins(messages.at(-1)?.offset ?? last, last);
      if (lane.reread !== undefined) messages.forEach((message) => lane.rereads(message));
      work.handles();
      const outcome = handler(batchPayload(lane, { ...payload, messages }, this.#batchContext));
      progress.outcome = outcome;
      await outcome;
      progress.words?.settles();
      work.handles();
      // In a switch kafkajs must not resolve the whole batch: its handler may have left it early.
      if (!gate.passesResults) await gate.refuse();
    };
    return (payload) => {
      if (!gate.isOpen) return gate.refuse();
      const { batch, heartbeat } = payload;
      const lane = this.#laneFor(batch.topic, batch.partition, heartbeat);
      if (lane.lock === undefined) return call(lane, payload);
      return this.#inTurn(lane.lock, payload, () => call(lane, payload));
    };
  }

  #inTurn(
    lock: PartitionLock,
    { heartbeat }: Pick<EachMessagePayload, 'heartbeat'>,
    work: () => Promise<void>,
  ): Promise<void> {
    const { gate, world, heartbeatIntervalMs: paceMs } = this.#parts;
    return lock.inTurn({ world, paceMs, heartbeat, gate }, work);
  }

  /** The lane of a delivery. A new runner of kafkajs, whose heartbeat the lane must have, begins with a join. */
  #laneFor(physicalTopic: string, partition: number, heartbeat: () => Promise<void>): Lane {
    const last = this.#last;
    if (last?.partition === partition && last.physicalTopic === physicalTopic) return last;
    const lane = this.laneOf(physicalTopic, partition);
    lane.beat = heartbeat;
    this.#last = lane;
    return lane;
  }

  laneOf(physicalTopic: string, partition: number): Lane {
    return this.#lanes.of(physicalTopic, partition);
  }

  #makeLane(physicalTopic: string, partition: number): Lane {
    const { names, locks, run, pause, onRemoved, awaited, groupId, dedup, begun, ...rest } =
      this.#parts;
    const topic = names.originalOf(physicalTopic);
    const mayOverlap =
      names.logsOf(physicalTopic).length > 1 && (run.partitionsConsumedConcurrently ?? 1) > 1;
    const source = { ...rest, topic, physicalTopic, partition };
    return new Lane({
      ...source,
      dedup: dedup?.lane(source, {
        isAutoCommit: run.autoCommit ?? true,
        hasPassedReplay: (offset) =>
          hasHandled(
            offset,
            this.#lanes.known(topic, partition)?.progress,
            begun(topic, partition),
          ),
      }),
      awaited: awaited.of(rest.cluster, physicalTopic, partition),
      reread: rest.work.counterOf(groupId, physicalTopic, partition),
      lock: mayOverlap ? locks.of(topic, partition) : locks.busy(topic, partition),
      pause,
      onRemoved,
    });
  }

  /** Resolves when every handler that was called has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#lanes.all().map((lane) => lane.progress.ended()));
  }

  /**
   * A join ended with this assignment, by physical names.
   *
   * @param before - the assignment of the join before, where this member has been in the group without a break since.
   *   Undefined for another member id: it was expelled, and others had its partitions.
   */
  assigned(assignment: Assignment, before: Assignment | undefined): void {
    const isFirst = !this.#hasJoined;
    this.#hasJoined = true;
    this.#last = undefined;
    this.#parts.dedup?.joined(assignment, isFirst ? 'first' : before, this.#parts);
    this.#lanes.assigned(assignment, isFirst ? 'first' : before);
  }

  /** Where user code moved positions to, and kafkajs did not go before another inner consumer took over. */
  pendingSeeks(): readonly (PhysicalOffset & { readonly offset: string })[] {
    return this.#lanes.pendingSeeks();
  }

  /** Where this member stands in what it was assigned. */
  standing(member: Parameters<typeof standingOf>[1]): Standing {
    return standingOf(this.#lanes.all(), member, this.#parts.run);
  }

  /** What was handled, or sought, and is not committed yet, where kafkajs commits by itself. */
  uncommitted(): readonly (PhysicalOffset & { readonly offset: string })[] {
    if (this.#parts.run.autoCommit === false) return [];
    return this.#lanes.all().flatMap(({ physicalTopic: topic, partition, progress }) => {
      const offset = progress.uncommitted();
      return offset === undefined ? [] : [{ topic, partition, offset: String(offset) }];
    });
  }

  /** How far a partition of this member was handled; with `autoCommit: false`, from where on it was delivered. */
  reached(physicalTopic: string, partition: number): Reached {
    const progress = this.#lanes.known(physicalTopic, partition)?.progress;
    const isAutoCommit = this.#parts.run.autoCommit ?? true;
    return {
      offset: isAutoCommit ? progress?.position() : progress?.delivered()?.first,
      isSettled: progress?.committed !== undefined || progress?.sought !== undefined,
    };
  }

  factsOf(physicalTopic: string, partition: number): LogFacts {
    const progress = this.#lanes.known(physicalTopic, partition)?.progress;
    return {
      physicalTopic,
      delivered: progress?.delivered(),
      committed: progress?.committed,
    };
  }

  /**
   * The physical topics that an offset is meant for, which user code hands back.
   *
   * @throws StaleOffsetError, AmbiguousOffsetError - see {@link placeHandedBack}.
   */
  place(entry: HandedBackOffset): readonly string[] | undefined {
    const { cluster, switchEpoch, names, older, locks } = this.#parts;
    return placeHandedBack(entry, {
      cluster,
      switchEpoch,
      older,
      originalOf: (topic) => names.originalOf(topic),
      logsOf: (topic) => names.logsOf(topic),
      factsOf: (topic, partition) => this.factsOf(topic, partition),
      isOlderHandlerRunning: (topic, partition) =>
        locks.busy(topic, partition)?.isOlderRunning === true,
    });
  }

  carry(): readonly CarriedLane[] {
    return this.#lanes.all().map(({ progress, recent }) => ({ ...progress.carry(), recent }));
  }

  /** Nothing more is delivered by it: keeps what was, for the epochs after this one. */
  handOver(): void {
    const { cluster, switchEpoch, older } = this.#parts;
    for (const { topic, physicalTopic, partition, progress } of this.#lanes.all()) {
      const delivered = progress.everDelivered();
      if (delivered === undefined) continue;
      older.add({ cluster, topic, physicalTopic, partition, switchEpoch }, delivered);
    }
  }

  /** The epoch is over: keeps the locks of handlers that still run. */
  leaveLocks(): void {
    const { locks } = this.#parts;
    for (const { topic, partition, progress, lock } of this.#lanes.all()) {
      if (!progress.mayRun) continue;
      const isHolder = lock !== undefined;
      locks.of(topic, partition).leftOver(progress.ended(), { isHolder });
    }
  }
}
