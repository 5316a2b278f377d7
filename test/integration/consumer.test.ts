import type { ConsumerConfig, EachMessagePayload, IMemberAssignment } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openAccess } from '../../src/cluster/kafka-access.js';
import { openSession } from '../../src/cluster/kafka-session.js';
import type { ClusterSession } from '../../src/cluster/session.js';
import {
  createFailoverConsumer,
  type FailoverConsumer,
} from '../../src/consumer/failover-consumer.js';
import { FencedError } from '../../src/errors.js';
import { FailoverEmitter } from '../../src/emitter.js';
import { FailoverKafka } from '../../src/failover-kafka.js';
import { kafka } from '../../src/kafkajs.js';
import type { GroupPlan } from '../../src/position/plan.js';
import { replicationPolicy } from '../../src/replication/policy.js';
import type { ActiveCluster } from '../../src/switch/active.js';
import type { Participant, SwitchTurn } from '../../src/switch/participant.js';
import { realWorld } from '../../src/world.js';
import { startStack, waitFor, type Stack } from '../../stack/index.js';
import { createTopic } from './stack-support.js';

type Alias = 'A' | 'B';

/** Long enough that a join can be caught in the middle. */
const JOIN_DELAY_MS = 700;

let stack: Stack;
let topicCount = 0;

beforeAll(async () => {
  // No MirrorMaker: what it would have written is put there by hand, so every offset is known.
  stack = await startStack({
    name: 'consumer',
    flows: [],
    brokerOverrides: { 'group.initial.rebalance.delay.ms': String(JOIN_DELAY_MS) },
  });
});
afterAll(async () => {
  await stack.stop();
});

const quiet = { logLevel: kafka.logLevel.NOTHING, retry: { initialRetryTime: 50, retries: 10 } };

function bare(alias: Alias) {
  return new kafka.Kafka({ ...quiet, brokers: stack.clusters[alias].brokers });
}

/** A topic of this test alone. */
function newTopic(): string {
  topicCount += 1;
  return `orders-${topicCount}`;
}

async function fill(alias: Alias, topic: string, perPartition: number, partitions = 3) {
  await createTopic(stack.clusters[alias], topic, { numPartitions: partitions });
  // Where a broker refuses one partition of a topic that was just made, kafkajs sends all of them again: 300 records were found for 180.
  const producer = bare(alias).producer({ idempotent: true });
  await producer.connect();
  const messages = Array.from({ length: perPartition * partitions }, (_, index) => ({
    value: `${alias}:${topic}:${index}`,
    partition: index % partitions,
  }));
  await producer.send({ topic, messages });
  await producer.disconnect();
}

