import { Buffer } from 'node:buffer';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { FailoverKafka } from '../../src/failover-kafka.js';
import { kafka } from '../../src/kafkajs.js';
import { readCommitMetadata } from '../../src/position/commit-metadata.js';
import {
  decodeCheckpoint,
  decodeOffsetSync,
  encodeCheckpoint,
} from '../../src/replication/records.js';
import { manualStrategy } from '../../src/strategy/manual.js';
import type { SwitchPlan } from '../../src/switch/report.js';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import {
  Logs,
  missingOf,
  numbered,
  plainKafka,
  predictedCount,
  startGroup,
  twice,
  type Resume,
} from './group-support.js';
import { createTopic } from './stack-support.js';

const CHECKPOINTS = 'A.checkpoints.internal';
const TOPICS = [
  'junk',
  'unknown',
  'anew',
  'operator',
  'trimmed',
  'overtaken',
  'uncommitted',
  'committed',
  'settling',
  'synced',
  'lagging',
  'late',
  'setback',
  'carried',
];

/** MirrorMaker's settings, read at each of its starts. */
const settings: Record<string, string> = {};

let stack: Stack;
let logs: Logs;

beforeAll(async () => {
  stack = await startStack({
    name: 'position-faults',
    mirrorOverrides: settings,
    startMirror: false,
    proxied: ['B'],
  });
  for (const topic of TOPICS) {
    await Promise.all(
      (['A', 'B'] as const).map((alias) =>
        createTopic(stack.clusters[alias], topic, { numPartitions: topic === 'unknown' ? 3 : 1 }),
      ),
    );
  }
  await stack.mirror.start();
  logs = new Logs(stack);
});

afterAll(async () => {
  await logs?.close();
  await stack?.stop();
});

/** The checkpoints of a group in its only partition, oldest first. */
async function checkpointsOf(groupId: string, topic: string) {
  const records = await logs.records('B', CHECKPOINTS);
  return records.flatMap(({ key, value }) => {
    const decoded = decodeCheckpoint({ key, value });
    if (decoded.kind !== 'checkpoint') return [];
    return decoded.key.group === groupId && decoded.key.topic === topic ? [decoded.value] : [];
  });
}

/** What MirrorMaker has said of a topic of A. */
async function syncsOf(topic: string) {
  const records = await logs.records('B', 'mm2-offset-syncs.A.internal');
  return records.flatMap(({ key, value }) => {
    const decoded = decodeOffsetSync({ key, value });
    return decoded.kind === 'offset-sync' && decoded.key.topic === topic ? [decoded.value] : [];
  });
}

/** As B's coordinator tells it. */
function stateOnB(groupId: string): Promise<string | undefined> {
  return stack.clusters.B.withAdmin(async (admin) => {
    // kafkajs knows no broker to ask before it has asked something else.
    await admin.listTopics();
    const { groups } = await admin.describeGroups([groupId]);
    return groups[0]?.state;
  });
}

/** Writes records into the checkpoints topic that MirrorMaker would never write. */
async function writeJunk(messages: readonly { key: Buffer | null; value: Buffer | null }[]) {
  const producer = plainKafka(stack, 'B').producer();
  await producer.connect();
  await producer.send({ topic: CHECKPOINTS, messages: [...messages] });
  await producer.disconnect();
}

/** Retention: what lies below the offset is gone. */
async function trim(alias: 'A' | 'B', topic: string, offset: number): Promise<void> {
  await stack.clusters[alias].withAdmin(async (admin) => {
    // Without a look at the topic kafkajs does not find its leaders.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: `${offset}` }] });
  });
}

