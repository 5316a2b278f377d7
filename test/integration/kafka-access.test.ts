import { randomBytes } from 'node:crypto';
import type { Consumer, Kafka, ProducerConfig } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterAccess, Commit } from '../../src/cluster/access.js';
import { openAccess } from '../../src/cluster/kafka-access.js';
import { openSession } from '../../src/cluster/kafka-session.js';
import { FencedError } from '../../src/errors.js';
import { judge } from '../../src/health/failure.js';
import { kafka } from '../../src/kafkajs.js';
import { realWorld } from '../../src/world.js';
import { rejectionOf } from '../support/failures.js';
import { createTopic } from './stack-support.js';
import { startStack, waitFor, type Stack } from '../../stack/index.js';

let stack: Stack;
let access: ClusterAccess;
let client: Kafka;

const kafkaConfig = {
  clientId: 'access-test',
  logLevel: kafka.logLevel.NOTHING,
  retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 500 },
};

beforeAll(async () => {
  stack = await startStack({
    name: 'kafka-access',
    flows: [],
    brokerOverrides: {
      // The access must not create topics even where the broker would.
      'auto.create.topics.enable': 'true',
      'log.cleaner.backoff.ms': '200',
    },
  });
  const { brokers } = stack.clusters.A;
  access = openAccess({
    alias: 'A',
    clusterOptions: { brokers },
    kafkaConfig,
    world: realWorld(),
  });
  client = new kafka.Kafka({ ...kafkaConfig, brokers });
});

afterAll(async () => {
  await access?.close();
  await stack?.stop();
});

/** The least that Kafka 4 allows. */
const SEGMENT_BYTES = 1_048_576;

let topicCount = 0;

/** A fresh topic. */
async function newTopic(
  options: { partitions?: number; config?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  topicCount += 1;
  const topic = `access-${topicCount}`;
  const configEntries = Object.entries(options.config ?? {}).map(([name, value]) => ({
    name,
    value,
  }));
  const numPartitions = options.partitions ?? 1;
  await createTopic(stack.clusters.A, topic, { numPartitions, configEntries });
  return topic;
}

async function produce(
  topic: string,
  values: readonly string[],
  config: ProducerConfig & { key?: string; timestampMs?: number } = {},
): Promise<void> {
  const { key, timestampMs, ...producerConfig } = config;
  const producer = client.producer({ createPartitioner: () => () => 0, ...producerConfig });
  await producer.connect();
  try {
    const messages = values.map((value) => ({
      value,
      ...(key === undefined ? {} : { key }),
      ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
    }));
    await producer.send({ topic, messages });
  } finally {
    await producer.disconnect();
  }
}

interface ReadLog {
  readonly values: string[];
  readonly offsets: bigint[];
  /** Fetches that brought no record and moved on by one. */
  readonly emptyStepCount: number;
}

/** Reads a partition to its end as a tailer would: on and on from `nextOffset`. */
async function readToEnd(topic: string, maxBytes?: number): Promise<ReadLog> {
  const values: string[] = [];
  const offsets: bigint[] = [];
  let emptyStepCount = 0;
  let offset = 0n;
  for (;;) {
    const limits = { maxWaitMs: 100, ...(maxBytes === undefined ? {} : { maxBytes }) };
    const fetched = await access.fetch(topic, 0, offset, limits);
    values.push(...fetched.records.map(({ value }) => String(value).slice(0, 20)));
    offsets.push(...fetched.records.map((each) => BigInt(each.offset)));
    if (fetched.records.length === 0 && fetched.nextOffset === offset + 1n) emptyStepCount += 1;
    if (fetched.nextOffset >= fetched.range.high) return { values, offsets, emptyStepCount };
    if (fetched.nextOffset === offset) throw new Error(`the reader is stuck at ${offset}`);
    offset = fetched.nextOffset;
  }
}

/**
 * The broker writes a transaction's marker a moment after it has acknowledged the end. A record that is written then can be
 * read as soon as every marker before it is there.
 */
async function untilMarked(topic: string): Promise<void> {
  await produce(topic, ['all is marked']);
  await waitFor('the markers', () => readToEnd(topic), {
    until: ({ values }) => values.at(-1) === 'all is marked',
  });
}

const commit = (topic: string, offset: bigint, metadata = '', partition = 0): Commit => ({
  topic,
  partition,
  offset,
  metadata,
});

/** Runs `work` while the group has one live member. */
async function withMember(
  groupId: string,
  topic: string,
  work: (memberId: string, consumer: Consumer) => Promise<void>,
): Promise<void> {
  const consumer = client.consumer({ groupId, maxWaitTimeInMs: 50 });
  try {
    const memberId = new Promise<string>((resolve) => {
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => resolve(payload.memberId));
    });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({ autoCommit: false, eachMessage: async () => {} });
    await work(await memberId, consumer);
  } finally {
    await consumer.disconnect();
  }
}