/** The coordinator in the test's hands, over real sessions. */
class Switchboard implements ActiveCluster {
  readonly participants = new Set<Participant>();
  readonly access = {
    A: openAccess({ alias: 'A', ...this.#options('A') }),
    B: openAccess({ alias: 'B', ...this.#options('B') }),
  };
  #session: ClusterSession | undefined = this.#open('A', 1);
  #epoch = 1;

  #options(alias: Alias) {
    const clusterOptions = { brokers: stack.clusters[alias].brokers };
    return { clusterOptions, kafkaConfig: quiet, world: realWorld() };
  }
  #open(alias: Alias, switchEpoch: number): ClusterSession {
    const events = new FailoverEmitter(() => ({ atMs: 0, switchEpoch }));
    return openSession({
      alias,
      switchEpoch,
      events,
      stalledAfterMs: 10_000,
      ...this.#options(alias),
    });
  }
  session(): ClusterSession | undefined {
    return this.#session;
  }
  switchEpoch(): number {
    return this.#epoch;
  }
  async started(): Promise<void> {}
  register(participant: Participant): void {
    this.participants.add(participant);
  }
  unregister(participant: Participant): void {
    this.participants.delete(participant);
  }
  releaseUnused(): void {}
  async planAtStart(): Promise<undefined> {}

  async switchTo(
    to: Alias,
    { planned = false, plan }: { planned?: boolean; plan?: GroupPlan } = {},
  ) {
    const from = this.#session;
    if (from === undefined) throw new Error('no session');
    this.#epoch += 1;
    const turn: SwitchTurn = {
      switchEpoch: this.#epoch,
      from: from.alias,
      to,
      planned,
      reason: 'test',
      by: 'operator',
      agreedEpoch: undefined,
    };
    const all = (work: (participant: Participant) => Promise<void>) =>
      Promise.all([...this.participants].map(work));
    for (const participant of this.participants) participant.hold(turn);
    if (planned) await all((one) => one.drain(turn));
    this.#session = undefined;
    from.fence(new FencedError('fenced by the test'));
    await all((one) => one.detach(turn));
    const session = this.#open(to, this.#epoch);
    this.#session = session;
    await all((one) => one.attach(session, plan));
  }

  async close(): Promise<void> {
    this.#session?.fence(new FencedError('the test is over'));
    await Promise.all([this.access.A.close(), this.access.B.close()]);
  }
}

function newSwitchboard(): Switchboard {
  const board = new Switchboard();
  onTestFinished(() => board.close());
  return board;
}

function newConsumer(board: Switchboard, config: ConsumerConfig): FailoverConsumer['consumer'] {
  const client = createFailoverConsumer({
    id: 'consumer-1',
    // An idle kafkajs consumer stops only when its fetch comes back.
    config: { maxWaitTimeInMs: 100, ...config },
    limits: { onMissingPosition: 'earliest', topicRefreshMs: 500, commitMetadata: true },
    world: realWorld(),
    events: new FailoverEmitter(() => ({ atMs: 0, switchEpoch: 0 })),
    active: board,
    logger: bare('A').logger(),
    homeCluster: 'A',
    policy: replicationPolicy(),
    aliases: ['A', 'B'],
    access: (alias) => board.access[alias === 'A' ? 'A' : 'B'],
    sayLast: async () => {},
    latePositions: () => [],
  });
  onTestFinished(() => client.close());
  return client.consumer;
}

function planOf(
  groupId: string,
  entries: readonly [physicalTopic: string, partition: number, offset: bigint][],
): GroupPlan {
  return {
    groupId,
    cluster: 'B',
    topics: [],
    partitions: entries.map(([physicalTopic, partition, offset]) => ({
      kind: 'resume',
      topic: physicalTopic.replace(/^A\./, ''),
      physicalTopic,
      partition,
      offset,
      method: 'offset-sync',
      maxRereadCount: 0n,
      voidCommit: undefined,
      awaited: [],
      missing: [],
      notes: [],
    })),
  };
}

async function committed(alias: Alias, groupId: string, topic: string): Promise<string[]> {
  return stack.clusters[alias].withAdmin(async (admin) => {
    // kafkajs finds no coordinator before it has metadata.
    await admin.listTopics();
    const [entry] = await admin.fetchOffsets({ groupId, topics: [topic] });
    return (entry?.partitions ?? [])
      .toSorted((a, b) => a.partition - b.partition)
      .map(({ offset }) => offset);
  });
}

const groupState = (alias: Alias, groupId: string) =>
  stack.clusters[alias].withAdmin(async (admin) => {
    await admin.listTopics();
    const { groups } = await admin.describeGroups([groupId]);
    return groups[0];
  });

describe('two logs as one logical topic', () => {
  it('are handled by three workers, never two handlers at once in one logical partition, nothing skipped', async () => {
    const topic = newTopic();
    await fill('A', topic, 5);
    await fill('B', topic, 60);
    await fill('B', `A.${topic}`, 60);
    const board = newSwitchboard();
    const consumer = newConsumer(board, { groupId: topic });
    const running = new Set<string>();
    const handled: string[] = [];
    const overlaps: string[] = [];
    let mostAtOnce = 0;
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      partitionsConsumedConcurrently: 3,
      eachMessage: async ({ topic: name, partition, message, physicalTopic, cluster }) => {
        const key = `${name}-${partition}`;
        if (running.has(key)) overlaps.push(`${physicalTopic}-${partition}@${message.offset}`);
        running.add(key);
        mostAtOnce = Math.max(mostAtOnce, running.size);
        await new Promise((resolve) => setTimeout(resolve, 2));
        running.delete(key);
        handled.push(`${cluster}/${physicalTopic}/${partition}/${message.offset}`);
      },
    });
    await waitFor('the records of A', () => handled.length >= 15);
    await board.switchTo('B', { plan: planOf(topic, [[`A.${topic}`, 0, 5n]]) });
    await waitFor('the records of B', () => handled.length >= 15 + 60 * 6 - 5);
    expect(overlaps).toEqual([]);
    expect(mostAtOnce).toBe(3);
    expect(new Set(handled).size).toBe(handled.length);
    expect(handled).not.toContain(`B/A.${topic}/0/4`);
    for (let offset = 5; offset < 60; offset += 1) {
      expect(handled).toContain(`B/A.${topic}/0/${offset}`);
    }
  });

  it('are assigned together, to whichever member has the partition', async () => {
    const topic = newTopic();
    await fill('B', topic, 1);
    await fill('B', `A.${topic}`, 1);
    await fill('A', topic, 1);
    const board = newSwitchboard();
    const assignments: IMemberAssignment[] = [{}, {}];
    const consumers = [0, 1].map((index) => {
      const consumer = newConsumer(board, { groupId: topic });
      consumer.on('consumer.group_join', ({ payload }) => {
        assignments[index] = payload.memberAssignment;
      });
      return consumer;
    });
    for (const consumer of consumers) {
      await consumer.connect();
      await consumer.subscribe({ topics: [topic] });
    }
    await Promise.all(consumers.map((one) => one.run({ eachMessage: async () => {} })));
    await board.switchTo('B');
    await waitFor(
      'both to be assigned',
      () =>
        assignments.map((one) => one[topic] ?? []).flat().length === 3 &&
        assignments.every((one) => (one[topic] ?? []).length > 0),
    );
    const group = await groupState('B', topic);
    const decoded = (group?.members ?? []).map(
      ({ memberAssignment }) =>
        kafka.AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment ?? {},
    );
    expect(decoded).toHaveLength(2);
    for (const assignment of decoded) {
      expect(assignment[`A.${topic}`]).toEqual(assignment[topic]);
      expect(assignment[topic]?.length).toBeGreaterThan(0);
    }
  });
});

