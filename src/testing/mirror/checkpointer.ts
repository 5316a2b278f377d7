import { OffsetSyncStore } from '../../replication/offset-sync-store.js';
import { decodeCheckpoint, decodeOffsetSync, encodeCheckpoint } from '../../replication/records.js';
import { translateAsMirrorMaker } from '../../replication/translate.js';
import type { StoredCommit } from '../broker/group-commits.js';
import type { MemoryLog } from '../broker/memory-log.js';
import { type FlowContext, internalLog, isReachable, isReplicated } from './flow-context.js';

/** @internal A checkpoint as it was last written. */
export interface WrittenCheckpoint {
  readonly group: string;
  /** Name on the target. */
  readonly topic: string;
  readonly partition: number;
  readonly upstream: bigint;
  readonly downstream: bigint;
  readonly metadata: string;
}

/**
 * Translates the commits of the source's groups, and writes checkpoints (`MirrorCheckpointTask`, `OffsetSyncStore`,
 * `CheckpointStore`).
 *
 * @internal
 */
export class Checkpointer {
  readonly #context: FlowContext;
  /** MirrorMaker does not forget older syncs where the target was truncated (mm2 "stale or wrong checkpoints"). */
  readonly #syncs = new OffsetSyncStore({
    onDownstreamDecrease: 'keep',
    remember: 'mirrormaker',
  });
  readonly #written = new Map<string, WrittenCheckpoint>();
  #groups: readonly string[] = [];
  #syncsRead: { log: MemoryLog; offset: number } | undefined;
  #isStarted = false;

  constructor(context: FlowContext) {
    this.#context = context;
  }

  /** The checkpoints of each group, as they stand. */
  checkpoints(): readonly WrittenCheckpoint[] {
    return [...this.#written.values()];
  }

  refreshGroups(): void {
    const { source, settings } = this.#context;
    if (!isReachable(source)) return;
    this.#groups = source.groups
      .all()
      .map(({ id }) => id)
      .filter((id) => settings.groups.test(id));
  }

  /** Writes a checkpoint for each commit that has moved on. */
  emit(): void {
    const { source, target } = this.#context;
    if (!isReachable(source) || !isReachable(target)) return;
    if (!this.#isStarted) this.#start();
    this.#readSyncs();
    for (const groupId of this.#groups) {
      const commits = source.groups.get(groupId)?.commits;
      for (const { topic, partitions } of commits?.all() ?? []) {
        if (!isReplicated(this.#context, topic)) continue;
        for (const { partition, commit } of partitions) {
          this.#consider(groupId, topic, partition, commit);
        }
      }
    }
  }

  /** First the checkpoints that are there, then the syncs to their end (since 3.7.1, KAFKA-15905). */
  #start(): void {
    this.#isStarted = true;
    for (const record of this.#checkpointsLog().records) {
      const decoded = decodeCheckpoint(record);
      if (decoded.kind !== 'checkpoint') continue;
      const { group, topic, partition } = decoded.key;
      const { upstreamOffset, downstreamOffset, metadata } = decoded.value;
      const at = { group, topic, partition, metadata };
      this.#remember({ ...at, upstream: upstreamOffset, downstream: downstreamOffset });
    }
    this.#readSyncs();
    this.#syncs.finishReading();
  }

  #readSyncs(): void {
    const { flow, policy, settings, source, target } = this.#context;
    const host = settings.offsetSyncsLocation === 'target' ? target : source;
    const { topic } = policy.offsetSyncsTopic(flow, settings.offsetSyncsLocation);
    const log = internalLog(host, topic);
    const from = this.#syncsRead?.log === log ? this.#syncsRead.offset : 0;
    for (const record of log.read(from, log.nextOffset, Infinity)) {
      const decoded = decodeOffsetSync(record);
      if (decoded.kind !== 'offset-sync') continue;
      this.#syncs.put(decoded.key.topic, decoded.key.partition, decoded.value);
    }
    this.#syncsRead = { log, offset: log.nextOffset };
  }

  #consider(group: string, topic: string, partition: number, commit: StoredCommit): void {
    const upstream = BigInt(commit.offset);
    if (upstream < 0n) return;
    const downstream = this.#translate(topic, partition, upstream);
    if (downstream === undefined) return;
    const checkpoint: WrittenCheckpoint = {
      group,
      topic: this.#renamed(topic),
      partition,
      upstream,
      downstream,
      metadata: commit.metadata,
    };
    if (this.#isNews(checkpoint)) this.#write(checkpoint);
  }

  #translate(topic: string, partition: number, upstream: bigint): bigint | undefined {
    const translation = translateAsMirrorMaker(this.#syncs, topic, partition, upstream);
    return translation.kind === 'unavailable' ? undefined : translation.offset;
  }

  /** A topic that came from the target goes home under its own name. */
  #renamed(topic: string): string {
    const { policy, flow } = this.#context;
    return policy.topicSource(topic) === flow.target
      ? policy.originalTopic(topic)
      : policy.formatRemoteTopic(flow.source, topic);
  }

  /** Within one life a checkpoint never goes back, unless its group did. */
  #isNews(checkpoint: WrittenCheckpoint): boolean {
    const last = this.#written.get(keyOf(checkpoint));
    if (last === undefined) return true;
    return checkpoint.upstream < last.upstream || checkpoint.downstream > last.downstream;
  }

  #write(checkpoint: WrittenCheckpoint): void {
    const { group, topic, partition, upstream, downstream, metadata } = checkpoint;
    const record = encodeCheckpoint(
      { group, topic, partition },
      { upstreamOffset: upstream, downstreamOffset: downstream, metadata },
    );
    const timestampMs = this.#context.clock.wallMs();
    this.#checkpointsLog().append([{ ...record, headers: [], timestampMs }]);
    this.#remember(checkpoint);
  }

  #remember(checkpoint: WrittenCheckpoint): void {
    this.#written.set(keyOf(checkpoint), checkpoint);
  }

  #checkpointsLog(): MemoryLog {
    const { target, policy, flow } = this.#context;
    return internalLog(target, policy.checkpointsTopic(flow.source));
  }
}

function keyOf({ group, topic, partition }: WrittenCheckpoint): string {
  return `${group} ${topic} ${partition}`;
}
