import type { CancelTimer } from '../../world.js';
import { encodeHeartbeat } from '../../replication/records.js';
import type { MemoryMirror } from '../memory-mirror.js';
import { Checkpointer } from './checkpointer.js';
import { type FlowContext, internalLog, isReachable } from './flow-context.js';
import { GroupOffsetSync } from './group-offset-sync.js';
import { RecordCopier } from './record-copier.js';
import { SyncWriter } from './sync-writer.js';

/** One life of the process: what is forgotten when it ends. */
interface Life {
  readonly copier: RecordCopier;
  readonly timers: Set<CancelTimer>;
}

/**
 * One flow, from start to stop.
 *
 * @internal
 */
export class MirrorFlow implements MemoryMirror {
  readonly #context: FlowContext;
  readonly #copiesRecords: boolean;
  readonly #flushed = new Map<string, number>();
  #life: Life | undefined;
  #isPaused = false;
  #copyLagMs: number;

  /** @param copiesRecords - false for a flow that is not enabled: its connector emits heartbeats all the same. */
  constructor(context: FlowContext, options: { copyLagMs: number; copiesRecords: boolean }) {
    this.#context = context;
    this.#copyLagMs = options.copyLagMs;
    this.#copiesRecords = options.copiesRecords;
  }

  get source(): string {
    return this.#context.flow.source;
  }

  get target(): string {
    return this.#context.flow.target;
  }

  get state(): 'running' | 'paused' | 'stopped' {
    if (this.#life === undefined) return 'stopped';
    return this.#isPaused ? 'paused' : 'running';
  }

  remoteTopic(topic: string): string {
    return this.#context.policy.formatRemoteTopic(this.source, topic);
  }

  pendingCount(topic?: string): number {
    return this.#life?.copier.pendingCount(topic) ?? 0;
  }

  start(): void {
    if (this.#life !== undefined) return;
    const { settings } = this.#context;
    const copier = new RecordCopier(this.#context, {
      syncs: new SyncWriter(this.#context),
      flushed: this.#flushed,
      copyLagMs: this.#copyLagMs,
    });
    const life: Life = { copier, timers: new Set() };
    this.#life = life;
    this.#isPaused = false;
    this.#every(life, settings.emitHeartbeatsIntervalMs, () => this.#beat());
    if (!this.#copiesRecords) return;
    this.#every(life, settings.refreshTopicsIntervalMs, () => copier.refreshTopics());
    this.#every(life, settings.offsetFlushIntervalMs, () => copier.flush());
    const checkpointer = new Checkpointer(this.#context);
    this.#every(life, settings.refreshGroupsIntervalMs, () => checkpointer.refreshGroups());
    this.#every(life, settings.emitCheckpointsIntervalMs, () => checkpointer.emit());
    if (!settings.syncGroupOffsets) return;
    const groupOffsets = new GroupOffsetSync(this.#context, checkpointer);
    this.#every(life, settings.syncGroupOffsetsIntervalMs, () => groupOffsets.tick());
  }

  stop(): void {
    this.#life?.copier.flush();
    this.kill();
  }

  kill(): void {
    this.#life?.copier.stop();
    for (const cancel of this.#life?.timers ?? []) cancel();
    this.#life = undefined;
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#life !== undefined) this.#life.copier.isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#life !== undefined) this.#life.copier.isPaused = false;
  }

  setCopyLag(copyLagMs: number): void {
    this.#copyLagMs = copyLagMs;
    if (this.#life !== undefined) this.#life.copier.copyLagMs = copyLagMs;
  }

  loseNextAcknowledgement(): void {
    this.#life?.copier.loseNextAcknowledgement();
  }

  /** Now, and again at each interval: one run at a time, in the order in which they were set up. */
  #every(life: Life, intervalMs: number, run: () => void): void {
    let cancel: CancelTimer = () => {};
    const tick = (): void => {
      life.timers.delete(cancel);
      cancel = this.#context.clock.after(intervalMs, tick);
      life.timers.add(cancel);
      if (!this.#isPaused) run();
    };
    cancel = this.#context.clock.after(0, tick);
    life.timers.add(cancel);
  }

  #beat(): void {
    const { target, clock, policy, flow } = this.#context;
    if (!isReachable(target)) return;
    const timestampMs = clock.wallMs();
    const record = encodeHeartbeat(flow, { timestampMs: BigInt(timestampMs) });
    internalLog(target, policy.heartbeatsTopic()).append([{ ...record, headers: [], timestampMs }]);
  }
}
