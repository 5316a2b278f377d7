import type {
  ReconciliationReport,
  ReplayReport,
  SwitchMeasurement,
  UnmirroredReport,
} from 'kafkajs-failover';
import { waitFor } from '../../stack/wait.js';
import type { Fact, Order, Position, Service } from './messages.js';
import type { Acknowledgement, Handling } from './tally.js';
import type { Timeline } from './timeline.js';

const START_WITHIN_MS = 60_000;
const SWITCH_WITHIN_MS = 90_000;
const END_WITHIN_MS = 60_000;

/** The services of one act: passes orders on, keeps what they tell, and puts what a reader wants to know on the timeline. */
export class Cast {
  readonly acknowledged: Acknowledgement[] = [];
  readonly handled: Handling[] = [];
  readonly handledSeqs: Set<number> = new Set();
  /** Where the group resumed, as each member has found it. */
  readonly positions: Position[] = [];
  /** What each service says that its last switch has cost. */
  readonly measurements: SwitchMeasurement[] = [];
  /** What the producer's library says of what was not mirrored; undefined until it does. */
  searched: UnmirroredReport | undefined;
  replayed: ReplayReport | undefined;
  reconciled: ReconciliationReport | undefined;
  rejectedCount = 0;
  /** What went wrong beside records: a failed switch, a service that ended with an error. */
  readonly failures: string[] = [];
  readonly #services: readonly Service[];
  readonly #timeline: Timeline;
  readonly #signal: AbortSignal;
  readonly #crash = new AbortController();
  readonly #started = new Set<string>();
  readonly #switched = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #warnings = new Set<string>();
  /** Members that joined the new cluster and have not handled a record since; and the producer before its first one there. */
  readonly #newThere = new Map<string, string>();

