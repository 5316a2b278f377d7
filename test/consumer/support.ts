import type {
  Batch,
  Consumer,
  ConsumerConfig,
  ConsumerRunConfig,
  EachBatchPayload,
  EachMessagePayload,
  InstrumentationEvent,
  Kafka,
  KafkaMessage,
} from 'kafkajs';
import { Traffic } from '../../src/health/traffic.js';
import { SessionWork } from '../../src/session-work.js';
import { EventEmitter } from 'node:events';
import type { ClusterAccess, Commit } from '../../src/cluster/access.js';
import type { ClusterSession } from '../../src/cluster/session.js';
import { CONSUMER_EVENTS } from '../../src/consumer/consumer-events.js';
import {
  createFailoverConsumer,
  type FailoverConsumer,
} from '../../src/consumer/failover-consumer.js';
import type { FailoverConsumerParts } from '../../src/consumer/consumer-parts.js';
import { FencedError } from '../../src/errors.js';
import { FailoverEmitter } from '../../src/emitter.js';
import type { GroupPlan, PartitionPlan } from '../../src/position/plan.js';
import { replicationPolicy } from '../../src/replication/policy.js';
import type { SwitchTurn } from '../../src/switch/participant.js';
import { controlled, type Controlled } from '../support/controlled.js';
import { FakeActive } from '../support/fake-active.js';
import { manualWorld, settle, type ManualWorld } from '../support/manual-world.js';
import { silentLogger } from '../support/silent-logger.js';

export { controlled, settle, type Controlled };

export function message(offset: number | string): KafkaMessage {
  return {
    key: null,
    value: Buffer.from(`record ${offset}`),
    timestamp: '0',
    attributes: 0,
    offset: String(offset),
    headers: {},
  };
}

/** kafkajs's batch, as far as a handler sees it. */
export class FakeBatch implements Batch {
  topic: string;
  partition: number;
  highWatermark = '1000';
  messages: KafkaMessage[];

  constructor(topic: string, partition: number, offsets: readonly number[]) {
    this.topic = topic;
    this.partition = partition;
    this.messages = offsets.map(message);
  }
  isEmpty(): boolean {
    return this.messages.length === 0;
  }
  firstOffset(): string | null {
    return this.messages[0]?.offset ?? null;
  }
  lastOffset(): string {
    return this.messages.at(-1)?.offset ?? '-1';
  }
  offsetLag(): string {
    return '0';
  }
  offsetLagLow(): string {
    return '0';
  }
}

/** An inner consumer in the test's hands. It joins when it is told to, and hands out what the test delivers. */
export class FakeInner {
  readonly config: ConsumerConfig;
  readonly cluster: FakeCluster;
  readonly emitter = new EventEmitter();
  readonly consumer: Consumer;
  subscriptions: { topics: string[]; fromBeginning: boolean }[] = [];
  runConfig: ConsumerRunConfig | undefined;
  readonly commits: {
    topic: string;
    partition: number;
    offset: string;
    metadata?: string | null;
  }[] = [];
  readonly seeks: { topic: string; partition: number; offset: string }[] = [];
  readonly pauses: { method: 'pause' | 'resume'; topic: string; partitions?: number[] }[] = [];
  readonly resolved: string[] = [];
  /** False: kafkajs drops commits and resolves, as it does while it stops. */
  storesCommits = true;
  connectError: Error | undefined;
  runResult = controlled();
  stopResult: Controlled<void> | undefined;
  isStopped = false;
  disconnectCount = 0;
  heartbeatCount = 0;
  /** Restarts so far: kafkajs makes a new runner for each, with a heartbeat of its own. */
  restartCount = 0;
  /** For each heartbeat the `restartCount` of the runner that it belongs to. */
  readonly heartbeats: number[] = [];
  heartbeatError: Error | undefined;

  constructor(cluster: FakeCluster, config: ConsumerConfig) {
    this.cluster = cluster;
    this.config = config;
    this.consumer = this.#surface();
  }

