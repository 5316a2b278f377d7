import type { Consumer, ConsumerConfig, ConsumerRunConfig, Kafka, KafkaMessage } from 'kafkajs';
import type { ClusterAccess } from '../../src/cluster/access.js';

/** How the clusters are set up. */
export interface EnvOptions {
  /** MirrorMaker's. With `identity` it copies from A to B only. */
  readonly policy: 'default' | 'identity';
}

/** A pair of clusters with MirrorMaker between them, real or in memory, as the conformance suite sees them. */
export interface ContractEnv {
  /** A kafkajs client of one cluster, with few and short retries: 5 unless told otherwise. */
  kafka(cluster: 'A' | 'B', options?: { requestTimeoutMs?: number; retries?: number }): Kafka;
  /** What the library itself asks clusters. */
  access(cluster: 'A' | 'B'): ClusterAccess;
  /** Stops the cluster's process (SIGSTOP). */
  freeze(cluster: 'A' | 'B'): Promise<void>;
  thaw(cluster: 'A' | 'B'): Promise<void>;
  /** Runs `work` while the cluster is slow: its first answer comes `byMs` late, further ones may. */
  slowly<T>(cluster: 'A' | 'B', byMs: number, work: () => Promise<T>): Promise<T>;
  /** From now on new connections to the cluster are refused, and those that exist go on; until `accept`. */
  refuse(cluster: 'A' | 'B'): void;
  accept(cluster: 'A' | 'B'): void;
  /** kill -9, and the start after it. */
  kill(cluster: 'A' | 'B'): Promise<void>;
  restart(cluster: 'A' | 'B'): Promise<void>;
  /** kill -9 of MirrorMaker from A to B, and the start after it. */
  killMirror(): Promise<void>;
  startMirror(): Promise<void>;
  sleep(ms: number): Promise<void>;
  nowMs(): number;
  wallMs(): number;
  /** Runs a test's body, on the clock that the clusters live by. */
  run(body: () => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

/** Waits until `probe` answers something true, on the env's clock. */
export async function eventually<T>(
  env: ContractEnv,
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  { limitMs = 30_000 }: { limitMs?: number } = {},
): Promise<T> {
  const deadlineAtMs = env.nowMs() + limitMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (env.nowMs() > deadlineAtMs) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await env.sleep(50);
  }
}

let nameCount = 0;

/** A name that no other test uses, also in a later run on the same clusters. */
export function uniqueName(env: ContractEnv, prefix: string): string {
  nameCount += 1;
  return `${prefix}-${env.wallMs().toString(36)}-${nameCount}`;
}

/** Creates a topic of its own for a test. */
export async function newTopic(
  env: ContractEnv,
  prefix: string,
  { clusters = ['A'], partitions = 1 }: { clusters?: ('A' | 'B')[]; partitions?: number } = {},
): Promise<string> {
  const topic = uniqueName(env, prefix);
  for (const cluster of clusters) {
    const admin = env.kafka(cluster).admin();
    await admin.connect();
    // A broker that has just come back does not know at once what its controller has made.
    await eventually(env, `topic ${topic}`, () =>
      admin.createTopics({ topics: [{ topic, numPartitions: partitions }] }).then(
        () => true,
        () => false,
      ),
    );
    await admin.disconnect();
  }
  return topic;
}

/** Deletes a topic and makes it anew. */
export async function remake(env: ContractEnv, topic: string): Promise<void> {
  const admin = env.kafka('A').admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await eventually(env, `the end of ${topic}`, async () => {
    return !(await admin.listTopics()).includes(topic);
  });
  let isMade = false;
  // The controller may still refuse the name, and the broker does not know at once what its controller has made.
  await eventually(env, `a second life of ${topic}`, async () => {
    const request = { topics: [{ topic }], waitForLeaders: false };
    isMade ||= await admin.createTopics(request).catch(() => false);
    if (!isMade) return false;
    const known = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => undefined);
    return known?.topics.some(({ partitions }) => partitions.length > 0);
  });
  await admin.disconnect();
}

/** Sends values, to partition 0 unless told otherwise. */
export async function send(
  env: ContractEnv,
  topic: string,
  values: readonly string[],
  { cluster = 'A', partition = 0 }: { cluster?: 'A' | 'B'; partition?: number } = {},
): Promise<void> {
  const producer = env.kafka(cluster).producer();
  await producer.connect();
  await producer.send({ topic, messages: values.map((value) => ({ partition, value })) });
  await producer.disconnect();
}

/** A consumer that is running, and what it was given. */
export interface Reader {
  readonly consumer: Consumer;
  readonly messages: (KafkaMessage & { topic: string; partition: number })[];
  /** Values, in order of arrival. */
  readonly values: () => string[];
  /** Assignments of each join. */
  readonly joins: Record<string, number[]>[];
  readonly events: string[];
}

export interface ReaderOptions {
  readonly groupId: string;
  readonly topics: readonly (string | RegExp)[];
  readonly cluster?: 'A' | 'B';
  readonly fromBeginning?: boolean;
  readonly config?: Partial<ConsumerConfig>;
  readonly run?: Omit<ConsumerRunConfig, 'eachMessage'>;
  /** Called in the GROUP_JOIN listener. */
  readonly onJoin?: (consumer: Consumer, assignment: Record<string, number[]>) => void;
  readonly onMessage?: (message: KafkaMessage & { topic: string; partition: number }) => unknown;
}

/** Starts a consumer, and answers when its `run()` has resolved. */
export async function startReader(env: ContractEnv, options: ReaderOptions): Promise<Reader> {
  const consumer = env.kafka(options.cluster ?? 'A').consumer({
    groupId: options.groupId,
    maxWaitTimeInMs: 200,
    heartbeatInterval: 500,
    sessionTimeout: 10_000,
    retry: { retries: 5, initialRetryTime: 50, maxRetryTime: 500 },
    ...options.config,
  });
  const reader: Reader = {
    consumer,
    messages: [],
    values: () => reader.messages.map(({ value }) => String(value)),
    joins: [],
    events: [],
  };
  for (const name of Object.values(consumer.events)) {
    if (/network|heartbeat/.test(name)) continue;
    // kafkajs's types name each event; this listens to all alike.
    const on = consumer.on as (name: string, listener: () => void) => () => void;
    on(name, () => reader.events.push(name));
  }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    reader.joins.push(payload.memberAssignment);
    options.onJoin?.(consumer, payload.memberAssignment);
  });
  await consumer.connect();
  await consumer.subscribe({
    topics: [...options.topics],
    fromBeginning: options.fromBeginning ?? true,
  });
  await consumer.run({
    ...options.run,
    eachMessage: async ({ topic, partition, message }) => {
      const delivered = { ...message, topic, partition };
      await options.onMessage?.(delivered);
      reader.messages.push(delivered);
    },
  });
  return reader;
}

/** Does something within a transaction, once the markers of the one before are written: kafkajs does not always wait for them. */
export async function patiently<T>(env: ContractEnv, act: () => Promise<T>): Promise<T> {
  const { value } = await eventually(env, 'the end of the transaction before', async () => {
    try {
      return { value: await act() };
    } catch (error) {
      const type: unknown = error instanceof Error ? Reflect.get(error, 'type') : undefined;
      if (type === 'CONCURRENT_TRANSACTIONS') return undefined;
      throw error;
    }
  });
  return value;
}
