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

/** True where every mirror has copied the service's records; heartbeats are on their way at any time. */
export function isMirrored(memory: MemoryWorld): boolean {
  return memory.mirrors.every((mirror) => {
    const from = memory.cluster(mirror.source);
    const to = memory.cluster(mirror.target);
    const remote = mirror.remoteTopic(TOPIC);
    return partitionsOf(from)
      .filter(({ topic }) => topic === TOPIC)
      .every(({ partition }) => isCopied(from, to, remote, partition));
  });
}

/** It copies in order, so where the newest record has a copy all have one; unless retention has removed all of them. */
function isCopied(
  from: MemoryCluster,
  to: MemoryCluster,
  remote: string,
  partition: number,
): boolean {
  const newest = from
    .records(TOPIC, partition)
    .findLast(({ marker, isAborted }) => marker === undefined && !isAborted);
  if (newest === undefined || newest.value === null) return true;
  if (partition >= to.partitionCount(remote)) return false;
  const { low, high } = to.range(remote, partition);
  if (low > 0n && low === high) return true;
  const { value } = newest;
  // Mostly near the end.
  const copy = to.records(remote, partition).findLast((one) => one.value?.equals(value) === true);
  return copy !== undefined;
}