describe('a switch', () => {
  it('drains in order: the handled prefix is committed, the group is empty at once', async () => {
    const topic = newTopic();
    await fill('A', topic, 20, 1);
    await fill('B', `A.${topic}`, 20, 1);
    const board = newSwitchboard();
    const consumer = newConsumer(board, { groupId: topic, maxWaitTimeInMs: 5_000 });
    const handled: string[] = [];
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    let atFive = (): void => {};
    const reachedFive = new Promise<void>((resolve) => {
      atFive = resolve;
    });
    let proceed = (): void => {};
    await consumer.run({
      eachMessage: async ({ message, cluster }) => {
        if (cluster === 'A' && message.offset === '5') {
          atFive();
          await new Promise<void>((resolve) => {
            proceed = resolve;
          });
        }
        handled.push(`${cluster}${message.offset}`);
      },
    });
    await reachedFive;
    const switching = board.switchTo('B', {
      planned: true,
      plan: planOf(topic, [[`A.${topic}`, 0, 6n]]),
    });
    proceed();
    await switching;
    expect(await committed('A', topic, topic)).toEqual(['6']);
    expect(await groupState('A', topic)).toMatchObject({ state: 'Empty', members: [] });
    await waitFor('the rest on B', () => handled.length >= 20);
    expect(handled.slice(5, 7)).toEqual(['A5', 'B6']);
    expect(new Set(handled.map((one) => one.slice(1))).size).toBe(20);
  });

  it('keeps a pause, which the function of an old payload ends', async () => {
    const topic = newTopic();
    await fill('A', topic, 2, 2);
    await fill('B', `A.${topic}`, 4, 2);
    const board = newSwitchboard();
    const consumer = newConsumer(board, { groupId: topic });
    const handled: string[] = [];
    let resume: (() => void) | undefined;
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ partition, cluster, pause }) => {
        handled.push(`${cluster}${partition}`);
        if (partition === 1) resume ??= pause();
      },
    });
    await waitFor('the pause', () => resume !== undefined && handled.length >= 3);
    await board.switchTo('B');
    await waitFor('partition 0 on B', () => handled.filter((one) => one === 'B0').length >= 4);
    expect(handled).not.toContain('B1');
    expect(consumer.paused()).toEqual([{ topic, partitions: [1] }]);
    resume?.();
    await waitFor('partition 1 on B', () => handled.filter((one) => one === 'B1').length >= 4);
  });

  it('makes offsets of before it stale, whatever their number', async () => {
    const topic = newTopic();
    await fill('A', topic, 30, 1);
    await fill('B', `A.${topic}`, 10, 1);
    const board = newSwitchboard();
    const consumer = newConsumer(board, { groupId: topic });
    const seen: { offset: string; cluster: string; switchEpoch: number }[] = [];
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ message, cluster, switchEpoch }) => {
        seen.push({ offset: message.offset, cluster, switchEpoch });
      },
    });
    await waitFor('A to be read', () => seen.length >= 30);
    await consumer.commitOffsets([{ topic, partition: 0, offset: '30' }]);
    expect(await committed('A', topic, topic)).toEqual(['30']);
    await board.switchTo('B');
    await waitFor('B to be read', () => seen.length >= 40);

    const stale = { topic, partition: 0, offset: '30' };
    await expect(consumer.commitOffsets([stale])).rejects.toMatchObject({
      code: 'ERR_FAILOVER_STALE_OFFSET',
    });
    expect(() => consumer.seek(stale)).toThrow(/not one of epoch 2/);
    await expect(
      consumer.commitOffsets([{ topic, partition: 0, offset: '5', switchEpoch: 1 }]),
    ).rejects.toMatchObject({ code: 'ERR_FAILOVER_STALE_OFFSET' });
    expect(await committed('B', topic, `A.${topic}`)).toEqual(['-1']);
    await consumer.commitOffsets([{ topic, partition: 0, offset: '10', switchEpoch: 2 }]);
    expect(await committed('B', topic, `A.${topic}`)).toEqual(['10']);
  });

  it('finds a remote topic that appears later', async () => {
    const topic = newTopic();
    await fill('A', topic, 1, 1);
    const board = newSwitchboard();
    const consumer = newConsumer(board, { groupId: topic });
    const handled: string[] = [];
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ physicalTopic, message }) => {
        handled.push(`${physicalTopic}@${message.offset}`);
      },
    });
    await waitFor('the local record', () => handled.length === 1);
    await fill('A', `B.${topic}`, 2, 1);
    await waitFor('the remote records', () => handled.length >= 3);
    expect(handled).toEqual([`${topic}@0`, `B.${topic}@0`, `B.${topic}@1`]);
  });
});

