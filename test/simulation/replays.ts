import { replayOrigin } from '../../src/replay/marker.js';
import type { MemoryWorld } from '../../src/testing/index.js';
import type { FinalReplay } from './history.js';
import { TOPIC } from './service.js';

/** What was replayed to each cluster: where it was sent to, not where a mirror has copied it to. */
export function replaysIn(memory: MemoryWorld): readonly FinalReplay[] {
  return memory.clusters.flatMap((cluster) =>
    Array.from({ length: cluster.partitionCount(TOPIC) }, (_, partition) =>
      cluster.records(TOPIC, partition).flatMap(({ offset, value, headers }) => {
        const origin = replayOrigin({ headers: Object.fromEntries(headers) });
        // Under the Identity policy copies of other clusters' replays lie here as well.
        if (origin === undefined || origin.cluster === cluster.alias) return [];
        const place = { cluster: cluster.alias, topic: TOPIC, partition, offset };
        const from = `${origin.cluster}/${origin.topic}-${origin.partition} ${origin.offset}`;
        return [{ place, id: String(value), origin: `${from} (epoch ${origin.switchEpoch})` }];
      }),
    ).flat(),
  );
}
