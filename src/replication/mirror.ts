import type { ClusterAccess } from '../cluster/access.js';
import type { EventSink } from '../events.js';
import type { World } from '../world.js';
import { CheckpointStore, type Checkpoint } from './checkpoint-store.js';
import { OffsetSyncStore, type SyncsAround } from './offset-sync-store.js';
import type { Flow, OffsetSyncsLocation, ReplicationPolicy } from './policy.js';
import { decodeCheckpoint, decodeHeartbeat, decodeOffsetSync, type OffsetSync } from './records.js';
import type { TailedTopic, TailState, WaitOptions } from './tail-state.js';
import { TopicTailer } from './tailer.js';
import { translate, type Translation } from './translate.js';

/**
 * The newest heartbeat that came through a flow of MirrorMaker.
 *
 * @public
 */
export interface HeartbeatState {
  /**
   * Milliseconds since MirrorMaker sent it, by the wall clocks of this machine and of MirrorMaker's: how far the flow is
   * behind. As good as these clocks agree.
   */
  readonly sentAgeMs: number;
  /**
   * Milliseconds since it arrived, by this process's own clock: whether the flow is alive. One that was there before the
   * process looked counts from its timestamp.
   */
  readonly arrivedAgeMs: number;
}

/**
 * What is known about one flow of MirrorMaker.
 *
 * @public
 */
export interface MirrorState {
  /** Alias of the cluster that is copied from. */
  readonly source: string;
  /** Alias of the cluster that is copied to. */
  readonly target: string;
  /** True where every topic on the target was read to the end that it had when reading began. */
  readonly isComplete: boolean;
  /** Milliseconds since everything on the target was last read to its end; undefined before the first time. */
  readonly ageMs: number | undefined;
  /** The newest heartbeat; undefined where none came. */
  readonly heartbeat: HeartbeatState | undefined;
  /** Groups with a checkpoint. */
  readonly groupCount: number;
  /** Source partitions with an offset sync. */
  readonly syncedPartitionCount: number;
  /** MirrorMaker's internal topics, as far as they have been read. */
  readonly topics: readonly TailState[];
}

/**
 * What MirrorMaker says about one flow, from memory: its checkpoints, offset syncs and heartbeats are read to their ends
 * and followed.
 *
 * @internal
 */
export interface Mirror extends Flow {
  readonly policy: ReplicationPolicy;
  /** Resolves when everything on the target was read that is there at the time of the call. */
  refresh(options?: WaitOptions): Promise<void>;
  /** True where the offset syncs are kept on the target: then {@link refresh} reads them, too. */
  readonly syncsAreOnTarget: boolean;
  /** Resolves when every offset sync was read that is there at the time of the call; where they are on the source, as long as it lives. */
  refreshSyncs(options?: WaitOptions): Promise<void>;
  state(): MirrorState;
  /** The latest checkpoint of a group; undefined where there is none, or the topic is not read to its end yet. */
  checkpoint(group: string, remoteTopic: string, partition: number): Checkpoint | undefined;
  /** Translates the next record to read in a topic of the source. */
  translate(topic: string, partition: number, upstreamOffset: bigint): Translation;
  /** The offset syncs around an offset of the source; `not-read` also where they cannot be read. */
  syncsAround(topic: string, partition: number, upstreamOffset: bigint): SyncsAround;
  /** As {@link OffsetSyncStore.copiedBefore}. */
  copiedBefore(topic: string, partition: number): bigint | undefined;
  /** As {@link OffsetSyncStore.restartedAtWallMs}. */
  restartedAtWallMs(topic: string, partition: number): number | undefined;
  /** As {@link OffsetSyncStore.foreignFrom}. */
  foreignFrom(topic: string, partition: number): bigint | undefined;
  /** The newest offset sync of a topic of the source. */
  newestSync(topic: string, partition: number): OffsetSync | undefined;
  /** Topics of the source of which it has copied records within so long, in milliseconds, as far as this process has seen it. */
  copiedWithin(ms: number): readonly string[];
  /** Ends all reading. Idempotent. The cluster accesses stay open: they belong to the caller. */
  close(): void;
}

/** @internal What {@link openMirror} needs. */
export interface MirrorParts extends Flow {
  readonly policy: ReplicationPolicy;
  /** Default `'target'`. */
  readonly offsetSyncsLocation?: OffsetSyncsLocation;
  readonly targetAccess: ClusterAccess;
  /**
   * Reads the offset syncs where they are on the source: as long as that lives. Nothing waits for it. Without it such
   * syncs are not known.
   */
  readonly sourceAccess?: ClusterAccess | undefined;
  readonly world: World;
  readonly events: EventSink;
}

