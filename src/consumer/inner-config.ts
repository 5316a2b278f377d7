import type { ConsumerConfig } from 'kafkajs';
import type { ClusterAccess } from '../cluster/access.js';
import type { ClusterSession } from '../cluster/session.js';
import { kafka } from '../kafkajs.js';
import type { World } from '../world.js';
import { siblingsTogether, type AssignerGuard } from './assigner.js';
import type { Awaited } from './awaited-records.js';
import type { DedupWindow } from './dedup-window.js';
import type { DispatcherParts } from './dispatcher.js';
import type { FetchHold } from './fetch-hold.js';
import type { InnerConsumer } from './inner-consumer.js';
import type { PartitionLocks } from './locks.js';
import { aroundCoordinator } from './coordinator-calls.js';
import type { LatePositions } from './late-positions.js';
import type { PendingSeeks } from './pending-seeks.js';
import { MetadataCarrier } from './metadata-carrier.js';
import { OutOfRange } from './out-of-range.js';
import type { PartitionProgress } from './progress.js';
import type { RemovedRecords } from './removed-range.js';
import type { GroupMember } from './group-member.js';
import type { OlderDeliveries } from './offsets.js';
import type { Pauses } from './pauses.js';
import type { CarriedLane, Lane } from './lane.js';
import type { Beginning } from './standing.js';

/** @internal What an inner consumer is made of. */
export interface InnerConsumerParts {
  readonly session: ClusterSession;
  /** The access in use: it is closed when the last client leaves, and another one is opened for the next. */
  readonly access: () => ClusterAccess;
  /** The user's own. */
  readonly config: ConsumerConfig;
  /** False where subscribing must not create topics. */
  readonly mayCreateTopics: boolean;
  /** The user's own `restartOnFailure`, of the consumer or of the whole client. */
  readonly restartOnFailure: ((error: Error) => Promise<boolean>) | undefined;
  /** Whether the service reads all that it subscribes to from the beginning. */
  readonly readsFromBeginning: boolean;
  /** Whether commits say which records were handled last. */
  readonly commitMetadata: boolean;
  readonly world: World;
  readonly locks: PartitionLocks;
  readonly older: OlderDeliveries;
  readonly awaited: Awaited;
  readonly dedup: DedupWindow | undefined;
  readonly pauses: Pauses;
  readonly host: InnerConsumerHost;
  /** Progress of the inner consumer before it, of the same epoch. */
  readonly carried: readonly CarriedLane[];
  /** Of a member that waits on the standby. */
  readonly hold?: FetchHold | undefined;
}

/** @internal What an inner consumer tells, and asks of, the wrapper. */
export interface InnerConsumerHost {
  /** Pauses a logical partition; the answer resumes it. */
  pause(topic: string, partition: number): () => void;
  /** Where the group goes on with this epoch, by the plan of this process. */
  planned(physicalTopic: string, partition: number): Beginning | undefined;
  onJoined(inner: InnerConsumer): void;
  /** kafkajs gave up and does not restart. */
  onDied(inner: InnerConsumer, error: Error): void;
  /** The group's leader knows topics that this member has not found yet. */
  onUnknownTopics(inner: InnerConsumer): void;
  /** kafkajs keeps a seek that must not be carried out any more. Ends this one where another can begin. */
  onSeekKept(inner: InnerConsumer): void;
  onOffsetRefused(error: Error): void;
  /** Records were removed before they were delivered. */
  onRemoved(records: RemovedRecords): void;
  /** A question to the cluster has ended, for which a connection may have been opened. */
  releaseUnused(): void;
}

/** @internal kafkajs's default (`src/consumer/index.js`). */
export const DEFAULT_HEARTBEAT_INTERVAL_MS = 3_000;