/** Five transactions of ten records on A, two of which are aborted. */
async function fillInTransactions(topic: string): Promise<void> {
  const client = plainKafka(stack, 'A');
  const producer = client.producer({
    transactionalId: 'fill',
    maxInFlightRequests: 1,
    idempotent: true,
  });
  await producer.connect();
  const ends = ['commit', 'abort', 'commit', 'abort', 'commit'] as const;
  for (const [number, end] of ends.entries()) {
    const transaction = await producer.transaction();
    const messages = numbered(`${end}-${number}-`, 10).map((value) => ({ value }));
    await transaction.send({ topic, messages });
    await transaction[end]();
  }
  await producer.disconnect();
}

function abortedOf(ids: readonly string[]): readonly string[] {
  return ids.filter((id) => id.startsWith('abort'));
}

/** The plan of the copies of what was born on A. */
function copyPlan(resumed: readonly Resume[], physicalTopic: string): Resume {
  const found = resumed.find((one) => one.physicalTopic === physicalTopic);
  if (found === undefined) throw new Error(`no plan of ${physicalTopic}`);
  return found;
}

it('obeys no checkpoint that is junk, that lies, or that leads out of the log', async () => {
  const ids = numbered('j', 300);
  await logs.send('A', 'junk', ids.slice(0, 100), { atOnce: 5 });
  await logs.untilHeld('B', 'A.junk', 100);
  const names = ['junk-plain', 'junk-beyond', 'junk-lie'] as const;
  const before = await Promise.all(
    names.map(async (groupId) => {
      const group = await startGroup(stack, 'junk', {
        groupId,
        handleMs: 2,
        // Checkpoints alone say where it was.
        consumer: { progress: false, commitMetadata: false },
      });
      await group.untilHandled(100);
      await group.kafka.close();
      return group.handled;
    }),
  );
  const newest = await waitFor(
    'a checkpoint of each group',
    () => Promise.all(names.map(async (name) => (await checkpointsOf(name, 'A.junk')).at(-1))),
    {
      // Behind the log's first record only that record tells: a sync of a later one is needed.
      until: (all) => all.every((one) => one !== undefined && one.downstreamOffset > 1n),
      timeoutMs: 30_000,
    },
  );
  await logs.send('A', 'junk', ids.slice(100), { atOnce: 5 });
  await logs.untilHeld('B', 'A.junk', ids.length);
  const of = (group: string, upstreamOffset: bigint, downstreamOffset: bigint) =>
    encodeCheckpoint(
      { group, topic: 'A.junk', partition: 0 },
      { upstreamOffset, downstreamOffset, metadata: '' },
    );
  const skipping = of('junk-plain', newest[0]?.upstreamOffset ?? 0n, 299n);
  const unknownVersion = Buffer.from(skipping.value);
  unknownVersion.writeInt16BE(1);
  await writeJunk([
    { key: skipping.key, value: skipping.value.subarray(0, 9) },
    { key: skipping.key, value: unknownVersion },
    { key: skipping.key.subarray(0, 5), value: skipping.value },
    of('junk-plain', newest[0]?.upstreamOffset ?? 0n, -1n),
    of('junk-plain', -2n, 299n),
    of('another', 300n, 300n),
    { key: of('another', 0n, 0n).key, value: null },
    of('junk-beyond', newest[1]?.upstreamOffset ?? 0n, 10_000_000n),
    of('junk-lie', 1n, 250n),
  ]);
  const skipped: string[] = [];
  await Promise.all(
    names.map(async (groupId, index) => {
      const group = await startGroup(stack, 'junk', {
        groupId,
        consumer: { progress: false },
        only: 'B',
      });
      await group.untilKnown(missingOf(ids, before[index] ?? []));
      expect(twice(group.handled)).toEqual([]);
      skipped.push(...group.skipped);
      if (groupId !== 'junk-plain') return;
      // The last one that MirrorMaker has written itself.
      const valid = await checkpointsOf(groupId, 'A.junk');
      expect(valid.map(({ downstreamOffset }) => ids[Number(downstreamOffset)])).toContain(
        group.handled[0],
      );
      expect(group.handled[0]).not.toBe(ids[0]);
    }),
  );
  expect(new Set(skipped)).toEqual(new Set(['short-buffer', 'unknown-version', 'negative-offset']));
});

