import type { Flow, OffsetSyncsLocation, ReplicationPolicy } from '../../replication/policy.js';
import type { ClusterParts } from '../broker/cluster-parts.js';
import type { MemoryLog } from '../broker/memory-log.js';
import type { Clock } from '../clock.js';
import type { MemoryMirrorOptions } from '../memory-mirror.js';

/** @internal The options of a flow, complete. */
export interface FlowSettings {
  readonly offsetLagMax: number;
  readonly offsetSyncsLocation: OffsetSyncsLocation;
  readonly offsetFlushIntervalMs: number;
  readonly emitCheckpointsIntervalMs: number;
  readonly emitHeartbeatsIntervalMs: number;
  readonly refreshTopicsIntervalMs: number;
  readonly refreshGroupsIntervalMs: number;
  readonly syncGroupOffsets: boolean;
  readonly syncGroupOffsetsIntervalMs: number;
  readonly isolationLevel: 'read_uncommitted' | 'read_committed';
  readonly topics: RegExp;
  readonly groups: RegExp;
}

/** @internal What the parts of one flow share. */
export interface FlowContext {
  readonly flow: Flow;
  readonly policy: ReplicationPolicy;
  readonly settings: FlowSettings;
  readonly clock: Clock;
  readonly source: ClusterParts;
  readonly target: ClusterParts;
}

const EVERYTHING = /^/;

/** MirrorMaker's `groups.exclude`. */
const ORDINARY_GROUPS = /^(?!console-consumer-|connect-|__)/;

/** @internal */
export function flowSettings(options: MemoryMirrorOptions): FlowSettings {
  return {
    offsetLagMax: options.offsetLagMax ?? 0,
    offsetSyncsLocation: options.offsetSyncsLocation ?? 'target',
    offsetFlushIntervalMs: options.offsetFlushIntervalMs ?? 1000,
    emitCheckpointsIntervalMs: options.emitCheckpointsIntervalMs ?? 1000,
    emitHeartbeatsIntervalMs: options.emitHeartbeatsIntervalMs ?? 1000,
    refreshTopicsIntervalMs: options.refreshTopicsIntervalMs ?? 1000,
    refreshGroupsIntervalMs: options.refreshGroupsIntervalMs ?? 1000,
    syncGroupOffsets: options.syncGroupOffsets ?? false,
    syncGroupOffsetsIntervalMs: options.syncGroupOffsetsIntervalMs ?? 1000,
    isolationLevel: options.isolationLevel ?? 'read_uncommitted',
    topics: options.topics ?? EVERYTHING,
    groups: options.groups ?? ORDINARY_GROUPS,
  };
}

/** @internal Whether the mirror can talk to a cluster now. */
export function isReachable({ broker }: ClusterParts): boolean {
  return broker.isProcessing && !broker.link.isCut;
}

/** @internal The only partition of one of MirrorMaker's own topics, which is made where it is missing. */
export function internalLog({ topics }: ClusterParts, topic: string): MemoryLog {
  topics.create(topic, 1, { 'cleanup.policy': 'compact' });
  const partition = topics.partition(topic, 0);
  if (partition === undefined) throw new Error(`${topic} is not an allowed name for a topic`);
  return partition.log;
}

/**
 * Whether the flow copies a topic of its source (`MirrorSourceConnector.shouldReplicateTopic`).
 *
 * @internal
 */
export function isReplicated({ policy, flow, settings }: FlowContext, topic: string): boolean {
  const isWanted = settings.topics.test(topic) || policy.isHeartbeatsTopic(topic);
  return isWanted && !policy.isInternalTopic(topic) && !isCycle(policy, flow.target, topic);
}

/** A topic that came from the target, at any hop, must not go back to it. */
function isCycle(policy: ReplicationPolicy, target: string, topic: string): boolean {
  const source = policy.topicSource(topic);
  if (source === undefined) return false;
  if (source === target) return true;
  const upstream = policy.upstreamTopic(topic);
  if (upstream === undefined || upstream === topic) return false;
  return isCycle(policy, target, upstream);
}
