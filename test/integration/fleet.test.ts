import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startConsul, startStack, waitFor, type Consul, type Stack } from '../../stack/index.js';
import { compile, type Compiled } from '../simulation/compiled.js';
import { goHomeInSteps } from './fleet-in-steps.js';
import { decisions, duplicates, early, factsOf, lost, skipped } from './fleet-judge.js';
import { createMirrored, readLog } from './fleet-logs.js';
import { nowMs, type AgreementSettings, type Alias } from './fleet-messages.js';
import {
  decidedSince,
  epochsSince,
  Fleet,
  toldSince,
  until,
  untilTheySay,
  type Marks,
  type Member,
} from './fleet-processes.js';

/** The default. */
const HEARTBEAT_MS = 2_000;
const LEASE_MS = 6_000;

/** Of a handler. Below `switch.drainMs`, and longer than the others would take to begin elsewhere. */
const LINGER_MS = 7_000;

let stack: Stack;
let consul: Consul;
/** What each process of a fleet runs. Eighteen of them are started: none compiles it anew. */
let program: Compiled;
let fleetCount = 0;

beforeAll(async () => {
  [stack, consul, program] = await Promise.all([
    startStack({ name: 'fleet' }),
    startConsul(),
    compile(join(import.meta.dirname, 'fleet-member.ts')),
  ]);
});
afterAll(() => Promise.all([stack?.stop(), consul?.stop(), program?.remove()]));

async function startFleet(
  kind: AgreementSettings['store']['kind'],
  limits: Pick<AgreementSettings, 'heartbeatMs' | 'leaseMs'>,
): Promise<Fleet> {
  const { A, B } = stack.clusters;
  const topic = `orders${(fleetCount += 1)}`;
  await createMirrored(topic, { A, B });
  const store: AgreementSettings['store'] =
    kind === 'kafka'
      ? { kind, topicPrefix: topic }
      : { kind, address: consul.address, key: `${topic}/active` };
  const settings = { topic, agreement: { ...limits, store } };
  return Fleet.start(program.file, settings, { A: A.brokers, B: B.brokers });
}

/** kill -9, as every member sees it. */
async function killA({ members }: Fleet): Promise<void> {
  for (const { proxy } of members) void proxy.refuse();
  await stack.clusters.A.kill();
}

async function startA({ members }: Fleet): Promise<void> {
  await stack.clusters.A.start();
  await Promise.all(members.map(({ proxy }) => proxy.heal()));
}

/** Cuts one process off from A: its connections break, and it gets no new ones. */
function cutFromA({ proxy }: Member): void {
  void proxy.refuse();
  proxy.reset();
}

const other = (cluster: Alias): Alias => (cluster === 'A' ? 'B' : 'A');

/** Where the first of its processes works. */
const whereIs = ({ members: [{ status }] }: Fleet): Alias => (status.active === 'A' ? 'A' : 'B');

/**
 * Has the fleet rest, and judges it where it is: everything in the logs there was handled by somebody, everything that was
 * acknowledged there is in them, no epoch was decided twice, and nobody handled anything before the others had left.
 */
async function judge(
  what: string,
  fleet: Fleet,
  { marks, absent = [] }: { marks: Marks; absent?: readonly Member[] },
): Promise<void> {
  const { topic, members } = fleet;
  const cluster = whereIs(fleet);
  const failedSendCount = await fleet.rest();
  const servers = stack.clusters[cluster];
  const own = await readLog(servers, topic);
  const mirrored = await readLog(servers, `${other(cluster)}.${topic}`);
  await waitFor(
    `everything on ${cluster} to be handled`,
    () => skipped([...own, ...mirrored], members),
    { until: (ids) => ids.length === 0, timeoutMs: 60_000 },
  );
  expect(lost(cluster, own, members)).toEqual([]);
  for (const [epoch, texts] of decisions(members)) {
    expect([...texts], `the decisions of epoch ${epoch}`).toHaveLength(1);
  }
  const names = absent.map(({ name }) => name);
  expect(early(toldSince(marks), names)).toEqual([]);
  const twice = duplicates(members);
  say(
    `${topic}, ${what}: ${own.length} + ${mirrored.length} records on ${cluster}; so far handled twice:` +
      ` ${JSON.stringify(twice)}; ${failedSendCount} sends failed`,
  );
  fleet.work();
}