it('needs no checkpoints topic where it knows the group itself', async () => {
  const ids = numbered('n', 200);
  await logs.send('A', 'unknown', ids, { partitions: 3 });
  await logs.untilHeld('B', 'A.unknown', ids.length);
  const group = await startGroup(stack, 'unknown', { handleMs: 10 });
  await group.untilHandled(50);
  await stack.clusters.B.withAdmin((admin) => admin.deleteTopics({ topics: [CHECKPOINTS] }));
  await group.switchTo('B', { planned: false });
  group.handleMs = 0;
  await group.untilKnown(ids);
  expect(twice(group.handled)).toEqual([]);
});

it('goes on in a remote topic that was made anew, and names what is not there', async () => {
  const [old, fresh] = [numbered('old', 300), numbered('new', 150)];
  await logs.send('A', 'anew', old);
  await logs.untilHeld('B', 'A.anew', old.length);
  const group = await startGroup(stack, 'anew', { handleMs: 20 });
  await group.untilHandled(50);
  await stack.clusters.B.withAdmin((admin) => admin.deleteTopics({ topics: ['A.anew'] }));
  await waitFor('the new topic', () => logs.records('B', 'A.anew'), {
    until: ({ length }) => length === 0,
  });
  await waitFor(
    'it is there again',
    () => stack.clusters.B.withAdmin((admin) => admin.listTopics()),
    { until: (topics) => topics.includes('A.anew'), timeoutMs: 30_000 },
  );
  await logs.send('A', 'anew', fresh);
  await logs.untilHeld('B', 'A.anew', fresh.length);
  // Before that nothing tells of it (`docs/positions.md`): MirrorMaker writes the sync behind the copy.
  await waitFor('an offset sync of the new topic', () => syncsOf('anew'), {
    until: (syncs) => syncs.some(({ upstreamOffset }) => upstreamOffset >= old.length),
  });
  const { report, resumed } = await group.switchTo('B', { planned: false });
  const { gone } = copyPlan(resumed, 'A.anew').upstream ?? {};
  expect(gone?.last).toBe(BigInt(old.length - 1));
  expect(report.warnings.join()).toContain('records that were not handled may be gone');
  const beyond = group.handled.slice(Number(gone?.first));
  group.handleMs = 0;
  await group.untilKnown(await logs.ids('B', 'A.anew'));
  // Just those that the report has named are left, and they are handled at home.
  expect(missingOf(old, group.handled)).toEqual(missingOf(old.slice(Number(gone?.first)), beyond));
  expect(twice(group.handled)).toEqual([]);
  const { resumed: home } = await group.switchTo('A', { planned: true });
  await group.untilKnown([...old, ...fresh]);
  expect(twice(group.handled).length).toBeLessThanOrEqual(predictedCount(home));
});

it('obeys an operator who has set the group back', async () => {
  const ids = numbered('o', 200);
  await logs.send('A', 'operator', ids);
  await logs.untilHeld('B', 'A.operator', ids.length);
  const first = await startGroup(stack, 'operator');
  await first.untilKnown(ids);
  await first.kafka.close();
  await stack.clusters.A.withAdmin((admin) =>
    admin.resetOffsets({ groupId: 'operator', topic: 'operator', earliest: true }),
  );
  const second = await startGroup(stack, 'operator', { handleMs: 20 });
  await second.untilHandled(60);
  const { resumed } = await second.switchTo('B', { planned: false });
  second.handleMs = 0;
  await second.untilKnown(ids);
  expect(twice(second.handled).length).toBeLessThanOrEqual(predictedCount(resumed));
});