/**
 * Begins to read what MirrorMaker says about one flow. Nothing has to be reachable or to exist yet.
 *
 * @internal
 */
export function openMirror(parts: MirrorParts): Mirror {
  return new TailedMirror(parts);
}

/**
 * Pause between looks at a topic of the target that had nothing new, in milliseconds. Whoever needs the newest asks for it
 * ({@link Mirror.refresh}).
 */
const TARGET_POLL_MS = 1_000;

/** The same for offset syncs on the source, in milliseconds: what was not read when it dies cannot be asked for any more. */
const SOURCE_POLL_MS = 250;

/** Heartbeats come once a second and only the newest counts, but compaction leaves holes at the end of the log. */
const LAST_HEARTBEATS = 100n;

class TailedMirror implements Mirror {
  readonly source: string;
  readonly target: string;
  readonly policy: ReplicationPolicy;
  readonly syncsAreOnTarget: boolean;
  readonly #world: World;
  readonly #checkpoints: CheckpointStore;
  readonly #syncs = new OffsetSyncStore();
  readonly #checkpointsTailer: TopicTailer;
  readonly #canReadSyncs: boolean;
  #isAskingSource = false;
  readonly #onTarget: readonly TopicTailer[];
  readonly #onSource: readonly TopicTailer[];
  #heartbeat: { readonly sentAtWallMs: number; readonly arrivedAtMs: number } | undefined;
  /** When the newest offset sync of a topic was seen to come. */
  readonly #copiedAtMs = new Map<string, number>();
  #syncsAreLive = false;
  /** False while heartbeats are read that came before. */
  #heartbeatsAreLive = false;

