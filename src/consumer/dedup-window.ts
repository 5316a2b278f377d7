import type { KafkaMessage } from 'kafkajs';
import { LRUCache } from 'lru-cache';
import { asError } from '../caught.js';
import type { EventSink } from '../events.js';
import type { ConsumerLimits } from '../options.js';
import type { DedupLimits } from '../options-dedup.js';
import type { GroupPlan } from '../position/plan.js';
import type { ReplayIndex } from '../replay/replay-index.js';
import type { ReplicationPolicy } from '../replication/policy.js';
import { PartitionMap } from '../replication/partition-map.js';
import type { Assignment } from './consumer-events.js';
import { DedupLane, type DedupLaneParts } from './dedup-lane.js';
import { readPartition } from './offsets.js';
import { identifyBy, type Identify, type RecordLog } from './record-identity.js';
import { HandledElsewhere, ReplayedRecords } from './replayed-records.js';
import type { TopicNames } from './subscription.js';
import { PartitionWork, type LogReach, type Stretch } from './partition-work.js';

/** A record whose handler has ended well. */
interface Handled {
  readonly stretch: Stretch;
  /** Where it was handled, for a consumer without auto-commit: it counts once its commit is beyond it. */
  readonly unless: { readonly log: LogReach; readonly offset: bigint } | undefined;
  /** The place at which it came again last: kafkajs delivers again what follows a failure. */
  cameAgainAt: string | undefined;
}

/** Where the logs go on after a switch. */
interface Beginning {
  readonly cluster: string;
  readonly switchEpoch: number;
  readonly places: PartitionMap<bigint>;
  readonly handledElsewhere: HandledElsewhere;
}

/** A consumer without a window remembers what was replayed, and nothing else: so many records. */
const REPLAYED_ENTRIES = 100_000;

/** @internal What a {@link DedupWindow} is made of. */
export interface DedupParts {
  /** Undefined: only what was replayed is known. */
  readonly limits: DedupLimits | undefined;
  /** Undefined: nothing is replayed. */
  readonly replays: ReplayIndex | undefined;
  /** Name of a topic of `cluster` on the other one. */
  remoteTopic(cluster: string, topic: string): string;
  /** The service's `messageId` threw, or answered what is no id. Told once for each beginning. */
  onFailed(error: Error): void;
}

/**
 * The second line against handling a record twice: which records the handlers of this process have handled, so that they are left out when
 * they come again. It never leaves out what no handler has ended well with, and what somebody wants again:
 *
 * - a record is noted when its handler has ended well, and counts only while its stretch of {@link PartitionWork} lasts;
 * - a seek, another member, a break of the membership, a delivery below the last commit end the stretch;
 * - after a switch the stretch goes on where the log is begun at the very place of the plan. Elsewhere others have been at work.
 *
 * Where records are replayed (`producer.onUnmirrored`) it also knows the two forms of such a record, the mirrored one and the replay; also without a window of the service's own.
 *
 * One for each consumer; it outlives the inner ones. Bounded: the record that was noted longest ago goes first.
 *
 * @internal
 */
export class DedupWindow {
  readonly #parts: DedupParts;
  readonly #identify: Identify;
  readonly #handled: LRUCache<string, Handled>;
  /** Undefined: nothing is replayed. */
  readonly replayed: ReplayedRecords | undefined;
  readonly #works = new PartitionMap<PartitionWork>();
  #beginning: Beginning | undefined;
  #hasFailed = false;
  #hitCount = 0;

  constructor(parts: DedupParts) {
    this.#parts = parts;
    const { limits, replays } = parts;
    this.#identify = limits === undefined ? () => undefined : identifyBy(limits.messageId);
    // Without a ttl: it reads no clock.
    this.#handled = new LRUCache({ max: limits?.maxEntries ?? REPLAYED_ENTRIES });
    this.replayed = replays && new ReplayedRecords(replays, parts.remoteTopic);
  }

  /** Records that came again and were left out. */
  get hitCount(): number {
    return this.#hitCount;
  }

  /** One log's side of it, for one inner consumer. */
  lane(
    source: RecordLog & { readonly switchEpoch: number },
    rest: Pick<DedupLaneParts, 'isAutoCommit' | 'hasPassedReplay'>,
  ): DedupLane {
    const { cluster, physicalTopic, partition, switchEpoch } = source;
    const beginning = this.#beginning;
    const isCarriedOver = beginning?.cluster === cluster && beginning.switchEpoch === switchEpoch;
    return new DedupLane({
      window: this,
      source,
      work: this.#work(source.topic, partition),
      ...rest,
      begins: isCarriedOver ? { at: beginning.places.get(physicalTopic, partition) } : undefined,
      handledElsewhere: isCarriedOver ? beginning.handledElsewhere : undefined,
    });
  }