it('says what retention has removed on B before the group had handled it', async () => {
  const ids = numbered('t', 300);
  await logs.send('A', 'trimmed', ids);
  await logs.untilHeld('B', 'A.trimmed', ids.length);
  const group = await startGroup(stack, 'trimmed', { handleMs: 20 });
  await group.untilHandled(30);
  await trim('B', 'A.trimmed', 200);
  const { report, resumed } = await group.switchTo('B', { planned: false });
  const { gone } = copyPlan(resumed, 'A.trimmed').upstream ?? {};
  expect(gone?.last).toBe(199n);
  expect(report.warnings.join()).toContain('records that were not handled may be gone');
  group.handleMs = 0;
  await group.untilKnown(await logs.ids('B', 'A.trimmed'));
  expect(missingOf(ids, group.handled)).toEqual(ids.slice(Number(gone?.first), 200));
  expect(twice(group.handled)).toEqual([]);
  const { resumed: home } = await group.switchTo('A', { planned: true });
  await group.untilKnown(ids);
  expect(twice(group.handled).length).toBeLessThanOrEqual(predictedCount(home));
});

it('goes back to the copies of what retention has removed on A before the group came to it', async () => {
  const ids = numbered('late', 300);
  await logs.send('A', 'late', ids);
  await logs.untilHeld('B', 'A.late', ids.length);
  const first = await startGroup(stack, 'late', { handleMs: 20 });
  await first.untilHandled(30);
  await first.kafka.close();
  await trim('A', 'late', 200);
  // kafkajs goes on behind what was removed, and commits that.
  const second = await startGroup(stack, 'late');
  await second.untilKnown(ids.slice(200));
  const firstLost = first.handled.length;
  expect(second.handled[0]).toBe(ids[200]);
  await second.kafka.close();
  const third = await startGroup(stack, 'late');
  await logs.send('A', 'late', ['new']);
  await third.untilKnown(['new']);
  const { resumed } = await third.switchTo('B', { planned: false });
  const plan = copyPlan(resumed, 'A.late');
  expect(plan.offset).toBeLessThanOrEqual(BigInt(firstLost));
  expect(plan.notes.join()).toContain(`late ${firstLost} to 199 were removed on A`);
  await third.untilKnown(ids.slice(firstLost));
  const handled = [...first.handled, ...second.handled, ...third.handled];
  expect(missingOf(ids, handled)).toEqual([]);
  expect(twice(handled).length).toBeLessThanOrEqual(predictedCount(resumed));
});

it('names a mirror that copies aborted records, in the plan', async () => {
  await fillInTransactions('uncommitted');
  await logs.untilHeld('B', 'A.uncommitted', 50);
  const { kafka } = await startGroup(stack, 'uncommitted');
  const isNamed = ({ prediction: { missing } }: SwitchPlan): boolean =>
    missing.some(({ kind }) => kind === 'uncommitted-copies');
  const plan = await waitFor('the plan', () => kafka.plan({ to: 'B' }), {
    until: isNamed,
    timeoutMs: 20_000,
  });
  expect(plan.prediction.missing).toMatchObject([{ source: 'A', target: 'B' }]);
  expect(plan.warnings.join()).toContain('MirrorMaker has copied aborted records from A to B');
  expect(abortedOf(await logs.ids('A', 'uncommitted'))).toEqual([]);
  expect(abortedOf(await logs.ids('B', 'A.uncommitted'))).toHaveLength(20);
});