/** The fleet goes by an order to one of its processes. */
async function goTo(cluster: Alias, fleet: Fleet): Promise<void> {
  const [, second] = fleet.members;
  if (second.status.active === cluster) return fleet.untilReady(cluster);
  await fleet.untilReady(other(cluster));
  second.switchTo(cluster, { reason: `on to ${cluster}` });
  await fleet.untilReady(cluster);
}

function say(words: string): void {
  console.log(`fleet: ${words} (${Math.round(performance.now() / 1_000)} s)`);
}

/** Three processes are told the same at the same moment, again and again; every other time one of them changes its mind at once. */
async function orderTogether(fleet: Fleet, roundCount: number): Promise<void> {
  const { members, marks } = fleet;
  let cluster = whereIs(fleet);
  for (let round = 0; round < roundCount; round += 1) {
    await fleet.untilReady(cluster);
    const before = fleet.marks;
    const to = other(cluster);
    const chosen = [0, 1, 2].map((index) => members[(round + index) % members.length] as Member);
    for (const [index, member] of chosen.entries()) {
      member.switchTo(to, { reason: `round ${round}, ${index}` });
    }
    const isOpposite = round % 2 === 1;
    if (isOpposite) chosen[2]?.switchTo(cluster, { reason: `round ${round}, back` });
    const orderCount = chosen.length + (isOpposite ? 1 : 0);
    await waitFor(
      'answers to all orders',
      () => toldSince(before).flatMap((one) => factsOf(one, 'ordered')),
      { until: ({ length }) => length === orderCount, timeoutMs: 60_000 },
    );
    await fleet.untilSame();
    cluster = whereIs(fleet);
    if (!isOpposite) expect([cluster, epochsSince(before).length]).toEqual([to, 1]);
  }
  await judge('orders', fleet, { marks });
}

/** A is killed under load: all go, by one decision of health. */
async function killUnderLoad(fleet: Fleet): Promise<void> {
  await goTo('A', fleet);
  const { marks } = fleet;
  const killedAtMs = nowMs();
  await killA(fleet);
  await fleet.untilOn('B');
  sayHowLong('killed', fleet, marks, killedAtMs);
  expect(epochsSince(marks)).toHaveLength(1);
  for (const decided of decidedSince(marks)) expect(decided).toMatchObject({ by: 'health' });
  await judge('killed', fleet, { marks });
  await startA(fleet);
}

/**
 * One process is stopped while the others go to B by plan, and wakes when they are there.
 *
 * @returns what A got from it after that.
 */
async function sleepOver(
  fleet: Fleet,
  leastMs = 0,
): Promise<{ stopped: Member; late: readonly string[] }> {
  await goTo('A', fleet);
  const { members, marks, topic } = fleet;
  const [, ordered, , , , stopped] = members;
  const others = members.filter((each) => each !== stopped);
  stopped.pause();
  const stoppedAtMs = performance.now();
  ordered.switchTo('B', { reason: 'one of us sleeps' });
  // It sleeps all the while: they go without it.
  await fleet.untilOn('B', others);
  const switched = toldSince(marks).flatMap((one) => factsOf(one, 'switched'));
  // Nobody waited until the deadline.
  expect(switched.flatMap(({ overran }) => overran)).toEqual([]);
  const waitedMs = switched.map(({ barrierMs = 0 }) => Math.round(barrierMs));
  await waitFor('it to have slept for long enough', () => performance.now() - stoppedAtMs, {
    until: (ms) => ms > leastMs,
  });
  const atWaking = new Set(await readLog(stack.clusters.A, topic));
  stopped.resume();
  await fleet.untilOn('B');
  const late = (await readLog(stack.clusters.A, topic)).filter((id) => !atWaking.has(id));
  say(
    `${topic}, stopped: the others waited ${waitedMs.join('/')} ms; A got ${late.length} records after it woke`,
  );
  await waitFor(
    'what came late to be mirrored',
    async () => {
      const mirrored = new Set(await readLog(stack.clusters.B, `A.${topic}`));
      return late.filter((id) => !mirrored.has(id));
    },
    { until: (ids) => ids.length === 0 },
  );
  await judge('stopped', fleet, { marks, absent: [stopped] });
  return { stopped, late };
}

