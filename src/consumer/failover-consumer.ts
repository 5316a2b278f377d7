import type { ConsumerConfig, GroupDescription } from 'kafkajs';
import type { ClusterSession } from '../cluster/session.js';
import { FailoverClosedError } from '../errors.js';
import type { InstrumentationRelay } from '../instrumentation.js';
import { kafka } from '../kafkajs.js';
import { refuseRemoteNames } from '../replication/topic-names.js';
import type { Participant } from '../switch/participant.js';
import { untilAborted, untilDeadline } from '../wait.js';
import { CONSUMER_EVENTS } from './consumer-events.js';
import { readSubscription } from './consumer-setup.js';
import type { FailoverConsumerParts } from './consumer-parts.js';
import { ConsumerCore } from './core.js';
import type { ResumePosition } from './resume.js';
import { ConsumerRunning } from './running.js';
import type { ConsumerStandbyStatus } from './standby-member.js';
import { ConsumerSwitching } from './switching.js';
import type { FailoverKafkaConsumer } from './types.js';
import type { OffsetPlacer } from './transaction-offsets.js';
import { UserOffsets } from './user-offsets.js';

/**
 * A consumer, seen by an operator.
 *
 * @public
 */
export interface ConsumerStatus {
  /** Names it in events and reports. */
  readonly id: string;
  /** The consumer group. */
  readonly groupId: string;
  /** `idle`: not running. `joining`: on its way into the group. `held`: a switch is under way. */
  readonly state: 'idle' | 'joining' | 'running' | 'held' | 'halted';
  /** Alias of the cluster that its inner consumer belongs to; undefined where it has none. */
  readonly cluster: string | undefined;
  /** The activation that its inner consumer belongs to; undefined where it has none. */
  readonly switchEpoch: number | undefined;
  /** Partitions that this member was assigned, by original topic. */
  readonly assignment: Readonly<Record<string, readonly number[]>>;
  /** The topics that it reads, by their names on its cluster. */
  readonly physicalTopics: readonly string[];
  /** Records that were handled on the other cluster before they were mirrored, and are expected here. */
  readonly awaitedCount: number;
  /** Such records that came, and were not handled again, since the consumer was made. */
  readonly recognisedCount: number;
  /** Records that were left out because a handler had handled them, by `consumer.dedup`, or their other form, by `producer.onUnmirrored`, since the consumer was made; 0 without both. */
  readonly dedupHitCount: number;
  /** How it stands on the standby, by `consumer.hotStandby`. */
  readonly standby: ConsumerStandbyStatus;
}

/** @internal A consumer, as the composition root has it. */
export interface FailoverConsumer {
  /** What the user gets: kafkajs's own surface and nothing else, with methods that need no `this`. */
  readonly consumer: FailoverKafkaConsumer;
  /** What the coordinator moves. It registers itself when it is first used and takes its leave at `disconnect()`. */
  readonly participant: Participant;
  /** For the offsets of transactions. */
  readonly placer: OffsetPlacer;
  /** The group that it is run as a member of; undefined while it is not. */
  groupInUse(): string | undefined;
  /** Where it runs as a member of this group: see `FailoverConsumerParts.latePositions`. */
  latePositions(groupId: string, session: ClusterSession): readonly ResumePosition[];
  status(): ConsumerStatus;
  /** Disconnects, bounded. Idempotent, never rejects. */
  close(): Promise<void>;
}

/** Longest wait of `close()` for running handlers and for kafkajs, in milliseconds. */
const CLOSE_MAX_MS = 30_000;

/**
 * Makes a consumer that outlives its cluster: kafkajs's consumer in front, one inner kafkajs consumer per epoch behind.
 *
 * @throws KafkaJSNonRetriableError for a config that kafkajs refuses at once.
 * @internal
 */
export function createFailoverConsumer(parts: FailoverConsumerParts): FailoverConsumer {
  checkConfig(parts.config);
  // The core tells the running, and that acts on the core.
  const running: ConsumerRunning = new ConsumerRunning(() => core);
  const core: ConsumerCore = new ConsumerCore(parts, running);
  const participant = new ConsumerSwitching(core, running);
  const membership = new Membership(core, running, participant);
  const offsets = new UserOffsets(core, running);
  const groupInUse = () => (core.intent === undefined ? undefined : core.groupId);
  return {
    consumer: surfaceOf(core, running, membership, offsets),
    participant,
    placer: {
      groupId: core.groupId,
      isRunning: () => core.intent !== undefined || running.isStopping,
      isAssigned: (topic, partition) => offsets.isAssigned(topic, partition),
      place: (entry) => offsets.place(entry),
      confirms: (offset, switchEpoch) => offsets.confirms(offset, switchEpoch),
    },
    groupInUse,
    latePositions: (groupId, session) =>
      groupInUse() === groupId ? core.latePositions(session) : [],
    status: () => statusOf(core, running),
    close: () => membership.close(),
  };
}

