import { toCopies } from '../../src/position/correspondence.js';
import { findCopies, type FoundCopies, type SoughtLog } from '../../src/position/exact.js';
import { contentHash, type HandledRecord } from '../../src/position/fingerprint.js';
import { OffsetSyncStore } from '../../src/replication/offset-sync-store.js';
import { translate } from '../../src/replication/translate.js';
import { FakeCluster } from '../replication/fake-cluster.js';
import type { SimulatedFlow } from '../replication/simulated-flow.js';
import { manualWorld } from '../support/manual-world.js';

export const TOPIC = 'A.orders';

/** What a record of the source looks like: with few looks many records are twins. */
export interface Looks {
  readonly lookCount: number;
  readonly perMillisecond: number;
}

export const MANY_LOOKS: Looks = { lookCount: 1_000_000, perMillisecond: 3 };

export function contentOf(upstream: number, { lookCount, perMillisecond }: Looks) {
  return {
    timestamp: String(Math.floor(upstream / perMillisecond)),
    key: null,
    value: Buffer.from(`look ${upstream % lookCount}`),
  };
}

export function handledOf(flow: SimulatedFlow, below: number, count: number, looks: Looks) {
  const offsets = [...flow.source.keys()].filter((one) => flow.source[one] && one < below);
  return offsets.slice(-count).map((one): HandledRecord => {
    const content = contentOf(one, looks);
    return { offset: BigInt(one), timestamp: content.timestamp, hash: contentHash(content) };
  });
}

export function targetOf(flow: SimulatedFlow, looks: Looks): FakeCluster {
  const target = new FakeCluster('B').create(TOPIC);
  for (const upstream of flow.target) {
    if (upstream === undefined) {
      target.skip(TOPIC, 1n);
      continue;
    }
    const { timestamp, ...content } = contentOf(upstream, looks);
    target.append(TOPIC, content, { timestampMs: Number(timestamp) });
  }
  return target;
}

export function mirrorOf(flow: SimulatedFlow) {
  const store = new OffsetSyncStore();
  for (const sync of flow.syncs) store.put('orders', 0, sync);
  store.finishReading();
  return {
    translate: (topic: string, partition: number, offset: bigint) =>
      translate(store, topic, partition, offset),
    syncsAround: (topic: string, partition: number, offset: bigint) =>
      store.around(topic, partition, offset),
  };
}

export async function findIn(
  flow: SimulatedFlow,
  handled: readonly HandledRecord[],
  looks: Looks = MANY_LOOKS,
  change: (target: FakeCluster) => Partial<SoughtLog> = () => ({}),
): Promise<FoundCopies> {
  const target = targetOf(flow, looks);
  target.maxRecordsPerFetch = 7;
  const log = {
    physicalTopic: TOPIC,
    partition: 0,
    correspondence: toCopies(mirrorOf(flow), 'orders', 0),
    isShared: false,
    range: { low: 0n, high: BigInt(flow.target.length) },
    handled,
    ...change(target),
  };
  const world = manualWorld();
  const parts = { target, world, deadlineAtMs: 1_000 };
  const [found] = await findCopies([log], parts);
  if (found === undefined) throw new Error('nothing was answered');
  return found;
}
