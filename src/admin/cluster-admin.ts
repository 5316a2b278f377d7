import type { Admin, AdminConfig, Kafka, KafkaConfig } from 'kafkajs';
import { clusterConfig } from '../cluster/kafka-session.js';
import { logCreatorFor } from '../cluster/log-creator.js';
import { SocketGate } from '../cluster/socket-gate.js';
import { FailoverClosedError, FencedError } from '../errors.js';
import type { ClusterOptions } from '../options.js';
import { abortable, untilAborted, untilDeadline } from '../wait.js';
import type { World } from '../world.js';
import { adminOf, callOn, overtaken, type AdminCall } from './admin-calls.js';
import { CLOSE_MAX_MS } from './failover-admin.js';

/** @internal What an admin of one named cluster is made of. */
export interface ClusterAdminParts {
  readonly alias: string;
  readonly config: AdminConfig;
  readonly clusterOptions: ClusterOptions;
  /** What the clusters share. `clusterOptions` outranks it. */
  readonly kafkaConfig: Omit<KafkaConfig, 'brokers'>;
  readonly world: World;
  /** Aborted by `close()` of the whole, with what calls hear from then on. */
  readonly ended: AbortSignal;
  /** Those that are in use: one is here from its first call to its `disconnect()`. */
  readonly inUse: Set<ClusterAdmin>;
}

/**
 * A kafkajs admin of one named cluster, wherever the service is. It takes no part in switches and ends with the whole.
 *
 * @internal
 */
export class ClusterAdmin {
  /** What the user gets: kafkajs's own surface. */
  readonly admin: Admin;
  readonly #parts: ClusterAdminParts;
  readonly #gate: SocketGate;
  readonly #fenced = abortable();
  readonly #inner: Admin;

  constructor(parts: ClusterAdminParts) {
    const { alias, clusterOptions, kafkaConfig, world, config } = parts;
    this.#parts = parts;
    this.#gate = new SocketGate({
      world,
      open: clusterOptions.socketFactory ?? kafkaConfig.socketFactory ?? world.openSocket,
    });
    const kafka: Kafka = world.createKafka({
      ...clusterConfig(kafkaConfig, clusterOptions),
      socketFactory: this.#gate.factory,
      logCreator: logCreatorFor(alias, kafkaConfig.logCreator, () =>
        this.#fenced.signal.aborted ? 'fenced' : 'in-use',
      ),
    });
    this.#inner = kafka.admin(config);
    const { logger, events, on } = this.#inner;
    this.admin = adminOf((name, args) => this.#call(name, args), {
      connect: () => this.#connect(),
      disconnect: () => this.#disconnect(),
      logger,
      events,
      on,
    });
  }

  async #connect(): Promise<void> {
    this.#use();
    await untilAborted(this.#fenced.signal, this.#inner.connect());
  }

  async #call(name: AdminCall, args: readonly unknown[]): Promise<unknown> {
    this.#use();
    const { signal } = this.#fenced;
    try {
      return await untilAborted(signal, callOn(this.#inner, name, args));
    } catch (error) {
      if (!signal.aborted) throw error;
      throw overtaken(name, this.#parts.alias, { cause: signal.reason });
    }
  }

  #use(): void {
    this.#parts.ended.throwIfAborted();
    this.#parts.inUse.add(this);
  }

  async #disconnect(): Promise<void> {
    await this.#inner.disconnect();
    this.#parts.inUse.delete(this);
  }

  /** Disconnects, bounded, and resets what is left. Never rejects. */
  async close(): Promise<void> {
    const { world, alias, inUse } = this.#parts;
    const limitAtMs = world.nowMs() + CLOSE_MAX_MS;
    await untilDeadline(world, limitAtMs, this.#inner.disconnect()).catch(() => {});
    inUse.delete(this);
    const message = 'FailoverKafka was closed';
    this.#gate.fence(new FencedError(message, { cluster: alias }));
    this.#fenced.abort(new FailoverClosedError(message, { cluster: alias }));
  }
}
