import type { Admin, ConsumerConfig, Kafka, Logger, Producer, ProducerConfig } from 'kafkajs';
import { ClusterAdmin } from './admin/cluster-admin.js';
import { createFailoverAdmin, type FailoverAdmin } from './admin/failover-admin.js';
import { innerConfig } from './cluster/kafka-session.js';
import { ClusterOperations } from './cluster-operations.js';
import { dryRun } from './dry-run.js';
import { createFailoverConsumer, type FailoverConsumer } from './consumer/failover-consumer.js';
import { placeTransactionOffsets, type OffsetPlacer } from './consumer/transaction-offsets.js';
import type { FailoverKafkaConsumer } from './consumer/types.js';
import { FailoverClosedError, FailoverOptionsError } from './errors.js';
import {
  FailoverEmitter,
  type FailoverEventName,
  type FailoverEvents,
  type Unsubscribe,
} from './events.js';
import {
  resolveOptions,
  type ClusterOptions,
  type FailoverKafkaConfig,
  type ResolvedOptions,
} from './options.js';
import {
  checkAdmin,
  checkPlan,
  checkSwitchTo,
  type FailoverAdminConfig,
  type PlanOptions,
  type SwitchToOptions,
} from './options-calls.js';
import { createFailoverProducer, type FailoverProducer } from './producer/failover-producer.js';
import { describeStatus, type FailoverStatus } from './status.js';
import type { OperatorOrder, View } from './strategy/strategy.js';
import { supersededError } from './switch/answers.js';
import { Coordinator, type SwitchOutcome } from './switch/coordinator.js';
import type { Participant } from './switch/participant.js';
import type { SwitchPlan } from './switch/report.js';
import { activeOf } from './switch/state.js';
import { untilAborted } from './wait.js';

/**
 * Takes the place of kafkajs's `Kafka` and keeps the service running when a whole cluster dies: its producers, consumers
 * and admins are kafkajs's own, in front of one inner client per cluster and epoch.
 *
 * Nothing is connected, and no file is read, before the first client connects.
 *
 * @example
 * ```ts
 * const kafka = new FailoverKafka({
 *   clientId: 'billing',
 *   clusters: { A: { brokers: ['a1:9092'] }, B: { brokers: ['b1:9092'] } },
 * });
 * const producer = kafka.producer();
 * await producer.connect();
 * await kafka.switchTo('B', { planned: true, reason: 'maintenance of A' });
 * ```
 * @public
 */
export class FailoverKafka implements Pick<Kafka, 'producer' | 'consumer' | 'admin' | 'logger'> {
  readonly #options: ResolvedOptions;
  readonly #events: FailoverEmitter;
  readonly #operations: ClusterOperations;
  readonly #coordinator: Coordinator;
  /** Weak, so that a client that was disconnected and forgotten by the service is forgotten here as well. */
  readonly #clients = new WeakMap<
    Participant,
    FailoverProducer | FailoverConsumer | FailoverAdmin
  >();
  /** Admins of named clusters that were used and not disconnected. */
  readonly #clusterAdmins = new Set<ClusterAdmin>();
  readonly #offline: Kafka;
  /** Aborted by `close()`. */
  readonly #end = new AbortController();
  #clientCount = 0;
  #closed: Promise<void> | undefined;