const EQUAL_AND_OPPOSITE =
  'make one decision of equal orders at the same moment, and end in one place after opposite ones, under load';
const KILLED = 'leave a cluster that is killed, by one decision';

it('a fleet goes home in steps, one group after the other, and nothing is skipped or handled twice', () =>
  goHomeInSteps(stack));

describe('six processes that decide in Kafka', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet('kafka', { heartbeatMs: HEARTBEAT_MS, leaseMs: undefined });
  });
  afterAll(() => fleet?.stop());
  afterEach(() => Promise.all(fleet.members.map(({ proxy }) => proxy.heal())));

  it('stay while half of them are cut off from their cluster, say so there, and leave it when more are', async () => {
    const { members, marks } = fleet;
    const [one, two, three, four] = members;
    cutFromA(one);
    await untilTheySay('no-quorum', [one], marks);
    expect(one.since(marks.get(one) ?? 0, 'stayed').at(-1)?.detail).toMatch(
      /1 of 6 members heard want the same, 4 are needed$/,
    );
    cutFromA(two);
    cutFromA(three);
    await untilTheySay('no-quorum', [two, three], marks);
    expect(decidedSince(marks)).toEqual([]);
    cutFromA(four);
    await fleet.untilOn('B');
    expect(epochsSince(marks)).toHaveLength(1);
    expect(decidedSince(marks)).toMatchObject(members.map(() => ({ cluster: 'B', by: 'health' })));
    await judge('cut off', fleet, { marks });
  });

  it(EQUAL_AND_OPPOSITE, () => orderTogether(fleet, 4));

  it('handle nothing on the target while one of them is still busy on the source', async () => {
    const cluster = whereIs(fleet);
    await fleet.untilReady(cluster);
    const { members, marks } = fleet;
    const [, ordered, , , , busy] = members;
    busy.order({ kind: 'linger', forMs: LINGER_MS });
    await until('a handler that takes its time', [busy], (each) => {
      return each.since(marks.get(each) ?? 0, 'lingering').length > 0;
    });
    ordered.switchTo(other(cluster), { reason: 'one of us is busy' });
    await fleet.untilReady(other(cluster));
    await judge('busy', fleet, { marks });
  });

  it('do not wait for a process that is stopped, which follows when it wakes', async () => {
    const { stopped, late } = await sleepOver(fleet);
    // Without a lease nothing keeps it from what it had begun, until it has heard of the decision.
    expect(late.filter((id) => !id.startsWith(`${stopped.name}-`))).toEqual([]);
  });

  it(KILLED, () => killUnderLoad(fleet));
});