describe('topics', () => {
  it('knows the cluster’s id, its topics and their partition counts', async () => {
    const topic = await newTopic({ partitions: 3 });
    expect(await access.clusterId()).toBe(stack.clusters.A.clusterId);
    const topics = await access.topics();
    expect(topics.get(topic)).toBe(3);
  });

  it('tells that a topic does not exist, and never creates one', async () => {
    expect(await access.ranges('access-never')).toBeUndefined();
    expect(await access.ranges('not a/topic name')).toBeUndefined();
    const error = await rejectionOf(access.fetch('access-never', 0, 0n, { maxWaitMs: 10 }));
    expect(judge(error)).toMatchObject({ about: 'partition', kind: 'absent' });
    const stray = await rejectionOf(
      access.commitIdle('access-stray', [commit('access-never', 1n)]),
    );
    expect(judge(stray)).toMatchObject({ about: 'partition', kind: 'absent' });
    const topics = await access.topics();
    expect([...topics.keys()].filter((name) => /never|kafkajs-failover/.test(name))).toEqual([]);
  });

  it('gives the range of each partition, as read_committed sees it', async () => {
    const topic = await newTopic({ partitions: 2 });
    await produce(topic, ['a', 'b', 'c']);
    expect(await access.ranges(topic)).toEqual(
      new Map([
        [0, { low: 0n, high: 3n }],
        [1, { low: 0n, high: 0n }],
      ]),
    );
    await stack.clusters.A.withAdmin(async (admin) => {
      // kafkajs forgets to load the topic's metadata for the deletion.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });
    });
    expect((await access.ranges(topic))?.get(0)).toEqual({ low: 2n, high: 3n });
    const fetched = await access.fetch(topic, 0, 2n, { maxWaitMs: 1000 });
    expect(fetched.range).toEqual({ low: 2n, high: 3n });
    const below = await rejectionOf(access.fetch(topic, 0, 0n, { maxWaitMs: 10 }));
    expect(judge(below)).toMatchObject({ about: 'partition', kind: 'out-of-range' });
  });

  it('sees partitions that are added, and topics that are deleted, without a new connection', async () => {
    const topic = await newTopic();
    expect((await access.ranges(topic))?.size).toBe(1);
    await stack.clusters.A.withAdmin((admin) =>
      admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }),
    );
    await waitFor('3 partitions', async () => (await access.ranges(topic))?.size === 3);
    await stack.clusters.A.withAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
    await waitFor('the deletion', async () => (await access.ranges(topic)) === undefined);
  });
});

