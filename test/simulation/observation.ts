import type { MemoryCluster, MemoryWorld } from '../../src/testing/index.js';
import type { HistoryEvent } from './history.js';
import { partitionsOf } from './kept-logs.js';
import { GROUP, TOPIC } from './service.js';

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

/** True where every mirror has come to the end of the service's records; heartbeats are on their way at any time. */
export function isMirrored(memory: MemoryWorld): boolean {
  return memory.mirrors.every((mirror) => mirror.pendingCount(TOPIC) === 0);
}