/** @internal What the dispatcher of an inner consumer is made of. */
export function dispatcherParts(
  { session, world, locks, older, awaited, dedup, config, host, ...parts }: InnerConsumerParts,
  {
    member,
    ...own
  }: Pick<DispatcherParts, 'run' | 'names' | 'gate' | 'refusal'> & {
    readonly member: Pick<GroupMember, 'committedAtJoin'>;
  },
): DispatcherParts {
  return {
    ...own,
    begun: (topic, partition) => ({
      committedAtJoin: member.committedAtJoin(topic, partition)?.committed,
      begunAt: parts.readsFromBeginning ? 0n : host.planned(topic, partition)?.offset,
    }),
    cluster: session.alias,
    // A member that waits on the standby has none yet.
    get switchEpoch() {
      return session.switchEpoch;
    },
    locks,
    older,
    awaited,
    groupId: config.groupId,
    work: session.work,
    dedup,
    world,
    heartbeatIntervalMs: config.heartbeatInterval ?? DEFAULT_HEARTBEAT_INTERVAL_MS,
    onRefused: (error) => host.onOffsetRefused(error),
    pause: (topic, partition) => host.pause(topic, partition),
    onRemoved: (records) => host.onRemoved(records),
  };
}

/** kafkajs's default for consumers (`src/index.js`): giving it any `retry` takes it away. */
const DEFAULT_RETRY = { retries: 5 };

/**
 * The config of an inner consumer: the user's own, a fresh copy, with what makes it one of several.
 *
 * @internal
 */
export function innerConfig(
  { config, mayCreateTopics, restartOnFailure, hold, ...parts }: InnerConsumerParts,
  inUse: Omit<AssignerGuard, 'isStandby'> & {
    isOpen(): boolean;
    latePositions(): LatePositions;
    seeks(): PendingSeeks;
    laneOf(topic: string, partition: number): Pick<Lane, 'recent' | 'progress'> | undefined;
  },
): ConsumerConfig {
  const guard = { ...inUse, isStandby: () => hold?.isStandby === true };
  const assigners = (config.partitionAssigners ?? [kafka.PartitionAssigners.roundRobin]).map(
    (assigner) => siblingsTogether(assigner, guard),
  );
  const { session, world, commitMetadata } = parts;
  const progressOf = (topic: string, partition: number): PartitionProgress | undefined =>
    inUse.laneOf(topic, partition)?.progress;
  const metadata = new MetadataCarrier({
    cluster: session.alias,
    wallMs: () => world.wallMs(),
    recentBelow: (topic, partition, position) =>
      inUse.laneOf(topic, partition)?.recent.forCommit(position) ?? [],
    removed: (...log) => progressOf(...log)?.removed.range,
    leaves: (...log) => {
      const progress = progressOf(...log);
      return progress?.removed.leaves(progress.position());
    },
  });
  const outOfRange = new OutOfRange({
    cluster: session.alias,
    planned: (...log) => parts.host.planned(...log),
    onLeaving: (topic, partition, begun) => progressOf(topic, partition)?.outOfRange(begun),
    onRemoved: (topic, partition, range) => {
      const progress = progressOf(topic, partition);
      // The commit is older than a seek.
      if (progress?.sought === undefined) progress?.removed.add(range);
    },
  });
  const watched = aroundCoordinator(assigners, {
    commits: (request, send) =>
      inUse
        .seeks()
        .commits(request, (seek) =>
          outOfRange.commits(seek, (one) =>
            commitMetadata ? metadata.commits(one, send) : send(one),
          ),
        ),
    async beforeFetch() {
      await inUse.latePositions().beforeFetch();
      inUse.seeks().beforeFetch();
    },
    begins: (...told) => outOfRange.begins(...told),
  });
  return {
    ...config,
    ...(mayCreateTopics ? {} : { allowAutoTopicCreation: false }),
    partitionAssigners: hold === undefined ? watched : hold.over(watched),
    retry: {
      ...(config.retry ?? DEFAULT_RETRY),
      // A restart is ours to decide: never of what a switch or a stop has ended, else as the user says.
      restartOnFailure: async (error) =>
        inUse.isOpen() && ((await restartOnFailure?.(error)) ?? true) && inUse.isOpen(),
    },
  };
}