describe('commits', () => {
  it('stores commits of a group that nobody ever joined, with their metadata', async () => {
    const topic = await newTopic({ partitions: 2 });
    const commits = [commit(topic, 5n, 'naïve ✓'), commit(topic, 0n, '', 1)];
    expect(await access.commitIdle('access-unknown', commits)).toBe('stored');
    const stored = await access.committed('access-unknown', [topic, 'access-never']);
    expect(stored.toSorted((a, b) => a.partition - b.partition)).toEqual(commits);
    expect(await access.committed('access-unknown', ['access-never'])).toEqual([]);
    expect(await access.committed('access-nobody', [topic])).toEqual([]);
    expect(await access.commitIdle('access-unknown', [commit(topic, 3n)])).toBe('stored');
    expect(await access.committed('access-unknown', [topic])).toContainEqual(commit(topic, 3n));
  });

  it('is refused by a group with a live member, which is not disturbed, and not after it has left', async () => {
    const topic = await newTopic();
    await produce(topic, ['a', 'b']);
    const groupId = 'access-alive';
    await withMember(groupId, topic, async (memberId, consumer) => {
      await consumer.commitOffsets([{ topic, partition: 0, offset: '1' }]);
      expect(await access.commitIdle(groupId, [commit(topic, 2n)])).toBe('refused');
      expect(await access.committed(groupId, [topic])).toEqual([commit(topic, 1n)]);
      const { members, state } = await consumer.describeGroup();
      expect([state, members.map((each) => each.memberId)]).toEqual(['Stable', [memberId]]);
    });
    expect(await access.commitIdle(groupId, [commit(topic, 2n)])).toBe('stored');
    expect(await access.committed(groupId, [topic])).toEqual([commit(topic, 2n)]);
  });

  it('stores the good rows of a mixed request, and rejects', async () => {
    const topic = await newTopic();
    const mixed = [commit('access-never', 1n), commit(topic, 4n)];
    const error = await rejectionOf(access.commitIdle('access-mixed', mixed));
    expect(judge(error)).toMatchObject({ about: 'partition', kind: 'absent' });
    expect(await access.committed('access-mixed', [topic])).toEqual([commit(topic, 4n)]);
  });

  it('takes a dead member out of its group at once', async () => {
    const topic = await newTopic();
    const session = openSession({
      alias: 'A',
      switchEpoch: 1,
      clusterOptions: { brokers: stack.clusters.A.brokers },
      kafkaConfig,
      world: realWorld(),
      events: { emit: () => {} },
      stalledAfterMs: 60_000,
    });
    const consumer = session.kafka.consumer({
      groupId: 'access-dead',
      sessionTimeout: 300_000,
      retry: { retries: 0, restartOnFailure: () => Promise.resolve(false) },
    });
    const joined = new Promise<string>((resolve) => {
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => resolve(payload.memberId));
    });
    await consumer.connect();
    await consumer.subscribe({ topic });
    await consumer.run({ eachMessage: async () => {} });
    const memberId = await joined;
    session.fence(new FencedError('a member that cannot say goodbye'));
    expect(await access.commitIdle('access-dead', [commit(topic, 1n)])).toBe('refused');

    await access.leaveGroup('access-dead', memberId);
    expect(await access.commitIdle('access-dead', [commit(topic, 1n)])).toBe('stored');
    // Asked twice, or for a stranger: that is what was wanted.
    await access.leaveGroup('access-dead', memberId);
    await access.leaveGroup('access-dead', 'nobody');
    await consumer.disconnect();
  });
});

