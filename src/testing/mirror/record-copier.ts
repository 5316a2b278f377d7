import type { CancelTimer } from '../../world.js';
import type { Partition, Topic } from '../broker/topic-store.js';
import type { MemoryLog, StoredRecord } from '../broker/memory-log.js';
import { type FlowContext, isReachable, isReplicated } from './flow-context.js';
import type { SyncWriter } from './sync-writer.js';

/** One partition of the source, while it is copied. */
interface Task {
  readonly topic: string;
  readonly partition: number;
  readonly log: MemoryLog;
  readonly stopWatching: () => void;
  /** Next offset to copy. */
  position: number;
  /** Up to where the log had grown at which time, oldest first. */
  readonly growth: { end: number; atMs: number }[];
}

/** Records of one partition that are copied in one go, as a consumer's `max.poll.records` has it. */
const MAX_COPIED_RECORDS = 500;

/** Wait before another try, while a cluster cannot be reached. */
const RETRY_MS = 100;

/**
 * Copies the records of one flow (`MirrorSourceTask`).
 *
 * @internal
 */
export class RecordCopier {
  readonly #context: FlowContext;
  readonly #syncs: SyncWriter;
  readonly #tasks = new Map<string, Task>();
  /** Source offsets as they were written down, by partition. They outlive the process. */
  readonly #flushed: Map<string, number>;
  #wakeUp: { atMs: number; cancel: CancelTimer } | undefined;
  #isTwice = false;
  #isStopped = false;
  #isPaused = false;
  copyLagMs: number;

  constructor(
    context: FlowContext,
    {
      syncs,
      flushed,
      copyLagMs,
    }: { syncs: SyncWriter; flushed: Map<string, number>; copyLagMs: number },
  ) {
    this.#context = context;
    this.#syncs = syncs;
    this.#flushed = flushed;
    this.copyLagMs = copyLagMs;
  }