it('tells what a mirror that was stopped has not brought, and handles it once it goes on', async () => {
  const [ids, behind, late] = [numbered('g', 100), numbered('behind', 100), numbered('late', 50)];
  const all = [...ids, ...behind, ...late];
  await logs.send('A', 'lagging', ids);
  await logs.untilHeld('B', 'A.lagging', ids.length);
  const group = await startGroup(stack, 'lagging', { switch: { catchUpMs: 1_000 } });
  await stack.mirror.flow('A->B').stop();
  await logs.send('A', 'lagging', behind);
  await group.untilKnown(behind);
  const plan = await waitFor('a plan that says so', () => group.kafka.plan({ to: 'B' }), {
    until: ({ prediction }) => prediction.missing.some(({ kind }) => kind === 'silent-mirror'),
  });
  expect(plan.prediction.rpo.records).toEqual({ kind: 'counted', count: behind.length });
  group.handleMs = 200;
  await logs.send('A', 'lagging', late);
  const { report } = await group.switchTo('B', { planned: true });
  const handledCount = group.handled.length;
  group.handleMs = 0;
  expect(report.warnings.join()).toMatch(
    /stands still: no heartbeat for \d+ s.*not mirrored to B yet: 150 of lagging-0/,
  );
  const { unmirrored = [], groups = [] } = group.kafka.status().lastSwitch ?? {};
  expect(unmirrored).toEqual([
    {
      topic: 'lagging',
      partition: 0,
      records: { kind: 'counted', count: behind.length + late.length },
      mirroredEnd: String(ids.length),
      knownEnd: String(all.length),
    },
  ]);
  const partitions = groups.flatMap((one) => one.partitions);
  const copies = partitions.find(({ physicalTopic }) => physicalTopic === 'A.lagging');
  expect(handledCount).toBeLessThan(all.length);
  expect(copies).toMatchObject({
    predictedReread: { kind: 'counted', count: 0 },
    awaitedCount: handledCount - ids.length,
    unhandled: {
      records: { kind: 'counted', count: all.length - handledCount },
      range: { first: String(handledCount), last: String(all.length - 1) },
    },
  });
  const born = numbered('born', 20);
  await logs.send('B', 'lagging', born);
  await group.untilKnown(born);
  await stack.mirror.flow('A->B').start();
  await group.untilKnown(all);
  expect(twice(group.handled)).toEqual([]);
  expect(group.kafka.status().consumers[0]?.recognisedCount).toBe(handledCount - ids.length);
});

it('goes on where retention on A has overtaken MirrorMaker: what is not on B was handled, or is named', async () => {
  const ids = numbered('v', 100);
  await logs.send('A', 'overtaken', ids);
  await logs.untilHeld('B', 'A.overtaken', ids.length);
  const group = await startGroup(stack, 'overtaken', { handleMs: 5 });
  await stack.mirror.flow('A->B').stop();
  const lost = numbered('lost', 100);
  await logs.send('A', 'overtaken', lost);
  await group.untilHandled(150);
  await trim('A', 'overtaken', 190);
  const last = numbered('last', 50);
  await logs.send('A', 'overtaken', last);
  // For the tests that follow.
  settings['A.consumer.isolation.level'] = 'read_committed';
  settings['sync.group.offsets.enabled'] = 'true';
  settings['sync.group.offsets.interval.seconds'] = '1';
  // What MirrorMaker asks B passes the proxy, and nothing else does.
  settings['B.bootstrap.servers'] = stack.clusters.B.proxiedBrokers.join(',');
  await stack.mirror.flow('A->B').start();
  await logs.untilHeld('B', 'A.overtaken', 160);
  const { resumed } = await group.switchTo('B', { planned: false });
  const copies = await logs.ids('B', 'A.overtaken');
  expect(copies).toEqual([...ids, ...lost.slice(90), ...last]);
  await group.untilKnown(copies);
  expect(missingOf([...ids, ...lost, ...last], group.handled)).toEqual([]);
  expect(twice(group.handled).length).toBeLessThanOrEqual(predictedCount(resumed));
});