/** kafkajs checks these where the consumer is made (`src/consumer/index.js`), in these words. */
function checkConfig({
  groupId,
  heartbeatInterval = 3_000,
  sessionTimeout = 30_000,
}: ConsumerConfig): void {
  if (!groupId) {
    throw new kafka.KafkaJSNonRetriableError('Consumer groupId must be a non-empty string.');
  }
  if (heartbeatInterval >= sessionTimeout) {
    throw new kafka.KafkaJSNonRetriableError(
      `Consumer heartbeatInterval (${heartbeatInterval}) must be lower than sessionTimeout (${sessionTimeout}). It is recommended to set heartbeatInterval to approximately a third of the sessionTimeout.`,
    );
  }
}

function surfaceOf(
  core: ConsumerCore,
  running: ConsumerRunning,
  membership: Membership,
  offsets: UserOffsets,
): FailoverKafkaConsumer {
  const { relay, groupId } = core;
  const logger = core.parts.logger.namespace('Consumer');
  const on: InstrumentationRelay['on'] = (eventName, listener) => relay.on(eventName, listener);
  return {
    connect: () => membership.connect(),
    disconnect: () => membership.disconnect(),
    subscribe: (subscription) => membership.subscribe(subscription),
    stop: () => running.stop(),
    async run(config = {}) {
      if (membership.isLeaving) await membership.left('run()');
      if (core.intent !== undefined) {
        logger.warn('consumer#run was called, but the consumer is already running', { groupId });
        return;
      }
      membership.enter();
      await running.run(config);
    },
    commitOffsets: (topicPartitions) => offsets.commit(topicPartitions),
    seek: (topicPartitionOffset) => offsets.seek(topicPartitionOffset),
    describeGroup: () => membership.describeGroup(),
    pause: (topics) => offsets.pause(topics),
    paused: () => offsets.paused(),
    resume: (topics) => offsets.resume(topics),
    on: on as FailoverKafkaConsumer['on'],
    events: CONSUMER_EVENTS,
    logger: () => logger,
  };
}

/** The user's side of a consumer's life, but for running: `connect`, `subscribe`, `disconnect`. */
class Membership {
  readonly #core: ConsumerCore;
  readonly #running: ConsumerRunning;
  readonly #participant: Participant;
  /** Grows with every `disconnect()`: a call from before it must not open anything after it. */
  #leaveCount = 0;
  #isMember = false;
  /** A `disconnect()` that is under way. */
  #leaving: Promise<void> | undefined;
  /** Calls under way that need to hear of switches, and of their end. */
  #callCount = 0;

  constructor(core: ConsumerCore, running: ConsumerRunning, participant: Participant) {
    this.#core = core;
    this.#running = running;
    this.#participant = participant;
  }

  /** Takes part in switches from now on. Where one is under way, or a halt is in force, it hears of it here. */
  enter(): void {
    if (this.#isMember) return;
    this.#isMember = true;
    this.#core.parts.active.register(this.#participant);
  }

  /** Who is not registered hears of no end either: what is known of a switch or a halt would stay for ever. */
  #leave(): void {
    const core = this.#core;
    this.#isMember = false;
    core.state = { kind: 'open' };
    core.parts.active.unregister(this.#participant);
  }

  /** Takes part at least as long as this call lasts. */
  async #during<T>(work: () => Promise<T>): Promise<T> {
    this.enter();
    this.#callCount += 1;
    try {
      return await work();
    } finally {
      this.#callCount -= 1;
      const { isConnected, intent } = this.#core;
      const isUsed = isConnected || intent !== undefined || this.#callCount > 0;
      if (this.#isMember && !isUsed) this.#leave();
    }
  }

  get isLeaving(): boolean {
    return this.#leaving !== undefined;
  }

  /** Resolves when no `disconnect()` is under way: what is called during one begins after it, or it would end with it. */
  async left(call: string): Promise<void> {
    const leaveCount = this.#leaveCount;
    await this.#leaving?.catch(() => {});
    if (leaveCount === this.#leaveCount) return;
    throw new FailoverClosedError(`${call} was overtaken by disconnect()`);
  }

  async connect(): Promise<void> {
    if (this.isLeaving) await this.left('connect()');
    const core = this.#core;
    const leaveCount = this.#leaveCount;
    const isWanted = (): boolean => leaveCount === this.#leaveCount;
    await this.#during(async () => {
      await core.withInner(isWanted, (inner) => inner.consumer.connect());
      if (!isWanted()) throw new FailoverClosedError('connect() was overtaken by disconnect()');
      core.isConnected = true;
    });
  }

