import {
  decodeCheckpoint,
  decodeOffsetSync,
  type CheckpointValue,
  type OffsetSync,
} from '../../src/replication/records.js';
import type { ContractEnv } from './env.js';

type Fetched = Awaited<ReturnType<ReturnType<ContractEnv['access']>['fetch']>>['records'];

/** All records of a partition, as a reader without a group sees them. */
export async function readAll(
  env: ContractEnv,
  cluster: 'A' | 'B',
  topic: string,
): Promise<Fetched> {
  const records: Fetched[number][] = [];
  let offset = (await env.access(cluster).ranges(topic))?.get(0)?.low ?? 0n;
  for (;;) {
    const fetched = await env.access(cluster).fetch(topic, 0, offset, { maxWaitMs: 50 });
    records.push(...fetched.records);
    offset = fetched.nextOffset;
    if (offset >= fetched.range.high) return records;
  }
}

/** What MirrorMaker has written down for a group, oldest first, with the topic's name on B. */
export async function checkpointsOf(
  env: ContractEnv,
  group: string,
): Promise<(CheckpointValue & { topic: string })[]> {
  const records = await readAll(env, 'B', 'A.checkpoints.internal');
  return records.flatMap((record) => {
    const decoded = decodeCheckpoint(record);
    return decoded.kind === 'checkpoint' && decoded.key.group === group
      ? [{ ...decoded.value, topic: decoded.key.topic }]
      : [];
  });
}

/** The offset syncs of a topic of A, oldest first. */
export async function syncsOf(env: ContractEnv, topic: string): Promise<OffsetSync[]> {
  const records = await readAll(env, 'B', 'mm2-offset-syncs.A.internal');
  return records.flatMap((record) => {
    const decoded = decodeOffsetSync(record);
    return decoded.kind === 'offset-sync' && decoded.key.topic === topic ? [decoded.value] : [];
  });
}

/** Values by offset. */
export async function valuesOf(env: ContractEnv, cluster: 'A' | 'B', topic: string) {
  const records = await readAll(env, cluster, topic);
  return new Map(records.map(({ offset, value }) => [BigInt(offset), String(value)]));
}
