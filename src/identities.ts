import { checkIdentity } from './cluster/identity.js';
import { openAccess } from './cluster/kafka-access.js';
import type { Sessions } from './cluster/sessions.js';
import { isFailoverError, type WrongClusterError } from './errors.js';
import type { EventSink } from './events.js';
import type { ResolvedOptions } from './options.js';
import { untilDeadline } from './wait.js';

/** @internal What {@link Identities} are made of. */
export interface IdentitiesParts {
  readonly options: ResolvedOptions;
  readonly events: EventSink;
  /** Alias of the cluster that is worked with, if there is one. */
  active(): string | undefined;
  /** Another cluster stands behind the name of the active one: it must be fenced before anything else is done. */
  onWrongCluster(active: string, error: WrongClusterError): void;
  /** Where another cluster stands behind the name of the standby, what waits there ends. */
  readonly sessions: Pick<Sessions, 'mismatched'>;
}

/** A verification counts for connections that are made so soon after it, in milliseconds. */
const FRESH_MS = 1_000;

/** How long a new connection waits for its verification, in milliseconds; kafkajs gives it a second in all. */
const VERIFY_MS = 500;

/**
 * Which cluster stands behind each name. A DNS name or a load balancer that is turned round leads kafkajs to the other cluster
 * without its noticing: it keys brokers by node id, and compares no cluster id. So every new connection of a session is used
 * only after the name was looked behind, over a connection that is as new as it is.
 *
 * @internal
 */
export class Identities {
  readonly #parts: IdentitiesParts;
  readonly #ids = new Map<string, string>();
  readonly #verifiedAtMs = new Map<string, number>();
  readonly #verifying = new Map<string, Promise<void>>();
  readonly #queued = new Map<string, Promise<void>>();

  constructor(parts: IdentitiesParts) {
    this.#parts = parts;
  }

  /** The ids that were learned, by alias. */
  get ids(): ReadonlyMap<string, string> {
    return this.#ids;
  }

  isKnownAs(alias: string, clusterId: string): boolean {
    return this.#ids.get(alias) === clusterId;
  }

  /** Ids that were learned in an earlier life of the process. */
  remember(ids: Readonly<Record<string, string>>): void {
    for (const alias of this.#parts.options.aliases) {
      const id = ids[alias];
      if (id !== undefined && !this.#ids.has(alias)) this.#ids.set(alias, id);
    }
  }

  /**
   * Asks the cluster behind a name for its id, over a new connection.
   *
   * @throws {@link WrongClusterError} ERR_FAILOVER_WRONG_CLUSTER - it is not the expected one.
   * @throws kafkajs's errors where it does not answer.
   */
  async identify(alias: string): Promise<void> {
    const { options } = this.#parts;
    const clusterOptions = options.clusters.get(alias);
    if (clusterOptions === undefined) throw new Error(`no cluster ${alias}`);
    const { kafka: kafkaConfig, world } = options;
    const access = openAccess({ alias, clusterOptions, kafkaConfig, world });
    const startedAtMs = world.nowMs();
    try {
      this.seen(alias, await access.clusterId());
      // Only this counts as a look behind the name: a connection that is kept knows nothing of a name that was turned since.
      this.#verifiedAtMs.set(alias, startedAtMs);
    } finally {
      void access.close();
    }
  }

  /**
   * An id was seen behind a name.
   *
   * @throws {@link WrongClusterError} ERR_FAILOVER_WRONG_CLUSTER - it is not the expected one.
   */
  seen(alias: string, clusterId: string): void {
    const { options } = this.#parts;
    const configured = new Map(
      [...options.clusters].map(([name, one]) => [name, one.clusterId] as const),
    );
    const verdict = checkIdentity(this.#ids, alias, clusterId, configured);
    if (verdict.kind !== 'ok') throw verdict.error;
    this.#ids.set(alias, clusterId);
  }

  /**
   * Looks behind a name before a new connection is used. Undefined: it was looked at just now. Never rejects: a wrong cluster is
   * fenced, one that does not answer proves nothing.
   *
   * @param options.isUrgent - what was seen before this call does not count, however fresh it is.
   */
  verify(
    alias: string,
    { isUrgent = false }: { isUrgent?: boolean } = {},
  ): Promise<void> | undefined {
    const { world } = this.#parts.options;
    const underWay = this.#verifying.get(alias);
    if (!isUrgent) {
      const verifiedAtMs = this.#verifiedAtMs.get(alias);
      if (verifiedAtMs !== undefined && world.nowMs() - verifiedAtMs < FRESH_MS) return undefined;
      if (underWay !== undefined) return underWay;
    }
    // Whoever comes while one is under way shares the next one: that one may have seen the name as it was before.
    const queued = this.#queued.get(alias);
    if (queued !== undefined) return queued;
    if (underWay === undefined) return this.#begin(alias);
    const next = underWay.then(() => {
      this.#queued.delete(alias);
      return this.#begin(alias);
    });
    this.#queued.set(alias, next);
    return next;
  }

  #begin(alias: string): Promise<void> {
    const { world } = this.#parts.options;
    // An answer that comes after the limit is judged all the same: a slow cluster may be the wrong one, too.
    const judged = this.identify(alias).catch((error: unknown) => this.judge(alias, error));
    const verifying = untilDeadline(world, world.nowMs() + VERIFY_MS, judged).then(() => {
      this.#verifying.delete(alias);
    });
    this.#verifying.set(alias, verifying);
    return verifying;
  }

  /** What follows from an error of {@link identify} or {@link seen}: nothing, unless the cluster is a wrong one. */
  judge(alias: string, error: unknown): void {
    if (!isWrongCluster(error)) return;
    const { events } = this.#parts;
    const active = this.#parts.active();
    if (alias === active) {
      this.#parts.onWrongCluster(active, error);
      return;
    }
    this.#parts.sessions.mismatched(alias, error);
    events.emit('cluster.mismatched', { cluster: alias, error });
  }
}

/** @internal */
export function isWrongCluster(error: unknown): error is WrongClusterError {
  return isFailoverError(error) && error.code === 'ERR_FAILOVER_WRONG_CLUSTER';
}