describe('beside bare kafkajs', () => {
  /** A consumer of kafkajs, and one of the library, each in a group of its own. */
  function bareAndOwn(topic: string) {
    return [
      bare('A').consumer({ groupId: `${topic}-bare`, maxWaitTimeInMs: 100 }),
      newConsumer(newSwitchboard(), { groupId: `${topic}-own` }),
    ];
  }

  it('hands out the same payloads, but for three more fields', async () => {
    const topic = newTopic();
    await fill('A', topic, 3, 1);
    const consumers = bareAndOwn(topic);
    const seen: EachMessagePayload[][] = [[], []];
    for (const [index, consumer] of consumers.entries()) {
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await consumer.run({
        eachMessage: async (payload) => {
          seen[index]?.push({ ...payload });
        },
      });
      await waitFor('three records', () => (seen[index]?.length ?? 0) >= 3);
    }
    await consumers[0]?.disconnect();
    const shapes = seen.map((payloads) =>
      payloads.map((payload) =>
        Object.entries(payload).map(([key, value]) => [
          key,
          typeof value === 'function' ? 'function' : value,
        ]),
      ),
    );
    const extra = [
      ['physicalTopic', topic],
      ['cluster', 'A'],
      ['switchEpoch', 1],
    ];
    expect(shapes[1]).toEqual(shapes[0]?.map((entries) => [...entries, ...extra]));
  });

  it('reports the same events in the same order', async () => {
    const topic = newTopic();
    await fill('A', topic, 3, 1);
    const consumers = bareAndOwn(topic);
    const heard: { type: string; payload: unknown }[][] = [[], []];
    for (const [index, consumer] of consumers.entries()) {
      let count = 0;
      for (const name of Object.values(consumer.events)) {
        if (/network|fetch|heartbeat/.test(name)) continue;
        const on = consumer.on as (name: string, listener: (event: object) => void) => void;
        on(name, (event) => heard[index]?.push(event as { type: string; payload: unknown }));
      }
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await consumer.run({
        eachMessage: async () => {
          count += 1;
        },
      });
      await waitFor(
        'three records and their commit',
        () => count === 3 && heard[index]?.some(({ type }) => type === 'consumer.commit_offsets'),
      );
      await consumer.stop();
      await consumer.disconnect();
    }
    expect(heard[1]?.map(({ type }) => type)).toEqual(heard[0]?.map(({ type }) => type));
    const keys = heard.map((events) => events.map(({ payload }) => Object.keys(payload ?? {})));
    expect(keys[1]).toEqual(keys[0]);
  });

  it('does not become a zombie where it is stopped while it joins (kafkajs issue 1639)', async () => {
    const topic = newTopic();
    await fill('A', topic, 20, 1);
    const board = newSwitchboard();
    const consumer = newConsumer(board, { groupId: topic });
    let count = 0;
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const running = consumer.run({
      eachMessage: async () => {
        count += 1;
      },
    });
    await waitFor('the join to begin', async () => (await groupState('A', topic))?.members.length);
    await consumer.stop();
    await running;
    await waitFor('the group to be left', async () => (await groupState('A', topic))?.state, {
      until: (state) => state === 'Empty' || state === 'Dead',
      timeoutMs: 10_000,
    });
    expect(count).toBe(0);
    // It can run again, and is a member like any other.
    await consumer.run({
      eachMessage: async () => {
        count += 1;
      },
    });
    await waitFor('every record', () => count >= 20);
    expect(count).toBe(20);
  });

  it('waits on the standby as a member of its group, and goes over as the same one', async () => {
    const topic = newTopic();
    await fill('A', topic, 1, 1);
    await fill('B', topic, 20, 1);
    const failover = new FailoverKafka({
      clientId: 'hot',
      logLevel: kafka.logLevel.NOTHING,
      clusters: {
        A: { brokers: stack.clusters.A.brokers },
        B: { brokers: stack.clusters.B.brokers },
      },
      consumer: { hotStandby: true, progress: false },
    });
    onTestFinished(() => failover.close());
    const handled: string[] = [];
    const joined: string[] = [];
    const consumer = failover.consumer({ groupId: topic, heartbeatInterval: 500 });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => joined.push(payload.memberId));
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ cluster, message }) => {
        handled.push(`${cluster} ${message.offset}`);
      },
    });
    await waitFor('the member on B', async () => (await groupState('B', topic))?.state, {
      until: (state) => state === 'Stable',
    });
    await waitFor('it to know', () => failover.status().consumers[0]?.standby.kind, {
      until: (kind) => kind === 'joined',
    });
    const [waiting] = (await groupState('B', topic))?.members ?? [];
    const ofB = () => handled.filter((entry) => entry.startsWith('B'));
    expect(ofB()).toEqual([]);
    await failover.switchTo('B', { planned: false });
    expect(joined).toEqual([expect.any(String), waiting?.memberId]);
    await waitFor('every record of B', () => ofB().length >= 20);
    expect(ofB().length).toBe(20);
    await consumer.disconnect();
    await waitFor('both groups to be left', async () => {
      const groups = await Promise.all([groupState('A', topic), groupState('B', topic)]);
      return groups.every((group) => (group?.members.length ?? 0) === 0);
    });
  });
});