  /** As kafkajs: refused while running, and by a cluster that does not have the topic. */
  async subscribe(input: Parameters<FailoverKafkaConsumer['subscribe']>[0]): Promise<void> {
    const core = this.#core;
    if (core.intent !== undefined) {
      throw new kafka.KafkaJSNonRetriableError(
        'Cannot subscribe to topic while consumer is running',
      );
    }
    const subscription = readSubscription(input);
    refuseRemoteNames(subscription.selectors, core.parts);
    core.setup.subscribe(subscription);
    // During a switch there is nobody to ask; the new cluster is asked when the consumer runs.
    const session = core.state.kind === 'open' ? core.parts.active.session() : undefined;
    if (session === undefined) return;
    this.enter();
    try {
      await core.innerOf(session).subscribe(await core.resolve(session));
    } catch (error) {
      if (session.signal.aborted) return;
      core.setup.unsubscribe(subscription);
      throw error;
    }
  }

  async describeGroup(): Promise<GroupDescription> {
    const core = this.#core;
    const leaveCount = this.#leaveCount;
    const isWanted = (): boolean => leaveCount === this.#leaveCount;
    const description = await this.#during(async () => {
      await this.#running.settled();
      return core.withInner(isWanted, async (inner) => {
        if (core.isConnected && !inner.hasStarted) {
          // A fresh one, after a stop: kafkajs finds no coordinator before it has metadata.
          await inner.consumer.connect();
          await inner.subscribe(await core.resolve(inner.session));
        }
        return inner.consumer.describeGroup();
      });
    });
    if (description !== undefined) return description;
    throw new FailoverClosedError('describeGroup() was overtaken by disconnect()');
  }

  async disconnect(): Promise<void> {
    this.#leaveCount += 1;
    const leaving = this.#disconnect();
    this.#leaving = leaving;
    try {
      await leaving;
    } finally {
      if (this.#leaving === leaving) this.#leaving = undefined;
    }
  }

  async #disconnect(): Promise<void> {
    const core = this.#core;
    await this.#running.stop();
    const { inner } = core;
    core.isConnected = false;
    core.dropInner();
    core.wakeUp();
    this.#leave();
    if (inner !== undefined) {
      inner.retire(new FailoverClosedError('The consumer was disconnected'));
      core.closing = inner.closed;
    }
    const signal = inner?.session.signal ?? core.parts.active.session()?.signal;
    try {
      await (signal === undefined ? core.closing : untilAborted(signal, core.closing));
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    } finally {
      core.relay.detach();
    }
    core.emit(CONSUMER_EVENTS.DISCONNECT);
  }

  async close(): Promise<void> {
    const { world } = this.#core.parts;
    await untilDeadline(world, world.nowMs() + CLOSE_MAX_MS, this.disconnect()).catch(() => {});
  }
}

function statusOf(core: ConsumerCore, running: ConsumerRunning): ConsumerStatus {
  const { inner } = core;
  return {
    id: core.parts.id,
    groupId: core.groupId,
    state: stateOf(core, running),
    cluster: inner?.session.alias,
    switchEpoch: inner?.session.switchEpoch,
    assignment: inner?.assignment ?? {},
    physicalTopics: [...(inner?.subscription?.fromBeginning.keys() ?? [])],
    ...core.awaited.counts(),
    dedupHitCount: core.dedup?.hitCount ?? 0,
    standby: core.standby?.status ?? { kind: 'none' },
  };
}

function stateOf(core: ConsumerCore, running: ConsumerRunning): ConsumerStatus['state'] {
  const { kind } = core.state;
  if (kind === 'halted') return 'halted';
  if (core.intent === undefined) return 'idle';
  if (kind === 'held') return 'held';
  const isMember = core.inner?.memberId !== undefined && !core.inner.isRetired;
  return isMember && !running.isOpening() && !running.isStopping ? 'running' : 'joining';
}