  /** A switch has led to this plan: what was handled before it counts where the logs are begun at its places. */
  follow({ cluster, partitions }: GroupPlan, switchEpoch: number): void {
    this.#hasFailed = false;
    const places = new PartitionMap<bigint>();
    for (const one of partitions) {
      if (one.kind === 'resume') places.set(one.physicalTopic, one.partition, one.offset);
    }
    const handledElsewhere = new HandledElsewhere(partitions);
    this.#beginning = { cluster, switchEpoch, places, handledElsewhere };
  }

  /** The group was left, or is joined without a plan: it may have been reset meanwhile. */
  forgetAll(cluster: string): void {
    this.#hasFailed = false;
    for (const work of this.#works.values()) work.interrupt(cluster);
    this.#beginning?.handledElsewhere.forget();
    this.#beginning = undefined;
    this.#handled.clear();
  }

  /** User code moves the position in this logical partition, and wants again what comes. */
  forget(cluster: string, topic: string, partition: unknown): void {
    const index = readPartition(partition);
    if (index === undefined) return;
    this.#works.get(topic, index)?.interrupt(cluster);
    this.#beginning?.handledElsewhere.movesBack(topic, index);
  }

  /**
   * A join ended: only what this member had until now, and still has, goes on.
   *
   * @param before - the assignment before it, where the member has been in the group without a break; `first`: of an inner consumer's first join.
   */
  joined(
    assignment: Assignment,
    before: Assignment | 'first' | undefined,
    { cluster, names }: { readonly cluster: string; readonly names: Pick<TopicNames, 'logsOf'> },
  ): void {
    if (before === undefined) return this.forgetAll(cluster);
    for (const work of this.#works.values()) {
      const { topic, partition } = work;
      const own = names
        .logsOf(topic)
        .filter((log) => assignment[log]?.includes(partition) === true);
      const isKept =
        before === 'first' || own.every((log) => before[log]?.includes(partition) === true);
      if (own.length === 0 || !isKept) work.interrupt(cluster);
    }
  }

  /** Which record it is; undefined where that cannot be said: then it is handled as ever. */
  identify(message: KafkaMessage, log: RecordLog): string | undefined {
    try {
      return this.#identify(message, log);
    } catch (error) {
      if (!this.#hasFailed) this.#parts.onFailed(asError(error));
      this.#hasFailed = true;
      return undefined;
    }
  }

  /** True where this record was handled in this stretch: it is left out, and counted. */
  isHandled(id: string, stretch: Stretch, place: string): boolean {
    const known = this.#handled.get(id);
    if (known === undefined || known.stretch !== stretch) return false;
    const { unless } = known;
    if (unless !== undefined && (unless.log.committed ?? 0n) <= unless.offset) return false;
    if (known.cameAgainAt !== place) this.#hitCount += 1;
    known.cameAgainAt = place;
    return true;
  }

  /** A record was left out for another reason. */
  leftOut(): void {
    this.#hitCount += 1;
  }

  /** A handler has ended well with it. */
  note(id: string, { stretch, unless }: Pick<Handled, 'stretch' | 'unless'>): void {
    this.#handled.set(id, { stretch, unless, cameAgainAt: undefined });
  }

  #work(topic: string, partition: number): PartitionWork {
    const known = this.#works.get(topic, partition);
    if (known !== undefined) return known;
    const fresh = new PartitionWork(topic, partition);
    this.#works.set(topic, partition, fresh);
    return fresh;
  }
}

/** @internal The window of a consumer; undefined where the service wants none. */
export function dedupWindow({
  id,
  limits: { dedup },
  events,
  replays,
  policy,
}: {
  readonly id: string;
  readonly limits: ConsumerLimits;
  readonly events: EventSink;
  readonly replays?: ReplayIndex | undefined;
  readonly policy: ReplicationPolicy;
}): DedupWindow | undefined {
  if (dedup === undefined && replays === undefined) return undefined;
  const onFailed = (error: Error): void =>
    events.emit('consumer.dedup-failed', { consumer: id, error });
  return new DedupWindow({
    ...{ limits: dedup, replays, onFailed },
    remoteTopic: (cluster, topic) => policy.formatRemoteTopic(cluster, topic),
  });
}