describe('fetch', () => {
  it('begins in the middle of a batch, and gives nothing from before', async () => {
    const topic = await newTopic();
    await produce(
      topic,
      Array.from({ length: 10 }, (_, index) => `r${index}`),
    );
    const fetched = await access.fetch(topic, 0, 6n, { maxWaitMs: 1000 });
    expect(fetched.records.map(({ value }) => String(value))).toEqual(['r6', 'r7', 'r8', 'r9']);
    expect(fetched).toMatchObject({ nextOffset: 10n, range: { low: 0n, high: 10n } });
    expect(await access.fetch(topic, 0, 10n, { maxWaitMs: 10 })).toEqual({
      records: [],
      nextOffset: 10n,
      range: { low: 0n, high: 10n },
    });
  });

  it('waits for the first record, not for the whole time', async () => {
    const topic = await newTopic();
    const waiting = access.fetch(topic, 0, 0n, { maxWaitMs: 60_000 });
    await produce(topic, ['late']);
    expect((await waiting).records).toHaveLength(1);
  });

  it('gives committed and plain records only, and passes the markers of transactions', async () => {
    const topic = await newTopic();
    const producers = ['one', 'two'].map((name) =>
      client.producer({
        transactionalId: `${topic}-${name}`,
        idempotent: true,
        maxInFlightRequests: 1,
        createPartitioner: () => () => 0,
      }),
    );
    const [one, two] = producers;
    if (one === undefined || two === undefined) throw new Error('two producers were made');
    await Promise.all([one.connect(), two.connect()]);
    const expected: string[] = [];
    try {
      for (let round = 0; round < 6; round += 1) {
        const [left, right] = [await one.transaction(), await two.transaction()];
        for (const part of ['a', 'b']) {
          const send = (who: typeof left, name: string): Promise<unknown> =>
            who.send({ topic, messages: [{ key: null, value: `${name}-${round}${part}` }] });
          await send(left, 'left');
          await send(right, 'right');
          await produce(topic, [`plain-${round}${part}`]);
        }
        const isLeftKept = round % 2 === 0;
        const isRightKept = round % 3 === 0;
        await (isLeftKept ? left.commit() : left.abort());
        await (isRightKept ? right.commit() : right.abort());
        for (const part of ['a', 'b']) {
          if (isLeftKept) expected.push(`left-${round}${part}`);
          if (isRightKept) expected.push(`right-${round}${part}`);
          expected.push(`plain-${round}${part}`);
        }
      }
      await untilMarked(topic);
      expected.push('all is marked');
      // Whole answers, and one batch at a time.
      expect((await readToEnd(topic)).values).toEqual(expected);
      expect((await readToEnd(topic, 1)).values).toEqual(expected);

      const { high = 0n } = (await access.ranges(topic))?.get(0) ?? {};
      const open = await one.transaction();
      await open.send({ topic, messages: [{ value: 'open' }] });
      await produce(topic, ['behind an open transaction']);
      expect((await access.ranges(topic))?.get(0)?.high).toBe(high);
      expect((await readToEnd(topic)).values).toEqual(expected);
      await open.abort();
      expected.push('behind an open trans');
      await waitFor('the abort', async () => (await readToEnd(topic)).values.length, {
        until: (count) => count === expected.length,
      });
      expect((await readToEnd(topic)).values).toEqual(expected);
    } finally {
      await Promise.all(producers.map((each) => each.disconnect()));
    }
  });

  it('begins anywhere among transactions and sees the same', async () => {
    const topic = await newTopic();
    for (const [index, end] of ['abort', 'commit', 'abort', 'commit'].entries()) {
      const producer = client.producer({
        transactionalId: `${topic}-${index}`,
        idempotent: true,
        maxInFlightRequests: 1,
        createPartitioner: () => () => 0,
      });
      await producer.connect();
      const transaction = await producer.transaction();
      await transaction.send({
        topic,
        messages: [{ value: `${end}-${index}` }, { value: `${end}-${index}` }],
      });
      await (end === 'abort' ? transaction.abort() : transaction.commit());
      await producer.disconnect();
    }
    await untilMarked(topic);
    const whole = await readToEnd(topic);
    expect(whole.values).toEqual(['commit-1', 'commit-1', 'commit-3', 'commit-3', 'all is marked']);
    const { high = 0n } = (await access.ranges(topic))?.get(0) ?? {};
    for (let offset = 0n; offset < high; offset += 1n) {
      const fetched = await access.fetch(topic, 0, offset, { maxWaitMs: 100 });
      const offsets = fetched.records.map((each) => BigInt(each.offset));
      expect(offsets).toEqual(whole.offsets.filter((each) => each >= offset));
    }
  });

  it('steps over batches that compaction has emptied, where kafkajs sees nothing at all', async () => {
    // A segment of its own for each part: small ones would be merged by the cleaner.
    const topic = await newTopic({
      config: {
        'cleanup.policy': 'compact',
        'segment.ms': '100',
        'segment.bytes': String(SEGMENT_BYTES),
        'max.message.bytes': '4000000',
        'min.cleanable.dirty.ratio': '0.0',
        'delete.retention.ms': '0',
      },
    });
    const idempotent = { idempotent: true, maxInFlightRequests: 1, key: 'k' };
    // With the emptied batch it exceeds a segment, so the cleaner cannot merge the two; alone it fits into one.
    const big = randomBytes(SEGMENT_BYTES / 2)
      .toString('hex')
      .slice(0, -90);
    // A segment ends by the times of its records: each part is a second later than the one before.
    const startMs = Date.now() - 10_000;
    // The last batch of its producer: kept without its records.
    await produce(topic, ['old', 'old', 'old'], { ...idempotent, timestampMs: startMs });
    await produce(topic, [`new${big}`], { ...idempotent, timestampMs: startMs + 1_000 });
    await produce(topic, ['end'], { key: 'other', timestampMs: startMs + 2_000 });
    const read = await waitFor('the compaction', () => readToEnd(topic), {
      until: ({ values }) => !values.includes('old'),
      timeoutMs: 60_000,
    });
    expect(read.values.map((value) => value.slice(0, 3))).toEqual(['new', 'end']);
    expect(read.emptyStepCount).toBe(3);
  });
});

