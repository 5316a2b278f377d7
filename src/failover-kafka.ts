import type { Admin, ConsumerConfig, Kafka, Logger, ProducerConfig } from 'kafkajs';
import { assemble, type FailoverParts } from './assemble.js';
import { clusterNamed } from './clients.js';
import type { FailoverKafkaConsumer } from './consumer/types.js';
import { dryRun, withoutPlans } from './dry-run.js';
import type { FailoverEventName, FailoverEvents, Unsubscribe } from './events.js';
import { failBack, type FailbackOutcome } from './failback/procedure.js';
import { resolveOptions, type FailoverKafkaConfig, type ResolvedOptions } from './options.js';
import {
  checkAdmin,
  checkFailback,
  checkPlan,
  checkReplay,
  checkSwitchTo,
  type FailoverAdminConfig,
  type PlanOptions,
  type ReplayCallOptions,
  type SwitchToOptions,
} from './options-calls.js';
import type { FailbackCallOptions } from './options-failback.js';
import type { FailoverKafkaProducer } from './producer/failover-producer.js';
import type { ReplayReport } from './replay/report.js';
import { describeStatus, type FailoverStatus } from './status.js';
import { closedError, haltedError, supersededError } from './switch/answers.js';
import type { SwitchOutcome, SwitchPlan } from './switch/report.js';
import { abortable, anyOf, sleep, untilAborted } from './wait.js';

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
  readonly #parts: FailoverParts;
  /** Aborted by `close()`. */
  readonly #end = abortable();
  #closed: Promise<void> | undefined;

  /**
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - an option is wrong; the message names it, its value and
   *   the remedy. Nothing was started.
   */
  constructor(config: FailoverKafkaConfig) {
    this.#options = resolveOptions(config);
    this.#parts = assemble(this.#options, this.#end.signal);
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
  producer(config?: ProducerConfig): FailoverKafkaProducer {
    this.#refuseWhenClosed();
    return this.#parts.clients.producer(config);
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
    return this.#parts.clients.consumer(config ?? {});
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
    return this.#parts.clients.admin(config);
  }

  /** kafkajs's root logger. */
  logger(): Logger {
    return this.#parts.clients.logger();
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
    return this.#parts.events.on(name, listener);
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
    const decision = this.#options.strategy.decide(this.#parts.watch.view(order));
    if (decision.kind === 'switch' || decision.because === 'already-active') {
      const wanted = decision.kind === 'switch' ? decision : order;
      const ordered = this.#parts.watch.order(
        wanted,
        'operator',
        alone ? { kind: 'none' } : undefined,
      );
      return signal === undefined ? ordered : untilAborted(signal, ordered);
    }
    const { name } = this.#options.strategy;
    const because = `the strategy ${name} keeps the present state (${decision.because})`;
    throw supersededError(order, this.#parts.coordinator.switchEpoch(), because);
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
    const from = this.#parts.watch.view(undefined).active;
    // Out of a halt the way may lead to the active cluster as well.
    if (to === from && this.#parts.coordinator.state.kind !== 'halted') {
      return withoutPlans(from, to, [`${to} is the active cluster already`]);
    }
    const { world, deadlines } = this.#options;
    const needs = this.#parts.coordinator.needs();
    const operations = this.#parts.operations;
    const ends = this.#parts.coordinator.session()?.work.acknowledgedEnds() ?? [];
    return dryRun({ from, to, needs, operations, world, deadlines, ends, signal }).finally(() =>
      // A process without clients keeps no connection, and can end.
      this.#parts.coordinator.releaseUnused(),
    );
  }

  /**
   * Goes home to the preferred cluster, the guarded way: looks whether the way is open, switches as planned, and looks whether all is well
   * there. `status().failback` says at any time which gates are open; `switchTo` goes without looking at them.
   *
   * What it looks at is what this process sees: its own groups, and its own view of the clusters. In a fleet the switch is the fleet's.
   *
   * @returns what was found and done. A check that has failed afterwards undoes nothing: see `validation`.
   * @throws {@link FailbackRefusedError} ERR_FAILOVER_FAILBACK_REFUSED - a gate is closed, and was not accepted; nothing was touched.
   * @throws {@link FailbackStoppedError} ERR_FAILOVER_FAILBACK_STOPPED - with `gradually`: something went wrong between two steps, or the last switch
   *   was refused. The fleet stays where it is. Also where a step has taken this process home, and others are still away.
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - an option is unknown or of another type, or `gradually` is given without an
   *   `agreement`, or under the Identity policy; also where the start flag, which is read first, names no cluster.
   * @throws what {@link FailoverKafka.switchTo} throws.
   */
  async failback(options: FailbackCallOptions = {}): Promise<FailbackOutcome> {
    checkFailback(options);
    this.#refuseWhenClosed();
    const signal = this.#until(options.signal);
    await this.#started(signal);
    const { events, coordinator, watch } = this.#parts;
    const { world, aliases, mirror } = this.#options;
    const [home] = aliases;
    const limits = options.signal === undefined ? {} : { signal: options.signal };
    const parts = {
      ...{ world, events, home, fleet: watch.fleet },
      isIdentity: mirror.policy === 'identity',
      switchEpoch: () => coordinator.switchEpoch(),
      steady: (until: AbortSignal) => this.#steady(until),
      assessNow: watch.wayHome.assessNow.bind(watch.wayHome),
      switchHome: (reason: string) => this.switchTo(home, { planned: true, reason, ...limits }),
      validate: this.#parts.validate,
    };
    return failBack(parts, { ...options, signal }).finally(() => coordinator.releaseUnused());
  }

  /**
   * Sends to the active cluster what the last unplanned switch has left behind and `producer.onUnmirrored: 'hold'` keeps: see `unmirrored.searched` and `status().ledger.replay`.
   * What this process's own producers have sent, nothing else. With `'replay'` that is under way by itself, and this waits for it.
   *
   * @param options - `signal` ends the waiting of this call, not the replay.
   * @returns what was done, also where nothing could be sent (`notReplayedCount`), five seconds after the call at the earliest; undefined where there is nothing to be done. It comes as
   *   `unmirrored.replayed` as well.
   * @throws the reason of `options.signal`, where that was aborted first.
   * @throws {@link FailoverOptionsError} ERR_FAILOVER_OPTIONS - `producer.onUnmirrored` is `'report'`.
   * @throws {@link FailoverClosedError} ERR_FAILOVER_CLOSED - after `close()`, or it came before the answer.
   */
  async replayUnmirrored(options: ReplayCallOptions = {}): Promise<ReplayReport | undefined> {
    checkReplay(options);
    this.#refuseWhenClosed();
    return this.#parts.replaying.order(this.#until(options.signal));
  }

  /** The present state, from memory: no I/O. */
  status(): FailoverStatus {
    return describeStatus({
      options: this.#options,
      state: this.#parts.coordinator.state,
      lastSwitch: this.#parts.coordinator.measuring.last(),
      operations: this.#parts.operations,
      watch: this.#parts.watch,
      progress: this.#parts.progress,
      ledger: this.#parts.ledger.status(),
      clients: this.#parts.clients.inUse(),
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
    await this.#parts.clients.close();
    this.#parts.coordinator.close();
    await this.#parts.operations.close();
    await this.#parts.ledger.settled();
    this.#parts.events.removeAll();
  }

  async #started(signal: AbortSignal): Promise<void> {
    const started = this.#parts.coordinator.started(true).catch((error: unknown) => {
      // A halt at start is exactly what an order is the way out of.
      if (this.#parts.coordinator.state.kind !== 'halted') throw error;
    });
    await untilAborted(signal, started);
  }

  /** Resolves when no switch is under way. */
  async #steady(signal: AbortSignal): Promise<void> {
    const { coordinator, stateWaiters } = this.#parts;
    const isOver = (): boolean => coordinator.state.kind !== 'switching';
    while (!isOver()) {
      await stateWaiters.until(isOver, signal);
      // By then it is remembered among the switches, which whoever ordered it does.
      await sleep(this.#options.world, 0, { signal });
    }
    if (coordinator.state.kind === 'halted') throw haltedError(coordinator.state.error);
  }

  /** Aborted when the caller does not want to wait any longer, or with the whole. */
  #until(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#end.signal : anyOf(this.#end.signal, signal);
  }

  #refuseWhenClosed(): void {
    this.#end.signal.throwIfAborted();
  }
}