  constructor(services: readonly Service[], timeline: Timeline, signal: AbortSignal) {
    this.#services = services;
    this.#timeline = timeline;
    this.#signal = AbortSignal.any([signal, this.#crash.signal]);
    for (const service of services) {
      service.onFact((fact) => this.#take(service.name, fact));
      void service.gone.then(() => this.#gone.add(service.name));
    }
  }

  get members(): readonly string[] {
    return this.#services.map(({ name }) => name).filter((name) => name !== 'producer');
  }

  /** Aborted when the demo is to end, or when a service has failed. */
  get signal(): AbortSignal {
    return this.#signal;
  }

  handledBy(member: string): number {
    return this.handled.filter((handling) => handling.member === member).length;
  }

  async allStarted(): Promise<void> {
    await waitFor(
      'every service has started',
      () => this.#services.filter(({ name }) => !this.#started.has(name)).map(({ name }) => name),
      {
        until: (missing) => missing.length === 0,
        timeoutMs: START_WITHIN_MS,
        signal: this.#signal,
      },
    );
  }

  /** Gives every service the same order. */
  async switchAll(order: Extract<Order, { kind: 'switch' }>): Promise<void> {
    for (const service of this.#services) service.order(order);
    await this.allSwitched(order.to);
  }

  /** Another switch begins. */
  beginSwitch(): void {
    this.#switched.clear();
    this.positions.length = 0;
  }

  /** Waits until every service has switched, whoever decided it. */
  async allSwitched(to: string): Promise<void> {
    this.#newThere.set('producer', to);
    await waitFor(
      'every service has switched',
      () => this.#services.filter(({ name }) => !this.#switched.has(name)).map(({ name }) => name),
      {
        until: (missing) => missing.length === 0,
        timeoutMs: SWITCH_WITHIN_MS,
        signal: this.#signal,
      },
    );
  }

  /** Tells the services with these names to stop, and waits until their own code has ended. */
  async stop(names: readonly string[]): Promise<void> {
    const services = this.#services.filter(({ name }) => names.includes(name));
    for (const service of services) service.order({ kind: 'stop' });
    await waitFor(
      `${names.join(', ')} ended`,
      () => names.filter((name) => !this.#ended.has(name)),
      { until: (missing) => missing.length === 0, timeoutMs: END_WITHIN_MS, signal: this.#signal },
    );
  }

  /** Waits until nothing is left of services that have ended: one whose process stays has left something open. */
  async allGone(): Promise<void> {
    await Promise.all(this.#services.map(({ gone }) => gone));
  }

  /** Ends whatever is left. */
  async killAll(): Promise<void> {
    const left = this.#services.filter(({ name }) => !this.#gone.has(name));
    await Promise.all(left.map((service) => service.kill()));
  }

  #take(name: string, fact: Fact): void {
    switch (fact.kind) {
      case 'started':
        this.#started.add(name);
        this.#timeline.fact(name, 'started', fact.atMs);
        return;
      case 'acknowledged':
        for (const seq of fact.seqs) {
          this.acknowledged.push({ seq, cluster: fact.cluster, atMs: fact.atMs });
        }
        if (this.#newThere.get(name) === fact.cluster) {
          this.#newThere.delete(name);
          this.#timeline.fact(name, `first record acknowledged by ${fact.cluster}`, fact.atMs);
        }
        return;
      case 'handled':
        this.handled.push({ seq: fact.seq, member: name, atMs: fact.atMs });
        this.handledSeqs.add(fact.seq);
        if (this.#newThere.has(name)) {
          const cluster = this.#newThere.get(name) ?? '';
          this.#newThere.delete(name);
          this.#timeline.fact(name, `first record handled on ${cluster}`, fact.atMs);
        }
        return;
      case 'attached':
        this.#newThere.set(name, fact.cluster);
        this.#timeline.fact(name, `joined its group on ${fact.cluster}`, fact.atMs);
        return;
      case 'rejected':
        this.rejectedCount += fact.seqs.length;
        this.#timeline.fact(name, `${fact.seqs.length} records rejected: ${fact.error}`, fact.atMs);
        return;
      case 'reported':
        this.#timeline.fact(name, fact.text, fact.atMs);
        return;
      case 'switched': {
        this.#switched.add(name);
        const phases = fact.phases.map(
          ({ phase, durationMs }) => `${phase} ${Math.round(durationMs)}`,
        );
        const text = `switched in ${Math.round(fact.durationMs)} ms (${phases.join(', ')})`;
        this.#timeline.fact(name, text, fact.atMs);
        this.positions.push(...fact.positions);
        for (const warning of fact.warnings) this.#warn(name, warning, fact.atMs);
        return;
      }
      case 'searched': {
        this.searched = fact.report;
        const { recordCount, from, to } = fact.report;
        this.#timeline.fact(
          name,
          `${recordCount} records that ${from} had acknowledged are not on ${to}: named, one by one`,
          fact.atMs,
        );
        return;
      }
      case 'replayed': {
        this.replayed = fact.report;
        const { replayedCount, mirroredCount, to } = fact.report;
        const late = mirroredCount === 0 ? '' : `, ${mirroredCount} came before`;
        this.#timeline.fact(name, `${replayedCount} of them were sent to ${to}${late}`, fact.atMs);
        return;
      }
      case 'reconciled': {
        this.reconciled = fact.report;
        const { presentCount, lostCount, cluster } = fact.report;
        this.#timeline.fact(
          name,
          `${cluster} still has ${presentCount} of them, and has lost ${lostCount}`,
          fact.atMs,
        );
        return;
      }
      case 'measured':
        this.measurements.push(fact.measurement);
        return;
      case 'switch-failed':
        this.#switched.add(name);
        this.#fail(name, `did not switch: ${fact.error}`);
        return;
      case 'failed':
        this.#fail(name, fact.error);
        this.#crash.abort(new Error(`${name}: ${fact.error}`));
        return;
      case 'left-late':
        this.#timeline.fact(
          name,
          `its process had to be ended ${fact.afterMs} ms after the service`,
        );
        return;
      case 'ended':
        this.#ended.add(name);
        this.#timeline.fact(name, 'ended', fact.atMs);
        return;
      default:
        unreachable(fact);
    }
  }

  /** Members of one group are warned of the same. */
  #warn(name: string, warning: string, atMs: number): void {
    if (this.#warnings.has(warning)) return;
    this.#warnings.add(warning);
    this.#timeline.fact(name, `warning: ${warning}`, atMs);
    if (!warning.includes('no position is known')) return;
    this.#timeline.fact('demo', 'harmless here: the group has never read these partitions', atMs);
  }

  #fail(name: string, error: string): void {
    this.failures.push(`${name}: ${error}`);
    this.#timeline.fact(name, error);
  }
}

function unreachable(fact: never): never {
  throw new Error(`unknown fact: ${JSON.stringify(fact)}`);
}
