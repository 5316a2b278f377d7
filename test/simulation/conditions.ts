import type { MemoryCluster, MemoryWorld } from '../../src/testing/index.js';
import type { Interceptor } from '../../src/testing/index.js';
import type { HistoryEvent } from './history.js';

/** What can be wrong with a cluster, as it really is. */
export type Fault =
  | 'down'
  | 'frozen'
  | 'refusing'
  | 'cut'
  /** Half dead: it answers questions, and takes no records. */
  | 'produce-hangs'
  | 'no-replicas'
  /** Half dead: its group coordinator does not answer. */
  | 'coordinator-hangs';

/** A cluster that is half dead. */
export type HalfDead = Extract<Fault, 'produce-hangs' | 'no-replicas' | 'coordinator-hangs'>;

/** Kafka's error code NOT_ENOUGH_REPLICAS. */
const NOT_ENOUGH_REPLICAS = 19;

const COORDINATOR_REQUESTS: readonly string[] = [
  'GroupCoordinator',
  'JoinGroup',
  'SyncGroup',
  'Heartbeat',
  'OffsetCommit',
  'OffsetFetch',
];

const INTERCEPTORS: Readonly<Record<HalfDead, Interceptor>> = {
  'produce-hangs': ({ apiName }) => (apiName === 'Produce' ? { kind: 'hang' } : undefined),
  'no-replicas': ({ apiName }) =>
    apiName === 'Produce' ? { kind: 'refuse', errorCode: NOT_ENOUGH_REPLICAS } : undefined,
  'coordinator-hangs': ({ apiName }) =>
    COORDINATOR_REQUESTS.includes(apiName) ? { kind: 'hang' } : undefined,
};

/** Does the faults of clusters, and writes down how each cluster really is: what a judgement is held against. */
export class Conditions {
  readonly #memory: MemoryWorld;
  readonly #events: HistoryEvent[];
  readonly #cut = new Set<string>();
  readonly #halfDead = new Map<string, { how: HalfDead; end: () => void }>();
  readonly #noted = new Map<string, string>();

  constructor(memory: MemoryWorld, events: HistoryEvent[]) {
    this.#memory = memory;
    this.#events = events;
  }

  /** What is wrong with a cluster now. */
  of(alias: string): readonly Fault[] {
    const { state } = this.#memory.cluster(alias);
    const half = this.#halfDead.get(alias);
    return [
      ...(state === 'up' ? [] : [state]),
      ...(this.#cut.has(alias) ? (['cut'] as const) : []),
      ...(half === undefined ? [] : [half.how]),
    ];
  }

  /** One of the cluster's own faults, or its end. */
  steer(
    alias: string,
    what: 'down' | 'up' | 'freeze' | 'thaw' | 'refuse' | 'blackhole' | 'heal',
  ): void {
    this.#memory.cluster(alias)[what]();
    if (what === 'blackhole') this.#cut.add(alias);
    if (what === 'heal') this.#cut.delete(alias);
    this.#note(alias);
  }

  /** Half dead in this way; undefined: well again. */
  halve(alias: string, how: HalfDead | undefined): void {
    this.#halfDead.get(alias)?.end();
    this.#halfDead.delete(alias);
    if (how !== undefined) {
      const end = this.#memory.cluster(alias).intercept(INTERCEPTORS[how]);
      this.#halfDead.set(alias, { how, end });
    }
    this.#note(alias);
  }

  /** Takes every fault of a cluster back. */
  heal(cluster: MemoryCluster): void {
    const { alias } = cluster;
    this.halve(alias, undefined);
    for (const what of ['thaw', 'up', 'heal'] as const) this.steer(alias, what);
    cluster.slow(0);
  }

  #note(cluster: string): void {
    const faults = this.of(cluster);
    const text = faults.join(' ');
    if ((this.#noted.get(cluster) ?? '') === text) return;
    this.#noted.set(cluster, text);
    this.#events.push({ atMs: this.#memory.clock.nowMs(), kind: 'condition', cluster, faults });
  }
}