  #surface(): Consumer {
    const surface = {
      connect: async () => {
        if (this.connectError !== undefined) throw this.connectError;
        this.emit(CONSUMER_EVENTS.CONNECT, null);
      },
      disconnect: async () => {
        this.disconnectCount += 1;
        this.emit(CONSUMER_EVENTS.DISCONNECT, null);
      },
      subscribe: async (subscription: { topics: string[]; fromBeginning: boolean }) => {
        if (this.cluster.subscribeError !== undefined) throw this.cluster.subscribeError;
        this.subscriptions.push(subscription);
      },
      run: (config: ConsumerRunConfig) => {
        this.runConfig = config;
        if (this.cluster.joinsByItself) {
          queueMicrotask(() => this.join(this.cluster.assignment));
        }
        return this.runResult.promise;
      },
      stop: async () => {
        this.isStopped = true;
        await this.stopResult?.promise;
        this.emit(CONSUMER_EVENTS.STOP, null);
      },
      commitOffsets: async (offsets: FakeInner['commits']) => {
        await this.cluster.commitDelay?.promise;
        if (!this.storesCommits) return;
        this.commits.push(...offsets);
        this.emit(CONSUMER_EVENTS.COMMIT_OFFSETS, {
          topics: offsets.map(({ topic, partition, offset }) => ({
            topic,
            partitions: [{ partition: String(partition), offset }],
          })),
        });
      },
      seek: (entry: FakeInner['seeks'][number]) => this.seeks.push(entry),
      pause: (list: { topic: string; partitions?: number[] }[]) => {
        for (const one of list) this.pauses.push({ method: 'pause', ...one });
      },
      resume: (list: { topic: string; partitions?: number[] }[]) => {
        for (const one of list) this.pauses.push({ method: 'resume', ...one });
      },
      paused: () => [],
      describeGroup: async () => ({ groupId: this.config.groupId, state: this.cluster.alias }),
      on: (name: string, listener: (event: InstrumentationEvent<unknown>) => unknown) => {
        this.emitter.on(name, listener);
        return () => this.emitter.off(name, listener);
      },
      events: CONSUMER_EVENTS,
      logger: () => silentLogger(),
    };
    return surface as unknown as Consumer;
  }

  /** kafkajs asks for fresh metadata before each fetch, of the cluster that it hands to assigners. */
  async beforeFetch(): Promise<void> {
    const cluster = { findBroker: async () => ({}), refreshMetadataIfNecessary: async () => {} };
    for (const assigner of this.config.partitionAssigners ?? []) assigner({ cluster } as never);
    await cluster.refreshMetadataIfNecessary();
  }

  emit(type: string, payload: unknown): void {
    this.emitter.emit(type, { id: 1, type, timestamp: 1, payload });
  }

  /** The group's join ends. Rethrows what a listener throws, as kafkajs ends its join with it. */
  join(
    memberAssignment: Record<string, number[]>,
    memberId = `member-${this.cluster.inners.indexOf(this)}`,
  ): void {
    this.emit(CONSUMER_EVENTS.GROUP_JOIN, {
      groupId: this.config.groupId,
      memberId,
      memberAssignment,
    });
    this.runResult.resolve();
  }

  crash(error: Error, restart: boolean): void {
    this.runResult.resolve();
    if (restart) this.restartCount += 1;
    this.emit(CONSUMER_EVENTS.CRASH, { error, groupId: this.config.groupId, restart });
  }

  get #heartbeat(): () => Promise<void> {
    const runner = this.restartCount;
    return async () => {
      this.heartbeatCount += 1;
      this.heartbeats.push(runner);
      if (this.heartbeatError !== undefined) throw this.heartbeatError;
    };
  }

  /** kafkajs's call of `eachMessage`. */
  deliver(topic: string, partition: number, offset: number): Promise<void> {
    const { eachMessage } = this.runConfig ?? {};
    if (eachMessage === undefined) throw new Error('no eachMessage');
    const payload: EachMessagePayload = {
      topic,
      partition,
      message: message(offset),
      heartbeat: this.#heartbeat,
      pause: () => () => {},
    };
    const result = (async () => eachMessage(payload))();
    result.catch(() => {});
    return result;
  }

  /** kafkajs's call of `eachBatch`. */
  deliverBatch(batch: Batch, commit?: EachBatchPayload['commitOffsetsIfNecessary']): Promise<void> {
    const { eachBatch } = this.runConfig ?? {};
    if (eachBatch === undefined) throw new Error('no eachBatch');
    const result = (async () =>
      eachBatch({
        batch,
        resolveOffset: (offset) => this.resolved.push(offset),
        heartbeat: this.#heartbeat,
        pause: () => () => {},
        commitOffsetsIfNecessary: commit ?? (async () => {}),
        uncommittedOffsets: () => ({
          topics: [
            { topic: batch.topic, partitions: [{ partition: batch.partition, offset: '7' }] },
          ],
        }),
        isRunning: () => !this.isStopped,
        isStale: () => false,
      }))();
    result.catch(() => {});
    return result;
  }
}