  constructor(parts: MirrorParts) {
    const { source, target, policy, world, events, targetAccess } = parts;
    this.source = source;
    this.target = target;
    this.policy = policy;
    this.#world = world;
    this.#checkpoints = new CheckpointStore({ source, policy });
    const location = parts.offsetSyncsLocation ?? 'target';
    const tail = (topic: TailedTopic, pollMs = TARGET_POLL_MS): TopicTailer =>
      new TopicTailer(topic, { world, events, pollMs });
    const syncsAccess = location === 'target' ? targetAccess : parts.sourceAccess;
    const syncsPollMs = location === 'target' ? TARGET_POLL_MS : SOURCE_POLL_MS;
    const syncs =
      syncsAccess === undefined ? [] : [tail(this.#syncsTopic(syncsAccess, location), syncsPollMs)];
    this.#checkpointsTailer = tail(this.#checkpointsTopic(targetAccess));
    this.#onTarget = [
      this.#checkpointsTailer,
      tail(this.#heartbeatsTopic(targetAccess)),
      ...(location === 'target' ? syncs : []),
    ];
    this.#onSource = location === 'target' ? [] : syncs;
    this.#canReadSyncs = syncs.length > 0;
    this.syncsAreOnTarget = location === 'target';
  }

  refresh(options?: WaitOptions): Promise<void> {
    // Nobody waits for a source that may be dead, but what it answers is wanted now. One question at a time: a caller may
    // ask every second, and a dead source leaves each open.
    if (!this.#isAskingSource) {
      this.#isAskingSource = true;
      void all(this.#onSource)
        .catch(() => {})
        .finally(() => {
          this.#isAskingSource = false;
        });
    }
    return all(this.#onTarget, options);
  }

  refreshSyncs(options?: WaitOptions): Promise<void> {
    return this.syncsAreOnTarget ? this.refresh(options) : all(this.#onSource, options);
  }

  state(): MirrorState {
    const ages = this.#onTarget.map((tailer) => tailer.state().ageMs);
    const known = ages.filter((ageMs) => ageMs !== undefined);
    return {
      source: this.source,
      target: this.target,
      isComplete: this.#onTarget.every((tailer) => tailer.isComplete),
      ageMs: known.length === ages.length ? Math.max(...known) : undefined,
      heartbeat: this.#heartbeatState(),
      groupCount: this.#checkpoints.groupCount,
      syncedPartitionCount: this.#syncs.partitionCount,
      topics: [...this.#onTarget, ...this.#onSource].map((tailer) => tailer.state()),
    };
  }

  #heartbeatState(): HeartbeatState | undefined {
    if (this.#heartbeat === undefined) return undefined;
    const { sentAtWallMs, arrivedAtMs } = this.#heartbeat;
    return {
      sentAgeMs: Math.max(0, this.#world.wallMs() - sentAtWallMs),
      arrivedAgeMs: this.#world.nowMs() - arrivedAtMs,
    };
  }

  checkpoint(group: string, remoteTopic: string, partition: number): Checkpoint | undefined {
    // A later record might take back an earlier one, so nothing is said before the end.
    if (!this.#checkpointsTailer.isComplete) return undefined;
    return this.#checkpoints.get(group, remoteTopic, partition);
  }

  translate(topic: string, partition: number, upstreamOffset: bigint): Translation {
    if (!this.#canReadSyncs) return { kind: 'unavailable', reason: 'not-readable' };
    return translate(this.#syncs, topic, partition, upstreamOffset);
  }

  syncsAround(topic: string, partition: number, upstreamOffset: bigint): SyncsAround {
    return this.#syncs.around(topic, partition, upstreamOffset);
  }

  copiedBefore(topic: string, partition: number): bigint | undefined {
    return this.#syncs.copiedBefore(topic, partition);
  }

  restartedAtWallMs(topic: string, partition: number): number | undefined {
    return this.#syncs.restartedAtWallMs(topic, partition);
  }

  foreignFrom(topic: string, partition: number): bigint | undefined {
    return this.#syncs.foreignFrom(topic, partition);
  }

  newestSync(topic: string, partition: number): OffsetSync | undefined {
    return this.#syncs.newest(topic, partition);
  }

  copiedWithin(ms: number): readonly string[] {
    const sinceMs = this.#world.nowMs() - ms;
    return [...this.#copiedAtMs].filter(([, atMs]) => atMs >= sinceMs).map(([topic]) => topic);
  }

  close(): void {
    for (const tailer of [...this.#onTarget, ...this.#onSource]) tailer.close();
  }

  #checkpointsTopic(access: ClusterAccess): TailedTopic {
    const store = this.#checkpoints;
    return {
      access,
      topic: this.policy.checkpointsTopic(this.source),
      onBegin: () => store.clear(),
      onComplete: () => {},
      onRecord: (record) => {
        const decoded = decodeCheckpoint(record);
        if (decoded.kind === 'skipped') return decoded.because;
        if (decoded.kind === 'tombstone') {
          store.delete(decoded.key);
          return undefined;
        }
        const outcome = store.put(decoded.key, decoded.value, Number(record.timestamp));
        return outcome === 'taken' ? undefined : outcome;
      },
    };
  }

  #syncsTopic(access: ClusterAccess, location: OffsetSyncsLocation): TailedTopic {
    const store = this.#syncs;
    return {
      access,
      topic: this.policy.offsetSyncsTopic(this, location).topic,
      onBegin: () => {
        this.#syncsAreLive = false;
        store.beginReading();
      },
      onComplete: () => {
        this.#syncsAreLive = true;
        store.finishReading();
      },
      onRecord: (record) => {
        const decoded = decodeOffsetSync(record);
        if (decoded.kind === 'skipped') return decoded.because;
        const { topic, partition } = decoded.key;
        if (this.#syncsAreLive) this.#copiedAtMs.set(topic, this.#world.nowMs());
        if (decoded.kind === 'tombstone') store.delete(topic, partition);
        else store.put(topic, partition, decoded.value, Number(record.timestamp));
        return undefined;
      },
    };
  }

  /**
   * The heartbeats that were born on the source and came through this flow: whoever emitted them (on the source it is the
   * connector of the opposite flow), their arrival shows that the flow is alive.
   */
  #heartbeatsTopic(access: ClusterAccess): TailedTopic {
    return {
      access,
      topic: this.policy.formatRemoteTopic(this.source, this.policy.heartbeatsTopic()),
      lastCount: LAST_HEARTBEATS,
      onBegin: () => {
        this.#heartbeat = undefined;
        this.#heartbeatsAreLive = false;
      },
      onComplete: () => {
        this.#heartbeatsAreLive = true;
      },
      onRecord: (record) => {
        const decoded = decodeHeartbeat(record);
        if (decoded.kind === 'skipped') return decoded.because;
        if (decoded.kind === 'tombstone') return undefined;
        const sentAtWallMs = Math.max(
          Number(decoded.value.timestampMs),
          this.#heartbeat?.sentAtWallMs ?? -Infinity,
        );
        const earlierByMs = this.#heartbeatsAreLive
          ? 0
          : Math.max(0, this.#world.wallMs() - sentAtWallMs);
        this.#heartbeat = { sentAtWallMs, arrivedAtMs: this.#world.nowMs() - earlierByMs };
        return undefined;
      },
    };
  }
}

async function all(tailers: readonly TopicTailer[], options?: WaitOptions): Promise<void> {
  await Promise.all(tailers.map((tailer) => tailer.readToEnd(options)));
}