  /** Looks for topics to copy, and makes and grows their copies. */
  refreshTopics(): void {
    const { source, target, policy, flow } = this.#context;
    if (!isReachable(source) || !isReachable(target)) return;
    for (const { name, partitions, config } of source.topics.all()) {
      if (!isReplicated(this.#context, name)) continue;
      const remote = policy.formatRemoteTopic(flow.source, name);
      if (target.topics.get(remote) === undefined) {
        target.topics.create(remote, partitions.length, Object.fromEntries(config));
      } else {
        target.topics.grow(remote, partitions.length);
      }
      partitions.forEach((each, partition) => this.#follow(name, partition, each));
    }
    this.#wakeAt(this.#context.clock.nowMs());
  }

  pendingCount(topic?: string): number {
    let count = 0;
    for (const task of this.#tasks.values()) {
      if (topic === undefined || task.topic === topic) count += task.log.nextOffset - task.position;
    }
    return count;
  }

  /** Writes the source offsets down. */
  flush(): void {
    for (const [key, { position }] of this.#tasks) this.#flushed.set(key, position);
    this.#syncs.flush();
  }

  loseNextAcknowledgement(): void {
    this.#isTwice = true;
  }

  stop(): void {
    this.#isStopped = true;
    this.#wakeUp?.cancel();
    for (const { stopWatching } of this.#tasks.values()) stopWatching();
  }

  set isPaused(isPaused: boolean) {
    this.#isPaused = isPaused;
    if (!isPaused) this.#wakeAt(this.#context.clock.nowMs());
  }

  /** Copies what is due. */
  work(): void {
    this.#wakeUp = undefined;
    if (this.#isStopped || this.#isPaused) return;
    const { clock, source, target } = this.#context;
    if (!isReachable(source) || !isReachable(target)) {
      this.#wakeAt(clock.nowMs() + RETRY_MS);
      return;
    }
    for (const task of this.#tasks.values()) this.#copy(task);
    this.#wakeForNext();
  }

  #follow(topic: string, partition: number, { log }: Partition): void {
    const key = `${topic}/${partition}`;
    const present = this.#tasks.get(key);
    if (present?.log === log) return;
    // A topic that was deleted and made again is another log under the same name; MirrorMaker keeps its position.
    present?.stopWatching();
    const task: Task = {
      topic,
      partition,
      log,
      position: present?.position ?? this.#flushed.get(key) ?? 0,
      growth: [{ end: log.nextOffset, atMs: -Infinity }],
      stopWatching: log.watch(() => {
        const atMs = this.#context.clock.nowMs();
        task.growth.push({ end: this.#endOf(log), atMs });
        this.#wakeAt(atMs + this.copyLagMs);
      }),
    };
    this.#tasks.set(key, task);
  }

  #endOf(log: MemoryLog): number {
    const isCommittedOnly = this.#context.settings.isolationLevel === 'read_committed';
    return isCommittedOnly ? log.stableOffset : log.nextOffset;
  }

  #copy(task: Task): void {
    const { log, growth } = task;
    // Somebody has deleted the copies: Connect's producers try for ever, until the topic is there again.
    if (this.#copiesOf(task) === undefined) return;
    const nowMs = this.#context.clock.nowMs();
    let end = task.position;
    // The very sum that the timer was set for: (22.8 + 10) - 10 is less than 22.8, and the timer would never have come.
    while (growth[0] !== undefined && growth[0].atMs + this.copyLagMs <= nowMs) {
      end = Math.max(end, growth.shift()?.end ?? 0);
    }
    end = Math.min(end, this.#endOf(log));
    // Retention was faster, or the topic was made anew: MirrorMaker goes on at the earliest record, and says nothing.
    if (task.position < log.lowOffset || task.position > log.nextOffset)
      task.position = log.lowOffset;
    const records = log.read(task.position, end, Infinity).slice(0, MAX_COPIED_RECORDS);
    const last = records.at(-1);
    if (records.length === MAX_COPIED_RECORDS && last !== undefined && last.offset + 1 < end) {
      growth.unshift({ end, atMs: -Infinity });
    }
    this.#write(
      task,
      records.filter((record) => this.#isCopied(log, record)),
    );
    task.position = last === undefined ? Math.max(task.position, end) : last.offset + 1;
  }

  #isCopied(log: MemoryLog, record: StoredRecord): boolean {
    if (record.marker !== undefined) return false;
    return this.#context.settings.isolationLevel === 'read_uncommitted' || !log.isAborted(record);
  }

  #remoteOf({ topic }: Task): Topic | undefined {
    const { policy, flow, target } = this.#context;
    return target.topics.get(policy.formatRemoteTopic(flow.source, topic));
  }

  #copiesOf(task: Task): MemoryLog | undefined {
    return this.#remoteOf(task)?.partitions[task.partition]?.log;
  }

  #write(task: Task, records: readonly StoredRecord[]): void {
    const log = this.#copiesOf(task);
    if (records.length === 0 || log === undefined) return;
    const { topic, partition } = task;
    const { clock } = this.#context;
    const isServerTime =
      this.#remoteOf(task)?.config.get('message.timestamp.type') === 'LogAppendTime';
    const copies = records.map(({ key, value, headers, timestampMs }) => ({
      key,
      value,
      headers,
      timestampMs: isServerTime ? clock.wallMs() : timestampMs,
    }));
    if (this.#isTwice) log.append(copies);
    this.#isTwice = false;
    const baseOffset = log.append(copies);
    records.forEach(({ offset }, index) => {
      this.#syncs.copied(topic, partition, offset, baseOffset + index);
    });
  }

  #wakeForNext(): void {
    let nextAtMs = Infinity;
    for (const task of this.#tasks.values()) {
      const { growth } = task;
      // The next look for topics makes its copies anew, and comes here again.
      if (this.#copiesOf(task) === undefined) continue;
      nextAtMs = Math.min(nextAtMs, (growth[0]?.atMs ?? Infinity) + this.copyLagMs);
    }
    if (nextAtMs < Infinity) this.#wakeAt(nextAtMs);
  }

  #wakeAt(atMs: number): void {
    const { clock } = this.#context;
    if (this.#isStopped) return;
    if (this.#wakeUp !== undefined && this.#wakeUp.atMs <= atMs) return;
    this.#wakeUp?.cancel();
    const cancel = clock.after(Math.max(0, atMs - clock.nowMs()), () => this.work());
    this.#wakeUp = { atMs, cancel };
  }
}
