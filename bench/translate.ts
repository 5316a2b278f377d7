import { gatherBounds } from '../src/position/bounds.js';
import { planGroup, type PartitionFacts } from '../src/position/plan.js';
import { CheckpointStore } from '../src/replication/checkpoint-store.js';
import { OffsetSyncStore } from '../src/replication/offset-sync-store.js';
import { defaultPolicy } from '../src/replication/policy.js';
import { translate } from '../src/replication/translate.js';
import { median, rounded } from './statistics.js';

/** @internal */
export interface TranslateFigures {
  readonly partitions: number;
  /** Median time to translate one group's positions, warm, in milliseconds. */
  readonly ms: number;
  /** Time of the very first translation of the process, before anything was compiled, in milliseconds. */
  readonly firstMs: number;
  /** Median time to do that and to make the whole plan of it, warm, in milliseconds. */
  readonly planMs: number;
  /** Time of the first plan; translating is warm by then. */
  readonly firstPlanMs: number;
  /** Heap that one partition's syncs and checkpoint take, in bytes. */
  readonly bytesPerPartition: number;
}

const TOPICS = 100;
const PARTITIONS = 100;
/** Syncs of each partition: enough to fill MirrorMaker's history as far as it goes. */
const SYNCS = 200;
const GROUP = 'bench';
/** Runs that are not counted; the first of them is a figure of its own. */
const WARM_UP_RUNS = 30;
const RUNS = 30;

/**
 * Translates one group with 10,000 partitions from memory: the lookups, the bounds and the plan, as a switch does them,
 * without the requests to the clusters. Medians are those of a warm process.
 *
 * @param collectGarbage - `global.gc`; without it the memory is not measured (NaN).
 * @internal
 */
export function measureTranslate(collectGarbage: (() => void) | undefined): TranslateFigures {
  collectGarbage?.();
  const before = process.memoryUsage().heapUsed;
  const stores = fill();
  collectGarbage?.();
  const bytes = process.memoryUsage().heapUsed - before;
  const all = TOPICS * PARTITIONS;
  const translation = timed(() => translateAll(stores) === all);
  const plan = timed(() => planAll(stores).partitions.length === all);
  return {
    partitions: all,
    ms: translation.ms,
    firstMs: translation.firstMs,
    planMs: plan.ms,
    firstPlanMs: plan.firstMs,
    bytesPerPartition: collectGarbage === undefined ? Number.NaN : Math.round(bytes / all),
  };
}

function timed(work: () => boolean): { ms: number; firstMs: number } {
  const times: number[] = [];
  for (let run = 0; run < WARM_UP_RUNS + RUNS; run += 1) {
    const startedAtMs = performance.now();
    const isComplete = work();
    times.push(performance.now() - startedAtMs);
    if (!isComplete) throw new Error('some partitions were not translated');
  }
  return {
    ms: rounded(median(times.slice(WARM_UP_RUNS))),
    firstMs: rounded(times[0] ?? Number.NaN),
  };
}

interface Stores {
  readonly syncs: OffsetSyncStore;
  readonly checkpoints: CheckpointStore;
}

function fill(): Stores {
  const syncs = new OffsetSyncStore();
  const checkpoints = new CheckpointStore({ source: 'A', policy: defaultPolicy() });
  syncs.beginReading();
  syncs.finishReading();
  for (let topic = 0; topic < TOPICS; topic += 1) {
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      for (let sync = 0; sync < SYNCS; sync += 1) {
        const offset = BigInt(sync * 50);
        syncs.put(`topic-${topic}`, partition, {
          upstreamOffset: offset,
          downstreamOffset: offset,
        });
      }
      checkpoints.put(
        { group: GROUP, topic: `A.topic-${topic}`, partition },
        { upstreamOffset: 9_000n, downstreamOffset: 8_951n, metadata: '' },
        0,
      );
    }
  }
  return { syncs, checkpoints };
}

/** For each partition the checkpoint's position and the commit's, translated; the higher one counts. */
function translateAll({ syncs, checkpoints }: Stores): number {
  let translatedCount = 0;
  for (let topic = 0; topic < TOPICS; topic += 1) {
    const upstreamTopic = `topic-${topic}`;
    const physicalTopic = `A.${upstreamTopic}`;
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const checkpoint = checkpoints.get(GROUP, physicalTopic, partition);
      const translation = translate(syncs, upstreamTopic, partition, 9_321n);
      if (translation.kind === 'unavailable' || checkpoint === undefined) continue;
      if (translation.offset > checkpoint.downstreamOffset) translatedCount += 1;
    }
  }
  return translatedCount;
}

function planAll({ syncs, checkpoints }: Stores): ReturnType<typeof planGroup> {
  const mirror = {
    source: 'A',
    target: 'B',
    translate: (topic: string, partition: number, offset: bigint) =>
      translate(syncs, topic, partition, offset),
    syncsAround: (topic: string, partition: number, offset: bigint) =>
      syncs.around(topic, partition, offset),
    foreignFrom: (topic: string, partition: number) => syncs.foreignFrom(topic, partition),
  };
  const facts: PartitionFacts[] = [];
  for (let topic = 0; topic < TOPICS; topic += 1) {
    const upstreamTopic = `topic-${topic}`;
    const physicalTopic = `A.${upstreamTopic}`;
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const bounds = gatherBounds({
        ownCommit: undefined,
        mirrored: {
          mirror,
          isShared: false,
          upstreamTopic,
          partition,
          checkpoint: checkpoints.get(GROUP, physicalTopic, partition),
          sourceCommit: 9_321n,
          processed: undefined,
          deliveredOnTarget: undefined,
          hasAllSyncs: true,
        },
      });
      const range = { low: 0n, high: 10_000n, end: 10_000n };
      facts.push({ topic: upstreamTopic, physicalTopic, partition, range, ...bounds });
    }
  }
  return planGroup({ groupId: GROUP, cluster: 'B', topics: [] }, facts, { onMissing: 'earliest' });
}
