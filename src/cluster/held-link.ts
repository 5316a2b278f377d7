import type { KafkaConfig } from 'kafkajs';
import { judge } from '../health/failure.js';
import type { World } from '../world.js';
import { KafkaLink } from './kafka-link.js';
import { abortable } from '../wait.js';

/**
 * At most one {@link KafkaLink} at a time: opened by the first question, and thrown away whole by a failure without an answer,
 * so that the next question connects anew, to the brokers that the options name then.
 *
 * @internal
 */
export class HeldLink {
  readonly #world: World;
  readonly #config: KafkaConfig;
  readonly #closed = abortable();
  /** Links that were dropped, and are not closed yet. */
  readonly #closing = new Set<Promise<void>>();
  #link: Promise<KafkaLink> | undefined;

  constructor(world: World, config: KafkaConfig) {
    this.#world = world;
    this.#config = config;
  }

  /** Aborted by {@link close}, with what it was given. */
  get signal(): AbortSignal {
    return this.#closed.signal;
  }

  /** Asks over the current link, opened if need be. After {@link close} it rejects with what that was given. */
  async ask<T>(work: (link: KafkaLink) => Promise<T>): Promise<T> {
    const { signal } = this.#closed;
    signal.throwIfAborted();
    this.#link ??= KafkaLink.open(this.#world, this.#config, { signal });
    const opening = this.#link;
    try {
      const link = await opening;
      signal.throwIfAborted();
      return await work(link);
    } catch (error) {
      signal.throwIfAborted();
      if (judge(error).answered) (await opening.catch(() => undefined))?.forget();
      else this.#drop(opening);
      throw error;
    }
  }

  /** Drops the current link: what is asked next connects anew. */
  renew(): void {
    if (this.#link !== undefined) this.#drop(this.#link);
  }

  /** Closes every connection, and ends the opening of one. Idempotent. */
  async close(reason: Error): Promise<void> {
    this.#closed.abort(reason);
    this.renew();
    await Promise.all(this.#closing);
  }

  /** Nobody but {@link close} waits for the closing: it is bounded, and its sockets are its own. */
  #drop(opening: Promise<KafkaLink>): void {
    if (this.#link === opening) this.#link = undefined;
    const closing = opening.then(
      (link) => link.close(),
      () => {},
    );
    this.#closing.add(closing);
    void closing.then(() => this.#closing.delete(closing));
  }
}
