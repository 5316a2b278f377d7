import type { MemoryCluster, MemoryWorld } from '../../src/testing/index.js';
import type { FinalLog, HistoryEvent } from './history.js';
import { TOPIC } from './service.js';

/** A log of the service, by its physical name. */
interface LogPlace {
  readonly topic: string;
  readonly partition: number;
}

/** The service's partitions on a cluster, under their physical names. */
export function partitionsOf(cluster: MemoryCluster): readonly LogPlace[] {
  return cluster
    .topicNames()
    .filter((name) => name.endsWith(TOPIC))
    .flatMap((topic) => partitionsOfTopic(cluster, topic));
}

function partitionsOfTopic(cluster: MemoryCluster, topic: string): readonly LogPlace[] {
  return Array.from({ length: cluster.partitionCount(topic) }, (_, partition) => ({
    topic,
    partition,
  }));
}

/**
 * What is taken out of the service's logs while a run goes on: it is written down, for the checkers have to know what was there, and since
 * when it is not.
 */
export class KeptLogs {
  readonly #memory: MemoryWorld;
  readonly #events: HistoryEvent[];
  /** What retention has removed, by log. */
  readonly #removed = new Map<string, ReadonlyMap<bigint, string>>();
  /** Logs whose topic was deleted, in that order. */
  readonly #ended: FinalLog[] = [];

  constructor(memory: MemoryWorld, events: HistoryEvent[]) {
    this.#memory = memory;
    this.#events = events;
  }

  /** Retention takes this share of each of a topic's logs. */
  trim(cluster: MemoryCluster, topic: string, share: number): void {
    for (const one of partitionsOfTopic(cluster, topic)) {
      const { low, high } = cluster.range(one.topic, one.partition);
      const offset = low + BigInt(Math.ceil(Number(high - low) * share));
      if (offset === low) continue;
      const known = [...this.#now(cluster, one).ids].filter(([at]) => at < offset);
      this.#removed.set(keyOf(cluster, one), new Map(known));
      cluster.trim(one.topic, one.partition, offset);
      const place = { cluster: cluster.alias, ...one, offset };
      this.#note({ kind: 'removed', place });
    }
  }

  /** Somebody deletes a topic. MirrorMaker makes it anew, if it is one of its own. */
  delete(cluster: MemoryCluster, topic: string): void {
    for (const one of partitionsOfTopic(cluster, topic)) {
      this.#ended.push({ ...this.#now(cluster, one), isEnded: true });
      this.#removed.delete(keyOf(cluster, one));
      this.#note({ kind: 'remade', place: { cluster: cluster.alias, ...one, offset: 0n } });
    }
    cluster.deleteTopic(topic);
  }

  /** Every log of the service, as it is now; those that are no more come first, as they were. */
  all(): readonly FinalLog[] {
    return [
      ...this.#ended,
      ...this.#memory.clusters.flatMap((cluster) =>
        partitionsOf(cluster).map((one) => this.#now(cluster, one)),
      ),
    ];
  }

  #now(cluster: MemoryCluster, one: LogPlace): FinalLog {
    const { topic, partition } = one;
    const present = cluster
      .records(topic, partition)
      .filter(({ marker, isAborted }) => marker === undefined && !isAborted)
      .map(({ offset, value }) => [offset, value?.toString() ?? ''] as const);
    return {
      cluster: cluster.alias,
      topic,
      partition,
      low: cluster.range(topic, partition).low,
      ids: new Map([...(this.#removed.get(keyOf(cluster, one)) ?? []), ...present]),
    };
  }

  #note(event: { readonly kind: 'removed' | 'remade'; readonly place: HistoryPlace }): void {
    this.#events.push({ ...event, atMs: this.#memory.clock.nowMs() });
  }
}

type HistoryPlace = Extract<HistoryEvent, { kind: 'removed' }>['place'];

function keyOf({ alias }: MemoryCluster, { topic, partition }: LogPlace): string {
  return `${alias}/${topic}-${partition}`;
}
