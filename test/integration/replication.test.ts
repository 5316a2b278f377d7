import { afterAll, beforeAll, expect, it } from 'vitest';
import type { ClusterAccess } from '../../src/cluster/access.js';
import { openAccess } from '../../src/cluster/kafka-access.js';
import { kafka } from '../../src/kafkajs.js';
import { planGroups } from '../../src/position/planner.js';
import { catchUp } from '../../src/replication/catch-up.js';
import { openMirror, type Mirror } from '../../src/replication/mirror.js';
import { replicationPolicy } from '../../src/replication/policy.js';
import { realWorld } from '../../src/world.js';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import { EventLog } from '../replication/event-log.js';
import { commit, createTopic, produce } from './stack-support.js';
import { NO_MIRROR } from '../replication/no-mirror.js';

const RECORDS = 500;
const HANDLED = 321;

const world = realWorld();
const events = new EventLog();
const policy = replicationPolicy();
let stack: Stack;
let source: ClusterAccess;
let target: ClusterAccess;
let mirror: Mirror;

beforeAll(async () => {
  stack = await startStack({ name: 'replication', flows: ['A->B'] });
  const kafkaConfig = { clientId: 'replication-test', logLevel: kafka.logLevel.NOTHING };
  const access = (alias: 'A' | 'B'): ClusterAccess => {
    const { brokers } = stack.clusters[alias];
    return openAccess({ alias, clusterOptions: { brokers }, kafkaConfig, world });
  };
  source = access('A');
  target = access('B');
  const flow = { source: 'A', target: 'B', policy };
  // Before anything exists: the topics appear while they are looked for.
  mirror = openMirror({ ...flow, targetAccess: target, world, events });
  await createTopic(stack.clusters.A, 'orders');
  // In a burst MirrorMaker may skip the first sync, and would then know no position below the next one.
  await produce(stack.clusters.A, 'orders', '0');
  await waitFor('the first offset sync', () => mirror.newestSync('orders', 0), {
    until: (sync) => sync !== undefined,
    timeoutMs: 60_000,
  });
  const values = Array.from({ length: RECORDS }, (_, index) => String(index));
  await produce(stack.clusters.A, 'orders', ...values.slice(1, HANDLED));
  await commit(stack.clusters.A, 'g', 'orders', String(HANDLED));
  // By the first sync alone it leads to the log's beginning; and MirrorMaker forgets some of the syncs in between, when later ones come.
  await waitFor('a checkpoint by a later sync', () => mirror.checkpoint('g', 'A.orders', 0), {
    until: (checkpoint) => checkpoint !== undefined && checkpoint.downstreamOffset > 1n,
    timeoutMs: 60_000,
  });
  await produce(stack.clusters.A, 'orders', ...values.slice(HANDLED));
});

afterAll(async () => {
  mirror?.close();
  await source?.close();
  await target?.close();
  await stack?.stop();
});

/** The records of `A.orders`, in the order of its log; a record's value is its offset on A. */
async function copies(): Promise<readonly { offset: bigint; upstream: number }[]> {
  const range = (await target.ranges('A.orders'))?.get(0);
  if (range === undefined) throw new Error('A.orders does not exist');
  const found: { offset: bigint; upstream: number }[] = [];
  for (let at = range.low; at < range.high;) {
    const { records, nextOffset } = await target.fetch('A.orders', 0, at, { maxWaitMs: 100 });
    found.push(
      ...records.map(({ offset, value }) => ({
        offset: BigInt(offset),
        upstream: Number(value?.toString()),
      })),
    );
    at = nextOffset;
  }
  return found;
}

it('waits for the mirror until it has everything', async () => {
  const { signal } = new AbortController();
  const outcome = await catchUp({ topics: ['orders'], source, target, mirror, world, signal });
  expect(outcome).toEqual({ unmirrored: [], unknown: [] });
  expect(await copies()).toHaveLength(RECORDS);
});

it('knows the checkpoint of a group, and where records went', async () => {
  await waitFor('the checkpoint', () => mirror.checkpoint('g', 'A.orders', 0), {
    until: (checkpoint) => checkpoint !== undefined,
    timeoutMs: 60_000,
  });
  const checkpoint = mirror.checkpoint('g', 'A.orders', 0);
  expect(checkpoint?.upstreamOffset).toBe(BigInt(HANDLED));
  const all = await copies();
  const below = all.filter(({ offset }) => offset < (checkpoint?.downstreamOffset ?? 0n));
  expect(below).not.toEqual([]);
  expect(Math.max(...below.map(({ upstream }) => upstream))).toBeLessThan(HANDLED);
  let knownCount = 0;
  for (const upstream of [0, 1, 17, HANDLED, RECORDS - 1]) {
    const translation = mirror.translate('orders', 0, BigInt(upstream));
    if (translation.kind === 'unavailable') continue;
    knownCount += 1;
    const real = all.find((copy) => copy.upstream === upstream)?.offset;
    if (translation.kind === 'exact') expect(translation.offset).toBe(real);
    else expect(translation.offset).toBeLessThanOrEqual(real ?? -1n);
  }
  // The first sync was seen before anything else was sent: nothing lies below it.
  expect(knownCount).toBe(5);
});

it('plans where the group resumes, with and without the source', async () => {
  const need = {
    groupId: 'g',
    selectors: ['orders'],
    processed: [],
    untouched: [],
    begunAt: [],
    earlier: [],
    deliveredBefore: [],
  };
  for (const asked of [source, undefined]) {
    const [plan] = await planGroups({
      needs: [need],
      source: asked,
      target,
      mirror,
      mirrorBack: NO_MIRROR,
      policy,
      aliases: ['A', 'B'],
      world,
      onMissing: 'fail',
      recorded: () => Promise.resolve({ onSource: [], onTarget: [] }),
      deadlineAtMs: world.nowMs() + 10_000,
    });
    const [partition] = plan?.partitions ?? [];
    if (partition?.kind !== 'resume') throw new Error('no position');
    expect(partition.physicalTopic).toBe('A.orders');
    expect(['checkpoint', 'offset-sync']).toContain(partition.method);
    const all = await copies();
    const next = all.find(({ upstream }) => upstream >= HANDLED)?.offset;
    expect(partition.offset).toBeLessThanOrEqual(next ?? -1n);
    expect(partition.offset).toBeGreaterThan(0n);
  }
});

it('sees the flow alive, and reads every record that MirrorMaker writes', async () => {
  await waitFor('a heartbeat', () => mirror.state().heartbeat, {
    until: (heartbeat) => heartbeat !== undefined,
  });
  const state = mirror.state();
  expect(state.isComplete).toBe(true);
  expect(state.topics.map(({ phase, skippedCounts }) => ({ phase, skippedCounts }))).toEqual(
    state.topics.map(() => ({ phase: 'following', skippedCounts: {} })),
  );
  expect(events.named('mirror.record-skipped')).toEqual([]);
});
