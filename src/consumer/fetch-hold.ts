import type { Cluster, ConsumerGroupJoinEvent, PartitionAssigner } from 'kafkajs';
import type { World } from '../world.js';
import { untilDeadline } from '../wait.js';
import { deferred, type Deferred } from '../deferred.js';
import { openFetchConnections } from './fetch-connections.js';

/** @internal The payload of kafkajs's GROUP_JOIN. */
export type GroupJoin = ConsumerGroupJoinEvent['payload'];

/** How long the first fetch waits for a connection that is being opened for it, in milliseconds: kafkajs's own limit for one. */
const WARM_MS = 1_000;

/** How often, in milliseconds: brokers and what lies between close connections that nobody uses. */
const WARM_EVERY_MS = 30_000;

/**
 * Keeps a consumer between its join and its first fetch: a member of the group that heartbeats, and reads, commits and handles nothing.
 *
 * kafkajs asks its cluster for fresh metadata before each fetch (`src/consumer/consumerGroup.js`), and before it looks for the group's
 * commits. There it waits here; where the wait is longer than a heartbeat's interval that one fetch is given up, kafkajs heartbeats, and
 * comes again. A pause of all partitions would not do: kafkajs then sleeps `maxWaitTimeInMs`, and nothing wakes it.
 *
 * @internal
 */
export class FetchHold {
  readonly #world: World;
  readonly #heartbeatIntervalMs: number;
  readonly #flowing: Deferred<void> = deferred<void>();
  readonly #ended: Deferred<Error> = deferred<Error>();
  #state: 'joining' | 'held' | 'entering' | 'open' | 'over' = 'joining';
  #wake: Deferred<void> = deferred<void>();
  #cluster: Cluster | undefined;
  #join: GroupJoin | undefined;
  #aliveAtMs = 0;
  #warming: Promise<void> | undefined;
  #warmedAtMs = 0;

  constructor(world: World, heartbeatIntervalMs: number) {
    this.#world = world;
    this.#heartbeatIntervalMs = heartbeatIntervalMs;
  }

  /** True until the consumer is made the one in force. */
  get isStandby(): boolean {
    return this.#state === 'joining' || this.#state === 'held';
  }

  /** True where it is the consumer in force, and has not fetched. */
  get isEntering(): boolean {
    return this.#state === 'entering';
  }

  /** The join that it stands behind; undefined where it has not joined. */
  get join(): GroupJoin | undefined {
    return this.#state === 'held' ? this.#join : undefined;
  }

  /** When its coordinator answered last, in monotonic milliseconds. */
  get aliveAtMs(): number {
    return this.#aliveAtMs;
  }

  /** Resolves when the consumer fetches; rejects where it ended before. */
  get flowing(): Promise<void> {
    return this.#flowing.promise;
  }

  /** Resolves, with the reason, when the consumer has ended. */
  get ended(): Promise<Error> {
    return this.#ended.promise;
  }

  /** Stands before every fetch of the consumer that is made with these: kafkajs hands its cluster to them. */
  over(assigners: readonly PartitionAssigner[]): PartitionAssigner[] {
    return assigners.map((assigner) => (config) => {
      if (this.#cluster === undefined) this.#guard(config.cluster);
      return assigner(config);
    });
  }

  #guard(cluster: Cluster): void {
    this.#cluster = cluster;
    const refresh = cluster.refreshMetadataIfNecessary.bind(cluster);
    cluster.refreshMetadataIfNecessary = async () => {
      if (this.#holds) await this.#rest();
      // kafkajs would open the same connection a second time.
      await this.#warming;
      await refresh();
      // kafkajs goes on after this one as if the fetch had brought nothing: with a heartbeat, and the next fetch.
      if (this.#holds) throw new NothingFetched();
    };
  }

  /** Opens the connections that it will fetch over, where they are not open, and keeps them from idling. No fetch begins meanwhile. */
  #warm(): void {
    const cluster = this.#cluster;
    if (cluster === undefined || this.#join === undefined) return;
    const world = this.#world;
    this.#warmedAtMs = world.nowMs();
    const opening = openFetchConnections(cluster, this.#join.memberAssignment);
    const warming = untilDeadline(world, world.nowMs() + WARM_MS, opening);
    // What goes wrong here goes wrong again in the fetch, which kafkajs recovers from.
    this.#warming = warming.then(
      () => {},
      () => {},
    );
  }

  get #holds(): boolean {
    return this.#state === 'held' || this.#state === 'entering' || this.#state === 'over';
  }

  async #rest(): Promise<void> {
    if (this.#state === 'over') return;
    if (this.#state === 'held' && this.#world.nowMs() - this.#warmedAtMs >= WARM_EVERY_MS)
      this.#warm();
    const woken = this.#wake.promise;
    await new Promise<void>((resolve) => {
      const cancel = this.#world.after(this.#heartbeatIntervalMs, resolve);
      void woken.then(() => {
        cancel();
        resolve();
      });
    });
  }

  /** kafkajs has joined. True where it goes no further for now. */
  joined(join: GroupJoin): boolean {
    if (!this.isStandby) return false;
    this.#state = 'held';
    this.#join = join;
    this.alive();
    this.#warm();
    return true;
  }

  /** The coordinator has answered. */
  alive(): void {
    this.#aliveAtMs = this.#world.nowMs();
  }

  /** It is the consumer in force from now on. Fetches are held back still, until its positions are in place: see {@link open}. */
  enter(): void {
    this.#state = 'entering';
    // Leaders may have moved since the join, and kafkajs would join anew for the first fetch that a former one refuses.
    this.#cluster?.refreshMetadata().catch(() => {});
  }

  /** Nothing is held back any more. Only after {@link enter}; idempotent. */
  open(): void {
    if (this.#state !== 'entering') return;
    this.#state = 'open';
    this.#wakeUp();
    this.#flowing.resolve();
  }

  /** The consumer has ended. Whoever waits before a fetch is let go, without one. Idempotent. */
  end(error: Error): void {
    if (this.#state !== 'open') this.#state = 'over';
    this.#wakeUp();
    this.#flowing.reject(error);
    this.#ended.resolve(error);
  }

  #wakeUp(): void {
    this.#wake.resolve();
    this.#wake = deferred<void>();
  }
}

/**
 * Of the errors of a fetch kafkajs takes this one for a broker's that has gone, forgets the broker by its address (this one has none) and goes on
 * (`recoverFromFetch`).
 */
class NothingFetched extends Error {
  override readonly name = 'KafkaJSConnectionClosedError';

  constructor() {
    super('This consumer waits for its turn');
  }
}