describe('failures', () => {
  it('is closed once and for all', async () => {
    const other = openAccess({
      alias: 'A',
      clusterOptions: { brokers: stack.clusters.A.brokers },
      kafkaConfig,
      world: realWorld(),
    });
    await other.clusterId();
    const waiting = rejectionOf(other.fetch(await newTopic(), 0, 0n, { maxWaitMs: 60_000 }));
    await other.close();
    await other.close();
    for (const error of [await waiting, await rejectionOf(other.topics())]) {
      expect(error).toMatchObject({ code: 'ERR_FAILOVER_CLOSED' });
    }
  });

  it('rejects while the broker is frozen, and answers again when it has thawed', async () => {
    const frozen = openAccess({
      alias: 'A',
      clusterOptions: { brokers: stack.clusters.A.brokers, connectionTimeout: 300 },
      kafkaConfig,
      world: realWorld(),
    });
    await frozen.clusterId();
    await stack.clusters.A.pause();
    try {
      // First over the open connection, then over a new one.
      for (const _ of [1, 2]) {
        const error = await rejectionOf(frozen.topics());

        expect(judge(error)).toMatchObject({
          about: 'cluster',
          kind: 'silent',
        });
      }
    } finally {
      stack.clusters.A.resume();
    }
    await waitFor('an answer', () => frozen.clusterId());
    await frozen.close();
    // Its controller has taken it for dead meanwhile, and makes no topics before it is registered again.
    await waitFor('a broker in office', () => newTopic());
  });

  it('finds a broker that was killed and came back', async () => {
    const topic = await newTopic();
    await produce(topic, ['before']);
    await access.commitIdle('access-killed', [commit(topic, 1n)]);
    const waiting = rejectionOf(access.fetch(topic, 0, 1n, { maxWaitMs: 60_000 }));
    await stack.clusters.A.kill();
    expect(judge(await waiting)).toMatchObject({ about: 'cluster', kind: 'no-connection' });
    expect(judge(await rejectionOf(access.topics()))).toMatchObject({ kind: 'no-connection' });
    await stack.clusters.A.start();
    const stored = await waitFor('the commits', () => access.committed('access-killed', [topic]), {
      timeoutMs: 60_000,
    });
    expect(stored).toEqual([commit(topic, 1n)]);
    expect(await readToEnd(topic)).toMatchObject({ values: ['before'] });
  });

  it('asks anew where the brokers are after it lost them', async () => {
    let { brokers } = stack.clusters.B;
    const moving = openAccess({
      alias: 'B',
      clusterOptions: { brokers: () => brokers, clusterId: 'not checked here' },
      kafkaConfig,
      world: realWorld(),
    });
    expect(await moving.clusterId()).toBe(stack.clusters.B.clusterId);
    // No other test needs B, so it stays down.
    await stack.clusters.B.kill();
    brokers = stack.clusters.A.brokers;
    const id = await waitFor('the other address', () => moving.clusterId());
    expect(id).toBe(stack.clusters.A.clusterId);
    await moving.close();
  });
});