it('does not suspect a mirror that copies committed records only', async () => {
  // MirrorMaker begins with the settings of its last start, and finds the new ones a moment later.
  await waitFor(
    'MirrorMaker obeys its new settings',
    async () => {
      const before = await logs.ids('B', 'A.settling');
      await fillInTransactions('settling');
      await logs.untilHeld('B', 'A.settling', before.length + 30);
      return abortedOf((await logs.ids('B', 'A.settling')).slice(before.length));
    },
    { until: ({ length }) => length === 0, timeoutMs: 30_000 },
  );
  await fillInTransactions('committed');
  await logs.untilHeld('B', 'A.committed', 30);
  const { kafka } = await startGroup(stack, 'committed');
  // All that it knows when it has seen a checkpoint, and twice: nothing is said too early.
  const plan = await waitFor('the plan', () => kafka.plan({ to: 'B' }), {
    until: ({ groups }) =>
      groups[0]?.partitions.some(({ upstream }) => upstream?.mirrored.kind === 'known') === true,
    timeoutMs: 20_000,
  });
  expect(plan.prediction.missing).toEqual([]);
  expect(await logs.ids('B', 'A.committed')).toEqual(await logs.ids('A', 'committed'));
});

it('skips nothing where MirrorMaker writes the commits of groups on B, members coming and going', async () => {
  const ids = numbered('s', 400);
  await logs.send('A', 'synced', ids);
  await logs.untilHeld('B', 'A.synced', ids.length);
  const handled: string[] = [];
  const first = await startGroup(stack, 'synced', { handleMs: 5 });
  await first.untilHandled(100);
  const { resumed } = await first.switchTo('B', { planned: false });
  expect(twice(first.handled)).toEqual([]);
  expect(copyPlan(resumed, 'A.synced').method).toBe('exact');
  await first.untilHandled(150);
  await first.kafka.close();
  handled.push(...first.handled);
  // MirrorMaker finds the group empty, and has an older position for it.
  for (let member = 1; member <= 2; member += 1) {
    const next = await startGroup(stack, 'synced', { handleMs: 5, only: 'B' });
    await next.untilHandled(50);
    await next.kafka.close();
    handled.push(...next.handled);
  }
  const last = await startGroup(stack, 'synced', { only: 'B' });
  await last.untilKnown(missingOf(ids, handled));
  handled.push(...last.handled);
  expect(missingOf(ids, handled)).toEqual([]);
});

it('is set back by MirrorMaker (KAFKA-19794): what lies between is handled again, nothing is skipped, and the way home is not fooled', async () => {
  const { proxy } = stack.clusters.B;
  const committed = () => logs.committed('B', 'setback', 'A.setback');
  const ids = numbered('w', 400);
  await logs.send('A', 'setback', ids.slice(0, 100));
  await logs.untilHeld('B', 'A.setback', 100);
  const first = await startGroup(stack, 'setback', { handleMs: 5 });
  await first.untilHandled(100);
  // MirrorMaker has found the group, and asks for it from now on. Before, its answers are about others.
  await waitFor('a checkpoint', () => checkpointsOf('setback', 'A.setback'), {
    until: ({ length }) => length > 0,
    timeoutMs: 60_000,
  });
  await first.switchTo('B', { planned: true });
  await logs.send('A', 'setback', ids.slice(100));
  await first.untilHandled(250);
  // It does not come to the end before MirrorMaker asks.
  first.handleMs = 200;
  await waitFor('a commit on B', committed, { until: (offset = 0) => offset >= 200 });
  // MirrorMaker asks, hears of a member, and the group is empty when it writes.
  const mark = proxy.log.mark();
  const answer = proxy.stall({ apiKeys: ['DescribeGroups'], direction: 'response' });
  await waitFor(
    'an answer that is on its way',
    () => proxy.log.events({ by: answer.name, fate: 'held' }, mark).length > 0,
  );
  await first.kafka.close();
  await waitFor('an empty group', () => stateOnB('setback'), {
    until: (state) => state === 'Empty',
  });
  const stood = (await committed()) ?? 0;
  expect(stood).toBeGreaterThanOrEqual(200);
  answer.clear();
  const setBackTo = await waitFor('MirrorMaker to have written', committed, {
    until: (offset) => offset !== stood,
  });
  const newest = (await checkpointsOf('setback', 'A.setback')).at(-1);
  expect(setBackTo).toBe(Number(newest?.downstreamOffset));
  expect(setBackTo).toBeLessThan(stood);
  const second = await startGroup(stack, 'setback', {
    handleMs: 5,
    strategy: manualStrategy({ initial: 'B' }),
  });
  await second.untilKnown(ids.slice(stood, stood + 50));
  const began = ids.indexOf(second.handled[0] ?? '');
  // It knows more of the group than MirrorMaker, and never too much.
  const seen = {
    plans: second.planned,
    syncs: await syncsOf('setback'),
    copiedTwice: twice(await logs.ids('B', 'A.setback')),
  };
  expect(began, inspect(seen, { depth: 9 })).toBeGreaterThanOrEqual(Number(setBackTo));
  expect(began).toBeLessThanOrEqual(stood);
  const { resumed } = await second.switchTo('A', { planned: true });
  const handledAway = second.handled.length;
  const last = numbered('x', 20);
  await logs.send('A', 'setback', last);
  await second.untilKnown(last);
  const all = [...first.handled, ...second.handled];
  expect(missingOf([...ids, ...last], all)).toEqual([]);
  const before = [...first.handled, ...second.handled.slice(0, handledAway)];
  expect(twice(all).length - twice(before).length).toBeLessThanOrEqual(predictedCount(resumed));
});