/** One cluster in all its epochs. */
export class FakeCluster {
  readonly alias: string;
  readonly topics = new Map<string, number>();
  readonly inners: FakeInner[] = [];
  readonly committed = new Map<string, bigint>();
  readonly idleCommits: Commit[] = [];
  readonly left: string[] = [];
  hasMembers = false;
  joinsByItself = true;
  assignment: Record<string, number[]> = {};
  subscribeError: Error | undefined;
  topicsError: Error | undefined;
  leaveError: Error | undefined;
  onLeave: () => void = () => {};
  topicsDelay: Controlled<void> | undefined;
  commitDelay: Controlled<void> | undefined;

  constructor(alias: string) {
    this.alias = alias;
  }

  get inner(): FakeInner {
    const inner = this.inners.at(-1);
    if (inner === undefined) throw new Error(`no inner consumer on ${this.alias}`);
    return inner;
  }

  session(switchEpoch: number): ClusterSession {
    const controller = new AbortController();
    return {
      alias: this.alias,
      switchEpoch,
      kafka: {
        consumer: (config: ConsumerConfig) => {
          const inner = new FakeInner(this, config);
          this.inners.push(inner);
          return inner.consumer;
        },
      } as unknown as Kafka,
      countedClient: () => {
        throw new Error('no producers in these tests');
      },
      signal: controller.signal,
      traffic: new Traffic(),
      work: new SessionWork(manualWorld()),
      produceWaitingMs: () => 0,
      drains: () => {},
      fence: (reason) => controller.abort(reason),
    };
  }

  readonly access: ClusterAccess = {
    alias: '',
    clusterId: async () => this.alias,
    topics: async () => {
      await this.topicsDelay?.promise;
      if (this.topicsError !== undefined) throw this.topicsError;
      return new Map(this.topics);
    },
    ranges: async () => new Map(),
    isCompacted: async () => false,
    offsetOfTime: async () => undefined,
    committed: async (_groupId, topics) =>
      [...this.committed].flatMap(([key, offset]) => {
        const [topic = '', partition] = key.split('/');
        return topics?.includes(topic) !== false
          ? [{ topic, partition: Number(partition), offset, metadata: '' }]
          : [];
      }),
    commitIdle: async (_groupId, commits) => {
      if (this.hasMembers) return 'refused';
      this.idleCommits.push(...commits);
      for (const { topic, partition, offset } of commits) {
        this.committed.set(`${topic}/${partition}`, offset);
      }
      return 'stored';
    },
    leaveGroup: async (_groupId, memberId) => {
      if (this.leaveError !== undefined) throw this.leaveError;
      this.left.push(memberId);
      this.onLeave();
    },
    fetch: () => Promise.reject(new Error('not in these tests')),
    renew: () => {},
    close: async () => {},
  };
}

export interface Harness {
  readonly world: ManualWorld;
  readonly active: FakeActive<ClusterSession>;
  readonly a: FakeCluster;
  readonly b: FakeCluster;
  readonly client: FailoverConsumer;
  readonly consumer: FailoverConsumer['consumer'];
  /** The library's own events, by name. */
  readonly facts: { name: string; event: Record<string, unknown> }[];
  /** kafkajs's events, as the user hears them. */
  readonly heard: { type: string; payload: unknown }[];
  /** Runs a whole switch through the participant. */
  switchTo(alias: 'A' | 'B', options?: { planned?: boolean; plan?: GroupPlan }): Promise<void>;
  turnTo(alias: 'A' | 'B', planned?: boolean): SwitchTurn;
}

