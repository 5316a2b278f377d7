import type { Admin, ConsumerConfig, Kafka, Logger, Producer, ProducerConfig } from 'kafkajs';
import { Clients, clusterNamed } from './clients.js';
import { openProbe } from './cluster/probe.js';
import { ClusterOperations } from './cluster-operations.js';
import type { FailoverKafkaConsumer } from './consumer/types.js';
import { controlLogs } from './control-logs.js';
import { dryRun, withoutPlans } from './dry-run.js';
import { FailoverClosedError, type WrongClusterError } from './errors.js';
import {
  FailoverEmitter,
  type FailoverEventName,
  type FailoverEvents,
  type Unsubscribe,
} from './events.js';
import { resolveOptions, type FailoverKafkaConfig, type ResolvedOptions } from './options.js';
import { barrierMs } from './agreement/limits.js';
import {
  checkAdmin,
  checkPlan,
  checkSwitchTo,
  type FailoverAdminConfig,
  type PlanOptions,
  type SwitchToOptions,
} from './options-calls.js';
import { Progress } from './progress.js';
import { describeStatus, type FailoverStatus } from './status.js';
import { activeOf } from './switch/state.js';
import { supersededError } from './switch/answers.js';
import { Coordinator, type SwitchOutcome } from './switch/coordinator.js';
import type { SwitchPlan } from './switch/report.js';
import { untilAborted } from './wait.js';
import { Watch } from './watch.js';

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
  readonly #progress: Progress;
  readonly #coordinator: Coordinator;
  readonly #clients: Clients;
  readonly #watch: Watch;
  /** Aborted by `close()`. */
  readonly #end = new AbortController();
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
    const openLog = controlLogs(options);
    this.#progress = new Progress({
      world,
      events: this.#events,
      aliases: options.aliases,
      options: options.progress,
      openLog,
      steady: () => {
        const { state } = this.#coordinator;
        return state.kind === 'steady' ? state : undefined;
      },
      needs: () => this.#coordinator.needs(),
    });
    this.#operations = new ClusterOperations({
      options,
      events: this.#events,
      progress: () => this.#progress,
      // While a switch opens the target it is the session's: that one's sockets are to be fenced.
      active: () => this.#coordinator.session()?.alias ?? activeOf(this.#coordinator.state),
      onWrongCluster: (active, error) => this.#onWrongCluster(active, error),
      watch: () => this.#watch,
    });
    this.#coordinator = new Coordinator({
      world,
      events: this.#events,
      operations: this.#operations,
      deadlines: { ...deadlines, barrierMs: barrierMs(options.agreement, deadlines) },
      fleet: () => this.#watch.fleet,
    });
    this.#watch = new Watch({
      options,
      events: this.#events,
      openProbe: (alias, onClosed) =>
        openProbe({
          alias,
          clusterOptions: clusterNamed(options, alias, 'clusters'),
          kafkaConfig: options.kafka,
          world,
          timeoutMs: options.health.timeoutMs,
          onClosed,
        }),
      state: () => this.#coordinator.state,
      groupIds: () => this.#coordinator.needs().map(({ groupId }) => groupId),
      identities: () => this.#operations.identities,
      order: (order) => this.#coordinator.order(order),
      halt: (active, error) => this.#coordinator.halt(active, error),
      openLog,
    });
    this.#clients = new Clients({
      options,
      events: this.#events,
      operations: this.#operations,
      coordinator: this.#coordinator,
      ended: this.#end.signal,
    });
  }

  /**
   * A kafkajs producer that outlives its cluster.
   *
   * @remarks
   * Beside kafkajs's own errors its calls reject with:
   *
   * - {@link HoldBufferFullError} ERR_FAILOVER_HOLD_FULL - a send during a switch, where `producer.holdMaxBytes` wait already:
   *   certainly not sent.
   * - {@link HoldTimeoutError} ERR_FAILOVER_HOLD_TIMEOUT - a send, `connect()` or `transaction()` waited
   *   `producer.holdMaxWaitMs` for a switch: certainly not sent, not done.
   * - {@link OutcomeUnknownError} ERR_FAILOVER_OUTCOME_UNKNOWN - a switch, or the end, overtook a send or a commit that may
   *   have been written.
   * - {@link TransactionFencedError} ERR_FAILOVER_TRANSACTION_FENCED - a switch ended the transaction; begin a new one.
   * - {@link StaleOffsetError} ERR_FAILOVER_STALE_OFFSET and {@link AmbiguousOffsetError} ERR_FAILOVER_AMBIGUOUS_OFFSET - from
   *   `transaction.sendOffsets`: the offset is of an older epoch, or could belong to two logs.
   * - {@link FailoverHaltedError} ERR_FAILOVER_HALTED - the library has stopped itself.
   * - {@link FailoverClosedError} ERR_FAILOVER_CLOSED - `close()`, or `disconnect()` while the call waited: certainly not sent.
   *
   * @throws {@link FailoverClosedError} ERR_FAILOVER_CLOSED - after `close()`.
   * @throws KafkaJSNonRetriableError - an idempotent producer without retries, as with kafkajs.
   */
  producer(config?: ProducerConfig): Producer {
    this.#refuseWhenClosed();
    return this.#clients.producer(config);
  }

  /**
   * A kafkajs consumer that outlives its cluster: it resumes on the other one at a sound position.
   *
   * @remarks
   * Beside kafkajs's own errors its calls reject with (`seek` throws):
   *
   * - {@link StaleOffsetError} ERR_FAILOVER_STALE_OFFSET - an offset of an older epoch was handed back.
   * - {@link AmbiguousOffsetError} ERR_FAILOVER_AMBIGUOUS_OFFSET - an offset could belong to either log of a topic.
   * - {@link FencedError} ERR_FAILOVER_FENCED - a commit or a seek between the fence and the new cluster.
   * - {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - a remote topic was subscribed to by name.
   * - {@link FailoverHaltedError} ERR_FAILOVER_HALTED - the library has stopped itself.
   * - {@link FailoverClosedError} ERR_FAILOVER_CLOSED - `close()` or `disconnect()`, or a commit while it stops or joins.
   *
   * A {@link PositionUnavailableError} ERR_FAILOVER_POSITION_UNAVAILABLE comes in its CRASH event.
   *
   * @throws {@link FailoverClosedError} ERR_FAILOVER_CLOSED - after `close()`.
   * @throws KafkaJSNonRetriableError - no `groupId`, or a `heartbeatInterval` that is not below `sessionTimeout`, as with
   *   kafkajs.
   */
  consumer(config: ConsumerConfig): FailoverKafkaConsumer {
    this.#refuseWhenClosed();
    // Without a config kafkajs misses the group id as well, and says so.
    return this.#clients.consumer(config ?? {});
  }

  /**
   * A kafkajs admin. It follows the active cluster, or stays with the one that `cluster` names. Nothing is ever done on
   * both.
   *
   * @remarks
   * Beside kafkajs's own errors its calls reject with:
   *
   * - {@link HoldTimeoutError} ERR_FAILOVER_HOLD_TIMEOUT - it waited `producer.holdMaxWaitMs` for a switch: not carried out.
   * - {@link OutcomeUnknownError} ERR_FAILOVER_OUTCOME_UNKNOWN - a switch, or the end, overtook it: it may have been carried out.
   * - {@link FailoverHaltedError} ERR_FAILOVER_HALTED - the library has stopped itself.
   * - {@link FailoverClosedError} ERR_FAILOVER_CLOSED - after `disconnect()` or `close()`.
   *
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - `cluster` is not a configured alias, or an option is unknown.
   * @throws {@link FailoverClosedError} ERR_FAILOVER_CLOSED - after `close()`.
   */
  admin(config: FailoverAdminConfig = {}): Admin {
    checkAdmin(config);
    this.#refuseWhenClosed();
    return this.#clients.admin(config);
  }

  /** kafkajs's root logger. */
  logger(): Logger {
    return this.#clients.logger();
  }

  /**
   * Listens to one of the library's own events; the answer ends it. A listener that throws or rejects is contained.
   *
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - there is no such event (the message names the nearest one), or
   *   the listener is not a function.
   */
  on<Name extends FailoverEventName>(
    name: Name,
    listener: (event: FailoverEvents[Name]) => unknown,
  ): Unsubscribe {
    return this.#events.on(name, listener);
  }

  /**
   * Orders a switch. One switch runs at a time: an order to the cluster that is being switched to joins that switch, an
   * order to another one is carried out after it (the newest wins).
   *
   * @returns what was done, with the report, when the switch has ended.
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - `to` is not a configured alias, or an option is unknown or of
   *   another type; also where the start flag, which is read first, names no cluster.
   * @throws {@link SwitchRefusedError} ERR_FAILOVER_SWITCH_REFUSED - the target or the mirror is not ready, nothing was touched.
   * @throws {@link SwitchRolledBackError} ERR_FAILOVER_SWITCH_ROLLED_BACK - a planned switch failed on its way and went back.
   * @throws {@link SwitchSupersededError} ERR_FAILOVER_SWITCH_SUPERSEDED - a newer order, or a strategy, kept it from being carried out.
   * @throws {@link FailoverHaltedError} ERR_FAILOVER_HALTED - the library stopped itself during the switch.
   * @throws {@link FailoverClosedError} ERR_FAILOVER_CLOSED - after `close()`, or it came before the switch was over.
   * @throws the reason of `options.signal`, where that was aborted first.
   */
  async switchTo(to: string, options: SwitchToOptions = {}): Promise<SwitchOutcome> {
    checkSwitchTo(to, options);
    const { planned = true, reason = 'operator', alone = false, signal } = options;
    this.#refuseWhenClosed();
    clusterNamed(this.#options, to, 'to');
    await this.#started(this.#until(signal));
    signal?.throwIfAborted();
    const order = { to, planned, reason };
    const decision = this.#options.strategy.decide(this.#watch.view(order));
    if (decision.kind === 'switch' || decision.because === 'already-active') {
      const wanted = decision.kind === 'switch' ? decision : order;
      const ordered = this.#watch.order(wanted, 'operator', alone ? { kind: 'none' } : undefined);
      return signal === undefined ? ordered : untilAborted(signal, ordered);
    }
    const { name } = this.#options.strategy;
    const because = `the strategy ${name} keeps the present state (${decision.because})`;
    throw supersededError(order, this.#coordinator.switchEpoch(), because);
  }

  /**
   * What a switch would do now: obstacles, and for each group of this process and each partition where it would resume,
   * by which method. Writes nothing. Takes at most `switch.prepareMs` and `switch.translateMs`; what does not answer in that
   * time is an obstacle of the answer.
   *
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - `to` is not a configured alias, or an option is unknown or of
   *   another type; also where the start flag, which is read first, names no cluster.
   * @throws {@link FailoverClosedError} ERR_FAILOVER_CLOSED - after `close()`, or it came before the answer.
   * @throws the reason of `options.signal`, where that was aborted first.
   */
  async plan(options: PlanOptions): Promise<SwitchPlan> {
    checkPlan(options);
    const { to } = options;
    this.#refuseWhenClosed();
    clusterNamed(this.#options, to, 'to');
    const signal = this.#until(options.signal);
    await this.#started(signal);
    const from = this.#watch.view(undefined).active;
    // Out of a halt the way may lead to the active cluster as well.
    if (to === from && this.#coordinator.state.kind !== 'halted') {
      return withoutPlans(from, to, [`${to} is the active cluster already`]);
    }
    const { world, deadlines } = this.#options;
    const needs = this.#coordinator.needs();
    const operations = this.#operations;
    const ends = this.#coordinator.session()?.work.acknowledgedEnds() ?? [];
    return dryRun({ from, to, needs, operations, world, deadlines, ends, signal }).finally(() =>
      // A process without clients keeps no connection, and can end.
      this.#coordinator.releaseUnused(),
    );
  }

  /** The present state, from memory: no I/O. */
  status(): FailoverStatus {
    return describeStatus({
      options: this.#options,
      state: this.#coordinator.state,
      lastSwitch: this.#coordinator.measuring.last(),
      operations: this.#operations,
      watch: this.#watch,
      progress: this.#progress,
      clients: this.#clients.inUse(),
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
    await this.#clients.close();
    this.#coordinator.close();
    await this.#operations.close();
    this.#events.removeAll();
  }

  async #started(signal: AbortSignal): Promise<void> {
    const started = this.#coordinator.started(true).catch((error: unknown) => {
      // A halt at start is exactly what an order is the way out of.
      if (this.#coordinator.state.kind !== 'halted') throw error;
    });
    await untilAborted(signal, started);
  }

  /** Aborted when the caller does not want to wait any longer, or with the whole. */
  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#end.signal : AbortSignal.any([this.#end.signal, signal]);
  }

  /** Fences first. What then: the option says. */
  #onWrongCluster(active: string, error: WrongClusterError): void {
    this.#coordinator.halt(active, error);
    const { aliases, onWrongCluster } = this.#options;
    if (onWrongCluster === 'halt') return;
    const { identities } = this.#operations;
    const real = aliases.find((one) => identities.isKnownAs(one, error.actualClusterId));
    if (real === undefined || real === active) return;
    const reason = `behind the name ${active} stands ${real}`;
    // How it ends comes by the events of the switch.
    this.#watch.order({ to: real, planned: false, reason }, 'identity').catch(() => {});
  }

  #refuseWhenClosed(): void {
    this.#end.signal.throwIfAborted();
  }
}

function closedError(): FailoverClosedError {
  return new FailoverClosedError('This FailoverKafka was closed; make a new one.');
}