  /**
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - an option is wrong; the message names it, its value and
   *   the remedy. Nothing was started.
   */
  constructor(config: FailoverKafkaConfig) {
    const options = resolveOptions(config);
    this.#options = options;
    const { world, deadlines } = options;
    this.#events = new FailoverEmitter(() => ({
      atMs: world.nowMs(),
      switchEpoch: this.#coordinator.switchEpoch(),
    }));
    this.#operations = new ClusterOperations({
      options,
      events: this.#events,
      onWrongCluster: (active, error) => this.#coordinator.halt(active, error),
    });
    this.#coordinator = new Coordinator({
      world,
      events: this.#events,
      operations: this.#operations,
      deadlines,
    });
    this.#offline = world.createKafka(
      innerConfig(options.kafka, this.#cluster(this.#home, 'clusters')),
    );
  }

  /** A kafkajs producer that outlives its cluster. See the guide for what its sends may rely on. */
  producer(config?: ProducerConfig): Producer {
    this.#refuseWhenClosed();
    const client = createFailoverProducer({
      id: this.#nextId('producer'),
      config,
      limits: this.#options.producer,
      world: this.#options.world,
      events: this.#events,
      active: this.#coordinator,
      logger: this.#offline.logger(),
      homeCluster: this.#home,
      offsetsGate: (offsets, session) => placeTransactionOffsets(offsets, session, this.#placers()),
    });
    this.#clients.set(client.participant, client);
    return client.producer;
  }

  /** A kafkajs consumer that outlives its cluster: it resumes on the other one at a sound position. */
  consumer(config: ConsumerConfig): FailoverKafkaConsumer {
    this.#refuseWhenClosed();
    const client = createFailoverConsumer({
      id: this.#nextId(`consumer-${config?.groupId}`),
      // Without a config kafkajs misses the group id as well, and says so.
      config: config ?? {},
      limits: this.#options.consumer,
      world: this.#options.world,
      events: this.#events,
      active: this.#coordinator,
      logger: this.#offline.logger(),
      homeCluster: this.#home,
      policy: this.#operations.policy,
      aliases: this.#options.aliases,
      access: (alias) => this.#operations.access(alias),
      kafkaRetry: this.#options.kafka.retry,
    });
    this.#clients.set(client.participant, client);
    return client.consumer;
  }

  /**
   * A kafkajs admin. It follows the active cluster, or stays with the one that `cluster` names. Nothing is ever done on
   * both.
   *
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - `cluster` is not a configured alias.
   */
  admin(config: FailoverAdminConfig = {}): Admin {
    checkAdmin(config);
    this.#refuseWhenClosed();
    const { cluster, ...adminConfig } = config;
    if (cluster !== undefined) {
      return new ClusterAdmin({
        alias: cluster,
        config: adminConfig,
        clusterOptions: this.#cluster(cluster, 'admin.cluster'),
        kafkaConfig: this.#options.kafka,
        world: this.#options.world,
        ended: this.#end.signal,
        inUse: this.#clusterAdmins,
      }).admin;
    }
    const client = createFailoverAdmin({
      id: this.#nextId('admin'),
      config: adminConfig,
      world: this.#options.world,
      events: this.#events,
      active: this.#coordinator,
      logger: this.#offline.logger(),
      maxWaitMs: this.#options.producer.holdMaxWaitMs,
    });
    this.#clients.set(client.participant, client);
    return client.admin;
  }

  /** kafkajs's root logger. */
  logger(): Logger {
    return this.#offline.logger();
  }

  /** Listens to one of the library's own events; the answer ends it. A listener that throws is contained. */
  on<Name extends FailoverEventName>(
    name: Name,
    listener: (event: FailoverEvents[Name]) => void,
  ): Unsubscribe {
    return this.#events.on(name, listener);
  }

  /**
   * Orders a switch. One switch runs at a time: an order to the cluster that is being switched to joins that switch, an
   * order to another one is carried out after it (the newest wins).
   *
   * @returns what was done, with the report, when the switch has ended.
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - `to` is not a configured alias.
   * @throws {@link SwitchRefusedError} ERR_FAILOVER_SWITCH_REFUSED - the target or the mirror is not ready, nothing was touched.
   * @throws {@link SwitchRolledBackError} ERR_FAILOVER_SWITCH_ROLLED_BACK - a planned switch failed on its way and went back.
   * @throws {@link SwitchSupersededError} ERR_FAILOVER_SWITCH_SUPERSEDED - a newer order, or a strategy, kept it from being carried out.
   */
  async switchTo(to: string, options: SwitchToOptions = {}): Promise<SwitchOutcome> {
    checkSwitchTo(to, options);
    const { planned = true, reason = 'operator', signal } = options;
    this.#refuseWhenClosed();
    this.#cluster(to, 'to');
    await this.#started(this.#until(signal));
    signal?.throwIfAborted();
    const order = { to, planned, reason };
    const decision = this.#options.strategy.decide(this.#view(order));
    if (decision.kind === 'switch' || decision.because === 'already-active') {
      const ordered = this.#coordinator.order(decision.kind === 'switch' ? decision : order);
      return signal === undefined ? ordered : untilAborted(signal, ordered);
    }
    const { name } = this.#options.strategy;
    const because = `the strategy ${name} keeps the present state (${decision.because})`;
    throw supersededError(order, this.#coordinator.switchEpoch(), because);
  }

  /**
   * What a switch would do now: obstacles, and for each group of this process and each partition where it would resume,
   * by which method. Writes nothing; needs the target and, if it is alive, the source.
   *
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - `to` is not a configured alias.
   */
  async plan(options: PlanOptions): Promise<SwitchPlan> {
    checkPlan(options);
    const { to } = options;
    this.#refuseWhenClosed();
    this.#cluster(to, 'to');
    const signal = this.#until(options.signal);
    await this.#started(signal);
    const from = this.#view(undefined).active;
    // Out of a halt the way may lead to the active cluster as well.
    if (to === from && this.#coordinator.state.kind !== 'halted') {
      const obstacles = [`${to} is the active cluster already`];
      return { from, to, obstacles, warnings: [], groups: [] };
    }
    const { world, deadlines } = this.#options;
    return dryRun({
      from,
      to,
      needs: this.#coordinator.needs(),
      operations: this.#operations,
      world,
      deadlines,
      signal,
    });
  }

  /** The present state, from memory: no I/O. */
  status(): FailoverStatus {
    return describeStatus({
      options: this.#options,
      state: this.#coordinator.state,
      operations: this.#operations,
      clients: this.#coordinator.participants().flatMap((one) => this.#clients.get(one) ?? []),
    });
  }

  /**
   * The end: every client is disconnected (bounded), every socket and timer is gone. Idempotent; never rejects.
   */
  close(): Promise<void> {
    this.#end.abort(closedError());
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    const clients = this.#coordinator.participants().flatMap((one) => this.#clients.get(one) ?? []);
    const closing = [...clients, ...this.#clusterAdmins].map((client) => client.close());
    await Promise.allSettled(closing);
    this.#coordinator.close();
    await this.#operations.close();
    this.#events.removeAll();
  }

  #placers(): readonly OffsetPlacer[] {
    return this.#coordinator.participants().flatMap((one) => {
      const client = this.#clients.get(one);
      return client !== undefined && 'placer' in client ? client.placer : [];
    });
  }

  async #started(signal: AbortSignal): Promise<void> {
    const started = this.#coordinator.started().catch((error: unknown) => {
      // A halt at start is exactly what an order is the way out of.
      if (this.#coordinator.state.kind !== 'halted') throw error;
    });
    await untilAborted(signal, started);
  }

  /** Aborted when the caller does not want to wait any longer, or with the whole. */
  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#end.signal : AbortSignal.any([this.#end.signal, signal]);
  }

  get #home(): string {
    // resolveOptions has checked that there are two.
    return this.#options.aliases[0] ?? '';
  }

  #cluster(alias: string, option: string): ClusterOptions {
    const cluster = this.#options.clusters.get(alias);
    if (cluster !== undefined) return cluster;
    const known = this.#options.aliases.join(', ');
    throw new FailoverOptionsError(
      option,
      alias,
      `There is no cluster ${JSON.stringify(alias)}; the configured ones are ${known}.`,
    );
  }

  #nextId(kind: string): string {
    this.#clientCount += 1;
    return `${kind}-${this.#clientCount}`;
  }

  #view(order: OperatorOrder | undefined): View {
    const { state } = this.#coordinator;
    return Object.freeze({
      nowMs: this.#options.world.nowMs(),
      active: activeOf(state) ?? this.#home,
      switchEpoch: this.#coordinator.switchEpoch(),
      clusters: this.#options.aliases.map((alias, rank) => ({ alias, rank })),
      order,
    });
  }

  #refuseWhenClosed(): void {
    this.#end.signal.throwIfAborted();
  }
}

function closedError(): FailoverClosedError {
  return new FailoverClosedError('This FailoverKafka was closed; make a new one.');
}
