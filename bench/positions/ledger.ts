import { setImmediate } from 'node:timers/promises';
import { OffsetSyncStore } from '../../src/replication/offset-sync-store.js';
import type { LedgerFigures, LedgerShape } from './figures.js';

const SYNCS = 1_000_000;
const SETTLING_TURNS = 5;

/** How the syncs of one run lie. */
interface Shape {
  readonly name: string;
  readonly partitions: number;
  /** From one sync of a partition to the next, in offsets: neighbours are one apart. */
  readonly distance: (index: number) => number;
}

const SHAPES: readonly Shape[] = [
  { name: 'neighbours all of them', partitions: 100, distance: () => 1 },
  // As measured with offset.lag.max 0 at 500 records a second: holes every hundred records.
  { name: 'a hole every 100', partitions: 100, distance: (index) => (index % 100 === 0 ? 3 : 1) },
  { name: 'no neighbours, 1 partition', partitions: 1, distance: () => 2 },
  { name: 'no neighbours, 1000 partitions', partitions: 1_000, distance: () => 2 },
  // One more than fills a block, which doubles it.
  { name: 'no neighbours, 257 in each partition', partitions: 3_892, distance: () => 2 },
];

/**
 * Puts a million offset syncs into the store as it is by default, and asks it for each of them.
 *
 * @param collectGarbage - `global.gc`: memory is not known without it.
 * @internal
 */
export async function measureLedger(collectGarbage: () => void): Promise<LedgerFigures> {
  const shapes: LedgerShape[] = [];
  for (const shape of SHAPES) shapes.push(await measureShape(shape, collectGarbage));
  return {
    syncs: Math.min(...shapes.map(({ syncs }) => syncs)),
    bytes: Math.max(...shapes.map(({ bytes }) => bytes)),
    shapes,
  };
}

async function measureShape(shape: Shape, collectGarbage: () => void): Promise<LedgerShape> {
  const topics = Array.from({ length: shape.partitions }, (_, index) => `topic-${index}`);
  const before = await usedBytes(collectGarbage);
  const store = new OffsetSyncStore();
  store.beginReading();
  each(shape, topics, (topic, offset) => {
    store.put(topic, 0, { upstreamOffset: offset, downstreamOffset: offset });
  });
  store.finishReading();
  const bytes = (await usedBytes(collectGarbage)) - before;
  let syncs = 0;
  each(shape, topics, (topic, offset) => {
    const around = store.around(topic, 0, offset);
    if (around.kind === 'known' && around.floor?.upstreamOffset === offset) syncs += 1;
  });
  return { name: shape.name, put: SYNCS, syncs, bytes };
}

/** Round by round through the partitions, as MirrorMaker writes. */
function each(
  { distance }: Shape,
  topics: readonly string[],
  visit: (topic: string, offset: bigint) => void,
): void {
  let offset = 0;
  let visited = 0;
  for (let index = 0; visited < SYNCS; index += 1) {
    for (const topic of topics) {
      if (visited === SYNCS) return;
      visit(topic, BigInt(offset));
      visited += 1;
    }
    offset += distance(index + 1);
  }
}

/** What is held. Lists of numbers lie outside of the heap, and are let go of some turns after what held them. */
async function usedBytes(collectGarbage: () => void): Promise<number> {
  for (let turn = 0; turn < SETTLING_TURNS; turn += 1) {
    collectGarbage();
    await setImmediate();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