/** The offset of a topic's only partition that is furthest from every offset sync before and behind it. */
async function middleOfWidestGap(topic: string): Promise<bigint> {
  const offsets = (await syncsOf(topic)).map(({ upstreamOffset }) => upstreamOffset);
  const gaps = offsets.slice(1).map((end, index) => ({ end, from: offsets[index] ?? end }));
  const [widest] = gaps.toSorted((a, b) => Number(b.end - b.from - (a.end - a.from)));
  if (widest === undefined) throw new Error('there are no offset syncs');
  return (widest.from + widest.end) / 2n;
}

it('goes on behind the records that the last commit names, where the process died with A and wrote nothing down', async () => {
  const ids = numbered('c', 20_000);
  await logs.send('A', 'carried', ids, { atOnce: 5_000 });
  await logs.untilHeld('B', 'A.carried', ids.length);
  const stopAt = await middleOfWidestGap('carried');
  const { A, B } = stack.clusters;
  const first = new FailoverKafka({
    clientId: 'service',
    logLevel: kafka.logLevel.NOTHING,
    clusters: { A: { brokers: A.brokers }, B: { brokers: B.brokers } },
    consumer: { progress: false },
  });
  onTestFinished(() => first.close());
  const handled: string[] = [];
  const consumer = first.consumer({ groupId: 'carried', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: ['carried'], fromBeginning: true });
  await consumer.run({
    // kafkajs commits where a handler fails.
    autoCommitInterval: 600_000,
    eachMessage: async ({ message }) => {
      if (BigInt(message.offset) >= stopAt) throw new Error('not now');
      handled.push(String(message.value));
    },
  });
  const checkpoint = await waitFor(
    'the commit has its checkpoint',
    async () => (await checkpointsOf('carried', 'A.carried')).at(-1),
    { until: (newest) => newest?.upstreamOffset === stopAt, timeoutMs: 60_000 },
  );
  await A.kill();
  await first.close();
  const second = await startGroup(stack, 'carried', { only: 'B', consumer: { progress: false } });
  await second.untilKnown(missingOf(ids, handled));
  expect(twice([...handled, ...second.handled])).toEqual([]);
  expect(second.handled).toEqual(ids.slice(Number(stopAt)));
  // What MirrorMaker itself would have had it handle again.
  expect(checkpoint?.downstreamOffset).toBeLessThan(stopAt);
  expect(readCommitMetadata(checkpoint?.metadata ?? '')?.offset).toBe(stopAt);
}, 180_000);