export function harness(
  config: Partial<ConsumerConfig> = {},
  overrides: Partial<FailoverConsumerParts> = {},
): Harness {
  const world = manualWorld();
  const a = new FakeCluster('A');
  const b = new FakeCluster('B');
  a.topics.set('orders', 2);
  a.assignment = { orders: [0, 1] };
  b.topics.set('A.orders', 2);
  b.assignment = { 'A.orders': [0, 1] };
  const active = new FakeActive<ClusterSession>(a.session(1));
  const events = new FailoverEmitter(() => ({ atMs: world.nowMs(), switchEpoch: active.epoch }));
  const facts: Harness['facts'] = [];
  const names = [
    'consumer.attached',
    'consumer.resubscribed',
    'consumer.offset-refused',
    'consumer.dedup-failed',
    'listener.failed',
  ] as const;
  for (const name of names) events.on(name, (event) => facts.push({ name, event: { ...event } }));
  const client = createFailoverConsumer({
    id: 'consumer-1',
    config: { groupId: 'billing', ...config },
    limits: { onMissingPosition: 'earliest', topicRefreshMs: 30_000, commitMetadata: true },
    world,
    events,
    active,
    logger: silentLogger(),
    homeCluster: 'A',
    policy: replicationPolicy(),
    aliases: ['A', 'B'],
    access: (alias) => (alias === 'A' ? a : b).access,
    sayLast: async () => {},
    latePositions: () => [],
    ...overrides,
  });
  const heard: Harness['heard'] = [];
  for (const type of Object.values(CONSUMER_EVENTS)) {
    const on = client.consumer.on as (
      name: string,
      listener: (event: InstrumentationEvent<unknown>) => void,
    ) => void;
    on(type, (event) => heard.push({ type: event.type, payload: event.payload }));
  }
  const { participant } = client;
  const turnTo: Harness['turnTo'] = (alias, planned = false) => ({
    switchEpoch: active.epoch + 1,
    from: active.inForce?.alias ?? (alias === 'A' ? 'B' : 'A'),
    to: alias,
    planned,
    reason: 'test',
    by: 'operator',
    agreedEpoch: undefined,
  });
  const switchTo: Harness['switchTo'] = async (alias, { planned = false, plan } = {}) => {
    const turn = turnTo(alias, planned);
    const source = active.inForce;
    participant.hold(turn);
    if (planned) await participant.drain(turn);
    active.inForce = undefined;
    source?.fence(new FencedError('fenced by the test'));
    await participant.detach(turn);
    active.epoch = turn.switchEpoch;
    active.inForce = (alias === 'A' ? a : b).session(turn.switchEpoch);
    await participant.attach(active.inForce, plan);
  };
  return { world, active, a, b, client, consumer: client.consumer, facts, heard, switchTo, turnTo };
}

/** A consumer of `orders` that runs on the active cluster. */
export async function start(h: Harness, run: object = {}): Promise<void> {
  await h.consumer.connect();
  await h.consumer.subscribe({ topics: ['orders'] });
  await h.consumer.run({ eachMessage: async () => {}, ...run });
}

export function planFor(
  cluster: string,
  entries: readonly [physicalTopic: string, partition: number, offset: bigint | 'unavailable'][],
): GroupPlan {
  const partitions = entries.map(([physicalTopic, partition, offset]): PartitionPlan => {
    const topic = physicalTopic.replace(/^[AB]\./, '');
    return offset === 'unavailable'
      ? {
          kind: 'unavailable',
          topic,
          physicalTopic,
          partition,
          because: 'nothing is known',
          missing: [],
        }
      : {
          kind: 'resume',
          topic,
          physicalTopic,
          partition,
          offset,
          method: 'checkpoint',
          maxRereadCount: 0n,
          voidCommit: undefined,
          awaited: [],
          missing: [],
          notes: [],
        };
  });
  return { groupId: 'billing', cluster, topics: [], partitions };
}
