import { afterAll, beforeAll, expect, it } from 'vitest';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import { decodeCheckpoint } from '../../src/replication/records.js';
import {
  GroupProcess,
  handledBy,
  predictedBy,
  switchAll,
  untilHandledBy,
} from './group-processes.js';
import { Logs, missingOf, numbered, startGroup } from './group-support.js';
import { createTopic } from './stack-support.js';

const PARTITIONS = 6;

let stack: Stack;
let logs: Logs;

beforeAll(async () => {
  stack = await startStack({ name: 'position-members', startMirror: false });
  for (const [topic, numPartitions] of [
    ['members', PARTITIONS],
    ['resets', 1],
  ] as const) {
    await Promise.all(
      (['A', 'B'] as const).map((alias) =>
        createTopic(stack.clusters[alias], topic, { numPartitions }),
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

const at = (offset: string) => [{ partition: 0, offset }];

/** Where MirrorMaker's newest checkpoints saw these groups on A, in `resets`. */
async function checkpointed(groupIds: readonly string[]): Promise<readonly bigint[]> {
  const newest = new Map<string, bigint>();
  for (const { key, value } of await logs.records('B', 'A.checkpoints.internal')) {
    const decoded = decodeCheckpoint({ key, value });
    if (decoded.kind !== 'checkpoint' || decoded.key.topic !== 'A.resets') continue;
    newest.set(decoded.key.group, decoded.value.upstreamOffset);
  }
  return groupIds.map((groupId) => newest.get(groupId) ?? BigInt(Number.MAX_SAFE_INTEGER));
}

function startProcess(name: string): GroupProcess {
  const { A, B } = stack.clusters;
  const brokers = { A: A.brokers, B: B.brokers };
  return new GroupProcess({ name, brokers, topic: 'members', handleMs: 5 });
}

/** Somebody's group is being dealt anew at this moment. */
async function untilRebalancing(processes: readonly GroupProcess[], since: number): Promise<void> {
  await waitFor(
    'a rebalance',
    () => processes.flatMap((one) => one.of('rebalancing')).length > since,
    { everyMs: 2, timeoutMs: 60_000 },
  );
}

const rebalanceCount = (processes: readonly GroupProcess[]): number =>
  processes.flatMap((one) => one.of('rebalancing')).length;

async function untilHandled(processes: readonly GroupProcess[], count: number): Promise<void> {
  await waitFor(`${count} are handled`, () => handledBy(processes).length, {
    until: (handled) => handled >= count,
    timeoutMs: 60_000,
  });
}

/** How often records came to `on` again that had been handled elsewhere before, by log. */
function cameAgain(processes: readonly GroupProcess[], on: string, sinceMs: number) {
  const seen = new Set<string>();
  const again = new Map<string, number>();
  for (const { id, log, atMs, on: cluster } of handledBy(processes)) {
    if (atMs >= sinceMs && cluster === on && seen.has(id))
      again.set(log, (again.get(log) ?? 0) + 1);
    seen.add(id);
  }
  return again;
}

function expectPredicted(processes: readonly GroupProcess[], on: string, sinceMs: number): void {
  const predicted = predictedBy(processes);
  const again = cameAgain(processes, on, sinceMs);
  for (const [log, count] of again) {
    expect(count, `again in ${log}`).toBeLessThanOrEqual(predicted.get(log) ?? 0);
  }
}

it('obeys an operator who has set a stopped group, on A before it died or on B afterwards', async () => {
  const { A, B } = stack.clusters;
  const ids = numbered('r', 200);
  await logs.send('A', 'resets', ids, { atOnce: 5 });
  await logs.untilHeld('B', 'A.resets', ids.length);
  const names = ['a-0', 'a-50', 'b-earliest', 'b-50', 'b-never'] as const;
  const begun = names.map(async (groupId) => {
    const group = await startGroup(stack, 'resets', { groupId });
    await group.untilKnown(ids);
    await waitFor('it to have written where the group stands on B', async () => {
      const records = await logs.records('B', '__kafkajs-failover.progress');
      const values = records.filter(({ key }) => String(key).includes(`"${groupId}"`));
      return String(values.at(-1)?.value).includes('"standby":"none"');
    });
    await group.kafka.close();
  });
  await Promise.all(begun);
  const stoppedAtMs = Date.now();
  // A checkpoint is believed against what was written down where it is later by this.
  await waitFor('five seconds', () => Date.now() - stoppedAtMs > 5_500);
  // As Kafka's own tool does, by offsets: MirrorMaker does not see what kafkajs's `resetOffsets` writes.
  await A.withAdmin(async (admin) => {
    await admin.setOffsets({ groupId: 'a-0', topic: 'resets', partitions: at('0') });
    await admin.setOffsets({ groupId: 'a-50', topic: 'resets', partitions: at('50') });
  });
  await waitFor('MirrorMaker to have seen it', () => checkpointed(['a-0', 'a-50']), {
    until: (offsets) => offsets.every((offset) => offset <= 50n),
  });
  await A.kill();
  await B.withAdmin(async (admin) => {
    await admin.resetOffsets({ groupId: 'b-earliest', topic: 'A.resets', earliest: true });
    await admin.setOffsets({ groupId: 'b-50', topic: 'A.resets', partitions: at('50') });
  });
  await logs.send('B', 'resets', ['new']);
  const first = await Promise.all(
    names.map(async (groupId) => {
      const group = await startGroup(stack, 'resets', { groupId, only: 'B' });
      await group.untilKnown(['new']);
      await waitFor('the end', () => logs.committed('B', groupId, 'A.resets'), {
        until: (offset) => offset === ids.length,
      });
      return ids.indexOf(group.handled.find((id) => id !== 'new') ?? '');
    }),
  );
  const [, fifty] = first;
  expect(fifty).toBeGreaterThanOrEqual(0);
  expect(fifty).toBeLessThanOrEqual(50);
  // The last one, that nobody has set, has nothing left to do.
  expect(first).toEqual([0, fifty, 0, 50, -1]);
});

it('skips nothing with members that come and go, where A is killed while the group is dealt anew, and on the way home', async () => {
  const spread = { partitions: PARTITIONS };
  await stack.clusters.A.start();
  const ids = numbered('a', 3_000);
  await logs.send('A', 'members', ids, spread);
  await logs.untilHeld('B', 'A.members', ids.length);
  const processes = [startProcess('one'), startProcess('two'), startProcess('three')];
  const [one, two, three] = processes as [GroupProcess, GroupProcess, GroupProcess];
  for (const each of [one, one, two]) each.order({ kind: 'join' });
  await untilHandled(processes, 600);
  one.order({ kind: 'leave' });
  await waitFor('a member to have left', () => one.of('left').length === 1);
  await untilHandled(processes, 900);
  const before = rebalanceCount(processes);
  three.order({ kind: 'join' });
  await untilRebalancing(processes, before);
  await stack.clusters.A.kill();
  const killedAtMs = Math.max(...handledBy(processes).map(({ atMs }) => atMs));
  await switchAll(processes, 'B', { planned: false });
  await untilHandled(processes, 1_500);
  // On B as well they come and go: the third process, that perhaps never had a partition, and a new one.
  three.order({ kind: 'leave' });
  one.order({ kind: 'join' });
  const born = numbered('b', 300);
  await logs.send('B', 'members', born, spread);
  await untilHandledBy(processes, [...ids, ...born]);
  expectPredicted(processes, 'B', killedAtMs);
  await stack.clusters.A.start();
  await logs.untilHeld('A', 'B.members', born.length);
  const leftAtMs = Math.max(...handledBy(processes).map(({ atMs }) => atMs));
  two.order({ kind: 'join' });
  await switchAll(processes, 'A', { planned: true });
  const last = numbered('c', 300);
  await logs.send('A', 'members', last, spread);
  const all = [...(await logs.ids('A', 'members')), ...(await logs.ids('B', 'members'))];
  await untilHandledBy(processes, all);
  expect(
    missingOf(
      all,
      handledBy(processes).map(({ id }) => id),
    ),
  ).toEqual([]);
  expectPredicted(processes, 'A', leftAtMs);
});
