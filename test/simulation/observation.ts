import type { MemoryCluster, MemoryWorld } from '../../src/testing/index.js';
import type { FinalLog, HistoryEvent } from './history.js';
import { GROUP, TOPIC } from './service.js';

/** The service's partitions on a cluster, under their physical names. */
function partitionsOf(cluster: MemoryCluster): readonly { topic: string; partition: number }[] {
  return cluster
    .topicNames()
    .filter((name) => name.endsWith(TOPIC))
    .flatMap((topic) =>
      Array.from({ length: cluster.partitionCount(topic) }, (_, partition) => ({
        topic,
        partition,
      })),
    );
}

/** Notes what the group's commits are after each commit request. */
export function watchCommits(memory: MemoryWorld, events: HistoryEvent[]): void {
  for (const cluster of memory.clusters) {
    const known = new Map<string, bigint>();
    cluster.onRequest(({ apiName, groupId }) => {
      if (apiName !== 'OffsetCommit' || groupId !== GROUP) return;
      // The request is observed before it is processed.
      memory.clock.after(1, () => noteCommits(memory, cluster, known, events));
    });
  }
}

function noteCommits(
  memory: MemoryWorld,
  cluster: MemoryCluster,
  known: Map<string, bigint>,
  events: HistoryEvent[],
): void {
  for (const { topic, partition } of partitionsOf(cluster)) {
    const commit = cluster.commit(GROUP, topic, partition);
    if (commit === undefined || known.get(`${topic}-${partition}`) === commit.offset) continue;
    known.set(`${topic}-${partition}`, commit.offset);
    const place = { cluster: cluster.alias, topic, partition, offset: commit.offset };
    events.push({ atMs: memory.clock.nowMs(), kind: 'committed', place });
  }
}

/** Every log of the service, as it is now. */
export function finalLogs(memory: MemoryWorld): readonly FinalLog[] {
  return memory.clusters.flatMap((cluster) =>
    partitionsOf(cluster).map(({ topic, partition }) => ({
      cluster: cluster.alias,
      topic,
      partition,
      low: cluster.range(topic, partition).low,
      ids: new Map(
        cluster
          .records(topic, partition)
          .filter(({ marker, isAborted }) => marker === undefined && !isAborted)
          .map(({ offset, value }) => [offset, value?.toString() ?? ''] as const),
      ),
    })),
  );
}

/** True where every mirror has copied the service's records; heartbeats are on their way at any time. */
export function isMirrored(memory: MemoryWorld): boolean {
  return memory.mirrors.every((mirror) => {
    const from = memory.cluster(mirror.source);
    const to = memory.cluster(mirror.target);
    const remote = mirror.remoteTopic(TOPIC);
    return partitionsOf(from)
      .filter(({ topic }) => topic === TOPIC)
      .every(
        ({ partition }) => lengthOf(from, TOPIC, partition) <= lengthOf(to, remote, partition),
      );
  });
}

function lengthOf(cluster: MemoryCluster, topic: string, partition: number): bigint {
  return partition < cluster.partitionCount(topic) ? cluster.range(topic, partition).high : 0n;
}