describe('six processes that decide in Consul', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet('consul', { heartbeatMs: HEARTBEAT_MS, leaseMs: undefined });
  });
  afterAll(() => fleet?.stop());

  it(EQUAL_AND_OPPOSITE, () => orderTogether(fleet, 2));

  it('are moved by nobody when Consul dies with the cluster, unless each is told, and decide again with it', async () => {
    await goTo('A', fleet);
    const { members, marks } = fleet;
    await Promise.all([killA(fleet), consul.agent(0).kill()]);
    await untilTheySay('no-quorum', members, marks);
    expect(toldSince(marks).flatMap((one) => factsOf(one, 'switched'))).toEqual([]);
    for (const each of members) {
      each.switchTo('B', { planned: false, alone: true, reason: 'Consul is dead' });
    }
    const areOnB = ({ status: { state, active } }: Member): boolean =>
      state === 'steady' && active === 'B';
    await until('all to be on B', members, areOnB);
    await consul.agent(0).start();
    await until('all to have heard each other', members, ({ status }) => {
      return status.contactAgeMs < 3 * HEARTBEAT_MS && status.heardCount === members.length;
    });
    await judge('without Consul', fleet, { marks });
    expect(members.filter((each) => !areOnB(each))).toEqual([]);
    expect(epochsSince(marks)).toEqual([]);
    await startA(fleet);
    await until('a fleet that is ready', members, ({ status }) => {
      return status.isReady && status.consumer === 'running';
    });
    members[2].switchTo('A', { reason: 'home' });
    await fleet.untilOn('A');
  });

  it('go on without a member that is killed with the cluster', async () => {
    await goTo('A', fleet);
    const { members, marks, topic } = fleet;
    const killedAtMs = nowMs();
    const [, , , , , dead] = members;
    await Promise.all([killA(fleet), dead.kill()]);
    await fleet.untilOn('B');
    sayHowLong('killed with a member', fleet, marks, killedAtMs);
    const attached = (each: Member) => each.since(marks.get(each) ?? 0, 'attached');
    await until('every consumer to be there', fleet.alive, (each) => attached(each).length > 0);
    // They have waited for everybody but the dead one, and for that one until it was silent for three heartbeats: had it been
    // waited for until the deadline, `open` would have overrun.
    const switched = toldSince(marks).flatMap((one) => factsOf(one, 'switched'));
    expect(switched.flatMap(({ overran }) => overran)).toEqual([]);
    for (const { unheard } of fleet.alive.flatMap(attached)) {
      expect(unheard.map(({ instance }) => instance)).toEqual([dead.name]);
      const silentMs = unheard[0]?.heardAgeMs ?? 0;
      expect(silentMs).toBeGreaterThan(3 * HEARTBEAT_MS);
      say(`${topic}, killed with a member: it was silent for ${Math.round(silentMs)} ms`);
    }
    await waitFor('records that were born on B to be handled', () =>
      toldSince(marks)
        .flatMap((one) => factsOf(one, 'handled'))
        .some(({ on, log }) => on === 'B' && log.startsWith(`${topic}/`)),
    );
    await judge('killed with a member', fleet, { marks, absent: [dead] });
    await startA(fleet);
  });
});

describe('six processes with a lease', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await startFleet('consul', { heartbeatMs: HEARTBEAT_MS, leaseMs: LEASE_MS });
  });
  afterAll(() => fleet?.stop());

  it('do not wait for a process that is stopped, which writes nothing to the old cluster when it wakes', async () => {
    const { marks } = fleet;
    // Longer than its lease: a shorter sleep needs none.
    const { stopped, late } = await sleepOver(fleet, 1.2 * LEASE_MS);
    expect(late).toEqual([]);
    expect(stopped.since(marks.get(stopped) ?? 0, 'halted')).toMatchObject([
      { code: 'ERR_FAILOVER_AGREEMENT_LOST' },
    ]);
  });

  it(KILLED, () => killUnderLoad(fleet));
});

/** From the kill to the decision, and to the last process that has switched. */
function sayHowLong(what: string, { topic }: Fleet, marks: Marks, sinceMs: number): void {
  const switched = toldSince(marks).flatMap((one) => factsOf(one, 'switched'));
  const decidedMs = Math.min(...decidedSince(marks).map(({ atMs }) => atMs - sinceMs));
  const switchedMs = Math.max(...switched.map(({ atMs }) => atMs - sinceMs));
  say(
    `${topic}, ${what}: decided after ${Math.round(decidedMs)} ms, the last one switched after ${Math.round(switchedMs)} ms`,
  );
}
