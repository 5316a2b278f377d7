import type { KafkaMessage } from 'kafkajs';
import type { PhysicalSource } from './types.js';
import type { RereadCounter, SessionWork } from '../session-work.js';
import type { AwaitedRecords } from './awaited-records.js';
import type { DedupLane } from './dedup-lane.js';
import type { Gate } from './gate.js';
import type { PartitionLock } from './locks.js';
import type { RemovedRecords } from './removed-range.js';
import type { CarriedProgress } from './carried-progress.js';
import { PartitionProgress } from './progress.js';
import { RecentRecords } from './recent-records.js';
import { type MovedBy, soughtOffset, type Sought } from './sought.js';

/** @internal What a lane is made of. */
export interface LaneParts {
  readonly topic: string;
  readonly physicalTopic: string;
  readonly partition: number;
  readonly cluster: string;
  readonly switchEpoch: number;
  readonly gate: Gate;
  /** Set where another handler of the same logical partition may run at the same time. */
  readonly lock: PartitionLock | undefined;
  /** What was handled on the other cluster and may still come here. */
  readonly awaited: AwaitedRecords | undefined;
  /** Counts what is handled again; undefined where no plan predicts anything. */
  readonly reread: RereadCounter | undefined;
  readonly work: SessionWork;
  /** Undefined: there is no window of handled records. */
  readonly dedup: DedupLane | undefined;
  pause(topic: string, partition: number): () => void;
  /** Records were removed before they were delivered. */
  onRemoved(records: RemovedRecords): void;
}

/** @internal What is carried from one inner consumer to the next of the same epoch. */
export interface CarriedLane extends CarriedProgress {
  readonly recent: RecentRecords;
}

/**
 * One physical partition of one inner consumer: its names, its progress, and the functions that every payload of it
 * shares, so that a message costs one payload object and no closure.
 *
 * @internal
 */
export class Lane implements PhysicalSource {
  readonly topic: string;
  readonly physicalTopic: string;
  readonly partition: number;
  readonly cluster: string;
  readonly switchEpoch: number;
  readonly lock: PartitionLock | undefined;
  readonly awaited: AwaitedRecords | undefined;
  readonly dedup: DedupLane | undefined;
  readonly progress: PartitionProgress;
  /** Until the first record that is certainly new. */
  reread: RereadCounter | undefined;
  readonly #work: SessionWork;
  recent: RecentRecords = new RecentRecords();
  /** kafkajs's own heartbeat, of the newest delivery: it belongs to kafkajs's runner, which a restart replaces. */
  beat: () => Promise<void> = () => Promise.resolve();
  /** For payloads. Of an older epoch it resolves and does nothing. */
  readonly heartbeat: () => Promise<void>;
  /** For payloads. What it returns resumes also after a switch or a restart. */
  readonly pause: () => () => void;

  constructor(parts: LaneParts) {
    const { topic, physicalTopic, partition, gate } = parts;
    this.topic = topic;
    this.physicalTopic = physicalTopic;
    this.partition = partition;
    this.cluster = parts.cluster;
    this.switchEpoch = parts.switchEpoch;
    this.lock = parts.lock;
    this.awaited = parts.awaited;
    this.reread = parts.reread;
    this.#work = parts.work;
    this.dedup = parts.dedup;
    this.progress = new PartitionProgress(topic, physicalTopic, partition);
    this.progress.onMovedBack = () => {
      this.recent.clear();
      // They are of a log that is gone, or the group is to handle them again.
      this.awaited?.forget();
    };
    this.progress.removed.onFound = (range) =>
      parts.onRemoved({ topic, physicalTopic, partition, ...range });
    this.heartbeat = () => (gate.isOver ? Promise.resolve() : this.beat());
    this.pause = () => parts.pause(topic, partition);
  }

  /** True for a record that was handled already. To be asked for every record that is delivered, in the order of the log. */
  wasHandled(message: KafkaMessage): boolean {
    const isRecognised = this.awaited?.recognises(message) === true;
    return this.dedup === undefined ? isRecognised : this.dedup.leavesOut(message, isRecognised);
  }

  /** User code moved the position, or a late one is put in place. */
  seek(offset: bigint, by?: MovedBy): void {
    this.progress.seek(offset, by);
    this.awaited?.forget();
  }

  /** Where the position was moved to, if it was since it was there. */
  soughtSince(before: Sought | undefined): Sought | undefined {
    const { sought } = this.progress;
    return sought === before ? undefined : sought;
  }

  /** What was delivered was fetched before the position was moved: kafkajs has still to go there. */
  staysSought(sought: Sought | undefined): void {
    if (sought !== undefined) this.progress.seek(BigInt(soughtOffset(sought)));
  }

  /** The cluster confirmed a commit. */
  confirms(offset: bigint): void {
    this.progress.confirms(offset);
    this.dedup?.confirms(offset);
  }

  /** Handlers are given a record: counts it, until all that comes is new. */
  rereads(message: KafkaMessage): void {
    if (this.reread?.handles(message) !== true) return;
    this.reread = undefined;
    this.#work.handlesNew();
  }
}

/** @internal The records of a batch without those that were handled already; the very same list where there are none. */
export function withoutHandled(
  messages: KafkaMessage[],
  lane: Pick<Lane, 'awaited' | 'dedup' | 'wasHandled'>,
): KafkaMessage[] {
  if (lane.awaited === undefined && lane.dedup === undefined) return messages;
  const rest = messages.filter((message) => !lane.wasHandled(message));
  return rest.length === messages.length ? messages : rest;
}
